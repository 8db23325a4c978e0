//! Numbers, copies, size and the lease.

use std::fs;

use synapsor_core::code::Code;
use synapsor_core::event::Event;
use synapsor_core::wire::receipt::ReceiptStatus;
use tempfile::tempdir;

use super::fixture::{
    EXISTING, at, claimed, decision, human_action, new, open, proposal_id, proposed, read_event, settled, slot,
};
use crate::ledger::{Lease, LeaseError, Ledger, files};

#[tokio::test]
async fn numbers_count_every_kind() {
    let dir = tempdir().unwrap();
    let ledger = open(&dir.path().join("local.db"));
    let empty = ledger.stats().await.unwrap();
    assert_eq!((empty.events, empty.proposals, empty.oldest_at), (0, 0, None));
    ledger.append(vec![read_event(1), proposed(1), slot(1, 0)], at(3)).await.unwrap();
    ledger.append(vec![new(proposal_id(1), 1, Event::ProposalApproved(decision()))], at(4)).await.unwrap();
    ledger.append(vec![new(proposal_id(1), 2, claimed(1))], at(5)).await.unwrap();
    ledger.append(vec![new(proposal_id(1), 3, settled(1, ReceiptStatus::Conflict))], at(6)).await.unwrap();
    ledger.append(vec![new(proposal_id(1), 4, human_action())], at(7)).await.unwrap();
    let stats = ledger.stats().await.unwrap();
    assert_eq!((stats.events, stats.proposal_events, stats.proposals, stats.replay_records), (7, 5, 1, 1));
    assert_eq!((stats.evidence_bundles, stats.evidence_items, stats.query_audit), (1, 1, 1));
    assert_eq!((stats.writeback_receipts, stats.writeback_jobs, stats.idempotency_receipts), (1, 1, 1));
    assert_eq!((stats.approvals, stats.shadow_human_actions), (1, 1));
    assert_eq!((stats.head.batch, stats.head.newest_at, stats.oldest_at), (5, Some(at(7)), Some(at(3))));
    assert_eq!(stats.approx_bytes, stats.page_count * stats.page_size);
}

#[tokio::test]
async fn a_copy_made_while_others_write_is_whole() {
    let dir = tempdir().unwrap();
    let ledger = open(&dir.path().join("local.db"));
    ledger.append(vec![proposed(0)], at(0)).await.unwrap();
    let writing = tokio::spawn({
        let ledger = ledger.clone();
        async move {
            for n in 1..200 {
                ledger.append(vec![proposed(n)], at(0)).await.unwrap();
            }
        }
    });
    let to = dir.path().join("copy.db");
    let head = ledger.backup(&to).await.unwrap();
    writing.await.unwrap();
    assert!(!files(&to)[1].exists(), "the copy is one file");
    let copy = Ledger::open(&to, EXISTING).unwrap();
    assert_eq!(copy.id(), ledger.id());
    assert_eq!(copy.head().await.unwrap(), head);
    let verified = copy.verify().await.unwrap();
    assert!(verified.is_sound(), "{:?}", verified.flaws);
    assert_eq!(verified.proposals, head.batch);

    let before = fs::read(&to).unwrap();
    assert_eq!(ledger.backup(&to).await.unwrap_err().code(), Code::OutputExists);
    assert_eq!(fs::read(&to).unwrap(), before);
    assert_eq!(ledger.backup(&dir.path().join("no/such/folder.db")).await.unwrap_err().code(), Code::Io);
}

#[tokio::test]
async fn vacuum_gives_space_back_and_changes_nothing() {
    let dir = tempdir().unwrap();
    let ledger = open(&dir.path().join("local.db"));
    for n in 0..20 {
        ledger.append(vec![read_event(n), proposed(n)], at(0)).await.unwrap();
    }
    let head = ledger.head().await.unwrap();
    ledger
        .write(|writer| {
            Ok(writer
                .conn
                .execute_batch("CREATE TABLE t (b BLOB); INSERT INTO t VALUES (zeroblob(1000000)); DROP TABLE t")?)
        })
        .await
        .unwrap();
    let vacuumed = ledger.vacuum().await.unwrap();
    assert!(vacuumed.after + 900_000 < vacuumed.before, "{vacuumed:?}");
    assert_eq!(ledger.head().await.unwrap(), head);
    assert!(ledger.verify().await.unwrap().is_sound());
    ledger.append(vec![proposed(20)], at(0)).await.unwrap();
}

#[test]
fn a_lease_has_one_holder_and_goes_with_it() {
    let dir = tempdir().unwrap();
    let store = dir.path().join("sub/local.db");
    let file = files(&store)[3].clone();
    assert_eq!(Lease::holder(&store).unwrap(), None);
    let lease = Lease::take(&store, "stdio", at(0)).unwrap();
    let holder = Lease::holder(&store).unwrap().unwrap();
    assert_eq!(holder.pid, Some(u64::from(std::process::id())));
    assert_eq!((holder.mode.as_deref(), holder.transport.as_deref()), (Some("mcp"), Some("stdio")));
    assert_eq!(holder.started_at, Some(at(0).to_string()));
    match Lease::take(&store, "streamable-http", at(1)) {
        Err(LeaseError::Held(named)) => assert_eq!(named, holder),
        other => panic!("{other:?}"),
    }
    drop(lease);
    assert!(!file.exists());
    assert_eq!(Lease::holder(&store).unwrap(), None);

    for left_behind in ["", "not json", r#"{"pid": 1, "mode": "mcp"}"#] {
        fs::write(&file, left_behind).unwrap();
        assert_eq!(Lease::holder(&store).unwrap(), None, "a file without a lock holds nothing");
        let taken = Lease::take(&store, "stdio", at(2)).unwrap();
        assert_eq!(Lease::holder(&store).unwrap().unwrap().transport.as_deref(), Some("stdio"));
        drop(taken);
    }
}

#[test]
fn of_twenty_servers_that_start_at_once_one_gets_the_lease() {
    let dir = tempdir().unwrap();
    let store = dir.path().join("local.db");
    for _round in 0..10 {
        let won: Vec<_> = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..20).map(|_| scope.spawn(|| Lease::take(&store, "stdio", at(0)).ok())).collect();
            racers.into_iter().filter_map(|racer| racer.join().unwrap()).collect()
        });
        assert_eq!(won.len(), 1);
    }
}
