//! `replay show`, and `replay` itself

use synapsor_core::code::Exit;

use super::{Selector, story};
use crate::app::records::{self, Case};
use crate::cli::Ended;
use crate::cli::open::{IfMissing, Store};
use crate::cli::print::{Out, Tone, clean, plain};
use crate::cli::proposals::show::{next, tone, words};
use crate::cli::receipts::display_id;

/// Show a proposal's whole story, from the record alone.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    selector: Selector,
    /// Show hashes, queries and every event too.
    #[arg(long)]
    details: bool,
    /// Print `{replay_id, proposal, events, receipts, query_audit, evidence, generated_at}` as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: Store,
}

pub(super) async fn run(args: Args, out: &Out) -> Ended {
    let (ledger, _) = args.store.open(IfMissing::Stop)?;
    let id = args.selector.resolve(&ledger).await?;
    let case = Case::load(&ledger, &id).await?;
    if args.json {
        out.json(&case.replay());
        return Ok(Exit::Done);
    }
    let heading = if args.details { "Replay details" } else { "Replay" };
    let state = case.proposed.state(case.now);
    out.line(format!("{} {}", out.paint(Tone::Strong, heading), records::replay_id(id.as_str())));
    out.line(format!("Status: {}", out.paint(tone(state), words(state))));
    out.line("What happened:");
    for (number, line) in (1..).zip(story::six_lines(&case)) {
        out.line(format!("  {number}. {line}"));
    }
    changes(out, &case);
    if args.details {
        details(out, &case);
        return Ok(Exit::Done);
    }
    let change_set = case.proposed.change_set();
    let captured = case.evidence_history.first().map(|stored| format!(", captured {}", stored.at)).unwrap_or_default();
    out.line(format!("Evidence: {}{captured}", clean(&change_set.evidence.bundle_id)));
    let writeback = match story::receipt(&case) {
        Some((stored, receipt)) => format!("{} {}", receipt.status.word(), display_id(stored.event_id)),
        None => "no receipt".to_owned(),
    };
    out.line(format!("Writeback: {writeback}"));
    let next = match state {
        "applied" => format!("synapsor-runner replay export {id} --format markdown --output replay.md"),
        _ => next(&case.proposed, state),
    };
    out.line(format!("Next: {next}"));
    out.line(format!("More detail: synapsor-runner replay show {id} --details"));
    Ok(Exit::Done)
}

fn changes(out: &Out, case: &Case) {
    out.line("Proposed change:");
    for (column, change) in case.proposed.change_set().diff() {
        let part = |key: &str| change.get(key).map(plain).unwrap_or_default();
        out.line(format!("  {}: {} -> {}", clean(&column), part("before"), part("proposed")));
    }
}

fn details(out: &Out, case: &Case) {
    let change_set = case.proposed.change_set();
    let line = |label: &str, value: &str| out.line(format!("{label}: {}", clean(value)));
    line("Proposal", &change_set.proposal_id);
    line("Proposal hash", &change_set.integrity.proposal_hash);
    line("Contract digest", &change_set.contract_digest);
    line("Evidence", &change_set.evidence.bundle_id);
    line("Query fingerprint", &change_set.evidence.query_fingerprint);
    for stored in &case.evidence_history {
        line("Query audit", &stored.event_id.to_string());
    }
    line("Conflict guard", &{
        let version = &change_set.guards.expected_version;
        format!("{}={}", version.column, plain(&version.value))
    });
    if let Some((stored, receipt)) = story::receipt(case) {
        line("Writeback", &format!("{} {}", receipt.status.word(), display_id(stored.event_id)));
        line("Writeback job", &receipt.writeback_job_id);
        line("Idempotency key", &receipt.idempotency_key);
        line("Receipt hash", &receipt.receipt_hash);
    }
    out.line("Events:");
    for stored in case.evidence_history.iter().chain(&case.history) {
        let actor = clean(stored.event.actor());
        out.line(format!("  {}  {}  {}  by {actor}", stored.event_id, stored.at, stored.event.kind()));
    }
}
