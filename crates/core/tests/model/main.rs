//! The protocol of deciding, claiming, writing, fencing and recording, explored exhaustively within bounds.
//!
//! Only the surroundings are modelled: the ledger's compare-and-append, the source database's unique keys, locks,
//! commits and failovers, clocks, and processes that pause and die. Whatever production decides in core is asked of the
//! same functions here. `ARCHITECTURE.md` says what is covered.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]
#![expect(clippy::indexing_slicing, reason = "in a test a panic is the report")]
#![expect(clippy::print_stdout, reason = "the run reports how far it went")]

mod act;
mod bounds;
mod healthy;
mod papers;
mod properties;
mod protocol;
mod record;
mod sights;
mod steps;
mod world;

use stateright::{Checker, HasDiscoveries, Model, Path};
use synapsor_core::proposal::Stage;

use act::Act;
use bounds::Bounds;
use protocol::Protocol;
use sights::Sight;
use world::{Closing, World};

const CALM: Bounds = Bounds {
    name: "",
    proposals: 1,
    appliers: 3,
    claims: 2,
    foreign: 0,
    failovers: 0,
    restores: 0,
    strays: false,
    other_decisions: false,
    named_servers: true,
    closings: &[],
};

/// Explores every world within the bounds, and makes sure that what matters was met on the way.
fn explore(bounds: Bounds, wanted: &[Sight]) {
    let said = bounds.to_string();
    let checker =
        Protocol::new(bounds).checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let stories: Vec<String> = checker
        .discoveries()
        .into_iter()
        .map(|(property, path)| format!("not so: {property}\n{}", story(checker.model(), path)))
        .collect();
    assert!(stories.is_empty(), "{said}\n{}", stories.join("\n\n"));
    let missing = checker.model().sights.missing(wanted);
    println!(
        "{said}: {} states, depth {}, {} records",
        checker.unique_state_count(),
        checker.max_depth(),
        checker.model().record.len()
    );
    assert!(missing.is_empty(), "never met: {missing:?}");
}

/// How a world came about that should not be.
fn story(protocol: &Protocol, path: Path<World, Act>) -> String {
    let line = |(world, act): (World, Option<Act>)| {
        let World { ledger, procs, source, truth, .. } = world;
        let records = ledger.into_iter().map(|id| protocol.record.node(id));
        let stages: Vec<String> =
            records.map(|node| node.stage().map_or("unreadable", Stage::state).to_owned()).collect();
        format!("{stages:?} {procs:?} {:?} {:?} {truth:?}\n-> {act:?}\n", source.log, source.open)
    };
    path.into_vec().into_iter().map(line).collect()
}

#[test]
fn appliers_that_crash_pause_and_come_late() {
    explore(
        Bounds { name: "crashes", claims: 3, foreign: 1, ..CALM },
        &[
            Sight::Applied,
            Sight::AppliedFoundByFence,
            Sight::Conflict,
            Sight::InDoubt,
            Sight::InDoubtTwice,
            Sight::ClaimLost,
            Sight::FenceWon,
            Sight::FenceFoundFence,
            Sight::FenceBlocked,
            Sight::WriteBlocked,
            Sight::TooLate,
            Sight::Unreachable,
            Sight::StaleClaim,
            Sight::StaleRecord,
            Sight::Waited,
            Sight::Reported,
            Sight::CommittedAfterItsProcessGaveUp,
            Sight::RefusedUnapproved,
            Sight::RefusedExpired,
        ],
    );
}

#[test]
fn decisions_that_are_withdrawn_while_someone_writes() {
    const CLOSINGS: &[Closing] = &[Closing::Rejected, Closing::Canceled, Closing::Expired];
    explore(
        Bounds { name: "decisions", claims: 3, other_decisions: true, closings: CLOSINGS, ..CALM },
        &[
            Sight::ClosedUnderALateApplier,
            Sight::RefusedClosed,
            Sight::RefusedOtherDecision,
            Sight::RefusedUnapproved,
            Sight::RefusedExpired,
            Sight::ClaimLost,
        ],
    );
}

#[test]
fn servers_that_lose_commits_and_configurations_that_lead_astray() {
    explore(
        Bounds { name: "failovers", claims: 3, failovers: 1, strays: true, ..CALM },
        &[
            Sight::LostByFailover,
            Sight::FenceOnAnotherServer,
            Sight::WriteOnAnotherServer,
            Sight::FenceElsewhere,
            Sight::WriteElsewhere,
            Sight::AppliedFoundByFence,
        ],
    );
}

#[test]
fn servers_that_cannot_be_told_apart() {
    explore(
        Bounds { name: "unnamed servers", failovers: 1, named_servers: false, ..CALM },
        &[Sight::LostByFailover, Sight::FenceWon, Sight::AppliedFoundByFence],
    );
}

#[test]
fn ledgers_that_forget() {
    explore(
        Bounds { name: "restores", restores: 1, foreign: 1, closings: &[Closing::Rejected], ..CALM },
        &[Sight::AlreadyApplied, Sight::AppliedFoundByFence, Sight::FenceFoundFence, Sight::Conflict],
    );
}

#[test]
fn two_proposals_for_one_version_of_a_row() {
    explore(
        Bounds { name: "rivals", proposals: 2, ..CALM },
        &[Sight::Applied, Sight::Conflict, Sight::ClaimLost, Sight::AppliedFoundByFence],
    );
}
