//! `query-audit …`

pub mod export;
pub mod list;
pub mod show;

use clap::Subcommand;
use serde_json::Value as Json;
use synapsor_core::event::Event;
use synapsor_db::ledger::{Kind, Ledger, Stored};

use super::Ended;
use super::print::Out;
use crate::app::{Stop, lookup, records};

/// Look at the queries that ran, without their values.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List query audits, newest first.
    List(Box<list::Args>),
    /// Show one query audit.
    Show(show::Args),
    /// Write one query audit to a file.
    Export(export::Args),
}

pub(super) async fn run(command: Command, out: &Out) -> Ended {
    match command {
        Command::List(args) => list::run(*args, out).await,
        Command::Show(args) => show::run(args, out).await,
        Command::Export(args) => export::run(args, out).await,
    }
}

/// The recorded read whose audit has that number, with the audit as a document.
async fn load(ledger: &Ledger, number: u64) -> Result<(Stored, Json), Stop> {
    let found = lookup::numbered(ledger, Kind::Read, number).await?.map(|record| record.stored);
    let stored = found.filter(|stored| matches!(stored.event, Event::EvidenceRecorded(_)));
    let stored = stored.ok_or_else(|| lookup::missing("query audit", &number.to_string()))?;
    let document = records::audit(&stored).unwrap_or_default();
    Ok((stored, document))
}
