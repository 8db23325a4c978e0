//! `store verify`

use serde_json::json;
use synapsor_core::code::Exit;
use synapsor_db::ledger::Flaw;

use super::head_json;
use crate::cli::Ended;
use crate::cli::open::{IfMissing, Store};
use crate::cli::print::{Out, Tone, clean};

/// Recompute everything that the ledger says about itself: digests, chain, order, and every proposal's life.
///
/// A sound ledger agrees with itself. Whether it is the newest and the only copy cannot show from the ledger alone.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print `{ok, self_consistent_only, ledger_id, head, batches, events, subjects, proposals, flaw_count, flaws}` as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: Store,
}

/// Most flaws that the text form lists.
const SHOWN: usize = 10;

pub(super) async fn run(args: Args, out: &Out) -> Ended {
    let (ledger, path) = args.store.open(IfMissing::Stop)?;
    let found = ledger.verify().await?;
    let exit = if found.is_sound() { Exit::Done } else { Exit::Failed };
    if args.json {
        let flaw = |flaw: &Flaw| json!({ "what": flaw.what, "batch": flaw.batch, "event_id": flaw.event_id, "subject": flaw.subject });
        out.json(&json!({
            "ok": found.is_sound(),
            "self_consistent_only": true,
            "store": path.display().to_string(),
            "ledger_id": found.ledger_id.as_str(),
            "head": found.head.as_ref().map(head_json),
            "batches": found.batches,
            "events": found.events,
            "subjects": found.subjects,
            "proposals": found.proposals,
            "flaw_count": found.flaw_count,
            "flaws": found.flaws.iter().map(flaw).collect::<Vec<_>>(),
        }));
        return Ok(exit);
    }
    let verdict = match found.is_sound() {
        true => out.paint(Tone::Good, "ledger sound, self-consistent only"),
        false => out.paint(Tone::Bad, "ledger not sound"),
    };
    out.line(format!("{verdict}: {} ({})", path.display(), found.ledger_id));
    out.line(format!(
        "Checked: {} events in {} batches, {} proposals replayed",
        found.events, found.batches, found.proposals
    ));
    if let Some(head) = &found.head {
        out.line(format!("Newest batch: {head}"));
    }
    if found.is_sound() {
        out.line("Whether this is the newest and the only copy shows only against a batch and digest kept elsewhere.");
        return Ok(exit);
    }
    out.line(format!("Problems: {}", found.flaw_count));
    for flaw in found.flaws.iter().take(SHOWN) {
        out.line(format!("  {}", described(flaw)));
    }
    if found.flaw_count > SHOWN as u64 {
        out.line(format!("  and more; `--json` lists the first {}", found.flaws.len()));
    }
    out.line("Next: keep the file as it is, restore a backup, and verify that");
    Ok(exit)
}

fn described(flaw: &Flaw) -> String {
    let batch = flaw.batch.map(|batch| format!("batch {batch}"));
    let event = flaw.event_id.map(|event| format!("event {event}"));
    let subject = flaw.subject.as_deref().map(clean);
    let place: Vec<String> = [batch, event, subject].into_iter().flatten().collect();
    if place.is_empty() { flaw.what.to_owned() } else { format!("{}: {}", place.join(", "), flaw.what) }
}
