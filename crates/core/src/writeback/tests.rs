//! The truth tables: what an effect and a fence mean, and what a settlement leaves in the ledger.

use super::*;
use crate::event::Event;
use crate::fixture;
use crate::proposal::Proposal;
use crate::sql::write::AfterCheck;

const OTHER_JOB: &str = "wbj_99999999999999999999";

fn keys() -> ReceiptKeys {
    keys_of(&fixture::claim())
}

fn keys_of(claim: &Claim) -> ReceiptKeys {
    super::keys(&fixture::change_set(), claim, ClaimTerms { ledger_id: "led_1", ledger_head: "1:sha256:1" })
}

fn approved() -> Proposal {
    let change_set = fixture::change_set();
    let decision = crate::event::Decision {
        v: 1,
        actor: "reviewer".to_owned(),
        proof: "unverified".to_owned(),
        role: None,
        reason: None,
        proposal_hash: change_set.integrity.proposal_hash.clone(),
        ledger_head: "1:sha256:1".to_owned(),
    };
    Proposal::replay([Event::ProposalCreated(Box::new(change_set)), Event::ProposalApproved(decision)])
        .expect("it folds")
}

fn write() -> GuardedWrite {
    let contract = fixture::contract(EngineKind::Sqlite);
    let proposal = approved();
    let now = "2026-06-28T12:01:00Z".parse().expect("a time");
    let ready = proposal.ready(&contract, now).expect("ready");
    let change = change(&ready, &fixture::table(EngineKind::Sqlite), now, |_| None).expect("a change");
    statements(EngineKind::Sqlite, &change, &Place::of(ready.source(), &ready.capability().target), &keys())
}

fn found(job_id: &str, hash: Option<&str>, status: &str) -> FoundReceipt {
    FoundReceipt {
        job_id: job_id.to_owned(),
        proposal_hash: hash.map(str::to_owned),
        status: status.to_owned(),
        new_version: Some("2".to_owned()),
    }
}

/// A settlement in a few words: what a table can hold.
fn told(settlement: &Settlement) -> String {
    match settlement {
        Settlement::Settled(outcome) => {
            let code = outcome.code.map(Code::text).unwrap_or_default();
            let version = outcome.new_version.as_deref().unwrap_or_default();
            format!("{} {code}{version}", outcome.status.word()).trim_end().to_owned()
        }
        Settlement::Told(said) => said.status.word().to_owned(),
        Settlement::Released(code) => format!("released {}", code.text()),
        Settlement::InDoubt(reason) => format!("in doubt: {reason}"),
        Settlement::ClaimLost => "claim lost".to_owned(),
    }
}

#[test]
fn a_receipt_in_the_way_is_ours_another_attempts_or_none_of_this_change() {
    let (keys, write) = (keys(), write());
    let (job, hash) = (keys.job_id.clone(), keys.proposal_hash.clone());
    let check = |by_key: Option<FoundReceipt>, by_job: Option<FoundReceipt>, expected: &str| {
        let effect = Effect::Duplicate { by_key: by_key.clone(), by_job: by_job.clone() };
        assert_eq!(told(&settle(&write, &keys, &effect)), expected, "{by_key:?} {by_job:?}");
    };
    let ours = || Some(found(&job, Some(&hash), "applied"));
    let theirs = || Some(found(OTHER_JOB, Some(&hash), "applied"));
    check(ours(), ours(), "applied 2");
    check(theirs(), None, "already_applied 2");
    // A fence with our job is there: whatever stands under the key is told by whoever fenced.
    check(None, Some(found(&job, Some(&hash), "canceled")), "claim lost");
    check(theirs(), Some(found(&job, Some(&hash), "canceled")), "claim lost");
    for (hash, status) in [
        (Some("sha256:another"), "applied"),
        (None, "applied"),
        (Some(hash.as_str()), "in_progress"),
        (Some(hash.as_str()), "conflict"),
        (Some(hash.as_str()), "canceled"),
        (Some(hash.as_str()), "APPLIED"),
    ] {
        check(Some(found(OTHER_JOB, hash, status)), None, "failed RECEIPT_MISMATCH");
        check(Some(found(&job, hash, status)), None, "failed RECEIPT_MISMATCH");
    }
    check(None, None, "released WRITEBACK_BUSY");
}

