//! `query-audit show`

use synapsor_core::code::Exit;
use synapsor_core::event::{Event, Evidence};

use super::load;
use crate::cli::Ended;
use crate::cli::filter::record_number;
use crate::cli::open::{IfMissing, Store};
use crate::cli::print::{Out, Tone, clean};

/// Show one query audit: what was asked of the database, without values.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The query audit's number.
    #[arg(value_name = "AUDIT", value_parser = record_number)]
    id: u64,
    /// Show the statement and the columns too.
    #[arg(long)]
    details: bool,
    /// Print the audit as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: Store,
}

pub(super) async fn run(args: Args, out: &Out) -> Ended {
    let (ledger, _) = args.store.open(IfMissing::Stop)?;
    let (stored, document) = load(&ledger, args.id).await?;
    if args.json {
        out.json(&document);
        return Ok(Exit::Done);
    }
    let Event::EvidenceRecorded(evidence) = &stored.event else { return Ok(Exit::Failed) };
    let line = |label: &str, value: &str| out.line(format!("{label}: {}", clean(value)));
    out.line(format!("{} {}", out.paint(Tone::Strong, "Query audit"), stored.event_id));
    line("Read", &read(evidence));
    line("Rows returned", &evidence.row_count.to_string());
    let proposal = evidence.proposal_id.as_ref().map(|id| format!(", proposal {id}")).unwrap_or_default();
    line("Linked records", &format!("evidence {}{proposal}", stored.subject));
    if !args.details {
        line("More detail", &format!("synapsor-runner query-audit show {} --details", stored.event_id));
        return Ok(Exit::Done);
    }
    line("At", &stored.at.to_string());
    line("Capability", &evidence.capability);
    line("Tenant", &evidence.tenant_id);
    line("Principal", &evidence.principal);
    line("Columns", &evidence.columns.join(", "));
    line("Statement", &evidence.statement_template);
    line("Tenant bound", if evidence.tenant_column.is_some() { "yes" } else { "no" });
    line("Parameters redacted", "yes");
    line("Query fingerprint", &evidence.query_fingerprint);
    line("Request", &evidence.request_id);
    Ok(Exit::Done)
}

fn read(evidence: &Evidence) -> String {
    let Evidence { source_id, schema, table, primary_key, object_id, .. } = evidence;
    format!("{source_id} {schema}.{table} {primary_key}={object_id}")
}
