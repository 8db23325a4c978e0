//! The link to the source database fails around COMMIT: the outcome is right or in doubt, never wrong, and right once it
//! was reconciled.

use serde_json::Value;
use synapsor_testkit::database::Engine;
use synapsor_testkit::link::{Fault, Link, When};

use crate::office::{Office, Proposal, office, shipped};
use crate::process::{Ended, until};
use crate::truth::settle;

/// Where the link fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// The answer to the last statement before COMMIT is lost.
    Before,
    /// COMMIT never reaches the server.
    At,
    /// The answer to COMMIT is lost.
    After,
}

struct Scene {
    office: Office,
    proposal: Proposal,
    link: Link,
    /// The writer's URL past the link.
    direct: String,
}

async fn scene(engine: Engine, fault: Fault, moment: Moment) -> Scene {
    let mut office = office(engine, shipped(), 1).await;
    let proposal = office.approved([0]).remove(0);
    let link = Link::to(office.db.address().unwrap());
    let direct = office.db.writer_url();
    office.env.set("BILLING_WRITE_URL", link.through(&direct));
    let commit: &[u8] = if engine == Engine::Postgres { b"COMMIT\0" } else { b"\x03COMMIT" };
    // Looking at the catalog before it ends with a COMMIT too.
    let written = "SET new_version";
    match moment {
        Moment::Before => link.arm(written, When::AfterServer, fault),
        Moment::At => link.arm_since(written, commit, When::BeforeServer, fault),
        Moment::After => link.arm_since(written, commit, When::AfterServer, fault),
    }
    Scene { office, proposal, link, direct }
}

async fn fails(engine: Engine, fault: Fault, moment: Moment, heal_first: bool) {
    let told = format!("{engine:?} {fault:?} {moment:?} {heal_first}");
    let Scene { mut office, proposal, link, direct } = scene(engine, fault, moment).await;
    let id = proposal.id.clone();
    let ended = office.run(["apply", &id, "--json"]);
    link.wait_fired();
    let (code, state) = if moment == Moment::Before { (5, "approved") } else { (6, "unknown") };
    assert_eq!((ended.code, office.state(&id).as_str()), (Some(code), state), "{told} {ended:?}");
    let changed = if moment == Moment::Before { Value::Bool(false) } else { Value::Null };
    assert_eq!(ended.json(code)["source_database_changed"], changed, "{told} {ended:?}");
    if heal_first {
        link.heal();
    }
    office.env.set("BILLING_WRITE_URL", direct);
    if moment != Moment::Before {
        // As long as the server keeps the transaction open, nobody knows.
        until(&told, || office.run(["reconcile", &id]).expect(&[0, 6]) == 0);
        let state = office.state(&id);
        let expected: &[&str] = match moment {
            Moment::After => &["applied"],
            // What was held back may have come through, until the server gave the transaction up.
            _ if heal_first => &["applied", "approved"],
            _ => &["approved"],
        };
        assert!(expected.contains(&state.as_str()), "{told} {state}");
    }
    link.heal();
    let truth = settle(&office, &[proposal]).await;
    assert_eq!(truth.states, ["applied"], "{told}");
}

async fn around_commit(engine: Engine) {
    for moment in [Moment::Before, Moment::At, Moment::After] {
        for fault in [Fault::Cut, Fault::Stall, Fault::Reset] {
            fails(engine, fault, moment, false).await;
        }
    }
    fails(engine, Fault::Stall, Moment::At, true).await;
}

#[tokio::test]
async fn a_link_that_fails_around_commit_never_misleads_on_postgres() {
    around_commit(Engine::Postgres).await;
}

#[tokio::test]
async fn a_link_that_fails_around_commit_never_misleads_on_mariadb() {
    around_commit(Engine::Mysql).await;
}

/// COMMIT was sent and done, its answer is on the way, and the applier dies.
#[tokio::test]
async fn an_applier_that_dies_before_the_answer_to_commit_has_written_once() {
    for engine in [Engine::Postgres, Engine::Mysql] {
        let Scene { mut office, proposal, link, direct } = scene(engine, Fault::Stall, Moment::After).await;
        let mut applier = office.command(["apply", &proposal.id]).spawn().unwrap();
        link.wait_fired();
        applier.kill().unwrap();
        assert_eq!(Ended::of(applier).code, None, "{engine:?}");
        assert_eq!(office.state(&proposal.id), "pending_worker", "{engine:?}");
        office.env.set("BILLING_WRITE_URL", direct);
        office.reconcile(&proposal.id).expect(&[0]);
        assert_eq!(office.state(&proposal.id), "applied", "{engine:?}");
        let truth = settle(&office, &[proposal]).await;
        assert_eq!(truth.fences, 0, "{engine:?}");
    }
}
