//! `evidence show`

use synapsor_core::code::Exit;
use synapsor_core::event::{Event, Evidence};
use synapsor_db::ledger::Stored;

use crate::app::lookup::Bundle;
use crate::app::records;
use crate::cli::Ended;
use crate::cli::open::{IfMissing, Store};
use crate::cli::print::{Out, Tone, clean, plain};

/// Show one evidence bundle: what was read, for whom, and what was seen.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The evidence bundle.
    #[arg(value_name = "EVIDENCE")]
    id: String,
    /// Show the query and its audit too.
    #[arg(long)]
    details: bool,
    /// Print the bundle as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: Store,
}

pub(super) async fn run(args: Args, out: &Out) -> Ended {
    let (ledger, _) = args.store.open(IfMissing::Stop)?;
    let Bundle { stored, proposed } = Bundle::load(&ledger, &args.id).await?;
    let Event::EvidenceRecorded(evidence) = &stored.event else { return Ok(Exit::Failed) };
    if args.json {
        out.json(&records::evidence(&stored, proposed.as_deref()).unwrap_or_default());
    } else if args.details {
        details(out, &stored, evidence);
    } else {
        summary(out, &stored, evidence);
    }
    Ok(Exit::Done)
}

fn summary(out: &Out, stored: &Stored, evidence: &Evidence) {
    out.line(format!("{} {}", out.paint(Tone::Strong, "Evidence"), stored.subject));
    out.line(format!("Used for: {}", clean(&used_for(evidence))));
    out.line(format!("Captured: {}", stored.at));
    out.line(format!("Source: {}", clean(&source(evidence))));
    out.line(format!("Rows: {}", evidence.row_count));
    row(out, evidence);
    let next = match &evidence.proposal_id {
        Some(proposal) => format!("synapsor-runner replay show {proposal}"),
        None => format!("synapsor-runner query-audit show {}", stored.event_id),
    };
    out.line(format!("Next: {next}"));
    out.line(format!("More detail: synapsor-runner evidence show {} --details", stored.subject));
}

fn details(out: &Out, stored: &Stored, evidence: &Evidence) {
    let line = |label: &str, value: &str| out.line(format!("{label}: {}", clean(value)));
    line("Evidence bundle", &stored.subject);
    line("Used for", &used_for(evidence));
    line("Captured", &stored.at.to_string());
    line("Tenant", &evidence.tenant_id);
    line("Principal", &evidence.principal);
    line("Provenance", &evidence.provenance);
    line("Capability", &evidence.capability);
    line("Source", &source(evidence));
    line("Query audit", &stored.event_id.to_string());
    line("Query fingerprint", &evidence.query_fingerprint);
    line("Request", &evidence.request_id);
    line("Rows captured", &evidence.row_count.to_string());
    row(out, evidence);
}

fn row(out: &Out, evidence: &Evidence) {
    for (column, value) in &evidence.visible_row {
        out.line(format!("  {}: {}", clean(column), plain(value)));
    }
}

fn used_for(evidence: &Evidence) -> String {
    let what = match (&evidence.proposal_id, evidence.kind.as_str()) {
        (Some(proposal), _) => format!("proposal {proposal}"),
        (None, "proposal") => "a proposal that was not made".to_owned(),
        (None, _) => "a read".to_owned(),
    };
    format!("{what} by {} of {} ({})", evidence.principal, evidence.tenant_id, evidence.capability)
}

fn source(evidence: &Evidence) -> String {
    let Evidence { source_id, schema, table, primary_key, object_id, .. } = evidence;
    format!("{source_id} {schema}.{table} {primary_key}={object_id}")
}
