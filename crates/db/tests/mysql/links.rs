//! What a broken or silent link means at each step of a write.

use std::time::{Duration, Instant};

use synapsor_core::contract::EngineKind;
use synapsor_core::contract::TlsMode;
use synapsor_core::sql::Sql;
use synapsor_core::sql::write::{Change, guarded_write};
use synapsor_core::value::{Cell, Kind};
use synapsor_core::writeback::{Effect, Violation};
use synapsor_db::engine::{Engine, Role};
use synapsor_db::fault::Class;
use synapsor_testkit::link::{Fault, Link, When};

use crate::stage::{CLAIMED, FOR_REAL, Stage, change, keys, open, source};

/// The statement alone, as a command; READ COMMITTED passes.
const COMMIT: &[u8] = b"\x03COMMIT";

struct Scene {
    stage: Stage,
    link: Link,
    writer: Engine,
    change: Change,
}

async fn scene() -> Scene {
    let stage = Stage::with(
        "CREATE TABLE t (id varchar(9) PRIMARY KEY, tenant varchar(9) NOT NULL, fee int NOT NULL, version int NOT NULL); \
         INSERT INTO t VALUES ('1', 'acme', 10, 1)",
    )
    .await;
    let link = Link::to(stage.db.address().unwrap());
    let mut plain = source();
    plain.tls.mode = Some(TlsMode::Disable);
    plain.connect_timeout = Duration::from_secs(1);
    let writer = open(&link.through(&stage.db.admin_url()), Role::Writer, plain);
    let table = stage.table("t", &["id", "tenant", "fee", "version"]).await;
    let int = |number: i64| Cell::new(Kind::Integer, Some(number.to_string()));
    let filter = stage.filter(&table, "1", "acme");
    let change = change(&table, filter, &[("fee", int(5))], Some(("version", int(1))));
    Scene { stage, link, writer, change }
}

impl Scene {
    async fn apply(&self) -> Effect {
        let write = guarded_write(EngineKind::Mysql, &self.change, &self.stage.place(), &keys("a"));
        self.writer.transact(&write, &CLAIMED, FOR_REAL).await.unwrap()
    }

    /// Whether the change and its receipt are there; never one without the other.
    async fn is_applied(&self) -> bool {
        let sql = "SELECT (SELECT count(*) FROM t WHERE fee = 5), (SELECT count(*) FROM receipts)";
        let row = self.stage.db.query_text(sql).await.remove(0);
        assert_eq!(row[0], row[1]);
        row[0].as_deref() == Some("1")
    }
}

#[tokio::test]
async fn a_link_that_breaks_around_commit_leaves_doubt() {
    for fault in [Fault::Cut, Fault::Reset] {
        for (when, applied) in [(When::BeforeServer, false), (When::AfterServer, true)] {
            let scene = scene().await;
            scene.link.arm(COMMIT, when, fault);
            let effect = scene.apply().await;
            assert_eq!(effect, Effect::InDoubt { reason: "the link broke during COMMIT" }, "{when:?} {fault:?}");
            scene.link.wait_fired();
            assert_eq!(scene.is_applied().await, applied, "{when:?} {fault:?}");
        }
    }
}

#[tokio::test]
async fn silence_after_commit_leaves_doubt() {
    let scene = scene().await;
    scene.link.arm(COMMIT, When::AfterServer, Fault::Stall);
    let started = Instant::now();
    assert_eq!(scene.apply().await, Effect::InDoubt { reason: "COMMIT was not answered in time" });
    assert!(started.elapsed() < Duration::from_secs(6));
    assert!(scene.is_applied().await);
}

#[tokio::test]
async fn a_link_that_breaks_before_commit_undoes() {
    for step in ["INSERT INTO", "UPDATE `", "SELECT CAST(COALESCE", "SET new_version"] {
        for when in [When::BeforeServer, When::AfterServer] {
            let scene = scene().await;
            scene.link.arm(step, when, Fault::Cut);
            let effect = scene.apply().await;
            assert!(matches!(effect, Effect::Rejected { violation: Violation::Transient, .. }), "{step} {effect:?}");
            scene.link.wait_fired();
            assert!(!scene.is_applied().await, "{step}");
            // Nothing is left behind, and the next try goes through.
            assert_eq!(scene.apply().await, Effect::Committed { new_version: Some("2".to_owned()) }, "{step}");
        }
    }
}

#[tokio::test]
async fn a_silent_server_is_given_up_in_time() {
    let scene = scene().await;
    let ask = Sql::fixed("SELECT 'x'", vec![], 1);
    scene.writer.read(&ask).await.unwrap();
    scene.link.fail(Fault::Stall);
    let started = Instant::now();
    let fault = scene.writer.read(&ask).await.unwrap_err();
    assert!(matches!(fault.class(), Class::Timeout | Class::Unreachable), "{fault:?}");
    assert!(started.elapsed() < Duration::from_secs(9), "{:?}", started.elapsed());
    scene.link.heal();
    scene.link.down();
    assert_eq!(scene.writer.read(&ask).await.unwrap_err().class(), Class::Unreachable);
    scene.link.up();
    scene.writer.read(&ask).await.unwrap();
}
