//! `tools …`

use clap::Subcommand;

use super::Ended;
use super::print::Out;
use super::smoke::boundary;

/// Look at the tools a model would see.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the tools, what stays hidden, and the safety checks.
    #[command(visible_alias = "list")]
    Preview(boundary::Args),
}

pub(super) fn run(command: Command, out: &Out) -> Ended {
    match command {
        Command::Preview(args) => boundary::preview(&args, out),
    }
}
