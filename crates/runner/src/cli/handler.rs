//! `handler …`: apps that write approved changes themselves.

mod conformance;
mod template;

use clap::Subcommand;

use super::Ended;
use super::print::Out;

/// Make and test handlers.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a small, complete app with a handler, its tables and its configuration.
    Template(template::Args),
    /// Test a handler as a runner, an attacker and a retry would.
    Conformance(Box<conformance::Args>),
}

pub(super) async fn run(command: Command, out: &Out) -> Ended {
    match command {
        Command::Template(args) => template::run(&args, out),
        Command::Conformance(args) => conformance::run(&args, out).await,
    }
}
