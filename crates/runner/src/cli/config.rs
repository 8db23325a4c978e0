//! `config …`

pub mod migrate;
pub mod show;
pub mod validate;

use clap::Subcommand;

use super::Ended;
use super::print::Out;

/// Check, show or migrate the configuration.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check the configuration and list every problem with its place and fix.
    Validate(validate::Args),
    /// Print the configuration as plain JSON.
    Show(show::Args),
    /// Rewrite the configuration for this version.
    Migrate(migrate::Args),
}

pub(super) fn run(command: Command, out: &Out) -> Ended {
    match command {
        Command::Validate(args) => validate::run(&args, out),
        Command::Show(args) => show::run(&args, out),
        Command::Migrate(args) => migrate::run(&args, out),
    }
}