#[test]
fn each_effect_means_one_thing() {
    let (keys, write) = (keys(), write());
    let guards = write.look_columns.len();
    let checks = write.after_checks.len();
    assert!(guards > 1 && write.after_checks.contains(&AfterCheck::VersionMoved));
    let refused = |violation| Effect::Rejected { violation, step: "update" };
    let but = |length: usize, at: usize| (0..length).map(|index| index != at).collect::<Vec<bool>>();
    let version =
        write.after_checks.iter().position(|check| *check == AfterCheck::VersionMoved).expect("it is checked");
    let patched = usize::from(version == 0);
    for (effect, expected) in [
        (Effect::Committed { new_version: Some("2".to_owned()) }, "applied 2"),
        (Effect::InDoubt { reason: "no answer" }, "in doubt: no answer"),
        (Effect::TooLate, "released WRITEBACK_TOO_LATE"),
        (Effect::Elsewhere(Elsewhere::Receipts), "released SOURCE_CHANGED"),
        (Effect::Elsewhere(Elsewhere::Server), "released TEMPORARILY_UNAVAILABLE"),
        (refused(Violation::Constraint), "failed CONSTRAINT_VIOLATED"),
        (refused(Violation::Value), "failed VALUE_REFUSED"),
        (refused(Violation::Permission), "released PERMISSION_DENIED"),
        (refused(Violation::Missing), "released OBJECT_MISSING"),
        (refused(Violation::Deadlock), "released TEMPORARILY_UNAVAILABLE"),
        (refused(Violation::Transient), "released TEMPORARILY_UNAVAILABLE"),
        (refused(Violation::Other), "failed TRANSACTION_FAILED"),
        (Effect::Missed { affected: 0, look: Vec::new() }, "conflict ROW_NOT_FOUND"),
        (Effect::Missed { affected: 0, look: vec![but(guards, 0)] }, "conflict VERSION_CONFLICT"),
        (Effect::Missed { affected: 0, look: vec![but(guards, guards)] }, "failed WRITE_SUPPRESSED"),
        (Effect::Missed { affected: 2, look: vec![but(guards, guards)] }, "failed MULTI_ROW_WRITE_BLOCKED"),
        (Effect::Missed { affected: 0, look: vec![but(guards, 0), but(guards, 0)] }, "failed MULTI_ROW_WRITE_BLOCKED"),
        (Effect::NotAsApproved { rows: Vec::new() }, "failed AFTER_IMAGE_MISMATCH"),
        (Effect::NotAsApproved { rows: vec![but(checks, patched)] }, "failed AFTER_IMAGE_MISMATCH"),
        (Effect::NotAsApproved { rows: vec![but(checks, version)] }, "failed VERSION_NOT_ADVANCED"),
    ] {
        assert_eq!(told(&settle(&write, &keys, &effect)), expected, "{effect:?}");
    }
}

#[test]
fn a_fence_tells_what_became_of_the_change_or_that_nobody_knows() {
    let change_set = fixture::change_set();
    let hash = change_set.integrity.proposal_hash.as_str();
    let job = fixture::claim().job_id;
    for (fenced, expected) in [
        (Fenced::Won, "released WRITEBACK_FENCED"),
        (Fenced::Found(found(&job, Some(hash), "canceled")), "released WRITEBACK_FENCED"),
        (Fenced::Found(found(&job, None, "canceled")), "released WRITEBACK_FENCED"),
        (Fenced::Found(found(&job, Some(hash), "applied")), "applied 2"),
        (Fenced::Found(found(&job, Some("sha256:another"), "applied")), "failed RECEIPT_MISMATCH"),
        (Fenced::Found(found(&job, None, "applied")), "failed RECEIPT_MISMATCH"),
        (Fenced::Found(found(&job, Some(hash), "in_progress")), "failed RECEIPT_MISMATCH"),
        (Fenced::Unsure { reason: "it is open" }, "in doubt: it is open"),
        (Fenced::elsewhere(Elsewhere::Server), &format!("in doubt: {ANOTHER_SERVER}")),
    ] {
        assert_eq!(told(&settle_fence(&change_set, &fenced)), expected, "{fenced:?}");
    }
}

