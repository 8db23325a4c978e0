//! `query-audit list`

use serde_json::json;
use synapsor_core::code::Exit;
use synapsor_core::event::Event;
use synapsor_db::ledger::{Kind, Query, Record};

use crate::app::{load, records};
use crate::cli::Ended;
use crate::cli::filter::{Page, Which, find};
use crate::cli::open::{IfMissing, Store};
use crate::cli::print::Out;

/// List query audits, newest first.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    which: Which,
    /// Only what this proposal rests on.
    #[arg(long, value_name = "ID")]
    proposal: Option<String>,
    /// Only of this evidence bundle.
    #[arg(long, value_name = "ID")]
    evidence: Option<String>,
    /// Only reads of the row with this key.
    #[arg(long, value_name = "KEY", conflicts_with_all = ["object", "object_id"])]
    primary_key: Option<String>,
    /// Only reads of this shape and tenant, by their digest.
    #[arg(long, value_name = "DIGEST")]
    query_fingerprint: Option<String>,
    #[command(flatten)]
    page: Page,
    /// Print `{query_audit}` as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: Store,
}

pub(super) async fn run(args: Args, out: &Out) -> Ended {
    let (ledger, _) = args.store.open(IfMissing::Stop)?;
    let query = Query {
        proposal: args.proposal,
        evidence: args.evidence,
        query_fingerprint: args.query_fingerprint,
        ..args.page.query(Kind::Read, load::now(&ledger).await?)
    };
    let mut query = args.which.narrow(query);
    query.object_id = query.object_id.or(args.primary_key);
    let found = find(&ledger, query, out).await?;
    if args.json {
        let documents: Vec<_> = found.iter().filter_map(|record| records::audit(&record.stored)).collect();
        out.json(&json!({ "query_audit": documents }));
    } else if found.is_empty() {
        out.line("No query audit records found.");
    } else {
        let rows: Vec<_> = found.iter().map(row).collect();
        out.table(["AUDIT", "CAPABILITY", "TENANT", "TABLE", "KEY", "ROWS", "READ", "EVIDENCE"], &rows);
    }
    Ok(Exit::Done)
}

fn row(record: &Record) -> [String; 8] {
    let rows = match &record.stored.event {
        Event::EvidenceRecorded(evidence) => evidence.row_count.to_string(),
        _ => String::new(),
    };
    [
        record.stored.event_id.to_string(),
        record.capability.clone(),
        record.tenant_id.clone(),
        format!("{}.{}", record.schema, record.table),
        record.object_id.clone(),
        rows,
        format!("{:.0}", record.stored.at),
        record.stored.subject.clone(),
    ]
}
