//! `evidence …`

pub mod export;
pub mod list;
pub mod show;

use clap::Subcommand;

use super::Ended;
use super::print::Out;

/// Look at what was read, as it was recorded.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List evidence bundles, newest first.
    List(Box<list::Args>),
    /// Show one evidence bundle.
    Show(show::Args),
    /// Write one evidence bundle to a file.
    Export(export::Args),
}

pub(super) async fn run(command: Command, out: &Out) -> Ended {
    match command {
        Command::List(args) => list::run(*args, out).await,
        Command::Show(args) => show::run(args, out).await,
        Command::Export(args) => export::run(args, out).await,
    }
}
