//! A proposal's life as tables: what may follow what, and what comes next.

use super::turn::{Begun, Turn};
use super::*;
use crate::contract::EngineKind;
use crate::event::{BODY_VERSION, Doubt, Expiry, HumanAction, Release};
use crate::fixture;
use crate::refusal::Refusal;
use crate::wire::job::{Export, JobLease, WritebackJob};
use crate::writeback::{self, Outcome};

/// The claim of the fixture ends at 12:05.
const BEFORE: &str = "2026-06-28T12:04:59.999Z";
const AFTER: &str = "2026-06-28T12:05:00Z";

const EVENTS: [&str; 15] = [
    "create",
    "approve",
    "reject",
    "cancel",
    "expire",
    "claim",
    "release",
    "release another",
    "doubt",
    "doubt another",
    "settle",
    "settle another",
    "settle as conflict",
    "export",
    "note",
];

fn event(name: &str) -> Event {
    let change_set = fixture::change_set();
    let mut claim = fixture::claim();
    if name.ends_with("another") {
        claim.job_id = "wbj_99999999999999999999".to_owned();
    }
    let (job_id, runner_id) = (claim.job_id.clone(), claim.runner_id.clone());
    let decision = Decision {
        v: BODY_VERSION,
        actor: "reviewer".to_owned(),
        proof: "unverified".to_owned(),
        role: None,
        reason: None,
        proposal_hash: change_set.integrity.proposal_hash.clone(),
        ledger_head: String::new(),
    };
    let settle = |status| {
        let outcome = Outcome { status, code: None, reason: None, new_version: None };
        Box::new(writeback::receipt(&change_set, &claim, &outcome, AFTER.parse().expect("a time")))
    };
    match name {
        "create" => Event::ProposalCreated(Box::new(change_set)),
        "approve" => Event::ProposalApproved(decision),
        "reject" => Event::ProposalRejected(decision),
        "cancel" => Event::ProposalCanceled(Cancellation {
            v: BODY_VERSION,
            actor: "agent".to_owned(),
            superseded_by: "wrp_99999999999999999999".to_owned(),
        }),
        "expire" => Event::ProposalExpired(Expiry { v: BODY_VERSION, expired_at: AFTER.to_owned() }),
        "claim" => Event::ProposalPendingWorker(claim),
        "release" | "release another" => Event::WritebackReleased(Release {
            v: BODY_VERSION,
            job_id,
            runner_id,
            code: "WRITEBACK_FENCED".to_owned(),
        }),
        "doubt" | "doubt another" => {
            Event::WritebackInDoubt(Doubt { v: BODY_VERSION, job_id, runner_id, reason: "x".to_owned() })
        }
        "settle" | "settle another" => Event::WritebackSettled(settle(ReceiptStatus::Applied)),
        "settle as conflict" => Event::WritebackSettled(settle(ReceiptStatus::Conflict)),
        "export" => {
            let lease = JobLease { lease_id: "lease_1".to_owned(), attempt: 1, expires_at: AFTER.to_owned() };
            let export = Export { job_id, project_id: "local".to_owned(), lease };
            Event::WritebackJobRecorded(Box::new(WritebackJob::of(&change_set, EngineKind::Sqlite, export)))
        }
        "note" => Event::ShadowHumanActionRecorded(HumanAction {
            v: BODY_VERSION,
            actor: "person".to_owned(),
            patch: serde_json::Map::new(),
            notes: None,
        }),
        other => panic!("no such event: {other}"),
    }
}

fn after(record: &[&str]) -> Proposal {
    Proposal::replay(std::iter::once(&"create").chain(record).map(|name| event(name))).expect("it folds")
}

/// An event that may follow, and the state after it.
type Allowed<'a> = &'a [(&'a str, &'a str)];

