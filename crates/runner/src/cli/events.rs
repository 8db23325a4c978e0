//! `events …`

pub mod tail;

use clap::Subcommand;

use super::Ended;
use super::print::Out;

/// Follow what is recorded.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the newest events, and with `--follow` those that come.
    Tail(tail::Args),
}

pub(super) async fn run(command: Command, out: &Out) -> Ended {
    match command {
        Command::Tail(args) => tail::run(args, out).await,
    }
}
