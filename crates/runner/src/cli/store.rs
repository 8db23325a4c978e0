//! `store …`

pub mod backup;
pub mod reset;
pub mod stats;
pub mod vacuum;
pub mod verify;

use clap::Subcommand;
use serde_json::{Value as Json, json};
use synapsor_db::ledger::Head;

use super::Ended;
use super::print::Out;

/// Look after the ledger's file.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Count what the ledger holds.
    Stats(stats::Args),
    /// Recompute everything that the ledger says about itself.
    Verify(verify::Args),
    /// Copy the ledger while it is in use.
    Backup(backup::Args),
    /// Give the file's unused space back.
    Vacuum(vacuum::Args),
    /// Remove the ledger's files.
    Reset(reset::Args),
}

pub(super) async fn run(command: Command, out: &Out) -> Ended {
    match command {
        Command::Stats(args) => stats::run(args, out).await,
        Command::Verify(args) => verify::run(args, out).await,
        Command::Backup(args) => backup::run(args, out).await,
        Command::Vacuum(args) => vacuum::run(args, out).await,
        Command::Reset(args) => reset::run(&args, out),
    }
}

/// Where a ledger ends, as a document.
fn head_json(head: &Head) -> Json {
    json!({ "batch": head.batch, "digest": head.digest.as_str() })
}
