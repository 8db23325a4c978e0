//! What must hold whatever was done to whom: the source database, its receipts and the ledger tell one story.

use std::collections::BTreeMap;

use crate::office::{Office, Proposal, state_of};
use crate::process::{Ended, together, until};

/// What each proposal came to in the end.
pub(crate) struct Truth {
    /// The state of each, in the order asked for.
    pub(crate) states: Vec<String>,
    /// How many fences stand in the receipt table.
    pub(crate) fences: usize,
}

/// Reconciles whatever is unfinished and applies whatever is approved, until there is neither; then checks that all have
/// ended and that the three records agree: committed changes, applied receipts, and applied proposals.
pub(crate) async fn settle(office: &Office, proposals: &[Proposal]) -> Truth {
    until("all proposals end", || {
        let unfinished = found(&office.run(["reconcile", "--json"]));
        let approved = found(&office.run(["apply", "--approved", "--json"]));
        unfinished + approved == 0
    });
    let truth = agree(office, proposals).await;
    let ended = |state: &String| state == "applied" || state == "conflict";
    assert!(truth.states.iter().all(ended), "stuck: {:?}", truth.states);
    truth
}

/// How many proposals a batch was about, whatever they came to.
fn found(ended: &Ended) -> u64 {
    let code = ended.expect(&[0, 3, 4, 5, 6]);
    ended.json(code)["found"].as_u64().unwrap()
}

/// Checks that what is committed, the receipts and the ledger agree about every proposal, and that the ledger is whole.
pub(crate) async fn agree(office: &Office, proposals: &[Proposal]) -> Truth {
    let showing = proposals.iter().map(|one| office.command(["proposals", "show", &one.id, "--json"]));
    let states: Vec<_> = together(showing).iter().map(|ended| state_of(&ended.json(0))).collect();
    let written = counted(office, "SELECT reason FROM audit").await;
    let received =
        counted(office, "SELECT proposal_id FROM synapsor_writeback_receipts WHERE status = 'applied'").await;
    let unexpected = "SELECT status FROM synapsor_writeback_receipts WHERE status NOT IN ('applied', 'canceled')";
    assert!(counted(office, unexpected).await.is_empty());
    for (one, state) in proposals.iter().zip(&states) {
        let told = usize::from(state == "applied");
        let found = (written.get(&one.reason).copied(), received.get(&one.id).copied());
        let found = (found.0.unwrap_or(0), found.1.unwrap_or(0));
        assert_eq!(found, (told, told), "changes and receipts of {one:?}, which is {state}");
    }
    let applied = states.iter().filter(|state| *state == "applied").count();
    assert_eq!(written.values().sum::<usize>(), applied, "a change that no proposal asked for: {written:?}");
    assert_eq!(received.values().sum::<usize>(), applied, "a receipt that no proposal has: {received:?}");
    office.run(["store", "verify"]).expect(&[0]);
    let fences = "SELECT job_id FROM synapsor_writeback_receipts WHERE status = 'canceled'";
    let fences = counted(office, fences).await.len();
    Truth { states, fences }
}

/// How often each value of a query's first column comes.
async fn counted(office: &Office, sql: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for mut row in office.db.query_text(sql).await {
        *counts.entry(row.remove(0).unwrap()).or_insert(0) += 1;
    }
    counts
}
