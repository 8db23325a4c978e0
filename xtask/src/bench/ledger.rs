//! The ledger as it grows.

use std::path::Path;
use std::time::Instant;

use jiff::Timestamp;
use serde_json::json;
use synapsor_core::contract::Durability;
use synapsor_core::event::Event;
use synapsor_db::ledger::{Kind, Ledger, NewEvent, OpenOptions, Query};

use super::Pace;
use super::board::{Board, Target, median};
use super::world::World;

const OPTIONS: OpenOptions = OpenOptions { create: true, durability: Durability::Full };

/// Events that are written together while the ledger is filled.
const GROUP: u64 = 500;
/// How often each thing is done.
const TIMES: u64 = 300;
const OPENS: usize = 20;

/// How long something takes with so many events, in microseconds.
struct Took {
    append: f64,
    load: f64,
    open: f64,
}

pub(super) async fn measure(world: &World, pace: Pace, board: &mut Board) -> Result<(), String> {
    let path = world.store();
    let event = evidence()?;
    let mut first: Option<Took> = None;
    let mut held = 0;
    for power in pace.events {
        let size = 10_u64.pow(*power);
        fill(&path, &event, held, size).await?;
        held = size + TIMES;
        let took = times(&path, &event, size).await?;
        let of = |what: &str| format!("ledger of 10^{power} events: {what}");
        board.note(&of("append one"), "µs", Target::None, took.append);
        board.note(&of("read one subject back"), "µs", Target::None, took.load);
        board.note(&of("open"), "ms", Target::AtMost(50.0), took.open / 1e3);
        if let Some(small) = &first {
            let grown = |what: &str| format!("ledger of 10^{power} events over one of 10^3: {what}");
            // Flat, but for a level more in the index and for what a busy machine does.
            board.note(&grown("append one"), "×", Target::AtMost(2.0), took.append / small.append);
            board.note(&grown("read one subject back"), "×", Target::AtMost(2.0), took.load / small.load);
        } else {
            first = Some(took);
        }
    }
    Ok(())
}

async fn fill(path: &Path, event: &Event, from: u64, to: u64) -> Result<(), String> {
    let ledger = open(path)?;
    let mut next = from;
    while next < to {
        let end = to.min(next + GROUP);
        let group = (next..end).map(|number| new(number, event)).collect();
        ledger.append(group, Timestamp::now()).await.map_err(|e| format!("the ledger: {e}"))?;
        next = end;
    }
    // Search follows what is recorded; what is measured next should not compete with it.
    ledger.search(Query::new(Kind::Read, Timestamp::now())).await.map_err(|e| format!("the ledger: {e}"))?;
    Ok(())
}

async fn times(path: &Path, event: &Event, size: u64) -> Result<Took, String> {
    let (mut append, mut load, mut opened) = (Vec::new(), Vec::new(), Vec::new());
    let micros = |begun: Instant| begun.elapsed().as_secs_f64() * 1e6;
    let ledger = open(path)?;
    for number in 0..TIMES {
        let group = vec![new(size + number, event)];
        let begun = Instant::now();
        ledger.append(group, Timestamp::now()).await.map_err(|e| format!("the ledger: {e}"))?;
        append.push(micros(begun));
    }
    for number in 0..TIMES {
        let subject = subject(number * (size / TIMES));
        let begun = Instant::now();
        let found = ledger.load(&subject).await.map_err(|e| format!("the ledger: {e}"))?;
        load.push(micros(begun));
        if found.len() != 1 {
            return Err(format!("the ledger has {} events of `{subject}`", found.len()));
        }
    }
    drop(ledger);
    for _ in 0..OPENS {
        let begun = Instant::now();
        let ledger = open(path)?;
        opened.push(micros(begun));
        drop(ledger);
    }
    Ok(Took { append: median(&append), load: median(&load), open: median(&opened) })
}

fn open(path: &Path) -> Result<Ledger, String> {
    Ledger::open(path, OPTIONS).map_err(|e| format!("the ledger: {e}"))
}

fn new(number: u64, event: &Event) -> NewEvent {
    NewEvent { subject: subject(number), seq: 0, event: event.clone() }
}

/// Ids are random, so their order in the index has nothing to do with their age.
fn subject(number: u64) -> String {
    format!("ev_{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// A read as it is recorded.
fn evidence() -> Result<Event, String> {
    let body = json!({
        "v": 1,
        "capability": "billing.inspect_invoice",
        "kind": "read",
        "tenant_id": "acme",
        "principal": "bench.agent",
        "provenance": "environment",
        "source_id": "billing",
        "schema": "public",
        "table": "invoices",
        "primary_key": "id",
        "object_id": "INV-1",
        "tenant_column": "tenant_id",
        "query_fingerprint": format!("sha256:{:064x}", 7),
        "statement_template": "SELECT id, customer, late_fee_cents, note FROM invoices WHERE id = ? AND tenant_id = ?",
        "columns": ["id", "customer", "late_fee_cents", "note"],
        "row_count": 1,
        "visible_row": { "id": "INV-1", "customer": "Customer 1", "late_fee_cents": 5500, "note": null },
        "version": null,
        "proposal_id": null,
        "request_id": "req_0123456789abcdef0123",
    });
    Event::from_stored("evidence_recorded", &body.to_string()).map_err(|e| format!("a record: {e}"))
}
