//! What stands around a guarded write: triggers of the schema, defaults of the role, search paths, clocks and zones.

use std::time::{Duration, Instant};

use synapsor_core::sql::write::VersionMove;
use synapsor_core::value::{Kind, Table};
use synapsor_core::writeback::{Effect, Violation};
use synapsor_db::engine::Role;

use crate::site::{CLAIMED, FOR_REAL, Site, change, keys, open, site, source, statements, until, versioned};

const T: &str = "CREATE TABLE t (id text PRIMARY KEY, tenant_id text, fee int, version int DEFAULT 1);
    INSERT INTO t VALUES ('1', 'acme', 1)";

fn committed(effect: &Effect) -> bool {
    matches!(effect, Effect::Committed { .. })
}

async fn untouched(site: &Site) {
    let state = "SELECT fee || ' ' || (SELECT count(*) FROM synapsor_writeback_receipts) FROM t";
    assert_eq!(site.value(state).await.as_deref(), Some("1 0"));
}

#[tokio::test]
async fn a_slow_deferred_trigger_is_ended_before_the_commit() {
    let site = site(&format!(
        "{T}; CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(20); RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER dawdle AFTER UPDATE ON t DEFERRABLE INITIALLY DEFERRED
         FOR EACH ROW EXECUTE FUNCTION dawdle()"
    ))
    .await;
    let table = site.table("t").await;
    let mut quick = source();
    quick.statement_timeout = Duration::from_millis(400);
    let writer = open(&site.db.writer_url(), Role::Writer, &quick);
    let started = Instant::now();
    let write = statements(&change(&table, "fee", "2"), &keys());
    let effect = writer.transact(&write, &CLAIMED, FOR_REAL).await.unwrap();
    assert_eq!(effect, Effect::Rejected { violation: Violation::Transient, step: "constraints" });
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    untouched(&site).await;
}

#[tokio::test]
async fn a_trigger_runs_with_the_writers_grants_unless_it_says_otherwise() {
    for (security, granted) in [("SECURITY INVOKER", false), ("SECURITY DEFINER", true)] {
        let site = site(&format!(
            "{T}; CREATE TABLE log (n int);
             CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql {security} AS
               $$ BEGIN INSERT INTO log VALUES (NEW.fee); RETURN NEW; END $$;
             CREATE TRIGGER note BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION note()"
        ))
        .await;
        let table = site.table("t").await;
        let effect = site.transact(&change(&table, "fee", "2")).await;
        if granted {
            assert!(committed(&effect), "{security}: {effect:?}");
            assert_eq!(site.value("SELECT n FROM log").await.as_deref(), Some("2"));
        } else {
            assert_eq!(effect, Effect::Rejected { violation: Violation::Permission, step: "update" });
            untouched(&site).await;
        }
    }
}

#[tokio::test]
async fn tables_of_the_same_name_in_the_search_path_are_left_alone() {
    let site = site(&format!(
        "{T}; CREATE SCHEMA elsewhere;
         CREATE TABLE elsewhere.t AS TABLE t;
         CREATE TABLE elsewhere.synapsor_writeback_receipts (LIKE synapsor_writeback_receipts INCLUDING ALL);
         CREATE TABLE elsewhere.synapsor_writeback_receipts_id AS TABLE synapsor_writeback_receipts_id;
         GRANT USAGE ON SCHEMA elsewhere TO {{reader}}, {{writer}};
         GRANT ALL ON ALL TABLES IN SCHEMA elsewhere TO {{reader}}, {{writer}};
         ALTER ROLE {{reader}} SET search_path = elsewhere;
         ALTER ROLE {{writer}} SET search_path = elsewhere"
    ))
    .await;
    let table = site.table("t").await;
    let write = statements(&change(&table, "fee", "2"), &keys());
    let effect = site.writer.transact(&write, &CLAIMED, FOR_REAL).await.unwrap();
    assert!(committed(&effect), "{effect:?}");
    let where_it_is =
        "SELECT concat_ws(' ', (SELECT fee FROM public.t), (SELECT count(*) FROM public.synapsor_writeback_receipts),
        (SELECT fee FROM elsewhere.t), (SELECT count(*) FROM elsewhere.synapsor_writeback_receipts))";
    assert_eq!(site.value(where_it_is).await.as_deref(), Some("2 1 1 0"));
    // Another role, whose path leads elsewhere, meets the same receipt.
    let admin = open(&site.db.admin_url(), Role::Writer, &source());
    let effect = admin.transact(&write, &CLAIMED, FOR_REAL).await.unwrap();
    assert!(matches!(effect, Effect::Duplicate { .. }), "{effect:?}");
}

#[tokio::test]
async fn a_change_that_was_waited_for_is_seen_whatever_the_roles_isolation() {
    for isolation in ["read committed", "repeatable read", "serializable"] {
        let site = site(T).await;
        site.db.execute(&format!("ALTER ROLE {{writer}} SET default_transaction_isolation = '{isolation}'")).await;
        let table = site.table("t").await;
        let holder = site.db.session().await;
        holder.execute("BEGIN; UPDATE t SET version = 2").await.unwrap();
        let change = versioned(change(&table, "fee", "2"), "version", "1", VersionMove::Increment);
        let letting_go = async {
            until(&site.db, "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())", "1").await;
            holder.execute("COMMIT").await.unwrap();
        };
        let (effect, ()) = tokio::join!(site.transact(&change), letting_go);
        assert_eq!(effect, Effect::Missed { affected: 0, look: vec![vec![false]] }, "{isolation}");
        untouched(&site).await;
    }
}

