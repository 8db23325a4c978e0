//! A disk that is full, a file that goes away, and content that is put back.

use std::fs;

use rusqlite::Connection;
use synapsor_core::code::Code;
use tempfile::tempdir;

use super::fixture::{at, evidence_id, open, proposal_id, proposed, read_event, unlocked};
use crate::ledger::{AppendError, Ledger, NewEvent, files};

async fn append(ledger: &Ledger, group: Vec<NewEvent>) -> Result<Vec<u64>, Code> {
    ledger.append(group, at(0)).await.map_err(|error| match error {
        AppendError::Fault(fault) => fault.code(),
        stale @ AppendError::Stale { .. } => panic!("{stale:?}"),
    })
}

async fn limit_pages(ledger: &Ledger, more: Option<u64>) {
    let set = move |conn: &Connection| {
        let pages: u64 = conn.pragma_query_value(None, "page_count", |row| row.get(0))?;
        let most = more.map_or(1 << 30, |more| pages + more);
        conn.pragma_update_and_check(None, "max_page_count", most, |_| Ok(()))
    };
    ledger.write(move |writer| Ok(set(&writer.conn)?)).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_writes_nothing_by_halves_and_passes() {
    let dir = tempdir().unwrap();
    let ledger = open(&dir.path().join("local.db"));
    append(&ledger, vec![proposed(0)]).await.unwrap();
    for room in 0..6 {
        limit_pages(&ledger, Some(room)).await;
        let first = room * 1000 + 1;
        let mut n = first;
        let code = loop {
            match append(&ledger, vec![read_event(n), proposed(n)]).await {
                Ok(_) => n += 1,
                Err(code) => break code,
            }
        };
        assert_eq!(code, Code::TemporarilyUnavailable);
        assert_eq!(ledger.load(&evidence_id(n)).await.unwrap(), []);
        assert_eq!(ledger.load(&proposal_id(n)).await.unwrap(), []);
        let verified = ledger.verify().await.unwrap();
        assert!(verified.is_sound(), "{:?}", verified.flaws);
        limit_pages(&ledger, None).await;
        append(&ledger, vec![read_event(n), proposed(n)]).await.unwrap();
    }
    assert!(ledger.verify().await.unwrap().is_sound());
}

#[tokio::test]
async fn a_file_that_was_deleted_or_replaced_is_noticed() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("local.db");
    let other = dir.path().join("other.db");
    drop(open(&other));
    let gone = |path: &std::path::Path| files(path).iter().for_each(|file| drop(fs::remove_file(file)));
    let replaced = |path: &std::path::Path| fs::rename(&other, path).unwrap();
    for spoil in [&gone as &dyn Fn(&std::path::Path), &replaced] {
        let ledger = open(&path);
        append(&ledger, vec![proposed(1)]).await.unwrap();
        spoil(&path);
        assert_eq!(append(&ledger, vec![proposed(2)]).await, Err(Code::StoreReplaced));
        assert_eq!(ledger.load(&proposal_id(1)).await.unwrap_err().code(), Code::StoreReplaced);
        assert_eq!(ledger.head().await.unwrap_err().code(), Code::StoreReplaced);
        drop(ledger);
        gone(&path);
    }
}

#[tokio::test]
async fn older_or_other_content_in_the_same_file_is_noticed() {
    let dir = tempdir().unwrap();
    for (name, edit, expect) in [
        (
            "older",
            "DELETE FROM ledger_batches WHERE batch = 2; DELETE FROM ledger_events WHERE event_id = 2",
            Code::StoreReplaced,
        ),
        (
            "other",
            "UPDATE ledger_meta SET value = 'led_00000000000000000000' WHERE key = 'ledger_id'",
            Code::StoreReplaced,
        ),
        (
            "lost batch",
            "INSERT INTO ledger_events SELECT 3, 'ev_x', 0, at, kind, digest, body_digest, salt, body FROM ledger_events WHERE event_id = 2",
            Code::StoreCorrupt,
        ),
    ] {
        let path = dir.path().join(name);
        let ledger = open(&path);
        append(&ledger, vec![proposed(1)]).await.unwrap();
        append(&ledger, vec![proposed(2)]).await.unwrap();
        unlocked(&path).execute_batch(edit).unwrap();
        assert_eq!(append(&ledger, vec![proposed(3)]).await, Err(expect), "{name}");
        assert_eq!(ledger.load(&proposal_id(3)).await.unwrap(), [], "{name}");
    }
}

#[tokio::test]
async fn events_cannot_be_changed_by_accident() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("local.db");
    let ledger = open(&path);
    append(&ledger, vec![proposed(1)]).await.unwrap();
    let conn = Connection::open(&path).unwrap();
    for sql in [
        "UPDATE ledger_events SET seq = 1",
        "DELETE FROM ledger_events",
        "UPDATE ledger_batches SET count = 0",
        "DELETE FROM ledger_batches",
    ] {
        assert!(conn.execute(sql, []).is_err(), "{sql}");
    }
    assert!(ledger.verify().await.unwrap().is_sound());
}
