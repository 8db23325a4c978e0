//! `evidence export`

use serde_json::Value as Json;
use synapsor_core::code::Code;
use synapsor_core::event::Event;
use synapsor_core::refusal::Refusal;

use crate::app::lookup::Bundle;
use crate::app::records;
use crate::cli::Ended;
use crate::cli::markdown::{code, fenced};
use crate::cli::open::{IfMissing, Store};
use crate::cli::output::{Format, Target};
use crate::cli::print::{Out, json_text};

/// Write one evidence bundle to a new file.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The evidence bundle.
    #[arg(value_name = "EVIDENCE", required_unless_present = "evidence")]
    id: Option<String>,
    /// The same as naming it directly.
    #[arg(long, value_name = "EVIDENCE", conflicts_with = "id")]
    evidence: Option<String>,
    /// What the file looks like.
    #[arg(long, value_enum, default_value = "json")]
    format: Format,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    store: Store,
}

pub(super) async fn run(args: Args, out: &Out) -> Ended {
    let (ledger, _) = args.store.open(IfMissing::Stop)?;
    let Some(id) = args.id.or(args.evidence) else {
        return Err(Refusal::new(Code::Usage, "no evidence bundle was named").into());
    };
    let bundle = Bundle::load(&ledger, &id).await?;
    let document = records::evidence(&bundle.stored, bundle.proposed.as_deref()).unwrap_or_default();
    let text = match args.format {
        Format::Json => json_text(&document),
        Format::Markdown => markdown(&bundle, &document),
    };
    args.target.write(&format!("evidence {}", bundle.stored.subject), &text, out)
}

fn markdown(bundle: &Bundle, document: &Json) -> String {
    let Event::EvidenceRecorded(evidence) = &bundle.stored.event else { return String::new() };
    let mut text = format!("# Evidence {}\n\n", bundle.stored.subject);
    let mut bullet = |label: &str, value: &str| text.push_str(&format!("- {label}: {}\n", code(value)));
    bullet("Captured", &bundle.stored.at.to_string());
    bullet("Capability", &evidence.capability);
    bullet("Tenant", &evidence.tenant_id);
    bullet("Principal", &evidence.principal);
    bullet("Provenance", &evidence.provenance);
    bullet("Source", &format!("{} {}.{}", evidence.source_id, evidence.schema, evidence.table));
    bullet("Object", &format!("{} {}", evidence.table, evidence.object_id));
    if let Some(proposal) = &evidence.proposal_id {
        bullet("Proposal", proposal);
    }
    bullet("Query fingerprint", &evidence.query_fingerprint);
    text.push_str("\n## Captured Items\n");
    for item in document.get("items").and_then(Json::as_array).into_iter().flatten() {
        text.push_str(&format!("\n{}", fenced(item.get("item").unwrap_or(&Json::Null))));
    }
    text.push_str("\n## Query Audit\n");
    for audit in document.get("query_audit").and_then(Json::as_array).into_iter().flatten() {
        text.push_str(&format!("\n{}", fenced(audit)));
    }
    text
}