/// A table with this version column and perhaps a trigger that sets it, as many schemas have.
async fn clocked(native: &str, trigger: bool) -> (Site, Table) {
    let trigger = if trigger {
        "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated_at := now(); RETURN NEW; END $$;
         CREATE TRIGGER touch BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION touch()"
    } else {
        ""
    };
    let site = site(&format!(
        "CREATE TABLE t (id text PRIMARY KEY, tenant_id text, fee int, updated_at {native});
         INSERT INTO t VALUES ('1', 'acme', 1, clock_timestamp()); {trigger}"
    ))
    .await;
    let table = site.table("t").await;
    (site, table)
}

/// Sets the fee under the version that the row has now.
async fn seen(site: &Site, table: &Table, fee: &str, unit_micros: u64) -> synapsor_core::sql::write::Change {
    let rows = site.read(table, &serde_json::json!("1"), "acme").await;
    let version = rows[0][3].text().unwrap().to_owned();
    versioned(change(table, "fee", fee), "updated_at", &version, VersionMove::Clock { unit_micros })
}

#[tokio::test]
async fn a_clock_version_moves_with_and_without_a_trigger_of_its_own() {
    for (native, unit_micros) in
        [("timestamptz", 1), ("timestamp", 1), ("timestamptz(3)", 1000), ("timestamptz(0)", 1_000_000)]
    {
        for trigger in [false, true] {
            let (site, table) = clocked(native, trigger).await;
            let stale = seen(&site, &table, "9", unit_micros).await;
            for fee in ["2", "3", "4"] {
                if trigger && unit_micros > 1 {
                    // A trigger writes the bare clock, which has to come to the column's next step first.
                    let next = "SELECT (date_trunc('second', clock_timestamp()) > updated_at)::text FROM t";
                    until(&site.db, next, "true").await;
                }
                let effect = site.transact(&seen(&site, &table, fee, unit_micros).await).await;
                assert!(committed(&effect), "{native} {trigger} {effect:?}");
                let effect = site.transact(&stale).await;
                assert_eq!(effect, Effect::Missed { affected: 0, look: vec![vec![false]] }, "{native} {trigger}");
            }
        }
    }
}

#[tokio::test]
async fn a_clock_set_back_still_moves_the_version_forward_or_the_write_is_refused() {
    for trigger in [false, true] {
        let (site, table) = clocked("timestamptz", trigger).await;
        site.db
            .execute("ALTER TABLE t DISABLE TRIGGER USER; UPDATE t SET updated_at = '2099-01-02 03:04:05.6+00'; ALTER TABLE t ENABLE TRIGGER USER")
            .await;
        let effect = site.transact(&seen(&site, &table, "2", 1).await).await;
        if trigger {
            assert_eq!(effect, Effect::NotAsApproved { rows: vec![vec![true, false]] });
        } else {
            let next = site.read(&table, &serde_json::json!("1"), "acme").await[0][3].clone();
            assert_eq!(effect, Effect::Committed { new_version: next.text().map(str::to_owned) });
            assert_eq!((next.kind(), next.json()), (&Kind::Instant, serde_json::json!("2099-01-02T03:04:05.600001Z")));
        }
    }
}

#[tokio::test]
async fn the_hour_that_comes_twice_is_two_hours() {
    let (site, table) = clocked("timestamptz", false).await;
    for role in ["{reader}", "{writer}"] {
        site.db.execute(&format!("ALTER ROLE {role} SET timezone = 'Europe/Berlin'")).await;
    }
    // Both are half past two on the wall.
    let [summer, winter] = ["2099-10-25 00:30:00+00", "2099-10-25 01:30:00+00"];
    let (reader, writer) = (site.db.reader_url(), site.db.writer_url());
    let site =
        Site { reader: open(&reader, Role::Reader, &source()), writer: open(&writer, Role::Writer, &source()), ..site };
    for (stored, other) in [(summer, winter), (winter, summer)] {
        site.db.execute(&format!("UPDATE t SET updated_at = '{stored}'")).await;
        let under = |version| {
            versioned(change(&table, "fee", "2"), "updated_at", version, VersionMove::Clock { unit_micros: 1 })
        };
        let effect = site.transact(&under(other)).await;
        assert_eq!(effect, Effect::Missed { affected: 0, look: vec![vec![false]] }, "{stored}");
        let effect = site.transact(&under(stored)).await;
        assert!(committed(&effect), "{stored} {effect:?}");
    }
    // The step out of the first hour leads into the second, not back to its beginning.
    site.db.execute("UPDATE t SET updated_at = '2099-10-25 00:59:59.999999+00'").await;
    let effect = site.transact(&seen(&site, &table, "3", 1).await).await;
    assert!(committed(&effect), "{effect:?}");
    let moved = "SELECT (updated_at = '2099-10-25 01:00:00+00')::text FROM t";
    assert_eq!(site.value(moved).await.as_deref(), Some("true"));
}
