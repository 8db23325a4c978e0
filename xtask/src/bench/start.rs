//! Starting: how long until a client has its tools, and what that takes.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::json;

use super::Pace;
use super::board::{Board, Target, median};
use super::process::Running;
use super::world::World;

pub(super) fn measure(world: &World, pace: Pace, board: &mut Board) -> Result<(), String> {
    let (mut started, mut empty, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    let store = world.store();
    // The ledger is made by whoever comes first.
    until_listed(world, &store)?;
    for _ in 0..pace.starts {
        let (took, idle) = until_listed(world, &store)?;
        started.push(took);
        memory.push(idle);
        let begun = Instant::now();
        let status = Command::new("true").status().map_err(|e| format!("cannot start `true`: {e}"))?;
        empty.push(begun.elapsed().as_secs_f64() * 1e3);
        if !status.success() {
            return Err("`true` is false".to_owned());
        }
    }
    let what = "start, stdio, until `initialize` and `tools/list` are answered";
    board.note(what, "ms", Target::AtMost(15.0), median(&started));
    board.note("an empty process (`true`), start to end", "ms", Target::None, median(&empty));
    board.note("memory, idle after `tools/list`", "MiB", Target::AtMost(20.0), median(&memory));
    Ok(())
}

pub(super) fn measure_size(world: &World, board: &mut Board) -> Result<(), String> {
    let size = fs::metadata(&world.binary).map_err(|e| format!("{}: {e}", world.binary.display()))?.len();
    board.note("release binary, stripped", "MiB", Target::AtMost(25.0), size as f64 / 1024.0 / 1024.0);
    Ok(())
}

/// Starts the program as a host does; returns how long it took in milliseconds, and its memory in MiB.
fn until_listed(world: &World, store: &std::path::Path) -> Result<(f64, f64), String> {
    let client = json!({ "name": "bench", "version": "1" });
    let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client });
    let initialize = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params });
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let list = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" });
    let mut command = world.command(store, &["mcp", "serve"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let broken = |e: std::io::Error| format!("the program hung up: {e}");
    let begun = Instant::now();
    let mut server = Running::start(command, &world.path("start.log"))?;
    let (Some(mut input), Some(output)) = (server.child.stdin.take(), server.child.stdout.take()) else {
        return Err("the program has no pipes".to_owned());
    };
    let mut output = BufReader::new(output);
    let mut line = String::new();
    input.write_all(format!("{initialize}\n").as_bytes()).map_err(broken)?;
    output.read_line(&mut line).map_err(broken)?;
    input.write_all(format!("{initialized}\n{list}\n").as_bytes()).map_err(broken)?;
    line.clear();
    output.read_line(&mut line).map_err(broken)?;
    let took = begun.elapsed().as_secs_f64() * 1e3;
    if !line.contains(r#""tools":["#) {
        return Err(format!("the tools were not listed: {line}"));
    }
    Ok((took, server.memory()?))
}
