//! `smoke …`

pub mod boundary;
pub mod call;
pub mod sample;

use clap::Subcommand;

use super::Ended;
use super::print::Out;

/// Try the tools as a model would.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Call one tool and print its result.
    Call(call::Args),
    /// Check that no tool gives a model authority it must not have.
    Boundary(boundary::Args),
}

pub(super) async fn run(command: Command, out: &Out) -> Ended {
    match command {
        Command::Call(args) => call::run(args, out).await,
        Command::Boundary(args) => boundary::smoke(&args, out),
    }
}
