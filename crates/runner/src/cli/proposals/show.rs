//! `proposals show`

use jiff::Timestamp;
use serde_json::json;
use synapsor_core::code::Exit;
use synapsor_core::proposal::{Proposal, Stage};

use crate::app::{load, records};
use crate::cli::Ended;
use crate::cli::open::{IfMissing, Store};
use crate::cli::print::{Out, Tone, clean, plain};

/// Show one proposal: what would change, who asked, on what evidence.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The proposal, or `latest`.
    #[arg(value_name = "PROPOSAL")]
    id: String,
    /// Show guards, hashes and events too.
    #[arg(long, alias = "debug")]
    details: bool,
    /// Print `{proposal, events, receipts, evidence}` as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: Store,
}

pub(super) async fn run(args: Args, out: &Out) -> Ended {
    let (ledger, _) = args.store.open(IfMissing::Stop)?;
    let id = load::resolve(&ledger, &args.id).await?;
    if args.json {
        let proposal = load::load(&ledger, &id).await?;
        let history = ledger.load(id.as_str()).await?;
        let seen = ledger.load(&proposal.change_set().evidence.bundle_id).await?;
        let evidence = seen.first().and_then(|stored| records::evidence(stored, Some(proposal.change_set())));
        out.json(&json!({
            "proposal": records::proposal(&proposal, &history, load::now(&ledger).await?),
            "events": records::events(&history),
            "receipts": records::receipts(&history),
            "evidence": evidence,
        }));
        return Ok(Exit::Done);
    }
    let proposal = load::load(&ledger, &id).await?;
    let now = load::now(&ledger).await?;
    if args.details {
        details(out, &proposal, now);
        out.line("Events:");
        for stored in ledger.load(id.as_str()).await? {
            let actor = clean(stored.event.actor());
            out.line(format!("  {}  {}  by {actor}", stored.at, stored.event.kind()));
        }
    } else {
        summary(out, &proposal, now);
    }
    Ok(Exit::Done)
}

/// The short form: what a reviewer needs to decide.
pub(super) fn summary(out: &Out, proposal: &Proposal, now: Timestamp) {
    let change_set = proposal.change_set();
    let state = proposal.state(now);
    out.line(format!("{} {}", out.paint(Tone::Strong, "Proposal"), change_set.proposal_id));
    out.line(format!("Status: {}", out.paint(tone(state), words(state))));
    let requested = format!("{} as {} of {}", change_set.action, change_set.principal.id, change_set.scope.tenant_id);
    out.line(format!("Agent requested: {}", clean(&requested)));
    out.line(format!("Business object: {} {}", change_set.scope.business_object, clean(&change_set.scope.object_id)));
    out.line("Proposed change:");
    for (column, change) in change_set.diff() {
        let part = |key: &str| change.get(key).map(plain).unwrap_or_default();
        out.line(format!("  {column}: {} -> {}", part("before"), out.paint(Tone::Strong, &part("proposed"))));
    }
    out.line(format!("Source DB changed: {}", proposal.truth(now)));
    out.line(format!("Approval: {}", clean(&approval(proposal, state))));
    out.line(format!("Evidence: {}", change_set.evidence.bundle_id));
    if let Stage::Settled { receipt } = proposal.stage()
        && let Some(reason) = &receipt.reason
    {
        let code = receipt.safe_error_code.clone().unwrap_or_default();
        out.line(format!("Result: {} ({code})", clean(reason)));
    }
    out.line(format!("Next: {}", next(proposal, state)));
    out.line(format!("More detail: synapsor-runner proposals show {} --details", change_set.proposal_id));
}

