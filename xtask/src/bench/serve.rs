//! Tools over HTTP.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use serde_json::json;

use super::Pace;
use super::board::{Board, Target, median};
use super::load::{self, Requests};
use super::pgbench;
use super::process::Running;
use super::world::{BARE_READ, PROPOSE, READ, READ_SQLITE, TOKEN, World};

/// How often the bare query of the file is run.
const QUERIES: usize = 2000;

pub(super) async fn measure(world: &World, pace: Pace, board: &mut Board) -> Result<(), String> {
    let (server, address) = start(world, &world.store())?;
    let reads = |tool: &'static str| -> Requests {
        let bytes = load::call(&address, TOKEN, tool, &json!({ "invoice_id": "INV-1" }));
        Arc::new(move || bytes.clone())
    };
    let mut most_reads = 0.0;
    for callers in [1, 8, 64] {
        let bare = pgbench::run(world, BARE_READ, callers, pace.round)?;
        let read = load::run(&server, &address, &reads(READ), callers, pace.round).await?;
        let s = if callers == 1 { "" } else { "s" };
        let of = |what: &str| format!("read, HTTP, PostgreSQL, {callers} caller{s}: {what}");
        board.note(&of("calls"), "/s", Target::None, read.rate);
        board.note(&of("`pgbench -M prepared`"), "/s", Target::None, bare.rate);
        let least = if callers == 64 { Target::AtLeast(50.0) } else { Target::None };
        board.note(&of("share of pgbench"), "%", least, 100.0 * read.rate / bare.rate);
        let most = if callers == 64 { Target::AtMost(70.0) } else { Target::None };
        board.note(&of("server's processor time a call"), "µs", most, read.processor_us);
        if callers == 1 {
            let added = median(&read.took_ms) - bare.latency_ms;
            board.note("one caller, PostgreSQL: time added to the bare query", "ms", Target::AtMost(0.5), added);
        }
        most_reads = read.rate;
    }
    let local = load::run(&server, &address, &reads(READ_SQLITE), 1, pace.round).await?;
    let added = median(&local.took_ms) - bare_sqlite(world).await?;
    board.note("one caller, SQLite: time added to the bare query", "ms", Target::AtMost(0.5), added);
    let propose = {
        let (address, row) = (address.clone(), world.rows());
        Arc::new(move || {
            let arguments = json!({ "invoice_id": format!("INV-{}", row()), "late_fee_cents": 4200 });
            load::call(&address, TOKEN, PROPOSE, &arguments)
        })
    };
    let requests: Requests = propose;
    let proposed = load::run(&server, &address, &requests, 64, pace.round).await?;
    board.note("propose, HTTP, PostgreSQL, 64 callers: calls", "/s", Target::None, proposed.rate);
    let share = 100.0 * proposed.rate / most_reads;
    board.note("propose, HTTP, PostgreSQL, 64 callers: share of reads", "%", Target::AtLeast(40.0), share);
    let processor = proposed.processor_us;
    let what = "propose, HTTP, PostgreSQL, 64 callers: server's processor time a call";
    board.note(what, "µs", Target::None, processor);
    board.note("most memory, HTTP, 64 callers", "MiB", Target::AtMost(64.0), server.most_memory()?);
    let health: Requests = {
        let bytes = format!("GET /healthz HTTP/1.1\r\nhost: {address}\r\n\r\n").into_bytes();
        Arc::new(move || bytes.clone())
    };
    let health = load::run(&server, &address, &health, 64, pace.round).await?;
    board.note("nothing but HTTP (`/healthz`), 64 callers: calls", "/s", Target::None, health.rate);
    let what = "nothing but HTTP (`/healthz`), 64 callers: server's processor time a call";
    board.note(what, "µs", Target::None, health.processor_us);
    Ok(())
}

/// Starts a server with a ledger, and returns its address.
pub(super) fn start(world: &World, store: &Path) -> Result<(Running, String), String> {
    let args = ["mcp", "serve", "--transport", "streamable-http", "--port", "0"];
    let command = world.command(store, &args);
    let mut server = Running::start(command, &world.path("server.log"))?;
    let url = server.until_said("listening on ")?;
    let address = url.trim_start_matches("http://").trim_end_matches("/mcp").to_owned();
    Ok((server, address))
}

/// How long the query of the reading tool takes on the file itself, in milliseconds.
async fn bare_sqlite(world: &World) -> Result<f64, String> {
    let file = world.sqlite().await?;
    let mut took = Vec::new();
    for _ in 0..QUERIES {
        let begun = Instant::now();
        let rows = file.query_text(BARE_READ).await.map_err(|e| format!("the bare query: {e}"))?;
        took.push(begun.elapsed().as_secs_f64() * 1e3);
        if rows.len() != 1 {
            return Err("the bare query finds no row".to_owned());
        }
    }
    Ok(median(&took))
}
