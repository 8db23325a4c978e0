//! What only a server of one's own can be put through: its defaults, a commit that is held up, and its clocks.

use std::time::Duration;

use synapsor_core::contract::EngineKind;
use synapsor_core::sql::receipts::{by_job, fence, identity};
use synapsor_core::sql::write::{Change, guarded_write};
use synapsor_core::value::{Cell, Kind};
use synapsor_core::writeback::{Effect, Fenced, Violation};
use synapsor_db::engine::{Fence, Role};
use synapsor_testkit::database::{self, Session};
use synapsor_testkit::servers::OwnMariadb;

use crate::stage::{CLAIMED, FOR_REAL, Stage, change, column, keys, open, source};

async fn own(options: &[&str]) -> (OwnMariadb, Stage) {
    let server = OwnMariadb::start(options).unwrap();
    let stage = Stage::in_db(database::mysql_at(&server).await).await;
    stage
        .db
        .execute(
            "CREATE TABLE t (id varchar(9) PRIMARY KEY, tenant varchar(9) NOT NULL, fee int NOT NULL, version int NOT NULL, at timestamp NULL); \
             INSERT INTO t VALUES ('1', 'acme', 10, 1, NULL); COMMIT; GRANT ALL ON * TO {writer}",
        )
        .await;
    (server, stage)
}

fn int(number: i64) -> Cell {
    Cell::new(Kind::Integer, Some(number.to_string()))
}

async fn raise(stage: &Stage) -> Change {
    let table = stage.table("t", &["id", "tenant", "fee", "version"]).await;
    let filter = stage.filter(&table, "1", "acme");
    change(&table, filter, &[("fee", int(5))], Some(("version", int(1))))
}

fn fence_of(stage: &Stage, key: &str) -> Fence {
    Fence {
        identity: identity(EngineKind::Mysql, &stage.place()),
        insert: fence(EngineKind::Mysql, &stage.place(), &keys(key)),
        by_job: by_job(EngineKind::Mysql, &stage.place(), &keys(key).job_id),
    }
}

/// Fee and version of the row, and the number of receipts.
async fn state(stage: &Stage) -> String {
    let query = "SELECT concat_ws(' ', fee, version, (SELECT count(*) FROM receipts)) FROM t";
    stage.db.query_text(query).await[0][0].clone().unwrap()
}

