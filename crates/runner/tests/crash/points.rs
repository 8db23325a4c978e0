//! The program dies at every named point, on every engine; what it leaves is what ARCHITECTURE.md says, and it is settled.

use std::path::Path;

use synapsor_db::crash::Point;
use synapsor_testkit::database::Engine;

use crate::office::{Office, faulty, office};
use crate::process::{Ended, until};
use crate::truth::settle;

/// A death while applying: what the ledger says then, and whether the row was changed.
const APPLYING: &[(Point, &str, bool)] = &[
    (Point::ApplyLoaded, "approved", false),
    (Point::ApplyPrepared, "approved", false),
    (Point::ApplyClaimed, "pending_worker", false),
    (Point::WriteBegun, "pending_worker", false),
    (Point::WriteReceipt, "pending_worker", false),
    (Point::WriteUpdated, "pending_worker", false),
    (Point::WriteChecked, "pending_worker", false),
    (Point::WriteFinished, "pending_worker", false),
    (Point::WriteCommitting, "pending_worker", false),
    (Point::WriteCommitted, "pending_worker", true),
    (Point::ApplyRecording, "pending_worker", true),
    (Point::ApplyRecorded, "applied", true),
];

/// A death while reconciling an apply that died at the first point: where it dies, and what the ledger says then.
const RECONCILING: &[(Point, Point, &str)] = &[
    (Point::WriteReceipt, Point::ReconcileFencing, "pending_worker"),
    (Point::WriteReceipt, Point::FenceInserted, "pending_worker"),
    (Point::WriteReceipt, Point::FenceCommitted, "pending_worker"),
    (Point::WriteReceipt, Point::ReconcileRecording, "pending_worker"),
    (Point::WriteReceipt, Point::ReconcileRecorded, "approved"),
    (Point::WriteCommitted, Point::ReconcileFencing, "pending_worker"),
    (Point::WriteCommitted, Point::ReconcileRecording, "pending_worker"),
    (Point::WriteCommitted, Point::ReconcileRecorded, "applied"),
];

/// Runs a command until it dies at the point. It may be told to come again before it gets there.
fn die<const N: usize>(office: &Office, args: [&str; N], point: Point) {
    until(point.name(), || {
        let ended = Ended::of(office.struck(args, "die", point).spawn().unwrap());
        assert!(matches!(ended.code, None | Some(5)), "alive after {}: {ended:?}", point.name());
        ended.code.is_none()
    });
}

async fn deaths(engine: Engine) {
    let count = APPLYING.len() + RECONCILING.len();
    let office = office(engine, faulty(), count).await;
    let proposals = office.approved(0..count);
    let (applied, reconciled) = proposals.split_at(APPLYING.len());
    for (one, (point, _, _)) in applied.iter().zip(APPLYING) {
        die(&office, ["apply", &one.id], *point);
    }
    for (one, (point, _, _)) in reconciled.iter().zip(RECONCILING) {
        die(&office, ["apply", &one.id], *point);
    }
    let written = office.db.query_text("SELECT reason FROM audit").await.concat();
    for (one, (point, state, changed)) in applied.iter().zip(APPLYING) {
        let found = (office.state(&one.id), written.contains(&Some(one.reason.clone())));
        assert_eq!(found, ((*state).to_owned(), *changed), "after {}", point.name());
    }
    for (one, (first, point, state)) in reconciled.iter().zip(RECONCILING) {
        die(&office, ["reconcile", &one.id], *point);
        assert_eq!(office.state(&one.id), *state, "after {} and {}", first.name(), point.name());
    }
    let truth = settle(&office, &proposals).await;
    assert!(truth.states.iter().all(|state| state == "applied"), "{:?}", truth.states);
    // One for every death that left a claim and no change.
    let unwritten = APPLYING.iter().filter(|(_, state, changed)| *state == "pending_worker" && !changed).count()
        + RECONCILING.iter().filter(|(first, _, _)| *first == Point::WriteReceipt).count();
    assert_eq!(truth.fences, unwritten);
}

#[tokio::test]
async fn deaths_at_every_point_are_settled_on_postgres() {
    deaths(Engine::Postgres).await;
}

#[tokio::test]
async fn deaths_at_every_point_are_settled_on_mariadb() {
    deaths(Engine::Mysql).await;
}

#[tokio::test]
async fn deaths_at_every_point_are_settled_on_sqlite() {
    deaths(Engine::Sqlite).await;
}

/// The numbered list of ARCHITECTURE.md, the points of the code, and the deaths above are the same.
#[test]
fn every_point_is_written_down_and_died_at() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ARCHITECTURE.md");
    let page = std::fs::read_to_string(page).unwrap();
    let listed: Vec<&str> = page
        .lines()
        .filter_map(|line| line.split_once(". `").filter(|(number, _)| number.parse::<u8>().is_ok()))
        .filter_map(|(_, rest)| rest.split_once("` —"))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(listed, Point::ALL.map(Point::name));
    let died = |point: &Point| {
        APPLYING.iter().any(|(at, _, _)| at == point) || RECONCILING.iter().any(|(_, at, _)| at == point)
    };
    let missed: Vec<_> = Point::ALL.into_iter().filter(|point| !died(point)).collect();
    assert!(missed.is_empty(), "{missed:?}");
}
