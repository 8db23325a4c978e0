//! Appending and reading back.

use std::path::Path;

use tempfile::tempdir;

use super::fixture::{any_step, at, decision, evidence_id, new, open, proposal_id, proposed, read_event, slot};
use crate::ledger::AppendError;
use crate::ledger::chain::Leaf;
use serde_json::json;
use synapsor_core::digest;
use synapsor_core::event::Event;

#[tokio::test]
async fn what_was_appended_is_read_back_exactly() {
    let dir = tempdir().unwrap();
    for path in [dir.path().join("deep/er/local.db"), Path::new(":memory:").to_owned()] {
        let ledger = open(&path);
        assert_eq!(ledger.head().await.unwrap().batch, 0);
        assert_eq!(ledger.latest_proposal().await.unwrap(), None);
        let group = vec![read_event(1), proposed(1), slot(1, 0)];
        assert_eq!(ledger.append(group.clone(), at(1)).await.unwrap(), [1, 2, 3]);
        let approved = new(proposal_id(1), 1, Event::ProposalApproved(decision()));
        assert_eq!(ledger.append(vec![approved.clone()], at(0)).await.unwrap(), [4]);
        assert_eq!(ledger.append(Vec::new(), at(9)).await.unwrap(), Vec::<u64>::new());

        let stored = ledger.load(&proposal_id(1)).await.unwrap();
        let got: Vec<_> = stored.iter().map(|s| (s.event_id, s.seq, s.at, s.event.clone())).collect();
        assert_eq!(got, [(2, 0, at(1), group[1].event.clone()), (4, 1, at(0), approved.event)]);
        assert_eq!(ledger.load(&evidence_id(1)).await.unwrap()[0].event, group[0].event);
        assert_eq!(ledger.load("nothing").await.unwrap(), []);
        assert_eq!(ledger.latest_proposal().await.unwrap().unwrap().as_str(), proposal_id(1));
        let head = ledger.head().await.unwrap();
        assert_eq!(
            (head.batch, head.newest_at),
            (2, Some(at(1))),
            "a clock that went back does not take `now` with it"
        );
    }
}

#[tokio::test]
async fn the_newest_time_is_known_from_what_was_written_or_asked() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("local.db");
    let (ledger, other) = (open(&path), open(&path));
    assert_eq!(ledger.newest_seen(), None);
    ledger.append(vec![read_event(1)], at(5)).await.unwrap();
    assert_eq!((ledger.newest_seen(), other.newest_seen()), (Some(at(5)), None));
    // What others wrote before is in it, also when the clock here went back.
    other.append(vec![read_event(2)], at(3)).await.unwrap();
    assert_eq!(other.newest_seen(), Some(at(5)));
    other.append(vec![read_event(3)], at(9)).await.unwrap();
    assert_eq!(ledger.newest_seen(), Some(at(5)));
    ledger.head().await.unwrap();
    assert_eq!(ledger.newest_seen(), Some(at(9)));
}

#[tokio::test]
async fn those_who_said_that_they_come_and_do_not_hold_nobody_up() {
    let ledger = open(Path::new(":memory:"));
    let many: Vec<_> = (0..64).map(|_| ledger.coming()).collect();
    // One that comes while 63 others are expected waits a moment, and no more.
    ledger.append(vec![read_event(100)], at(0)).await.unwrap();
    let appends = (0..64).map(|number| {
        let ledger = ledger.clone();
        tokio::spawn(async move { ledger.append(vec![read_event(number)], at(1)).await })
    });
    for append in appends.collect::<Vec<_>>() {
        append.await.unwrap().unwrap();
    }
    let shared = ledger.head().await.unwrap().batch;
    drop(many);
    ledger.append(vec![read_event(101)], at(2)).await.unwrap();
    assert_eq!(ledger.head().await.unwrap().batch, shared + 1);
    assert_eq!(ledger.load(&evidence_id(63)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_group_is_written_whole_or_not_at_all() {
    let ledger = open(Path::new(":memory:"));
    ledger.append(vec![proposed(1)], at(0)).await.unwrap();
    let approve = |seq| new(proposal_id(1), seq, Event::ProposalApproved(decision()));
    let stale = |subject: String, group| {
        let ledger = ledger.clone();
        async move {
            match ledger.append(group, at(1)).await {
                Err(AppendError::Stale { subject: named }) => assert_eq!(named, subject),
                other => panic!("{other:?}"),
            }
        }
    };
    stale(proposal_id(1), vec![read_event(1), approve(0)]).await;
    stale(proposal_id(1), vec![read_event(1), approve(2)]).await;
    stale(proposal_id(1), vec![approve(1), approve(1)]).await;
    stale(slot(1, 1).subject, vec![approve(1), slot(1, 1)]).await;
    assert_eq!(ledger.head().await.unwrap().batch, 1);
    assert_eq!(ledger.load(&evidence_id(1)).await.unwrap(), []);
    assert_eq!(ledger.append(vec![approve(1), slot(1, 0), slot(2, 1)], at(1)).await.unwrap(), [2, 3, 4]);
}

#[test]
fn bodies_and_leaves_are_written_as_their_documents_say() {
    for event in (0..9).map(|choice| any_step(1, choice)).chain([read_event(1).event, proposed(1).event]) {
        assert_eq!(event.body_text(), event.body().to_string());
        assert_eq!(Event::from_stored(event.kind(), &event.body_text()).unwrap(), event);
    }
    for subject in ["wrp_1", "q\"uo\\te\n\u{1}\u{7f}\u{2028}", "ünï 😀"] {
        let leaf = Leaf { event_id: 7, subject, seq: 3, at: -5, kind: "a\"b", body_digest: "sha256:x" };
        let canonical = json!(["synapsor-ledger-event.v1", 7, subject, 3, -5, "a\"b", "sha256:x"]);
        assert_eq!(leaf.digest(), digest::of(&canonical), "{subject}");
    }
}