#[test]
fn a_settlement_is_recorded_once_by_whoever_still_has_the_claim() {
    let (claim, now) = (fixture::claim(), "2026-06-28T12:01:00Z".parse().expect("a time"));
    let applying = approved().then(&Event::ProposalPendingWorker(claim.clone())).expect("it folds");
    let of = |proposal: &Proposal, claim: &Claim, settlement: &Settlement| {
        record(proposal, claim, settlement, now).map(|event| {
            proposal.clone().then(&event).expect("what is recorded can follow");
            event.kind()
        })
    };
    let released = Settlement::Released(Code::WritebackFenced);
    let applied = Settlement::Settled(Outcome {
        status: ReceiptStatus::Applied,
        code: None,
        reason: None,
        new_version: Some("2".to_owned()),
    });
    assert_eq!(of(&applying, &claim, &applied), Some("writeback_applied"));
    assert_eq!(of(&applying, &claim, &released), Some("writeback_released"));
    assert_eq!(of(&applying, &claim, &Settlement::InDoubt("x")), Some("writeback_in_doubt"));
    assert_eq!(of(&applying, &claim, &Settlement::ClaimLost), None);
    // A doubt is not repeated, but an answer ends it.
    let doubt = record(&applying, &claim, &Settlement::InDoubt("x"), now).expect("recorded");
    let doubtful = applying.clone().then(&doubt).expect("it folds");
    assert_eq!(of(&doubtful, &claim, &Settlement::InDoubt("y")), None);
    assert_eq!(of(&doubtful, &claim, &applied), Some("writeback_applied"));
    // Whoever lost the claim meanwhile records nothing.
    let other = Claim { job_id: OTHER_JOB.to_owned(), ..claim.clone() };
    for proposal in [&applying, &approved()] {
        for settlement in [&applied, &released, &Settlement::InDoubt("x")] {
            assert_eq!(of(proposal, &other, settlement), None);
        }
    }
    let settled = record(&applying, &claim, &applied, now).expect("recorded");
    let settled = applying.then(&settled).expect("it folds");
    assert_eq!(of(&settled, &claim, &released), None);
}

#[test]
fn every_claim_on_a_proposal_writes_under_one_key_and_its_own_job() {
    let claim = fixture::claim();
    let other = Claim { job_id: OTHER_JOB.to_owned(), ..claim.clone() };
    let [one, two] = [keys_of(&claim), keys_of(&other)];
    assert_eq!(one.idempotency_key, two.idempotency_key);
    assert_ne!(one.job_id, two.job_id);
    let rehearsed = rehearsal_keys(&one);
    assert!(rehearsed.idempotency_key != one.idempotency_key && rehearsed.job_id != one.job_id);
    assert_eq!(claimed(&Claim { server_id: Some("s".to_owned()), ..claim }).server_id.as_deref(), Some("s"));
}

#[test]
fn what_became_no_plain_table_is_not_written() {
    let (contract, proposal) = (fixture::contract(EngineKind::Sqlite), approved());
    let now = "2026-06-28T12:01:00Z".parse().expect("a time");
    let ready = proposal.ready(&contract, now).expect("ready");
    let mut table = fixture::table(EngineKind::Sqlite);
    let code = |table: &Table| change(&ready, table, now, |_| None).map_err(|refusal| refusal.code()).err();
    assert_eq!(code(&table), None);
    table.refused = Some(crate::value::RefusedTarget::View);
    assert_eq!(code(&table), Some(Code::RefusedTarget));
    table.refused = None;
    table.columns.retain(|column| column.name.as_str() != "late_fee_cents");
    assert_eq!(code(&table), Some(Code::ObjectMissing));
}

#[test]
fn only_the_claimed_table_on_the_claimed_server_is_admitted() {
    let identity = |receipts: &str, server: Option<&str>| Identity {
        receipts_id: receipts.to_owned(),
        server_id: server.map(str::to_owned),
    };
    let ours = identity("r", Some("s"));
    for (found, expected) in [
        (Some(identity("r", Some("s"))), Ok(())),
        (Some(identity("r", Some("t"))), Err(Elsewhere::Server)),
        (Some(identity("r", None)), Ok(())),
        (Some(identity("q", Some("s"))), Err(Elsewhere::Receipts)),
        (Some(identity("q", Some("t"))), Err(Elsewhere::Receipts)),
        (None, Err(Elsewhere::Receipts)),
    ] {
        assert_eq!(ours.admits(found.as_ref()), expected, "{found:?}");
    }
    assert_eq!(identity("r", None).admits(Some(&ours)), Ok(()), "a claim that names no server");
}
