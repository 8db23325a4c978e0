//! `demo inspect`

use std::path::Path;

use serde_json::json;
use synapsor_core::code::Exit;

use super::scene::Scene;
use crate::cli::Ended;
use crate::cli::print::Out;

/// List commands to look at what the demo left behind.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print the commands as JSON.
    #[arg(long)]
    json: bool,
}

const COMMANDS: [(&str, &str, &str); 7] = [
    ("proposals", "Both proposals and how they ended.", "synapsor-runner proposals list"),
    ("proposal", "The newest proposal.", "synapsor-runner proposals show latest"),
    ("evidence", "What the agent saw, as it was recorded.", "synapsor-runner evidence list"),
    ("query audit", "Every read, without values.", "synapsor-runner query-audit list"),
    ("receipts", "What the applies did.", "synapsor-runner receipts list"),
    ("replay", "The whole story of a proposal.", "synapsor-runner replay show latest"),
    ("ledger", "Whether the record is whole.", "synapsor-runner store verify"),
];

pub(super) fn run(args: &Args, dir: &Path, out: &Out) -> Ended {
    let scene = Scene::at(dir)?;
    if args.json {
        let commands: Vec<_> = COMMANDS
            .iter()
            .map(|(label, description, command)| json!({ "label": label, "description": description, "command": command }))
            .collect();
        out.json(&json!({ "dir": scene.dir().display().to_string(), "commands": commands }));
        return Ok(Exit::Done);
    }
    out.line(format!("First: cd {} && . ./env.sh", scene.dir().display()));
    for (_, description, command) in COMMANDS {
        out.line(format!("  {command:<40} {description}"));
    }
    Ok(Exit::Done)
}
