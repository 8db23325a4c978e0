//! What stands around a guarded write: the accounts that triggers run as, columns that move by themselves, and clocks.

use synapsor_core::value::{Cell, Kind};
use synapsor_core::writeback::{Effect, Violation};

use crate::stage::{Stage, change, column};

fn int(number: i64) -> Cell {
    Cell::new(Kind::Integer, Some(number.to_string()))
}

async fn one(stage: &Stage, sql: &str) -> Option<String> {
    stage.db.query_text(sql).await[0][0].clone()
}

#[tokio::test]
async fn a_trigger_needs_the_grants_of_who_made_it() {
    let stage = Stage::with(
        "CREATE TABLE t (id varchar(9) PRIMARY KEY, tenant varchar(9) NOT NULL, fee int NOT NULL); \
         INSERT INTO t VALUES ('1', 'acme', 10); CREATE TABLE log (fee int); \
         GRANT SELECT, UPDATE, TRIGGER ON t TO {reader}; \
         CREATE DEFINER = {reader} TRIGGER g AFTER UPDATE ON t FOR EACH ROW INSERT INTO log VALUES (NEW.fee)",
    )
    .await;
    let table = stage.table("t", &["id", "tenant", "fee"]).await;
    let write = change(&table, stage.filter(&table, "1", "acme"), &[("fee", int(5))], None);
    // Who writes may do everything; who made the trigger may not.
    let effect = stage.apply(&write, "a").await.unwrap();
    assert_eq!(effect, Effect::Rejected { violation: Violation::Permission, step: "update" });
    assert_eq!(one(&stage, "SELECT concat(fee, (SELECT count(*) FROM receipts)) FROM t").await.as_deref(), Some("100"));
    stage.db.execute("GRANT INSERT ON log TO {reader}").await;
    let effect = stage.apply(&write, "a").await.unwrap();
    assert!(matches!(effect, Effect::Committed { .. }), "{effect:?}");
    assert_eq!(one(&stage, "SELECT fee FROM log").await.as_deref(), Some("5"));
}

#[tokio::test]
async fn columns_that_move_by_themselves_hold_what_the_application_would_have_written() {
    let stage = Stage::with(
        "CREATE TABLE t (id varchar(9) PRIMARY KEY, tenant varchar(9) NOT NULL, fee int NOT NULL, \
         stamp timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, \
         wall datetime NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, \
         hour int GENERATED ALWAYS AS (HOUR(wall)) STORED); \
         INSERT INTO t (id, tenant, fee, stamp, wall) VALUES \
         ('1', 'acme', 10, '2026-01-02 03:04:05', '2026-01-02 03:04:05'), ('2', 'acme', 10, '2026-01-02 03:04:05', '2026-01-02 03:04:05')",
    )
    .await;
    let table = stage.table("t", &["id", "tenant", "fee"]).await;
    let write = change(&table, stage.filter(&table, "1", "acme"), &[("fee", int(5))], None);
    let effect = stage.apply(&write, "a").await.unwrap();
    assert!(matches!(effect, Effect::Committed { .. }), "{effect:?}");
    stage.db.execute("UPDATE t SET fee = 5 WHERE id = '2'").await;
    let near = "SELECT ABS(TIMESTAMPDIFF(SECOND, a.wall, b.wall)) < 60, ABS(TIMESTAMPDIFF(SECOND, a.stamp, b.stamp)) < 60, \
                a.hour = HOUR(a.stamp), a.wall = a.stamp FROM t a, t b WHERE a.id = '1' AND b.id = '2'";
    let yes = Some("1".to_owned());
    assert_eq!(stage.db.query_text(near).await, [[yes.clone(), yes.clone(), yes.clone(), yes]]);
}

#[tokio::test]
async fn a_clock_set_back_still_moves_the_version_forward() {
    for (native, ahead, next) in [
        ("timestamp", "2037-01-02 03:04:05", "2037-01-02 03:04:06"),
        ("timestamp(3)", "2037-01-02 03:04:05.999", "2037-01-02 03:04:06.000"),
        ("datetime", "2099-01-02 03:04:05", "2099-01-02 03:04:06"),
        ("datetime(6)", "2099-12-31 23:59:59.999999", "2100-01-01 00:00:00.000000"),
    ] {
        let stage = Stage::with(&format!(
            "CREATE TABLE t (id varchar(9) PRIMARY KEY, tenant varchar(9) NOT NULL, fee int NOT NULL, version {native} NOT NULL); \
             SET time_zone = '+00:00'; INSERT INTO t VALUES ('1', 'acme', 10, '{ahead}')"
        ))
        .await;
        let table = stage.table("t", &["id", "tenant", "fee", "version"]).await;
        let version = |text: &str| Cell::new(column(&table, "version").kind, Some(text.to_owned()));
        let write = |expected: &str| {
            let filter = stage.filter(&table, "1", "acme");
            change(&table, filter, &[("fee", int(5))], Some(("version", version(expected))))
        };
        let effect = stage.apply(&write(ahead), "a").await.unwrap();
        assert_eq!(effect, Effect::Committed { new_version: Some(next.to_owned()) }, "{native}");
        let effect = stage.apply(&write(ahead), "b").await.unwrap();
        assert_eq!(effect, Effect::Missed { affected: 0, look: vec![vec![false]] }, "{native}");
    }
}

#[tokio::test]
async fn a_version_at_the_end_of_its_type_is_refused_and_never_turned_back() {
    for (native, last) in [("timestamp", "2038-01-19 03:14:07"), ("datetime", "9999-12-31 23:59:59")] {
        let stage = Stage::with(&format!(
            "CREATE TABLE t (id varchar(9) PRIMARY KEY, tenant varchar(9) NOT NULL, fee int NOT NULL, version {native} NOT NULL); \
             SET time_zone = '+00:00'; INSERT INTO t VALUES ('1', 'acme', 10, '{last}')"
        ))
        .await;
        let table = stage.table("t", &["id", "tenant", "fee", "version"]).await;
        let expected = Cell::new(column(&table, "version").kind, Some(last.to_owned()));
        let filter = stage.filter(&table, "1", "acme");
        let write = change(&table, filter, &[("fee", int(5))], Some(("version", expected)));
        let effect = stage.apply(&write, "a").await.unwrap();
        assert!(matches!(effect, Effect::Rejected { .. } | Effect::NotAsApproved { .. }), "{native}: {effect:?}");
        assert_eq!(
            one(&stage, "SELECT concat(fee, (SELECT count(*) FROM receipts)) FROM t").await.as_deref(),
            Some("100")
        );
    }
}
