//! `receipts list`

use serde_json::json;
use synapsor_core::code::Exit;
use synapsor_db::ledger::{Kind, Query, Record};

use super::display_id;
use crate::app::{load, records};
use crate::cli::Ended;
use crate::cli::filter::{Page, STATUSES, Which, find};
use crate::cli::open::{IfMissing, Store};
use crate::cli::print::Out;

/// List receipts, newest first.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    which: Which,
    /// Only of this proposal.
    #[arg(long, value_name = "ID")]
    proposal: Option<String>,
    /// Only of this writeback job.
    #[arg(long, value_name = "ID")]
    writeback_job: Option<String>,
    /// Only with this idempotency key.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Only with this status.
    #[arg(long, visible_alias = "state", value_parser = STATUSES)]
    status: Option<String>,
    #[command(flatten)]
    page: Page,
    /// Print `{receipts}` as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: Store,
}

pub(super) async fn run(args: Args, out: &Out) -> Ended {
    let (ledger, _) = args.store.open(IfMissing::Stop)?;
    let query = Query {
        proposal: args.proposal,
        writeback_job: args.writeback_job,
        idempotency_key: args.idempotency_key,
        state: args.status,
        ..args.page.query(Kind::Receipt, load::now(&ledger).await?)
    };
    let found = find(&ledger, args.which.narrow(query), out).await?;
    if args.json {
        let documents: Vec<_> = found.iter().filter_map(|record| records::receipt(&record.stored)).collect();
        out.json(&json!({ "receipts": documents }));
    } else if found.is_empty() {
        out.line("No writeback receipts found.");
    } else {
        let rows: Vec<_> = found.iter().map(row).collect();
        out.table(["RECEIPT", "STATUS", "PROPOSAL", "OBJECT", "SOURCE CHANGED", "AT"], &rows);
    }
    Ok(Exit::Done)
}

fn row(record: &Record) -> [String; 6] {
    [
        display_id(record.stored.event_id),
        record.state.clone().unwrap_or_default(),
        record.stored.subject.clone(),
        format!("{} {}", record.object_type, record.object_id),
        if record.source_database_mutated { "yes" } else { "no" }.to_owned(),
        format!("{:.0}", record.stored.at),
    ]
}
