//! `shadow compare`

use synapsor_core::code::Exit;
use synapsor_core::id::ProposalId;

use super::verdict::{Comparison, Verdict};
use super::{proposal_id, require_shadow};
use crate::app::records::Case;
use crate::cli::Ended;
use crate::cli::open::{IfMissing, Store};
use crate::cli::print::{Out, Tone, clean, plain};

/// Compare one shadow proposal with what a person did.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shadow proposal.
    #[arg(value_name = "PROPOSAL", value_parser = proposal_id)]
    id: ProposalId,
    /// Print the comparison as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: Store,
}

pub(super) async fn run(args: Args, out: &Out) -> Ended {
    let (ledger, _) = args.store.open(IfMissing::Stop)?;
    let case = Case::load(&ledger, &args.id).await?;
    require_shadow(&case.proposed)?;
    let compared = Comparison::of(args.id.as_str(), &case.proposed.change_set().patch, &case.history);
    if args.json {
        out.json(&compared.json(&case.now.to_string()));
        return Ok(Exit::Done);
    }
    let tone = match compared.verdict {
        Verdict::Exact => Tone::Good,
        Verdict::Partial | Verdict::NoHumanAction => Tone::Careful,
        Verdict::Mismatch => Tone::Bad,
    };
    out.line(format!("{} {}", out.paint(Tone::Strong, "Shadow proposal"), compared.proposal_id));
    out.line(format!("Status: {}", out.paint(tone, compared.verdict.word())));
    out.line("Agent proposed:");
    patch(out, &compared.agent);
    let Some(human) = &compared.human else {
        out.line(format!("Next: synapsor-runner shadow record-human-action {} --patch <file>", compared.proposal_id));
        return Ok(Exit::Done);
    };
    out.line(format!("{} did:", clean(&human.actor)));
    patch(out, &human.patch);
    for (label, columns) in [
        ("Matching", &compared.matching),
        ("Differing", &compared.differing),
        ("Missing from human", &compared.missing),
        ("Extra human columns", &compared.extra),
    ] {
        if !columns.is_empty() {
            out.line(format!("{label}: {}", clean(&columns.join(", "))));
        }
    }
    if let Some(notes) = &human.notes {
        out.line(format!("Notes: {}", clean(notes)));
    }
    Ok(Exit::Done)
}

fn patch(out: &Out, patch: &serde_json::Map<String, serde_json::Value>) {
    for (column, value) in patch {
        out.line(format!("  {}: {}", clean(column), plain(value)));
    }
}
