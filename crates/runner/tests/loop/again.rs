//! The same change proposed twenty times at once, by one server's clients and by other processes, in each state that a
//! proposal of it can be in.

use std::process::{Child, Stdio};

use serde_json::{Value, json};
use synapsor_testkit::database::{Engine, Session};
use synapsor_testkit::link::{Fault, Link, When};
use synapsor_testkit::stdio::LEGACY;

use crate::stage::{Stage, billing, configured, id_of};

const WAIVER: &str = "billing.propose_late_fee_waiver";

/// Ten calls of one server and ten processes. Every answer is one proposal's; gives back its id, its state, and how many
/// callers were told that theirs is the first.
fn at_once(stage: &Stage) -> (String, Value, usize) {
    let arguments = json!({ "invoice_id": "INV-3001", "reason": "goodwill" });
    let mut client = stage.env.spawn_stdio(["mcp", "serve"]);
    client.initialize(LEGACY);
    let call = json!({ "name": WAIVER, "arguments": arguments });
    let sent: Vec<u64> = (0..10).map(|_| client.send("tools/call", call.clone())).collect();
    let processes: Vec<Child> = (0..10)
        .map(|_| {
            let mut command = stage.env.command(["propose", WAIVER, "--json", &arguments.to_string()]);
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
        })
        .collect();
    let mut answers: Vec<Value> =
        sent.into_iter().map(|id| client.answer(id).unwrap()["structuredContent"].clone()).collect();
    answers.extend(processes.into_iter().map(|process| {
        let output = process.wait_with_output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
    }));
    let proposals: Vec<&Value> = answers.iter().map(|answer| &answer["proposal"]).collect();
    assert!(proposals.iter().all(|one| one["id"].is_string() && one["id"] == proposals[0]["id"]), "{answers:#?}");
    assert!(proposals.iter().all(|one| one["state"] == proposals[0]["state"]), "{answers:#?}");
    let first = proposals.iter().filter(|one| one["deduplicated"] == json!(false)).count();
    (id_of(&answers[0]), proposals[0]["state"].clone(), first)
}

fn state(stage: &Stage, id: &str) -> String {
    let shown = stage.run(["proposals", "show", id, "--json"]).json();
    shown["proposal"]["state"].as_str().unwrap().to_owned()
}

