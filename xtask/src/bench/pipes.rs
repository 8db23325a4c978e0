//! Tools over stdio, many calls in flight.

use std::io::{BufReader, Read as _, Write as _};
use std::process::Stdio;
use std::time::Instant;

use serde_json::json;

use super::Pace;
use super::board::{Board, Target};
use super::load;
use super::process::Running;
use super::world::{READ, World};

const IN_FLIGHT: u64 = 64;
const WARM_UP: u64 = 1000;

pub(super) fn measure(world: &World, pace: Pace, board: &mut Board) -> Result<(), String> {
    let mut command = world.command(&world.store(), &["mcp", "serve"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut server = Running::start(command, &world.path("stdio.log"))?;
    let (Some(mut input), Some(output)) = (server.child.stdin.take(), server.child.stdout.take()) else {
        return Err("the program has no pipes".to_owned());
    };
    let broken = |e: std::io::Error| format!("the program hung up: {e}");
    let mut output = BufReader::new(output);
    let mut next = 0;
    let mut ask = |count: u64| {
        let mut lines = String::new();
        for _ in 0..count {
            next += 1;
            lines.push_str(&load::message(next, READ, &json!({ "invoice_id": "INV-1" })));
            lines.push('\n');
        }
        input.write_all(lines.as_bytes()).map_err(broken)
    };
    ask(IN_FLIGHT)?;
    let mut buffer = vec![0; 256 * 1024];
    let mut answered = 0;
    let mut counted_from = None;
    loop {
        let count = output.read(&mut buffer).map_err(broken)?;
        let read = String::from_utf8_lossy(buffer.get(..count).unwrap_or_default());
        if count == 0 || read.contains(r#""ok":false"#) || read.contains(r#""error":{"#) {
            return Err(format!("a call failed: {read}"));
        }
        let lines = read.bytes().filter(|byte| *byte == b'\n').count() as u64;
        answered += lines;
        match counted_from {
            None if answered >= WARM_UP => counted_from = Some((Instant::now(), answered, server.processor_time()?)),
            Some((begun, before, used)) if Instant::now().duration_since(begun) > pace.round => {
                let (seconds, used) = (begun.elapsed().as_secs_f64(), server.processor_time()? - used);
                let calls = (answered - before) as f64;
                let http = board.latest("read, HTTP, PostgreSQL, 64 callers: calls");
                board.note("read, stdio, PostgreSQL, 64 in flight: calls", "/s", Target::None, calls / seconds);
                let share = 100.0 * calls / seconds / http;
                let what = "read, stdio, PostgreSQL, 64 in flight: share of HTTP";
                board.note(what, "%", Target::AtLeast(100.0), share);
                let what = "read, stdio, PostgreSQL, 64 in flight: server's processor time a call";
                board.note(what, "µs", Target::None, used * 1e6 / calls);
                return Ok(());
            }
            _ => {}
        }
        if lines > 0 {
            ask(lines)?;
        }
    }
}
