//! `config validate`

use serde_json::{Value as Json, json};
use synapsor_core::code::Exit;
use synapsor_core::config::{self, ReadOptions};
use synapsor_core::problem::{Level, Problem};

use crate::cli::Ended;
use crate::cli::open::{Where, read_config};
use crate::cli::print::{Out, Tone};

/// Check the configuration and list every problem with its place and fix.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: Where,
    /// Print `{ok, errors, warnings}` as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, out: &Out) -> Ended {
    let path = args.place.config_path();
    let (text, report) = read_config(&path, &ReadOptions::default())?;
    let name = path.display().to_string();
    let (errors, warnings): (Vec<&Problem>, Vec<&Problem>) =
        report.problems.iter().partition(|problem| problem.level == Level::Error);
    let exit = if errors.is_empty() { Exit::Done } else { Exit::Failed };
    if args.json {
        out.json(&json!({ "ok": errors.is_empty(), "errors": listed(&errors), "warnings": listed(&warnings) }));
        return Ok(exit);
    }
    if errors.is_empty() {
        out.line(format!("{}: {name}", out.paint(Tone::Good, "config valid")));
    } else {
        out.line(format!("{}: {name}", out.paint(Tone::Bad, "config invalid")));
    }
    if !report.problems.is_empty() {
        out.line(config::render(&text, &name, &report.problems).trim_end());
    }
    Ok(exit)
}

fn listed(problems: &[&Problem]) -> Vec<Json> {
    problems
        .iter()
        .map(|problem| {
            json!({
                "path": problem.path,
                "code": problem.code,
                "message": problem.message,
                "line": problem.span.map(|span| span.line),
                "column": problem.span.map(|span| span.column),
                "fix": problem.fix,
            })
        })
        .collect()
}
