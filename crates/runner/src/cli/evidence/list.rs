//! `evidence list`

use serde_json::json;
use synapsor_core::code::Exit;
use synapsor_db::ledger::{Kind, Query, Record};

use crate::app::lookup::Bundle;
use crate::app::{load, records};
use crate::cli::Ended;
use crate::cli::filter::{Page, Which, find};
use crate::cli::open::{IfMissing, Store};
use crate::cli::print::Out;

/// List evidence bundles, newest first.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    which: Which,
    /// Only what this proposal rests on.
    #[arg(long, value_name = "ID")]
    proposal: Option<String>,
    /// Only reads of this shape and tenant, by their digest.
    #[arg(long, value_name = "DIGEST")]
    query_fingerprint: Option<String>,
    #[command(flatten)]
    page: Page,
    /// Print `{evidence}` as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: Store,
}

pub(super) async fn run(args: Args, out: &Out) -> Ended {
    let (ledger, _) = args.store.open(IfMissing::Stop)?;
    let query = Query {
        proposal: args.proposal,
        query_fingerprint: args.query_fingerprint,
        ..args.page.query(Kind::Read, load::now(&ledger).await?)
    };
    let found = find(&ledger, args.which.narrow(query), out).await?;
    if args.json {
        let mut documents = Vec::new();
        for record in found {
            let bundle = Bundle::of(&ledger, record.stored).await?;
            documents.extend(records::evidence(&bundle.stored, bundle.proposed.as_deref()));
        }
        out.json(&json!({ "evidence": documents }));
    } else if found.is_empty() {
        out.line("No evidence bundles found.");
    } else {
        let rows: Vec<_> = found.iter().map(row).collect();
        out.table(["EVIDENCE", "CAPABILITY", "TENANT", "OBJECT", "CAPTURED", "PROPOSAL"], &rows);
    }
    Ok(Exit::Done)
}

fn row(record: &Record) -> [String; 6] {
    [
        record.stored.subject.clone(),
        record.capability.clone(),
        record.tenant_id.clone(),
        format!("{} {}", record.object_type, record.object_id),
        format!("{:.0}", record.stored.at),
        record.proposal_id.clone().unwrap_or_else(|| "-".to_owned()),
    ]
}
