//! `writeback …`

pub mod migration;

use clap::Subcommand;

use super::Ended;
use super::print::Out;

/// Prepare a source database for applying.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the statements that create the receipt table.
    Migration(migration::Args),
}

pub(super) fn run(command: Command, out: &Out) -> Ended {
    match command {
        Command::Migration(args) => migration::run(&args, out),
    }
}
