//! `store stats`

use serde_json::json;
use synapsor_core::code::Exit;

use super::head_json;
use crate::cli::Ended;
use crate::cli::open::{IfMissing, Store};
use crate::cli::print::Out;

/// Count what the ledger holds.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print the numbers as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: Store,
}

pub(super) async fn run(args: Args, out: &Out) -> Ended {
    let (ledger, path) = args.store.open(IfMissing::Stop)?;
    let stats = ledger.stats().await?;
    let document = json!({
        "path": path.display().to_string(),
        "ledger_id": ledger.id().as_str(),
        "proposals": stats.proposals,
        "evidence_bundles": stats.evidence_bundles,
        "evidence_items": stats.evidence_items,
        "query_audit": stats.query_audit,
        "writeback_receipts": stats.writeback_receipts,
        "writeback_jobs": stats.writeback_jobs,
        "idempotency_receipts": stats.idempotency_receipts,
        "replay_records": stats.replay_records,
        "approvals": stats.approvals,
        "proposal_events": stats.proposal_events,
        "shadow_human_actions": stats.shadow_human_actions,
        "page_count": stats.page_count,
        "page_size": stats.page_size,
        "approx_bytes": stats.approx_bytes,
        "events": stats.events,
        "head": head_json(&stats.head),
        "oldest_at": stats.oldest_at.map(|at| at.to_string()),
        "newest_at": stats.head.newest_at.map(|at| at.to_string()),
        "search_lag": stats.search_lag,
    });
    if args.json {
        out.json(&document);
        return Ok(Exit::Done);
    }
    let time = |at: Option<jiff::Timestamp>| at.map_or_else(|| "never".to_owned(), |at| at.to_string());
    for (label, value) in [
        ("Ledger", format!("{} ({})", path.display(), ledger.id())),
        ("Proposals", stats.proposals.to_string()),
        ("Decisions", stats.approvals.to_string()),
        ("Evidence bundles", stats.evidence_bundles.to_string()),
        ("Query audits", stats.query_audit.to_string()),
        ("Writeback jobs", stats.writeback_jobs.to_string()),
        ("Receipts", stats.writeback_receipts.to_string()),
        ("Shadow human actions", stats.shadow_human_actions.to_string()),
        ("Events", stats.events.to_string()),
        ("Oldest event", time(stats.oldest_at)),
        ("Newest event", time(stats.head.newest_at)),
        ("Newest batch", stats.head.to_string()),
        ("Size", format!("{} bytes in {} pages", stats.approx_bytes, stats.page_count)),
    ] {
        out.line(format!("{label}: {value}"));
    }
    Ok(Exit::Done)
}
