//! `replay list`

use serde_json::{Value as Json, json};
use synapsor_core::code::Exit;
use synapsor_db::ledger::{Kind, Query, Record};

use crate::app::{load, records};
use crate::cli::Ended;
use crate::cli::filter::{Page, STATES, Which, find};
use crate::cli::open::{IfMissing, Store};
use crate::cli::print::Out;
use crate::cli::proposals::show::words;

/// List replays, one for each proposal, newest first.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    which: Which,
    /// Only of this proposal.
    #[arg(long, value_name = "ID")]
    proposal: Option<String>,
    /// Only of the proposal that rests on this evidence bundle.
    #[arg(long, value_name = "ID")]
    evidence: Option<String>,
    /// Only of proposals in this state.
    #[arg(long, visible_alias = "status", value_parser = STATES)]
    state: Option<String>,
    #[command(flatten)]
    page: Page,
    /// Print `{replays}` as JSON.
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
        state: args.state,
        ..args.page.query(Kind::Proposal, load::now(&ledger).await?)
    };
    let found = find(&ledger, args.which.narrow(query), out).await?;
    if args.json {
        out.json(&json!({ "replays": found.iter().map(document).collect::<Vec<_>>() }));
    } else if found.is_empty() {
        out.line("No replay records found.");
    } else {
        let rows: Vec<_> = found.iter().map(row).collect();
        out.table(["REPLAY", "STATE", "CAPABILITY", "TENANT", "OBJECT", "PROPOSED"], &rows);
    }
    Ok(Exit::Done)
}

fn document(record: &Record) -> Json {
    json!({
        "replay_id": records::replay_id(&record.stored.subject),
        "proposal_id": record.stored.subject,
        "created_at": record.stored.at.to_string(),
        "state": record.state,
        "tenant_id": record.tenant_id,
        "principal": record.principal,
        "capability": record.capability,
        "business_object": record.object_type,
        "object_id": record.object_id,
    })
}

fn row(record: &Record) -> [String; 6] {
    [
        records::replay_id(&record.stored.subject),
        words(record.state.as_deref().unwrap_or_default()).to_owned(),
        record.capability.clone(),
        record.tenant_id.clone(),
        format!("{} {}", record.object_type, record.object_id),
        format!("{:.0}", record.stored.at),
    ]
}
