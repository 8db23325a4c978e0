//! An applier is stopped past its lease, another process finds out and decides anew, and the first one is continued: it
//! never writes after the fence.

use std::process::Child;

use synapsor_db::crash::Point;
use synapsor_testkit::database::Engine;

use crate::office::{Office, Proposal, faulty, office};
use crate::process::{Ended, is_stopped, signal, until};
use crate::truth::{agree, settle};

/// What happens while the applier is stopped, once its claim was released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meanwhile {
    /// Nothing: the decision still holds.
    Nothing,
    Applied,
    Rejected,
    Expired,
}

struct Scene {
    office: Office,
    proposal: Proposal,
    applier: Child,
    point: Point,
    meanwhile: Meanwhile,
}

impl Scene {
    fn told(&self) -> String {
        format!("{:?} {} {:?}", self.office.db.engine(), self.point.name(), self.meanwhile)
    }
}

/// Before BEGIN, after the receipt, before the lease is looked at for the last time, and right before COMMIT.
const POINTS: [Point; 4] = [Point::ApplyClaimed, Point::WriteReceipt, Point::WriteFinished, Point::WriteCommitting];

async fn scene(engine: Engine, point: Point, meanwhile: Meanwhile) -> Scene {
    let office = office(engine, faulty(), 1).await;
    if meanwhile == Meanwhile::Expired {
        let config = office.env.read("synapsor.runner.json");
        let expiring = "\"required_role\": \"billing_lead\", \"expires_in\": \"30s\"";
        assert!(config.contains("\"required_role\": \"billing_lead\""));
        office.env.write("synapsor.runner.json", config.replace("\"required_role\": \"billing_lead\"", expiring));
    }
    let proposal = office.approved([0]).remove(0);
    let applier = office.struck(["apply", &proposal.id, "--json"], "stop", point).spawn().unwrap();
    until(point.name(), || is_stopped(&applier));
    Scene { office, proposal, applier, point, meanwhile }
}

/// Servers end a transaction whose client is silent, so the fence wins. (SQLite: see below.)
fn fence(scene: &Scene) {
    let Scene { office, proposal, .. } = scene;
    until(&scene.told(), || office.reconcile(&proposal.id).code == Some(0));
    assert_eq!(office.state(&proposal.id), "approved", "{}", scene.told());
}

async fn go_on(scene: Scene) {
    let told = scene.told();
    let Scene { office, proposal, applier, meanwhile, .. } = scene;
    let id = &proposal.id;
    match meanwhile {
        Meanwhile::Nothing => {}
        Meanwhile::Applied => assert_eq!(office.run(["apply", id]).code, Some(0), "{told}"),
        Meanwhile::Rejected => {
            office.run(["proposals", "reject", id, "--reason", "not any more", "--yes"]).expect(&[0]);
        }
        Meanwhile::Expired => {
            until(&told, || office.run(["apply", id, "--dry-run"]).code == Some(4));
        }
    }
    let before = office.marks().await;
    signal(&applier, "CONT");
    let ended = Ended::of(applier);
    let after = office.marks().await;
    let (code, state) = match meanwhile {
        // Its claim is gone, the decision is not: it comes by as any other would.
        Meanwhile::Nothing => (0, "applied"),
        Meanwhile::Applied => (0, "applied"),
        Meanwhile::Rejected => (4, "rejected"),
        Meanwhile::Expired => (4, "expired"),
    };
    assert_eq!(ended.code, Some(code), "{told} {ended:?}");
    assert_eq!(office.state(id), state, "{told}");
    if meanwhile != Meanwhile::Nothing {
        assert_eq!(after, before, "{told}: the source and the ledger are as they were");
    }
    let truth = agree(&office, &[proposal]).await;
    assert_eq!(truth.fences, 1, "{told}");
}

/// Opens every scene first, so that all leases run at once.
async fn stopped(engine: Engine, points: &[Point], what: &[Meanwhile]) {
    let mut scenes = Vec::new();
    for meanwhile in what {
        for point in points {
            scenes.push(scene(engine, *point, *meanwhile).await);
        }
    }
    scenes.iter().for_each(fence);
    for scene in scenes {
        go_on(scene).await;
    }
}

const DECIDED: [Meanwhile; 3] = [Meanwhile::Nothing, Meanwhile::Applied, Meanwhile::Rejected];

#[tokio::test]
async fn a_stopped_applier_writes_nothing_after_the_fence_on_postgres() {
    stopped(Engine::Postgres, &POINTS, &DECIDED).await;
}

#[tokio::test]
async fn a_stopped_applier_writes_nothing_after_the_fence_on_mariadb() {
    stopped(Engine::Mysql, &POINTS, &DECIDED).await;
}

#[tokio::test]
async fn a_stopped_applier_writes_nothing_after_its_proposal_expired_on_postgres() {
    stopped(Engine::Postgres, &POINTS, &[Meanwhile::Expired]).await;
}

#[tokio::test]
async fn a_stopped_applier_writes_nothing_after_its_proposal_expired_on_mariadb() {
    stopped(Engine::Mysql, &POINTS, &[Meanwhile::Expired]).await;
}

/// Before BEGIN, SQLite is as the others.
#[tokio::test]
async fn a_stopped_applier_writes_nothing_after_the_fence_on_sqlite() {
    let what = [DECIDED.as_slice(), &[Meanwhile::Expired]].concat();
    stopped(Engine::Sqlite, &[Point::ApplyClaimed], &what).await;
}

/// Nobody ends a transaction of SQLite but its process: while that is stopped, the outcome stays unknown.
#[tokio::test]
async fn a_stopped_writer_of_sqlite_leaves_doubt_until_it_goes_on() {
    let mut scenes = Vec::new();
    for point in [Point::WriteReceipt, Point::WriteFinished, Point::WriteCommitting] {
        scenes.push(scene(Engine::Sqlite, point, Meanwhile::Nothing).await);
    }
    for Scene { office, proposal, applier, point, .. } in scenes {
        let told = "the source database is held by the stopped one";
        until(told, || office.run(["reconcile", &proposal.id]).stderr.contains("TEMPORARILY_UNAVAILABLE"));
        assert_eq!(office.state(&proposal.id), "pending_worker", "{}", point.name());
        signal(&applier, "CONT");
        let ended = Ended::of(applier);
        let (written, _) = office.marks().await;
        // Right before COMMIT nothing holds it back any more, and no fence is there.
        assert_eq!(written == 1, point == Point::WriteCommitting, "{}: {ended:?}", point.name());
        let truth = settle(&office, &[proposal]).await;
        assert_eq!(truth.states, ["applied"], "{}", point.name());
    }
}
