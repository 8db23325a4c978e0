//! Every edit of the file shows.

use synapsor_core::event::Event;
use synapsor_core::id::LedgerId;
use synapsor_core::wire::receipt::ReceiptStatus;
use tempfile::tempdir;

use super::fixture::{
    EXISTING, at, claimed, decision, new, open, proposal_id, proposed, read_event, settled, unlocked,
};
use crate::ledger::chain::{Batch, Leaf, body_digest};
use crate::ledger::{Ledger, Verification};
use synapsor_core::digest::{self, Digest};

/// Batch 1: events 1–2, a read and proposal 1. Batch 2: events 3–5, proposals 2 and 3 and a read. Batches 3–5: events 6–8,
/// proposal 1 approved, claimed, applied.
async fn tampered(edit: impl FnOnce(&rusqlite::Connection)) -> Verification {
    let dir = tempdir().unwrap();
    let path = dir.path().join("local.db");
    let ledger = open(&path);
    ledger.append(vec![read_event(1), proposed(1)], at(1)).await.unwrap();
    ledger.append(vec![proposed(2), proposed(3), read_event(2)], at(2)).await.unwrap();
    ledger.append(vec![new(proposal_id(1), 1, Event::ProposalApproved(decision()))], at(3)).await.unwrap();
    ledger.append(vec![new(proposal_id(1), 2, claimed(1))], at(4)).await.unwrap();
    ledger.append(vec![new(proposal_id(1), 3, settled(1, ReceiptStatus::Applied))], at(5)).await.unwrap();
    let before = ledger.verify().await.unwrap();
    assert!(before.is_sound(), "{:?}", before.flaws);
    assert_eq!((before.batches, before.events, before.subjects, before.proposals), (5, 8, 5, 3));
    drop(ledger);
    let conn = unlocked(&path);
    edit(&conn);
    drop(conn);
    Ledger::open(&path, EXISTING).unwrap().verify().await.unwrap()
}

/// Edits by statements, and expects the first flaw, in these words and at this place.
async fn check(sql: &str, what: &str, batch: Option<u64>, event_id: Option<u64>) {
    let found = tampered(|conn| conn.execute_batch(sql).unwrap()).await;
    let first = found.flaws.first().unwrap_or_else(|| panic!("not seen: {sql}"));
    assert_eq!((first.what, first.batch, first.event_id), (what, batch, event_id), "{sql}\n{:#?}", found.flaws);
}

#[tokio::test]
async fn edited_events() {
    let columns = "the event's columns were changed";
    let body = "the event's body was changed";
    check("UPDATE ledger_events SET body = replace(body, '5500', '5501') WHERE event_id = 2", body, Some(1), Some(2))
        .await;
    check("UPDATE ledger_events SET body = body || ' ' WHERE event_id = 6", body, Some(3), Some(6)).await;
    check("UPDATE ledger_events SET salt = zeroblob(16) WHERE event_id = 2", body, Some(1), Some(2)).await;
    check(
        "UPDATE ledger_events SET body = NULL, salt = NULL WHERE event_id = 1",
        "the event has no body",
        Some(1),
        Some(1),
    )
    .await;
    check("UPDATE ledger_events SET subject = 'wrp_x' WHERE event_id = 4", columns, Some(2), Some(4)).await;
    check("UPDATE ledger_events SET seq = 7 WHERE event_id = 4", columns, Some(2), Some(4)).await;
    check("UPDATE ledger_events SET at = at + 1 WHERE event_id = 4", columns, Some(2), Some(4)).await;
    check("UPDATE ledger_events SET kind = 'proposal_rejected' WHERE event_id = 6", columns, Some(3), Some(6)).await;
    check("UPDATE ledger_events SET digest = replace(digest, 'a', 'b') WHERE event_id = 6", columns, Some(3), Some(6))
        .await;
    check("UPDATE ledger_events SET body_digest = digest WHERE event_id = 6", body, Some(3), Some(6)).await;
    // An edit at the very end of the ledger, and one of a time only.
    check("UPDATE ledger_events SET at = at + 1 WHERE event_id = 8", columns, Some(5), Some(8)).await;
}

