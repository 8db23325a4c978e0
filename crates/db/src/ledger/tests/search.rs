//! Finding records.

use std::path::Path;

use jiff::Timestamp;
use synapsor_core::event::Event;
use synapsor_core::wire::receipt::ReceiptStatus;
use tempfile::tempdir;

use super::fixture::{
    at, change_set, claimed, decision, evidence, evidence_id, human_action, new, open, proposal_id, proposed,
    read_event, settled, slot,
};
use crate::ledger::search::number_forms;
use crate::ledger::{EventFilter, Kind, Ledger, NewEvent, Query};

async fn append(ledger: &Ledger, seconds: i64, group: Vec<NewEvent>) {
    ledger.append(group, at(seconds)).await.unwrap();
}

/// Events 1–3: reads of INV-1 to INV-3. 4–5: a proposal on INV-1 with its read. 6: on INV-2, by another principal of another
/// tenant, in shadow mode. 7–9: the first approved, claimed, applied. 10: a human action. 11: a proposal on INV-3.
async fn story() -> Ledger {
    let ledger = open(Path::new(":memory:"));
    for n in 1..=3 {
        append(&ledger, n, vec![read_event(n.unsigned_abs())]).await;
    }
    let mut own_read = evidence(1);
    own_read.kind = "proposal".to_owned();
    own_read.proposal_id = Some(proposal_id(1));
    append(&ledger, 4, vec![new(evidence_id(11), 0, Event::EvidenceRecorded(Box::new(own_read))), proposed(1)]).await;
    let mut shadow = change_set(2);
    shadow.mode = "shadow".to_owned();
    shadow.scope.tenant_id = "globex".to_owned();
    shadow.principal.id = "eve".to_owned();
    shadow.source.schema = "crm".to_owned();
    append(&ledger, 5, vec![new(proposal_id(2), 0, Event::ProposalCreated(Box::new(shadow.sealed())))]).await;
    append(&ledger, 6, vec![new(proposal_id(1), 1, Event::ProposalApproved(decision()))]).await;
    append(&ledger, 7, vec![new(proposal_id(1), 2, claimed(1))]).await;
    append(&ledger, 8, vec![new(proposal_id(1), 3, settled(1, ReceiptStatus::Applied))]).await;
    append(&ledger, 9, vec![new(proposal_id(2), 1, human_action())]).await;
    append(&ledger, 10, vec![proposed(3)]).await;
    ledger
}

fn weeks_later() -> Timestamp {
    at(30 * 86_400)
}

