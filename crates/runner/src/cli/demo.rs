//! `demo`

pub(super) mod agent;
mod inspect;
pub(super) mod scene;
mod story;

use std::path::PathBuf;

use clap::Subcommand;

use super::Ended;
use super::print::Out;

/// Watch an agent look, propose, be approved, and change exactly one row of a real database.
///
/// Makes a small billing database (SQLite) and a configuration in `./synapsor-demo/`, then plays the story: every call
/// goes over MCP to a real server, every command is really run. On a terminal it waits for Enter between steps; type `s`
/// to skip the waiting.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Play without waiting between steps.
    #[arg(long, visible_alias = "no-interactive")]
    quick: bool,
    /// Where the demo's files go.
    #[arg(long, value_name = "DIR", default_value = "synapsor-demo", global = true)]
    dir: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List commands to look at what the demo left behind.
    Inspect(inspect::Args),
}

pub(super) async fn run(args: Args, out: &Out) -> Ended {
    match args.command {
        Some(Command::Inspect(inspect)) => inspect::run(&inspect, &args.dir, out),
        None => story::play(&args.dir, story::Pace::chosen(args.quick), out).await,
    }
}
