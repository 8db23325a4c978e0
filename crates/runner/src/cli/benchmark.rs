//! `benchmark …`: what the ways to a database cost a model.

mod generic;
mod mcp_efficiency;

use clap::Subcommand;

use super::Ended;
use super::print::Out;

/// Measure what the ways to a database cost a model.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Compare tools that run SQL with reviewed actions: one task, done both ways on one database.
    McpEfficiency(mcp_efficiency::Args),
}

pub(super) async fn run(command: Command, out: &Out) -> Ended {
    match command {
        Command::McpEfficiency(args) => mcp_efficiency::run(&args, out).await,
    }
}
