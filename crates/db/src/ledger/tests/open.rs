//! What may be at the path.

use std::fs;

use rusqlite::Connection;
use synapsor_core::code::Code;
use tempfile::tempdir;

use super::fixture::{CREATE, EXISTING, at, open, proposal_id, proposed};
use crate::ledger::{Ledger, files};

#[track_caller]
fn refused(path: &std::path::Path, create: bool, expect: Code) {
    let options = if create { CREATE } else { EXISTING };
    match Ledger::open(path, options) {
        Err(fault) => assert_eq!(fault.code(), expect, "{fault:?}"),
        Ok(_) => panic!("opened"),
    }
}

#[test]
fn what_is_no_ledger_is_refused_and_left_as_it_is() {
    let dir = tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    refused(dir.path(), true, Code::StoreUnreadable);
    refused(&path("missing.db"), false, Code::StoreMissing);
    assert!(!path("missing.db").exists());
    if cfg!(unix) {
        refused("/dev/zero".as_ref(), true, Code::StoreUnreadable);
    }
    refused("nul\0byte.db".as_ref(), true, Code::StoreUnreadable);
    fs::write(path("file"), "x").unwrap();
    refused(&path("file/under.db"), true, Code::StoreUnreadable);

    fs::write(path("text.db"), "no database at all, but long enough to hold a header of one".repeat(20)).unwrap();
    refused(&path("text.db"), true, Code::StoreUnreadable);
    fs::write(path("empty.db"), "").unwrap();
    refused(&path("empty.db"), false, Code::StoreMissing);

    let business = Connection::open(path("business.db")).unwrap();
    business.execute_batch("CREATE TABLE invoices (id TEXT)").unwrap();
    refused(&path("business.db"), true, Code::StoreUnreadable);
    business.pragma_update(None, "application_id", 7).unwrap();
    refused(&path("business.db"), true, Code::StoreUnreadable);
    let tables: u64 = business.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
    assert_eq!(tables, 1);
}

#[test]
fn a_newer_ledger_is_refused() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("local.db");
    drop(open(&path));
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    refused(&path, true, Code::StoreNewer);
    refused(&path, false, Code::StoreNewer);
}

#[tokio::test]
async fn damaged_pages_are_a_clear_fault() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("local.db");
    let ledger = open(&path);
    for n in 0..20 {
        ledger.append(vec![proposed(n)], at(0)).await.unwrap();
    }
    drop(ledger);
    let whole = fs::read(&path).unwrap();
    let mut header = whole.clone();
    header[..16].fill(0xff);
    fs::write(&path, &header).unwrap();
    refused(&path, true, Code::StoreUnreadable);
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    refused(&path, true, Code::StoreCorrupt);
    let mut body = whole.clone();
    body[4096..].fill(0x5a);
    fs::write(&path, &body).unwrap();
    refused(&path, true, Code::StoreCorrupt);
}

#[tokio::test]
async fn tables_of_the_first_releases_are_left_alone() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("local.db");
    let old = Connection::open(&path).unwrap();
    old.execute_batch(
        "CREATE TABLE proposal_store_schema (version INTEGER PRIMARY KEY, applied_at TEXT);
         INSERT INTO proposal_store_schema VALUES (1, '2026-01-01T00:00:00Z');
         CREATE TABLE proposals (proposal_id TEXT PRIMARY KEY, proposal_hash TEXT, state TEXT, change_set_json TEXT);
         INSERT INTO proposals VALUES ('wrp_old', 'sha256:x', 'pending_review', '{}');
         CREATE TABLE proposal_events (event_id INTEGER PRIMARY KEY AUTOINCREMENT, proposal_id TEXT, kind TEXT);
         INSERT INTO proposal_events (proposal_id, kind) VALUES ('wrp_old', 'proposal_created');
         CREATE INDEX idx_proposals_state ON proposals (state);",
    )
    .unwrap();
    refused(&path, false, Code::StoreMissing);
    let dump = |conn: &Connection| {
        let read = |sql: &str| -> Vec<String> {
            let mut statement = conn.prepare(sql).unwrap();
            statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        (
            read("SELECT sql FROM sqlite_schema WHERE tbl_name LIKE 'proposal%' AND sql IS NOT NULL ORDER BY name"),
            read("SELECT proposal_id || proposal_hash || state || change_set_json FROM proposals"),
            read("SELECT event_id || proposal_id || kind FROM proposal_events"),
        )
    };
    let before = dump(&old);
    drop(old);
    let ledger = open(&path);
    ledger.append(vec![proposed(1)], at(0)).await.unwrap();
    drop(ledger);
    assert_eq!(dump(&Connection::open(&path).unwrap()), before);
    let again = Ledger::open(&path, EXISTING).unwrap();
    assert_eq!(again.load(&proposal_id(1)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn opening_again_keeps_id_and_head() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("local.db");
    let ledger = open(&path);
    ledger.append(vec![proposed(1)], at(0)).await.unwrap();
    let (id, head) = (ledger.id().clone(), ledger.head().await.unwrap());
    drop(ledger);
    assert!(files(&path)[0].exists() && !files(&path)[1].exists(), "the log is folded in at the end");
    let again = Ledger::open(&path, EXISTING).unwrap();
    assert_eq!((again.id(), again.head().await.unwrap()), (&id, head));
    assert_ne!(open(&dir.path().join("other.db")).id(), &id);
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_a_new_ledger() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempdir().unwrap();
    let path = dir.path().join("local.db");
    let _ledger = open(&path);
    for file in &files(&path)[..3] {
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600, "{}", file.display());
    }
}