fn details(out: &Out, proposal: &Proposal, now: Timestamp) {
    let change_set = proposal.change_set();
    let state = proposal.state(now);
    out.line(format!("Proposal details: {}", change_set.proposal_id));
    out.line("Review details:");
    let source = &change_set.source;
    let line = |label: &str, value: String| out.line(format!("  {label}: {}", clean(&value)));
    line("principal", format!("{} ({})", change_set.principal.id, change_set.principal.source));
    line("tenant", change_set.scope.tenant_id.clone());
    let object = plain(&change_set.scope.object_id.clone().into());
    line("target", format!("{}:{}/{}.{}/{object}", source.kind, source.source_id, source.schema, source.table));
    line("primary key", format!("{}={}", source.primary_key.column, plain(&source.primary_key.value)));
    line("status", words(state).to_owned());
    line("action", change_set.action.clone());
    let role = change_set.approval.required_role.clone().unwrap_or_else(|| "none".to_owned());
    line("approval", format!("{} required role {role}", approval(proposal, state)));
    line("proposal hash", change_set.integrity.proposal_hash.clone());
    line("proposal version", change_set.proposal_version.to_string());
    line("contract digest", change_set.contract_digest.clone());
    line("allowed columns", change_set.guards.allowed_columns.join(", "));
    let version = &change_set.guards.expected_version;
    line("conflict guard", format!("{}={}", version.column, plain(&version.value)));
    line("before-image", change_set.exact.before.keys().cloned().collect::<Vec<_>>().join(", "));
    let evidence = &change_set.evidence;
    line("evidence", format!("{}  query {}", evidence.bundle_id, evidence.query_fingerprint));
    line("writeback", format!("{} via {}", change_set.writeback.status, change_set.writeback.executor));
    line("created", change_set.created_at.clone());
    line("expires", change_set.expires_at.clone());
    if let Some(old) = &change_set.supersedes {
        line("supersedes", old.clone());
    }
    out.line("Diff:");
    for (column, change) in change_set.diff() {
        let part = |key: &str| change.get(key).map(plain).unwrap_or_default();
        out.line(format!("  {column}: {} -> {}", part("before"), part("proposed")));
    }
}

/// A state in words.
pub(crate) fn words(state: &str) -> &str {
    match state {
        "pending_review" => "pending review",
        "pending_worker" => "being applied",
        "unknown" => "outcome unknown",
        other => other,
    }
}

pub(crate) fn tone(state: &str) -> Tone {
    match state {
        "applied" | "approved" => Tone::Good,
        "failed" | "rejected" => Tone::Bad,
        _ => Tone::Careful,
    }
}

fn approval(proposal: &Proposal, state: &str) -> String {
    match proposal.stage() {
        Stage::Pending if state == "expired" => "expired before a decision".to_owned(),
        Stage::Pending => "required outside MCP".to_owned(),
        Stage::Approved { decision } | Stage::Applying { decision, .. } => {
            format!("approved outside MCP by {} ({})", decision.actor, decision.proof)
        }
        Stage::Settled { .. } => "approved outside MCP".to_owned(),
        Stage::Rejected { decision } => {
            format!("rejected outside MCP by {}: {}", decision.actor, decision.reason.clone().unwrap_or_default())
        }
        Stage::Expired => "expired".to_owned(),
        Stage::Canceled { cancellation } => format!("superseded by {}", cancellation.superseded_by),
    }
}

pub(crate) fn next(proposal: &Proposal, state: &str) -> String {
    let id = &proposal.change_set().proposal_id;
    match state {
        "pending_review" if proposal.change_set().mode == "shadow" => {
            format!("synapsor-runner shadow record-human-action {id} --patch <file>")
        }
        "pending_review" => format!("synapsor-runner proposals approve {id}  (or reject)"),
        "approved" => format!("synapsor-runner apply {id}"),
        "pending_worker" | "unknown" => format!("synapsor-runner reconcile {id}"),
        "applied" => format!("synapsor-runner replay show {id}"),
        "conflict" => "inspect the row again, then propose again from what it holds now".to_owned(),
        "canceled" => match proposal.stage() {
            Stage::Canceled { cancellation } => {
                format!("synapsor-runner proposals show {}", cancellation.superseded_by)
            }
            _ => "nothing".to_owned(),
        },
        _ => "propose again if the change is still wanted".to_owned(),
    }
}