#[tokio::test]
async fn missing_moved_and_added_events() {
    let missing = "an event of the batch is missing";
    check("DELETE FROM ledger_events WHERE event_id = 4", missing, Some(2), None).await;
    check("DELETE FROM ledger_events WHERE event_id = 8", missing, Some(5), None).await;
    check("DELETE FROM ledger_events WHERE event_id = 1", missing, Some(1), None).await;
    check(&format!("DELETE FROM ledger_events WHERE subject = '{}'", proposal_id(1)), missing, Some(1), None).await;
    let columns = "the event's columns were changed";
    check(
        "UPDATE ledger_events SET event_id = 100 WHERE event_id = 3; UPDATE ledger_events SET event_id = 3 WHERE event_id = 4;
         UPDATE ledger_events SET event_id = 4 WHERE event_id = 100",
        columns,
        Some(2),
        Some(3),
    )
    .await;
    let copy = |event_id: u64| {
        format!(
            "INSERT INTO ledger_events SELECT {event_id}, 'ev_added', 0, at, kind, digest, body_digest, salt, body
             FROM ledger_events WHERE event_id = 1"
        )
    };
    check(&copy(9), "the event is outside every batch", None, Some(9)).await;
    check(&copy(0), "the event is outside every batch", None, Some(0)).await;
    check("DELETE FROM ledger_events", missing, Some(1), None).await;
}

#[tokio::test]
async fn edited_batches() {
    let changed = "the batch was changed";
    for edit in [
        "root = replace(root, 'a', 'b')",
        "digest = replace(digest, 'a', 'b')",
        "prev_batch_digest = digest",
        "at = at + 1",
        "first_event_id = 4",
        "count = 2",
    ] {
        check(&format!("UPDATE ledger_batches SET {edit} WHERE batch = 2"), changed, Some(2), None).await;
    }
    check("DELETE FROM ledger_batches WHERE batch = 1", "a batch before this one is missing", Some(2), None).await;
    check("DELETE FROM ledger_batches WHERE batch = 3", "a batch before this one is missing", Some(4), None).await;
    check("DELETE FROM ledger_batches WHERE batch = 5", "the event is outside every batch", None, Some(8)).await;
    check("UPDATE ledger_batches SET batch = 9 WHERE batch = 5", "a batch before this one is missing", Some(9), None)
        .await;
    let other = LedgerId::from_random([9; 10]);
    let edit = format!("UPDATE ledger_meta SET value = '{other}' WHERE key = 'ledger_id'");
    check(&edit, changed, Some(1), None).await;
}

/// Edits that keep every digest of an event or of a batch right still break the chain above.
#[tokio::test]
async fn edits_with_digests_made_anew() {
    let found = tampered(|conn| {
        forge(conn, 6, |body| body.replace("looks right", "looks wrong"));
    })
    .await;
    let first = &found.flaws[0];
    assert_eq!((first.what, first.batch), ("the batch's events are not those that were committed", Some(3)));

    let found = tampered(|conn| {
        forge(conn, 6, |body| body.replace("looks right", "looks wrong"));
        seal(conn, 3);
    })
    .await;
    let first = &found.flaws[0];
    assert_eq!((first.what, first.batch), ("the batch does not follow from the one before", Some(4)));
}

/// A forger who makes the whole chain anew is not seen by its digests, but what no runner would write is.
#[tokio::test]
async fn forged_histories_must_still_make_sense() {
    let forged = async |event_id: u64, edit: &dyn Fn(String) -> String| {
        let found = tampered(|conn| {
            forge(conn, event_id, edit);
            (1..=5).for_each(|batch| seal(conn, batch));
        })
        .await;
        found.flaws.iter().map(|flaw| flaw.what).collect::<Vec<_>>()
    };
    assert_eq!(forged(6, &|body| body.replace("looks right", "looks wrong")).await, Vec::<&str>::new());
    assert_eq!(forged(2, &|body| body.replace("5500", "5501")).await, ["the proposal does not replay"]);
    assert_eq!(forged(7, &|body| body.replace("wbj_0", "wbj_1")).await, ["the proposal does not replay"]);
    let receipt = "the receipt does not hash to its recorded value";
    assert_eq!(forged(8, &|body| body.replace("runner-1", "runner-2")).await, [receipt]);
    assert_eq!(forged(6, &|_| "{}".to_owned()).await, ["the event does not read"]);
    assert_eq!(
        forged(3, &|body| body.replace(&proposal_id(2), &proposal_id(9))).await,
        ["the proposal's id is not its subject's", "the proposal does not replay"]
    );
}

