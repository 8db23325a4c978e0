//! One row, read, changed under guards, changed again by others, and fenced.

use serde_json::json;
use synapsor_core::sql::receipts::Elsewhere;
use synapsor_core::sql::write::VersionMove;
use synapsor_core::value::{Cell, Kind};
use synapsor_core::writeback::{Effect, Fenced, Violation};
use synapsor_db::engine::Ending;

use crate::site::{
    ANOTHER, CLAIMED, FOR_REAL, Site, change, column, fence_of, filter, keys, site, statements, versioned,
};

const INVOICES: &str = "
CREATE TABLE invoices (
  id text PRIMARY KEY, tenant_id text NOT NULL, fee numeric(10,2) CHECK (fee < 1000), status text,
  version int NOT NULL DEFAULT 1, updated_at timestamptz NOT NULL DEFAULT '2026-01-02 03:04:05.6+00');
INSERT INTO invoices VALUES ('1', 'acme', 10.50, 'open'), ('2', 'globex', 7, 'open')";

async fn receipts(site: &Site) -> String {
    site.value("SELECT count(*) FROM synapsor_writeback_receipts").await.unwrap()
}

#[tokio::test]
async fn reads_only_its_tenants_row() {
    let site = site(INVOICES).await;
    let table = site.table("invoices").await;
    let rows = site.read(&table, &json!("1"), "acme").await;
    let shown: Vec<_> = rows[0].iter().map(Cell::json).collect();
    assert_eq!(
        shown,
        [json!("1"), json!("acme"), json!("10.50"), json!("open"), json!(1), json!("2026-01-02T03:04:05.6Z")]
    );
    assert_eq!(rows.len(), 1);
    assert_eq!(site.read(&table, &json!("2"), "acme").await.len(), 0);
    assert_eq!(site.read(&table, &json!("3"), "acme").await.len(), 0);
}

#[tokio::test]
async fn a_write_commits_once_and_leaves_its_receipt() {
    let site = site(INVOICES).await;
    let table = site.table("invoices").await;
    let change = versioned(change(&table, "fee", "25.00"), "version", "1", VersionMove::Increment);
    let keys = keys();
    let write = statements(&change, &keys);
    let first = site.writer.transact(&write, &CLAIMED, FOR_REAL).await.unwrap();
    assert_eq!(first, Effect::Committed { new_version: Some("2".to_owned()) });
    let receipt = site
        .db
        .query_text("SELECT status, new_version, completed_at IS NOT NULL FROM synapsor_writeback_receipts")
        .await;
    assert_eq!(receipt, [[Some("applied".to_owned()), Some("2".to_owned()), Some("t".to_owned())]]);

    let again = site.writer.transact(&write, &CLAIMED, FOR_REAL).await.unwrap();
    let Effect::Duplicate { by_key: Some(found), by_job: Some(_) } = again else { panic!("{again:?}") };
    assert_eq!(found.proposal_hash, Some(keys.proposal_hash.clone()));
    assert_eq!(site.value("SELECT fee FROM invoices WHERE id = '1'").await.as_deref(), Some("25.00"));
}

#[tokio::test]
async fn a_clock_version_moves_and_reads_as_it_reads() {
    let site = site(INVOICES).await;
    let table = site.table("invoices").await;
    let far = "9999-01-02 03:04:05.6+00";
    for (before, least) in
        [("2026-01-02 03:04:05.6+00", "2026-01-02 03:04:05.600001+00"), (far, "9999-01-02 03:04:05.600001+00")]
    {
        site.db.execute(&format!("UPDATE invoices SET updated_at = '{before}'")).await;
        let change =
            versioned(change(&table, "status", before), "updated_at", before, VersionMove::Clock { unit_micros: 1 });
        let effect = site.transact(&change).await;
        let Effect::Committed { new_version: Some(version) } = effect else { panic!("{effect:?}") };
        let rows = site.read(&table, &json!("1"), "acme").await;
        assert_eq!(rows[0][5], Cell::new(Kind::Instant, Some(version.clone())));
        assert!(version.as_str() >= least, "{version}");
        assert_eq!(before == far, version == least, "{version}");
    }
}

#[tokio::test]
async fn a_dry_run_leaves_nothing() {
    let site = site(INVOICES).await;
    let table = site.table("invoices").await;
    let write = statements(&change(&table, "fee", "25.00"), &keys());
    let effect = site.writer.transact(&write, &CLAIMED, Ending::Rollback).await.unwrap();
    assert_eq!(effect, Effect::Rehearsed);
    assert_eq!(site.value("SELECT fee FROM invoices WHERE id = '1'").await.as_deref(), Some("10.50"));
    assert_eq!(receipts(&site).await, "0");
}

#[tokio::test]
async fn a_miss_says_which_guard_differs() {
    let site = site(INVOICES).await;
    let table = site.table("invoices").await;
    let guarded = |status: &str, version: &str| {
        let mut change = versioned(change(&table, "fee", "25.00"), "version", version, VersionMove::Increment);
        let status_column = column(&table, "status");
        let seen = crate::site::cell(&status_column, status);
        change.filter = change.filter.and(status_column, seen);
        change
    };
    let missed = |look| Effect::Missed { affected: 0, look };
    assert_eq!(site.transact(&guarded("paid", "1")).await, missed(vec![vec![false, true]]));
    assert_eq!(site.transact(&guarded("open", "2")).await, missed(vec![vec![true, false]]));
    let mut gone = guarded("open", "1");
    gone.filter = filter(&table, &json!("2"), "acme").unwrap();
    assert_eq!(site.transact(&gone).await, missed(vec![]));
    assert_eq!(receipts(&site).await, "0");
    assert!(matches!(site.transact(&guarded("open", "1")).await, Effect::Committed { .. }));
}