#[tokio::test]
async fn filters_find_exactly_what_fits() {
    let ledger = story().await;
    let check = async |kind: Kind, edit: &dyn Fn(&mut Query), expect: &[u64]| {
        let mut query = Query::new(kind, at(20));
        edit(&mut query);
        let found = ledger.search(query.clone()).await.unwrap();
        let ids: Vec<u64> = found.iter().map(|record| record.stored.event_id).collect();
        assert_eq!(ids, expect, "{query:?}");
    };
    let text = |text: &str| Some(text.to_owned());
    use Kind::{HumanAction, Proposal, Read, Receipt};

    check(Proposal, &|_| {}, &[11, 6, 5]).await;
    check(Read, &|_| {}, &[4, 3, 2, 1]).await;
    check(Receipt, &|_| {}, &[9]).await;
    check(HumanAction, &|_| {}, &[10]).await;

    check(Proposal, &|q| q.limit = 1, &[11]).await;
    check(Proposal, &|q| q.before = Some(11), &[6, 5]).await;
    check(Read, &|q| q.event_id = Some(3), &[3]).await;
    check(Read, &|q| q.event_id = Some(u64::MAX), &[]).await;
    check(Receipt, &|q| (q.limit, q.before) = (usize::MAX, Some(u64::MAX)), &[9]).await;
    check(Proposal, &|q| q.tenant = text("acme"), &[11, 5]).await;
    check(Proposal, &|q| q.tenant = text("ACME"), &[]).await;
    check(Proposal, &|q| q.principal = text("eve"), &[6]).await;
    check(Read, &|q| q.capability = text("billing.inspect_invoice"), &[4, 3, 2, 1]).await;
    check(Proposal, &|q| q.capability = text("billing.inspect_invoice"), &[]).await;
    for name in ["invoice", "invoices", "public.invoice", "public.invoices"] {
        let reads: &[u64] = &[4, 3, 2, 1];
        check(Read, &|q| q.object_type = text(name), reads).await;
        let proposals: &[u64] = if name.contains('.') { &[11, 5] } else { &[11, 6, 5] };
        check(Proposal, &|q| q.object_type = text(name), proposals).await;
    }
    check(Read, &|q| q.object_type = text("invoic"), &[]).await;
    check(Read, &|q| q.object_type = text("crm.invoice"), &[]).await;
    check(Read, &|q| q.object_type = text("%"), &[]).await;
    check(Read, &|q| q.object_id = text("INV-1"), &[4, 1]).await;
    check(Receipt, &|q| q.object_id = text("INV-1"), &[9]).await;
    check(HumanAction, &|q| q.tenant = text("globex"), &[10]).await;
    check(Proposal, &|q| q.source = text("app"), &[11, 6, 5]).await;
    check(Proposal, &|q| q.source = text("other"), &[]).await;
    check(Proposal, &|q| q.table = text("invoices"), &[11, 6, 5]).await;
    check(Proposal, &|q| q.table = text("crm.invoices"), &[6]).await;
    check(Proposal, &|q| q.table = text("invoice"), &[]).await;
    check(Read, &|q| (q.from, q.to) = (Some(at(2)), Some(at(3))), &[3, 2]).await;
    check(Read, &|q| q.query_fingerprint = Some(evidence(2).query_fingerprint), &[2]).await;
    check(Read, &|q| q.proposal = Some(proposal_id(1)), &[4]).await;
    check(Receipt, &|q| q.proposal = Some(proposal_id(1)), &[9]).await;
    check(Read, &|q| q.evidence = Some(evidence_id(2)), &[2]).await;
    check(Proposal, &|q| q.evidence = Some(evidence_id(2)), &[6]).await;
    check(Receipt, &|q| q.writeback_job = text("wbj_00000000000000000001"), &[9]).await;
    check(Receipt, &|q| q.writeback_job = text("wbj_00000000000000000002"), &[]).await;
    check(Receipt, &|q| q.idempotency_key = Some(format!("{}:INV-1", proposal_id(1))), &[9]).await;
    check(Receipt, &|q| q.state = text("applied"), &[9]).await;
    check(Receipt, &|q| q.state = text("conflict"), &[]).await;
    check(Proposal, &|q| q.state = text("applied"), &[5]).await;
    check(Proposal, &|q| q.shadow = Some(true), &[6]).await;
    check(Proposal, &|q| q.shadow = Some(false), &[11, 5]).await;

    check(Proposal, &|q| q.state = text("pending_review"), &[11, 6]).await;
    check(Proposal, &|q| q.state = text("expired"), &[]).await;
    check(Proposal, &|q| (q.state, q.now) = (text("pending_review"), weeks_later()), &[6]).await;
    check(Proposal, &|q| (q.state, q.now) = (text("expired"), weeks_later()), &[11]).await;
    check(Proposal, &|q| (q.state, q.now) = (text("applied"), weeks_later()), &[5]).await;
}

#[tokio::test]
async fn records_say_what_their_events_say() {
    let ledger = story().await;
    let found = ledger.search(Query::new(Kind::Proposal, weeks_later())).await.unwrap();
    let states: Vec<_> = found.iter().map(|record| record.state.as_deref().unwrap()).collect();
    assert_eq!(states, ["expired", "pending_review", "applied"]);
    let applied = &found[2];
    assert!(applied.source_database_mutated && !found[0].source_database_mutated);
    assert_eq!((applied.stored.at, applied.updated_at), (at(4), at(8)));
    assert_eq!(applied.expires_at, Some(at(7 * 86_400)));
    assert_eq!(applied.stored.event, proposed(1).event);
    let receipt = &ledger.search(Query::new(Kind::Receipt, at(20))).await.unwrap()[0];
    assert_eq!((receipt.proposal_id.as_deref(), receipt.tenant_id.as_str()), (Some(&*proposal_id(1)), "acme"));
}

