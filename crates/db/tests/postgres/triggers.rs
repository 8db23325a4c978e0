//! What triggers, rules of the schema and server settings do to a guarded write.

use serde_json::json;
use synapsor_core::sql::write::VersionMove;
use synapsor_core::writeback::{Effect, Violation};

use crate::site::{Site, change, site, versioned};

async fn with_trigger(timing: &str, body: &str) -> Site {
    site(&format!(
        "CREATE TABLE t (id text PRIMARY KEY, tenant_id text, fee int, note text, version int DEFAULT 1);
         INSERT INTO t VALUES ('1', 'acme', 1), ('2', 'globex', 1);
         CREATE FUNCTION react() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN {body} END $$;
         CREATE {timing} ON t FOR EACH ROW EXECUTE FUNCTION react()"
    ))
    .await
}

async fn effect(timing: &str, body: &str) -> (Effect, Site) {
    let site = with_trigger(timing, body).await;
    let table = site.table("t").await;
    let change = versioned(change(&table, "fee", "2"), "version", "1", VersionMove::Increment);
    let effect = site.transact(&change).await;
    let applied = matches!(effect, Effect::Committed { .. });
    let fee = site.value("SELECT fee FROM t WHERE id = '1'").await;
    assert_eq!(fee.as_deref(), Some(if applied { "2" } else { "1" }), "{timing} {body}");
    let receipts = site.value("SELECT count(*) FROM synapsor_writeback_receipts").await;
    assert_eq!(receipts.as_deref(), Some(if applied { "1" } else { "0" }));
    (effect, site)
}

#[tokio::test]
async fn a_suppressed_update_is_a_miss_with_every_guard_held() {
    let (effect, _) = effect("TRIGGER r BEFORE UPDATE", "RETURN NULL;").await;
    assert_eq!(effect, Effect::Missed { affected: 0, look: vec![vec![true]] });
}

#[tokio::test]
async fn a_rewritten_value_is_noticed_whenever_it_is_rewritten() {
    let again = "IF pg_trigger_depth() = 1 THEN UPDATE t SET fee = 3 WHERE id = NEW.id; END IF; RETURN NULL;";
    let not_as_approved = Effect::NotAsApproved { rows: vec![vec![false, true]] };
    for (timing, body) in [
        ("TRIGGER r BEFORE UPDATE", "NEW.fee := 3; RETURN NEW;"),
        ("TRIGGER r AFTER UPDATE", again),
        ("CONSTRAINT TRIGGER r AFTER UPDATE", again),
    ] {
        let deferred = if timing.starts_with("CONSTRAINT") { " DEFERRABLE INITIALLY DEFERRED" } else { "" };
        let site = site(&format!(
            "CREATE TABLE t (id text PRIMARY KEY, tenant_id text, fee int, note text, version int DEFAULT 1);
             INSERT INTO t VALUES ('1', 'acme', 1);
             CREATE FUNCTION react() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$;
             CREATE {timing} ON t{deferred} FOR EACH ROW EXECUTE FUNCTION react()"
        ))
        .await;
        let table = site.table("t").await;
        let change = versioned(change(&table, "fee", "2"), "version", "1", VersionMove::Increment);
        assert_eq!(site.transact(&change).await, not_as_approved, "{timing}");
        assert_eq!(site.value("SELECT fee FROM t").await.as_deref(), Some("1"), "{timing}");
    }
}

#[tokio::test]
async fn a_moved_tenant_key_or_version_is_noticed() {
    let (moved, _) = effect("TRIGGER r BEFORE UPDATE", "NEW.tenant_id := 'globex'; RETURN NEW;").await;
    assert_eq!(moved, Effect::NotAsApproved { rows: vec![] });
    let (rekeyed, _) = effect("TRIGGER r BEFORE UPDATE", "NEW.id := '9'; RETURN NEW;").await;
    assert_eq!(rekeyed, Effect::NotAsApproved { rows: vec![] });
    let (held, _) = effect("TRIGGER r BEFORE UPDATE", "NEW.version := OLD.version; RETURN NEW;").await;
    assert_eq!(held, Effect::NotAsApproved { rows: vec![vec![true, false]] });
    let (back, _) = effect("TRIGGER r BEFORE UPDATE", "NEW.version := 0; RETURN NEW;").await;
    assert_eq!(back, Effect::NotAsApproved { rows: vec![vec![true, false]] });
}

#[tokio::test]
async fn a_deferred_constraint_speaks_before_the_commit() {
    let body = "RAISE EXCEPTION USING ERRCODE = 'check_violation';";
    let (effect, _) = effect("CONSTRAINT TRIGGER r AFTER UPDATE ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION react(); CREATE TRIGGER s AFTER DELETE", body).await;
    assert_eq!(effect, Effect::Rejected { violation: Violation::Constraint, step: "constraints" });
}

#[tokio::test]
async fn a_key_of_many_rows_changes_none() {
    let site = site(
        "CREATE TABLE t (id text, tenant_id text, fee int);
         INSERT INTO t VALUES ('1', 'acme', 1), ('1', 'acme', 1), ('1', 'globex', 1)",
    )
    .await;
    let table = site.table("t").await;
    assert_eq!(site.read(&table, &json!("1"), "acme").await.len(), 2);
    assert_eq!(
        site.transact(&change(&table, "fee", "2")).await,
        Effect::Missed { affected: 2, look: vec![vec![true], vec![true]] }
    );
    assert_eq!(site.value("SELECT sum(fee) FROM t").await.as_deref(), Some("3"));
}

#[tokio::test]
async fn triggers_see_the_servers_own_settings_and_a_durable_transaction() {
    let settings = "concat_ws('|', current_setting('TimeZone'), current_setting('DateStyle'), current_setting('extra_float_digits'),
        current_setting('transaction_isolation'), current_setting('transaction_read_only'), current_setting('synchronous_commit'),
        current_setting('statement_timeout'), current_setting('lock_timeout'),
        current_setting('idle_in_transaction_session_timeout'), '2026-01-02 00:00+00'::timestamptz::text)";
    let site = with_trigger("TRIGGER r BEFORE UPDATE", &format!("NEW.note := {settings}; RETURN NEW;")).await;
    site.db
        .execute(
            "ALTER ROLE {writer} SET datestyle = 'German'; ALTER ROLE {writer} SET synchronous_commit = off;
             ALTER ROLE {writer} SET default_transaction_isolation = 'repeatable read';
             ALTER ROLE {writer} SET default_transaction_read_only = on",
        )
        .await;
    let table = site.table("t").await;
    let effect = site.transact(&change(&table, "fee", "2")).await;
    assert!(matches!(effect, Effect::Committed { .. }), "{effect:?}");
    assert_eq!(
        site.value("SELECT note FROM t WHERE id = '1'").await.as_deref(),
        Some("<+05:45>-05:45|German, DMY|1|read committed|off|on|3s|2s|5s|02.01.2026 05:45:00 +05:45")
    );
    // Nothing of that outlives the transaction.
    let after =
        site.writer.read(&crate::site::sql("SELECT current_setting('transaction_isolation')", 1)).await.unwrap();
    assert_eq!(after[0][0].text(), Some("repeatable read"));
}
