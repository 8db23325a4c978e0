//! `activity …`

pub mod search;

use clap::Subcommand;

use super::Ended;
use super::print::Out;

/// Search everything that happened.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Find proposals, reads and receipts together, newest first.
    Search(search::Args),
}

pub(super) async fn run(command: Command, out: &Out) -> Ended {
    match command {
        Command::Search(args) => search::run(args, out).await,
    }
}