/// For each record, the events that may follow it; every other may not.
#[test]
fn what_may_follow_what() {
    let claimed = ["approve", "claim"];
    let applying: Allowed<'_> =
        &[("release", "approved"), ("doubt", "unknown"), ("settle", "applied"), ("settle as conflict", "conflict")];
    let tables: &[(&[&str], Allowed<'_>)] = &[
        (&[], &[("approve", "approved"), ("reject", "rejected"), ("cancel", "canceled"), ("expire", "expired")]),
        (
            &["approve"],
            &[
                ("reject", "rejected"),
                ("cancel", "canceled"),
                ("expire", "expired"),
                ("claim", "pending_worker"),
                ("export", "approved"),
            ],
        ),
        (&claimed, applying),
        (&["approve", "claim", "doubt"], applying),
        (&["approve", "claim", "settle"], &[]),
        (&["reject"], &[]),
        (&["cancel"], &[]),
        (&["expire"], &[]),
    ];
    for (record, allowed) in tables {
        let proposal = after(record);
        for name in EVENTS {
            let next = proposal.clone().then(&event(name));
            let state = proposal.stage().state();
            let expected = match name {
                // What a person did is noted beside whatever the proposal came to.
                "note" => Some(state),
                _ => allowed.iter().find(|(allowed, _)| *allowed == name).map(|(_, state)| *state),
            };
            assert_eq!(next.map(|next| next.stage().state()).ok(), expected, "{name} after {record:?}");
        }
    }
}

#[test]
fn a_release_gives_the_same_decision_back() {
    let released = after(&["approve", "claim", "release"]);
    assert_eq!(released.stage(), after(&["approve"]).stage());
    assert_eq!(released.next_seq(), 4);
}

fn told(turn: Result<Turn<'_>, Refusal>) -> String {
    match turn {
        Ok(Turn::Begun(Begun::Report(receipt))) => format!("report {}", receipt.status.word()),
        Ok(Turn::Begun(Begun::Wait(_))) => "wait".to_owned(),
        Ok(Turn::Begun(Begun::Fence(_))) => "fence".to_owned(),
        Ok(Turn::Attempt(_)) => "attempt".to_owned(),
        Err(refusal) => refusal.code().text().to_owned(),
    }
}

/// What an applier and what a reconciler does, before and after the lease.
#[test]
fn what_comes_next_is_told_by_the_record_and_the_clock() {
    let contract = fixture::contract(EngineKind::Sqlite);
    let none = "PROPOSAL_CLOSED";
    let reported = ["report conflict"; 2];
    let tables: &[(&[&str], [&str; 2], [&str; 2])] = &[
        (&[], ["APPROVAL_REQUIRED"; 2], [none; 2]),
        (&["approve"], ["attempt"; 2], [none; 2]),
        (&["reject"], [none; 2], [none; 2]),
        (&["cancel"], [none; 2], [none; 2]),
        (&["approve", "expire"], ["PROPOSAL_EXPIRED"; 2], [none; 2]),
        (&["approve", "claim"], ["wait", "fence"], ["wait", "fence"]),
        (&["approve", "claim", "doubt"], ["fence"; 2], ["fence"; 2]),
        (&["approve", "claim", "release"], ["attempt"; 2], [none; 2]),
        (&["approve", "claim", "settle as conflict"], reported, reported),
        (&["approve", "claim", "doubt", "settle as conflict"], reported, reported),
    ];
    for (record, applies, reconciles) in tables {
        let proposal = after(record);
        for (index, now) in [BEFORE, AFTER].into_iter().enumerate() {
            let now = now.parse().expect("a time");
            assert_eq!(told(proposal.turn(&contract, now)), applies[index], "{record:?}");
            assert_eq!(told(proposal.begun(now).map(Turn::Begun)), reconciles[index], "{record:?}");
        }
    }
}

#[test]
fn a_lease_that_does_not_read_holds_nobody_back() {
    let claim = Claim { lease_expires_at: "soon".to_owned(), ..fixture::claim() };
    assert!(!claim.is_live(Timestamp::MIN));
}

/// What is true of the source database, in a word.
#[test]
fn the_truth_is_yes_no_or_not_known_yet() {
    let told = |record: &[&str], now: &str| after(record).truth(now.parse().expect("a time"));
    for record in
        [&[] as &[&str], &["approve"], &["reject"], &["cancel"], &["expire"], &["approve", "claim", "release"]]
    {
        assert!(told(record, AFTER).starts_with("no; "), "{record:?}");
    }
    let until = format!("until {}", fixture::claim().lease_expires_at);
    assert!(told(&["approve", "claim"], BEFORE).ends_with(&until));
    assert!(told(&["approve", "claim"], AFTER).ends_with("its applier never said"));
    assert!(told(&["approve", "claim", "doubt"], BEFORE).ends_with("completely or not at all: x"));
    assert!(told(&["approve", "claim", "settle"], AFTER).starts_with("yes, once; "));
    assert!(told(&["approve", "claim", "settle as conflict"], AFTER).starts_with("no; "));
}
