//! Guarded writes, beside the same change written by hand.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::Pace;
use super::board::{Board, Target, median};
use super::load::{self, Caller};
use super::pgbench;
use super::serve::start;
use super::world::{BARE_WRITE, PROPOSE, TOKEN, World};

pub(super) async fn measure(world: &World, pace: Pace, board: &mut Board) -> Result<(), String> {
    let store = world.store();
    let approved = approve(world, &store, 2 * pace.applies).await?;
    let (alone, together) = approved.split_at(pace.applies);
    let bare = pgbench::run(world, BARE_WRITE, 1, pace.round.min(Duration::from_secs(2)))?;
    let mut took = Vec::new();
    for id in alone {
        let begun = Instant::now();
        world.run(&store, &["apply", id])?;
        took.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    board.note("`apply` as a command", "ms", Target::AtMost(30.0), median(&took));
    // What the process itself takes is taken off again.
    let begun = Instant::now();
    let said = world.run(&store, &["apply", "--approved", "--json"])?;
    let many = begun.elapsed().as_secs_f64() * 1e3;
    let said: Json = serde_json::from_str(&said).map_err(|e| format!("apply's result: {e}"))?;
    if said.pointer("/counts/applied").and_then(Json::as_u64) != Some(together.len() as u64) {
        return Err(format!("not everything was applied: {said}"));
    }
    let begun = Instant::now();
    world.run(&store, &["apply", "--approved", "--json"])?;
    let none = begun.elapsed().as_secs_f64() * 1e3;
    let one = (many - none) / together.len() as f64;
    board.note("guarded apply, one after another in one process", "ms", Target::None, one);
    board.note("the same UPDATE and receipt by hand (`pgbench -M prepared`)", "ms", Target::None, bare.latency_ms);
    board.note("guarded apply: time added to that", "ms", Target::AtMost(3.0), one - bare.latency_ms);
    Ok(())
}

/// Proposes changes of as many rows and approves them; returns the proposals' ids.
async fn approve(world: &World, store: &std::path::Path, count: usize) -> Result<Vec<String>, String> {
    let (server, address) = start(world, store)?;
    let mut caller = Caller::connect(&address).await?;
    let row = world.rows();
    let mut ids = Vec::new();
    for _ in 0..count {
        let arguments = json!({ "invoice_id": format!("INV-{}", row()), "late_fee_cents": 4200 });
        let answer = caller.ask(&load::call(&address, TOKEN, PROPOSE, &arguments)).await?;
        let answer: Json = serde_json::from_str(answer).map_err(|e| format!("an answer: {e}"))?;
        let id = answer.pointer("/result/structuredContent/proposal/id").and_then(Json::as_str);
        ids.push(id.ok_or_else(|| format!("nothing was proposed: {answer}"))?.to_owned());
    }
    drop(server);
    for id in &ids {
        world.run(store, &["proposals", "approve", id, "--yes"])?;
    }
    Ok(ids)
}