#[tokio::test]
async fn pages_that_do_not_agree_with_their_index() {
    let found = tampered(|conn| {
        conn.execute_batch(
            "PRAGMA writable_schema = ON;
             UPDATE sqlite_schema SET sql = 'CREATE INDEX ledger_events_kind ON ledger_events (subject)'
             WHERE name = 'ledger_events_kind'",
        )
        .unwrap();
    })
    .await;
    assert_eq!(found.flaws[0].what, "the file's pages or indexes are damaged");
}

/// What was edited is also refused where it is used, without anyone asking to verify.
#[tokio::test]
async fn an_edited_record_is_not_used() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("local.db");
    let ledger = open(&path);
    ledger.append(vec![proposed(1), read_event(1)], at(1)).await.unwrap();
    let conn = unlocked(&path);
    conn.execute_batch("UPDATE ledger_events SET body = replace(body, '5500', '5501') WHERE event_id = 1").unwrap();
    let fault = ledger.load(&proposal_id(1)).await.unwrap_err();
    assert_eq!(fault.code(), synapsor_core::code::Code::StoreCorrupt);
    ledger.append(vec![read_event(2)], at(2)).await.unwrap();
}

/// Edits a body and makes its event's digests anew.
fn forge(conn: &rusqlite::Connection, event_id: u64, edit: impl Fn(String) -> String) {
    let read = "SELECT subject, seq, at, kind, salt, body FROM ledger_events WHERE event_id = ?1";
    let (subject, seq, at, kind, salt, body): (String, u64, i64, String, Vec<u8>, String) = conn
        .query_row(read, [event_id], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?)))
        .unwrap();
    let forged = edit(body.clone());
    assert_ne!(forged, body, "the edit must change something");
    let body_digest = body_digest(&salt, &forged);
    let leaf = Leaf { event_id, subject: &subject, seq, at, kind: &kind, body_digest: body_digest.as_str() }.digest();
    let write = "UPDATE ledger_events SET body = ?2, body_digest = ?3, digest = ?4 WHERE event_id = ?1";
    conn.execute(write, (event_id, forged, body_digest.as_str(), leaf.as_str())).unwrap();
}

/// Makes a batch's root, link and digest anew.
fn seal(conn: &rusqlite::Connection, batch: u64) {
    let read = "SELECT first_event_id, count, at FROM ledger_batches WHERE batch = ?1";
    let (first_event_id, count, at): (u64, u64, i64) =
        conn.query_row(read, [batch], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    let mut leaves = conn.prepare("SELECT digest FROM ledger_events WHERE event_id BETWEEN ?1 AND ?2").unwrap();
    let leaves: Vec<Digest> = leaves
        .query_map([first_event_id, first_event_id + count - 1], |row| row.get::<_, String>(0))
        .unwrap()
        .map(|text| Digest::parse(&text.unwrap()).unwrap())
        .collect();
    let prev = "SELECT coalesce((SELECT digest FROM ledger_batches WHERE batch = ?1 - 1), ?2)";
    let genesis = digest::merkle_root(&[]);
    let prev: String = conn.query_row(prev, (batch, genesis.as_str()), |row| row.get(0)).unwrap();
    let id: String = conn.query_row("SELECT value FROM ledger_meta WHERE key = 'ledger_id'", [], |r| r.get(0)).unwrap();
    let root = digest::merkle_root(&leaves).as_str().to_owned();
    let sealed = Batch { batch, first_event_id, count, prev, root, at };
    let digest = sealed.digest(&LedgerId::parse(&id).unwrap());
    let write = "UPDATE ledger_batches SET prev_batch_digest = ?2, root = ?3, digest = ?4 WHERE batch = ?1";
    conn.execute(write, (batch, &sealed.prev, &sealed.root, digest.as_str())).unwrap();
}