#[tokio::test]
async fn refusals_have_their_class_and_undo_everything() {
    let site = site(INVOICES).await;
    let table = site.table("invoices").await;
    let rejected = |violation, step| Effect::Rejected { violation, step };
    let check = async |name: &str, text: &str, expect: Effect| {
        assert_eq!(site.transact(&change(&table, name, text)).await, expect, "{name} = {text}");
        assert_eq!(receipts(&site).await, "0");
    };
    check("fee", "1000.00", rejected(Violation::Constraint, "update")).await;
    check("fee", "123456789.00", rejected(Violation::Value, "update")).await;
    check("version", "x", rejected(Violation::Value, "update")).await;
    check("id", "2", rejected(Violation::Constraint, "update")).await;
    site.db.execute("REVOKE UPDATE ON invoices FROM {writer}").await;
    check("fee", "1.00", rejected(Violation::Permission, "update")).await;
    site.db.execute("DROP TABLE invoices").await;
    check("fee", "1.00", rejected(Violation::Missing, "update")).await;
}

#[tokio::test]
async fn a_deadlocks_victim_is_run_again_up_to_three_times() {
    // A sequence counts attempts that are undone too.
    let collide = "CREATE SEQUENCE attempts;
        CREATE FUNCTION collide() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
        BEGIN
          IF nextval('public.attempts') < TG_ARGV[0]::int THEN RAISE EXCEPTION 'x' USING ERRCODE = '40P01'; END IF;
          RETURN NEW;
        END $$;
        CREATE TRIGGER collide BEFORE UPDATE ON invoices FOR EACH ROW EXECUTE FUNCTION collide({when})";
    for (when, attempts, expect) in [
        ("4", "4", Effect::Committed { new_version: None }),
        ("9", "4", Effect::Rejected { violation: Violation::Deadlock, step: "update" }),
    ] {
        let site = site(&format!("{INVOICES}; {}", collide.replace("{when}", when))).await;
        let table = site.table("invoices").await;
        assert_eq!(site.transact(&change(&table, "fee", "1.00")).await, expect);
        assert_eq!(site.value("SELECT last_value FROM attempts").await.as_deref(), Some(attempts));
    }
}

#[tokio::test]
async fn another_receipt_table_is_refused() {
    let site = site(INVOICES).await;
    let table = site.table("invoices").await;
    let write = statements(&change(&table, "fee", "1.00"), &keys());
    let effect = site.writer.transact(&write, &ANOTHER, FOR_REAL).await.unwrap();
    assert_eq!(effect, Effect::Elsewhere(Elsewhere::Receipts));
    assert_eq!(receipts(&site).await, "0");
}

#[tokio::test]
async fn a_fence_shuts_a_late_applier_out_and_loses_to_an_early_one() {
    let site = site(INVOICES).await;
    let table = site.table("invoices").await;
    let change = change(&table, "fee", "25.00");
    let late = keys();
    assert_eq!(site.writer.fence(&fence_of(&late), &CLAIMED).await.unwrap(), Fenced::Won);
    let effect = site.writer.transact(&statements(&change, &late), &CLAIMED, FOR_REAL).await.unwrap();
    let Effect::Duplicate { by_key: None, by_job: Some(found) } = effect else { panic!("{effect:?}") };
    assert_eq!(found.status, "canceled");

    let early = keys();
    site.writer.transact(&statements(&change, &early), &CLAIMED, FOR_REAL).await.unwrap();
    let fenced = site.writer.fence(&fence_of(&early), &CLAIMED).await.unwrap();
    let Fenced::Found(found) = fenced else { panic!("{fenced:?}") };
    assert_eq!(found.status, "applied");
}

#[tokio::test]
async fn a_fence_does_not_win_over_an_open_transaction_or_a_swallowed_insert() {
    let site = site(INVOICES).await;
    let open = site.db.session().await;
    let keys = keys();
    let insert = "BEGIN; INSERT INTO synapsor_writeback_receipts (idempotency_key, job_id, proposal_id, status) VALUES ('k', 'JOB', 'p', 'applied')";
    open.execute(&insert.replace("JOB", &keys.job_id)).await.unwrap();
    let fenced = site.writer.fence(&fence_of(&keys), &CLAIMED).await.unwrap();
    assert!(matches!(fenced, Fenced::Unsure { .. }), "{fenced:?}");
    open.execute("ROLLBACK").await.unwrap();

    site.db
        .execute(
            "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
             CREATE TRIGGER swallow BEFORE INSERT ON synapsor_writeback_receipts FOR EACH ROW EXECUTE FUNCTION swallow()",
        )
        .await;
    let fenced = site.writer.fence(&fence_of(&keys), &CLAIMED).await.unwrap();
    assert!(matches!(fenced, Fenced::Unsure { .. }), "{fenced:?}");
}
