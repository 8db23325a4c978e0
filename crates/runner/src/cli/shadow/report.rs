//! `shadow report`

use serde_json::json;
use synapsor_core::code::Exit;
use synapsor_core::event::Event;
use synapsor_db::ledger::{Kind, Ledger, Query};

use super::verdict::{Comparison, Verdict};
use crate::app::{Stop, load};
use crate::cli::Ended;
use crate::cli::filter::MOST;
use crate::cli::open::{IfMissing, Store};
use crate::cli::print::Out;

/// Compare every shadow proposal with what people did.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: Store,
}

pub(super) async fn run(args: Args, out: &Out) -> Ended {
    let (ledger, _) = args.store.open(IfMissing::Stop)?;
    let compared = all(&ledger).await?;
    let count = |verdict: Verdict| compared.iter().filter(|comparison| comparison.verdict == verdict).count();
    let with_human_action = compared.len() - count(Verdict::NoHumanAction);
    if args.json {
        let now = load::now(&ledger).await?.to_string();
        out.json(&json!({
            "total_shadow_proposals": compared.len(),
            "with_human_action": with_human_action,
            "exact_matches": count(Verdict::Exact),
            "partial_matches": count(Verdict::Partial),
            "mismatches": count(Verdict::Mismatch),
            "no_human_action": count(Verdict::NoHumanAction),
            "comparisons": compared.iter().map(|comparison| comparison.json(&now)).collect::<Vec<_>>(),
        }));
        return Ok(Exit::Done);
    }
    if compared.is_empty() {
        out.line("No shadow proposals found.");
        return Ok(Exit::Done);
    }
    out.line(format!("Shadow proposals: {}", compared.len()));
    out.line(format!("With human action: {with_human_action}"));
    out.line(format!("Exact matches: {}", count(Verdict::Exact)));
    out.line(format!("Partial matches: {}", count(Verdict::Partial)));
    out.line(format!("Mismatches: {}", count(Verdict::Mismatch)));
    out.line(format!("No human action: {}", count(Verdict::NoHumanAction)));
    let row = |comparison: &Comparison| [comparison.proposal_id.clone(), comparison.verdict.word().to_owned()];
    out.table(["PROPOSAL", "STATUS"], &compared.iter().map(row).collect::<Vec<_>>());
    Ok(Exit::Done)
}

/// Every shadow proposal, newest first.
async fn all(ledger: &Ledger) -> Result<Vec<Comparison>, Stop> {
    let now = load::now(ledger).await?;
    let mut query = Query { shadow: Some(true), limit: MOST, ..Query::new(Kind::Proposal, now) };
    let mut compared = Vec::new();
    loop {
        let page = ledger.search(query.clone()).await?;
        for record in &page {
            let Event::ProposalCreated(change_set) = &record.stored.event else { continue };
            let history = ledger.load(&record.stored.subject).await?;
            compared.push(Comparison::of(&record.stored.subject, &change_set.patch, &history));
        }
        if page.len() < MOST {
            return Ok(compared);
        }
        query.before = page.last().map(|record| record.stored.event_id);
    }
}