/// An applier that has claimed the proposal and waits for a row, or a file, that the session holds.
async fn applying(stage: &Stage, id: &str) -> (Child, Session) {
    let session = stage.db.session().await;
    let begin = if stage.db.engine() == Engine::Sqlite { "BEGIN IMMEDIATE" } else { "BEGIN" };
    session.execute(begin).await.unwrap();
    session.execute("UPDATE invoices SET customer_id = customer_id WHERE id = 'INV-3001'").await.unwrap();
    let mut applier = stage.env.command(["apply", id]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while state(stage, id) != "pending_worker" {
        assert!(applier.try_wait().unwrap().is_none(), "the applier did not wait");
    }
    (applier, session)
}

fn proposals(stage: &Stage) -> usize {
    stage.run(["proposals", "list", "--json"]).json()["proposals"].as_array().unwrap().len()
}

async fn until_applied(engine: Engine) {
    let stage = billing(engine).await;
    let (id, state_now, first) = at_once(&stage);
    assert_eq!((state_now, first), (json!("review_required"), 1), "of none");
    assert_eq!(at_once(&stage), (id.clone(), json!("review_required"), 0), "of one that waits for review");
    stage.run(["proposals", "approve", &id, "--yes"]).expect(0);
    assert_eq!(at_once(&stage), (id.clone(), json!("approved"), 0), "of an approved one");
    let (mut applier, session) = applying(&stage, &id).await;
    assert_eq!(at_once(&stage), (id.clone(), json!("approved"), 0), "of one that is being applied");
    assert_eq!(state(&stage, &id), "pending_worker", "the applier still waited");
    session.execute("ROLLBACK").await.unwrap();
    assert!(applier.wait().unwrap().success());
    assert_eq!((proposals(&stage), state(&stage, &id).as_str()), (1, "applied"));
    let (next, state_now, first) = at_once(&stage);
    assert_eq!((next == id, state_now, first), (false, json!("review_required"), 1), "after it was applied");
    assert_eq!((proposals(&stage), stage.receipts().await.len()), (2, 1));
}

#[tokio::test]
async fn twenty_at_once_are_one_proposal_in_every_state_on_postgres() {
    until_applied(Engine::Postgres).await;
}

#[tokio::test]
async fn twenty_at_once_are_one_proposal_in_every_state_on_mariadb() {
    until_applied(Engine::Mysql).await;
}

#[tokio::test]
async fn twenty_at_once_are_one_proposal_in_every_state_on_sqlite() {
    until_applied(Engine::Sqlite).await;
}

/// An apply whose link is cut as it commits, so that nobody knows yet whether it did. (SQLite answers within the process:
/// short of a broken disk nothing is in doubt there.)
async fn in_doubt(engine: Engine, when: When) -> (Stage, String) {
    // The link reads what passes.
    let mut stage = configured(engine, |config| {
        let plain = "\"ssl\": { \"mode\": \"disable\" }, \"statement_timeout_ms\": 3000";
        config.replace("\"statement_timeout_ms\": 3000", plain)
    })
    .await;
    let link = Link::to(stage.db.address().unwrap());
    let direct = stage.db.writer_url();
    stage.env.set("BILLING_WRITE_URL", link.through(&direct));
    let id = stage.approved("INV-3001");
    let (mut applier, session) = applying(&stage, &id).await;
    let commit: &[u8] = if engine == Engine::Postgres { b"COMMIT\0" } else { b"\x03COMMIT" };
    link.arm(commit, when, Fault::Cut);
    session.execute("ROLLBACK").await.unwrap();
    assert_eq!(applier.wait().unwrap().code(), Some(6), "{engine:?} {when:?}");
    link.wait_fired();
    assert_eq!(state(&stage, &id), "unknown", "{engine:?} {when:?}");
    stage.env.set("BILLING_WRITE_URL", direct);
    (stage, id)
}

const SERVERS: [Engine; 2] = [Engine::Postgres, Engine::Mysql];

/// The row is as it was, so the change is the same, and it is still under way.
#[tokio::test]
async fn twenty_at_once_are_the_one_in_doubt_while_the_row_has_not_moved() {
    for engine in SERVERS {
        let (stage, id) = in_doubt(engine, When::BeforeServer).await;
        assert_eq!(at_once(&stage), (id.clone(), json!("approved"), 0), "{engine:?}");
        assert_eq!((proposals(&stage), state(&stage, &id).as_str()), (1, "unknown"), "{engine:?}");
        stage.run(["reconcile", &id]).expect(0);
        assert_eq!(at_once(&stage), (id.clone(), json!("approved"), 0), "{engine:?}");
        stage.run(["apply", &id]).expect(0);
        assert_eq!(stage.invoice("INV-3001").await[0].as_deref(), Some("0"), "{engine:?}");
    }
}

/// The row shows that the change was made, so the same change is another one now; what is in doubt runs its course.
#[tokio::test]
async fn twenty_at_once_are_one_new_proposal_once_the_row_in_doubt_has_moved() {
    for engine in SERVERS {
        let (stage, id) = in_doubt(engine, When::AfterServer).await;
        assert_eq!(stage.invoice("INV-3001").await[0].as_deref(), Some("0"), "{engine:?}");
        let (next, state_now, first) = at_once(&stage);
        assert_eq!((next == id, state_now, first), (false, json!("review_required"), 1), "{engine:?}");
        assert_eq!((proposals(&stage), state(&stage, &id).as_str()), (2, "unknown"), "{engine:?}");
        let shown = stage.run(["proposals", "show", &next, "--json"]).json();
        assert_eq!(shown["proposal"]["change_set"]["supersedes"], Value::Null, "{engine:?}");
        stage.run(["reconcile", &id]).expect(0);
        let both = [state(&stage, &id), state(&stage, &next)];
        assert_eq!(both, ["applied", "pending_review"], "{engine:?}");
        assert_eq!(stage.receipts().await.len(), 1, "{engine:?}");
    }
}