#[tokio::test]
async fn events_are_listed_in_order() {
    let ledger = story().await;
    append(&ledger, 11, vec![slot(3, 0)]).await;
    let check = async |filter: EventFilter, expect: &[u64]| {
        let ids: Vec<u64> = ledger.events(filter.clone()).await.unwrap().iter().map(|stored| stored.event_id).collect();
        assert_eq!(ids, expect, "{filter:?}");
    };
    let all = EventFilter { limit: 100, ..EventFilter::default() };
    check(all.clone(), &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]).await;
    check(EventFilter { limit: 2, ..all.clone() }, &[1, 2]).await;
    check(EventFilter { limit: 2, newest: true, ..all.clone() }, &[11, 12]).await;
    check(EventFilter { after: 10, ..all.clone() }, &[11, 12]).await;
    check(EventFilter { after: u64::MAX, limit: usize::MAX, ..all.clone() }, &[]).await;
    check(EventFilter { kind: Some("proposal_created".to_owned()), ..all.clone() }, &[5, 6, 11]).await;
    check(EventFilter { kind: Some("writeback_applied".to_owned()), ..all.clone() }, &[9]).await;
    check(EventFilter { actor: Some("bob".to_owned()), ..all.clone() }, &[7]).await;
    check(EventFilter { actor: Some("support.agent".to_owned()), limit: 1, newest: true, ..all.clone() }, &[11]).await;
    check(EventFilter { proposal: Some(proposal_id(1)), ..all.clone() }, &[4, 5, 7, 8, 9]).await;
    check(EventFilter { from: Some(at(9)), to: Some(at(10)), ..all.clone() }, &[10, 11]).await;
    let owners: Vec<_> = ledger.events(all).await.unwrap().iter().map(|s| s.proposal_id().map(str::to_owned)).collect();
    assert_eq!(owners[3], Some(proposal_id(1)));
    assert_eq!((&owners[0], &owners[11]), (&None, &Some(proposal_id(3))));
}

#[tokio::test]
async fn another_process_is_found_too_and_rebuilding_changes_nothing() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("local.db");
    let (one, two) = (open(&path), open(&path));
    for n in 0..300 {
        append(&one, 1, vec![read_event(n), proposed(n)]).await;
    }
    let mut query = Query::new(Kind::Proposal, at(20));
    query.limit = 1000;
    let found = two.search(query.clone()).await.unwrap();
    assert_eq!(found.len(), 300);
    append(&one, 2, vec![new(proposal_id(7), 1, Event::ProposalRejected(decision()))]).await;
    let found = two.search(query.clone()).await.unwrap();
    let rejected: Vec<_> = found.iter().filter(|record| record.state.as_deref() == Some("rejected")).collect();
    assert_eq!(rejected.len(), 1);
    assert_eq!(rejected[0].proposal_id, Some(proposal_id(7)));
    one.rebuild_projections().await.unwrap();
    assert_eq!(two.search(query.clone()).await.unwrap(), found);
    assert_eq!(one.search(query).await.unwrap(), found);
}

#[tokio::test]
async fn a_proposal_that_does_not_fold_is_shown_as_damaged() {
    let ledger = open(Path::new(":memory:"));
    append(&ledger, 1, vec![proposed(1), proposed(2)]).await;
    append(&ledger, 2, vec![new(proposal_id(1), 1, claimed(1))]).await;
    let found = ledger.search(Query::new(Kind::Proposal, at(20))).await.unwrap();
    let states: Vec<_> = found.iter().map(|record| record.state.as_deref().unwrap()).collect();
    assert_eq!(states, ["pending_review", "damaged"]);
}

#[test]
fn singular_and_plural_find_each_other() {
    let pairs = [("invoice", "invoices"), ("category", "categories"), ("address", "addresses"), ("status", "statuses")];
    for (one, many) in pairs.into_iter().chain([("box", "boxes"), ("branch", "branches"), ("case", "cases")]) {
        assert!(number_forms(one).iter().any(|form| form == many), "{one}: {:?}", number_forms(one));
        assert!(number_forms(many).iter().any(|form| form == one), "{many}: {:?}", number_forms(many));
    }
    for name in ["s", "es", "y", "ies", "", "é", "ünïs"] {
        assert_eq!(number_forms(name)[0], name);
        assert!(number_forms(name).iter().all(|form| name.is_empty() || !form.is_empty()), "{name}");
    }
}