/// Waits until a query of the administrator finds something.
async fn until_some(session: &Session, query: &str) -> String {
    for _ in 0..200 {
        if let Some(row) = session.query_text(query).await.unwrap().first() {
            return row[0].clone().unwrap();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never: {query}");
}

#[tokio::test]
async fn the_servers_own_defaults_neither_hide_nor_let_pass_a_change() {
    let options = [
        "--transaction-isolation=REPEATABLE-READ",
        "--innodb-snapshot-isolation=ON",
        "--sql-mode=",
        "--autocommit=OFF",
        "--completion-type=CHAIN",
    ];
    let (_server, stage) = own(&options).await;
    let change = raise(&stage).await;
    let holder = stage.db.session().await;
    holder.execute("BEGIN; UPDATE t SET version = 2").await.unwrap();
    let letting_go = async {
        let watcher = stage.db.session().await;
        until_some(&watcher, "SELECT id FROM information_schema.PROCESSLIST WHERE INFO LIKE 'UPDATE %fee%'").await;
        holder.execute("COMMIT").await.unwrap();
    };
    let (effect, ()) = tokio::join!(stage.apply(&change, "a"), letting_go);
    assert_eq!(effect.unwrap(), Effect::Missed { affected: 0, look: vec![vec![false]] });
    assert_eq!(state(&stage).await, "10 2 0");
    // A value that does not fit is no less refused than on a strict server.
    let table = stage.table("t", &["id", "tenant", "fee"]).await;
    let filter = stage.filter(&table, "1", "acme");
    let misfit = crate::stage::change(&table, filter, &[("fee", int(1 << 40))], None);
    let effect = stage.apply(&misfit, "b").await.unwrap();
    assert_eq!(effect, Effect::Rejected { violation: Violation::Value, step: "update" });
    assert_eq!(state(&stage).await, "10 2 0");
}

#[tokio::test]
async fn a_server_that_was_made_read_only_writes_nothing_and_answers_no_fence() {
    let (_server, stage) = own(&[]).await;
    let change = raise(&stage).await;
    let writer = open(&stage.db.writer_url(), Role::Writer, source());
    stage.db.execute("SET GLOBAL read_only = ON").await;
    let write = guarded_write(EngineKind::Mysql, &change, &stage.place(), &keys("a"));
    let effect = writer.transact(&write, &CLAIMED, FOR_REAL).await;
    assert!(!matches!(effect, Ok(Effect::Committed { .. } | Effect::InDoubt { .. })), "{effect:?}");
    let fenced = writer.fence(&fence_of(&stage, "a"), &CLAIMED).await;
    assert!(!matches!(fenced, Ok(Fenced::Won | Fenced::Found(_))), "{fenced:?}");
    assert_eq!(state(&stage).await, "10 1 0");
    stage.db.execute("SET GLOBAL read_only = OFF").await;
    assert_eq!(writer.fence(&fence_of(&stage, "a"), &CLAIMED).await.unwrap(), Fenced::Won);
}

#[tokio::test]
async fn a_commit_that_is_held_up_and_killed_is_in_doubt_until_a_fence_finds_out() {
    let (_server, stage) = own(&[]).await;
    let change = raise(&stage).await;
    let backup = stage.db.session().await;
    let waiting = "SELECT id FROM information_schema.PROCESSLIST WHERE INFO = 'COMMIT'";
    for (key, kill) in [("query", "KILL QUERY"), ("link", "KILL CONNECTION")] {
        for stage_of_backup in ["START", "FLUSH", "BLOCK_DDL", "BLOCK_COMMIT"] {
            backup.execute(&format!("BACKUP STAGE {stage_of_backup}")).await.unwrap();
        }
        let ending = async {
            let watcher = stage.db.session().await;
            let id = until_some(&watcher, waiting).await;
            watcher.execute(&format!("{kill} {id}")).await.unwrap();
        };
        let (effect, ()) = tokio::join!(stage.apply(&change, key), ending);
        assert!(matches!(effect, Ok(Effect::InDoubt { .. })), "{kill}: {effect:?}");
        backup.execute("BACKUP STAGE END").await.unwrap();
        // One that hangs up may still commit once it is let go: only the fence knows.
        let fenced = stage.writer.fence(&fence_of(&stage, key), &CLAIMED).await.unwrap();
        let row = stage.db.query_text("SELECT concat_ws(' ', fee, version) FROM t").await[0][0].clone().unwrap();
        match fenced {
            Fenced::Won => assert_eq!(row, "10 1", "{kill}"),
            Fenced::Found(found) => assert_eq!((row.as_str(), found.status.as_str()), ("5 2", "applied"), "{kill}"),
            Fenced::Unsure { reason } => panic!("{kill}: {reason}"),
        }
        stage.db.execute("UPDATE t SET fee = 10, version = 1").await;
    }
    let effect = stage.apply(&change, "again").await.unwrap();
    assert_eq!(effect, Effect::Committed { new_version: Some("2".to_owned()) });
}

#[tokio::test]
async fn the_hour_that_comes_twice_is_two_hours() {
    let (_server, stage) = own(&["--default-time-zone=SYSTEM"]).await;
    let table = stage.table("t", &["id", "tenant", "fee", "at"]).await;
    let at = |text: &str| Cell::new(column(&table, "at").kind, Some(text.to_owned()));
    let under = |cell: Cell| {
        let filter = stage.filter(&table, "1", "acme");
        change(&table, filter, &[("fee", int(5))], Some(("at", cell)))
    };
    // Half past two on the wall, in summer's and in winter's time.
    let [summer, winter] = ["2026-10-25 00:30:00", "2026-10-25 01:30:00"];
    let store = async |utc: &str| {
        stage.db.execute(&format!("SET time_zone = '+00:00'; UPDATE t SET at = '{utc}'")).await;
    };
    for (stored, other) in [(summer, winter), (winter, summer)] {
        store(stored).await;
        let filter = stage.filter(&table, "1", "acme");
        assert_eq!(stage.read(&table, &["at"], &filter).await.unwrap()[0][0].text(), Some(stored));
        let effect = stage.apply(&under(at(other)), &format!("not {stored}")).await.unwrap();
        assert_eq!(effect, Effect::Missed { affected: 0, look: vec![vec![false]] }, "{stored}");
        let effect = stage.apply(&under(at(stored)), stored).await.unwrap();
        assert!(matches!(effect, Effect::Committed { .. }), "{stored}: {effect:?}");
    }
    // Ahead of the clock, where a step forward can be said in no local time, the version moves on or nothing is written.
    for stored in ["2037-10-25 00:30:00", "2037-10-25 00:59:59", "2037-10-25 01:30:00"] {
        store(stored).await;
        let effect = stage.apply(&under(at(stored)), stored).await.unwrap();
        let filter = stage.filter(&table, "1", "acme");
        let now = stage.read(&table, &["at"], &filter).await.unwrap().remove(0).remove(0);
        let now = now.text().unwrap();
        match effect {
            Effect::Committed { new_version } => assert!(new_version.as_deref() == Some(now) && now > stored, "{now}"),
            Effect::NotAsApproved { .. } | Effect::Rejected { .. } => assert_eq!(now, stored),
            other => panic!("{stored}: {other:?}"),
        }
    }
}
