//! `apply`

use std::path::PathBuf;

use serde_json::json;
use synapsor_core::code::{Code, Exit};
use synapsor_core::proposal::Stage;
use synapsor_core::refusal::Refusal;
use synapsor_core::wire::receipt::{ExecutionReceipt, ReceiptStatus};
use synapsor_core::writeback;

use super::Ended;
use super::batch;
use super::open::{IfMissing, Where, runner_id};
use super::print::{Out, Tone, plain, refusal_json};
use crate::app::apply::ApplyOrder;
use crate::app::batch::Task;
use crate::app::outcome::{Applied, ApplyEnding};
use crate::app::{App, Stop};
use crate::secrets;

/// Apply an approved proposal to its source database, exactly once.
///
/// The row must still be what the reviewer saw. Running it again, from any number of processes, reports the same result.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The proposal, or `latest`.
    #[arg(value_name = "PROPOSAL", conflicts_with_all = ["proposal", "job", "approved"])]
    id: Option<String>,
    /// The proposal, as a flag.
    #[arg(long, value_name = "PROPOSAL", conflicts_with_all = ["job", "approved"])]
    proposal: Option<String>,
    /// A job file that `proposals writeback-job` wrote; checked against the ledger before anything is done.
    #[arg(long, value_name = "FILE", conflicts_with = "approved")]
    job: Option<PathBuf>,
    /// Every approved proposal, oldest first; one that fails does not keep the others.
    #[arg(long)]
    approved: bool,
    /// Run every step in the source database and undo all of it.
    #[arg(long)]
    dry_run: bool,
    /// This runner's name, for the record [default: `SYNAPSOR_RUNNER_ID`, else local_runner].
    #[arg(long, value_name = "NAME")]
    runner: Option<String>,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Where,
}

pub(super) async fn run(args: Args, out: &Out) -> Ended {
    if args.approved {
        let result = all(&args, out).await;
        if let (true, Err(Stop::Refusal(refusal))) = (args.json, &result) {
            out.json(&refusal_json(refusal));
        }
        return result;
    }
    let result = apply(&args, out).await;
    if let (true, Err(Stop::Refusal(refusal))) = (args.json, &result) {
        out.json(&refusal_json(refusal));
    }
    let applied = result?;
    if args.json {
        out.json(&to_json(&applied));
    } else {
        print(out, &applied);
    }
    Ok(applied.exit())
}

async fn all(args: &Args, out: &Out) -> Ended {
    let app = args.place.app(out, IfMissing::Stop)?;
    batch::run(&app, &Task::Apply(ApplyOrder { wait: false, ..order(args) }), args.json, out).await
}

fn order(args: &Args) -> ApplyOrder {
    let dry_run = args.dry_run || secrets::plain("SYNAPSOR_DRY_RUN").as_deref() == Some("true");
    ApplyOrder { runner_id: runner_id(args.runner.as_deref()), dry_run, wait: true }
}

async fn apply(args: &Args, out: &Out) -> Result<Applied, Stop> {
    let app = args.place.app(out, IfMissing::Stop)?;
    let id = match (&args.id, &args.proposal, &args.job) {
        (_, _, Some(file)) => {
            let text = std::fs::read_to_string(file).map_err(|error| {
                Refusal::new(Code::JobInvalid, format!("`{}` cannot be read: {error}", file.display()))
            })?;
            app.check_job(&text).await?
        }
        (Some(typed), _, _) | (None, Some(typed), _) => app.resolve(typed).await?,
        (None, None, None) => {
            return Err(Refusal::new(Code::Usage, "apply needs a proposal, `latest`, `--approved` or `--job`").into());
        }
    };
    let result = app.apply(&id, &order(args)).await;
    explain_contract_change(&app, &id, out, &result).await;
    result
}

/// A changed capability stops an apply; what changed is worth more than that it did.
async fn explain_contract_change(
    app: &App,
    id: &synapsor_core::id::ProposalId,
    out: &Out,
    result: &Result<Applied, Stop>,
) {
    if let Err(stop) = result
        && stop.code() == Code::ContractChanged
        && let Ok(proposal) = app.load(id).await
        && let Ok(changes) = crate::app::propose::contract_changes(app, &proposal).await
    {
        for change in changes {
            out.note(&format!("  {change}"));
        }
    }
}

pub(super) fn to_json(applied: &Applied) -> serde_json::Value {
    let change_set = applied.proposal.change_set();
    let id = &change_set.proposal_id;
    let mut json = json!({
        "ok": applied.exit() == Exit::Done,
        "proposal_id": change_set.proposal_id,
        "state": applied.proposal.stage().state(),
        "source_database_changed": false,
    });
    let extra = match &applied.ending {
        ApplyEnding::Settled { receipt, before } => json!({
            "result": if *before && receipt.status == ReceiptStatus::Applied { "already_applied" } else { receipt.status.word() },
            "source_database_changed": receipt.source_database_mutated && !before,
            "receipt": receipt,
        }),
        ApplyEnding::Rehearsed => json!({ "result": "dry_run_passed" }),
        ApplyEnding::WouldNot(outcome) => json!({
            "result": format!("dry_run_{}", outcome.status.word()),
            "error": { "code": outcome.code.map(Code::text), "message": outcome.reason },
        }),
        ApplyEnding::Released(code) => json!({
            "result": "not_applied",
            "error": { "code": code.text(), "message": code.meaning(), "fix": code.fix() },
        }),
        ApplyEnding::InDoubt(reason) => json!({
            "result": "unknown",
            "source_database_changed": null,
            "error": { "code": Code::OutcomeUnknown.text(), "message": reason, "fix": after_doubt(reason, id) },
        }),
    };
    if let (Some(json), serde_json::Value::Object(extra)) = (json.as_object_mut(), extra) {
        json.extend(extra);
    }
    json
}

pub(super) fn print(out: &Out, applied: &Applied) {
    let id = &applied.proposal.change_set().proposal_id;
    match &applied.ending {
        ApplyEnding::Settled { receipt, before } => settled(out, applied, receipt, *before),
        ApplyEnding::Rehearsed => {
            out.line(out.paint(Tone::Good, "Guarded writeback dry run passed."));
            out.line("Every step ran in the source database and was undone; nothing changed.");
            out.line(format!("Next: synapsor-runner apply {id}"));
        }
        ApplyEnding::WouldNot(outcome) => {
            out.line(out.paint(Tone::Bad, &format!("Guarded writeback dry run found: {}.", outcome.status.word())));
            out.line(format!("  {}", outcome.reason.clone().unwrap_or_default()));
            out.line("Nothing changed.");
        }
        ApplyEnding::Released(code) => {
            out.line(out.paint(Tone::Careful, "Guarded writeback not done; the proposal is still approved."));
            out.line(format!("  {}: {}", code.text(), code.meaning()));
            if *code != Code::WritebackFenced {
                out.line(format!("Next: {}", code.fix()));
            }
            out.line(format!("Then: synapsor-runner apply {id}"));
        }
        ApplyEnding::InDoubt(reason) => {
            out.line(out.paint(Tone::Careful, "Guarded writeback outcome unknown."));
            out.line(format!("  {reason}"));
            for place in where_to_look(applied) {
                out.line(format!("Look at: {place}"));
            }
            out.line(format!("Next: {}", after_doubt(reason, id)));
        }
    }
}

/// What to do about an unknown outcome.
pub(super) fn after_doubt(reason: &str, id: &str) -> String {
    let reconcile = format!("synapsor-runner reconcile {id}");
    if reason == writeback::ANOTHER_SERVER {
        return format!("if it lacks nothing: {reconcile} --accept-new-server");
    }
    reconcile
}

/// Where a person sees whether the change was made: the row, and the receipt.
fn where_to_look(applied: &Applied) -> Vec<String> {
    let change_set = applied.proposal.change_set();
    let Stage::Applying { claim, .. } = applied.proposal.stage() else { return Vec::new() };
    let source = &change_set.source;
    vec![
        format!(
            "`{}.{}` in source `{}`, {} = {}",
            source.schema,
            source.table,
            source.source_id,
            source.primary_key.column,
            plain(&source.primary_key.value)
        ),
        match &claim.executor {
            Some(executor) => format!("the receipts of handler `{executor}`, writeback_job_id = {}", claim.job_id),
            None => format!("`{}.{}` there, job_id = {}", claim.receipts_schema, claim.receipts_table, claim.job_id),
        },
    ]
}

fn settled(out: &Out, applied: &Applied, receipt: &ExecutionReceipt, before: bool) {
    let change_set = applied.proposal.change_set();
    let (tone, title) = match (receipt.status, before) {
        (ReceiptStatus::Applied, false) => (Tone::Good, "Guarded writeback applied."),
        (ReceiptStatus::Applied, true) | (ReceiptStatus::AlreadyApplied, _) => {
            (Tone::Good, "Guarded writeback already applied.")
        }
        (ReceiptStatus::Conflict, _) => (Tone::Careful, "Guarded writeback returned conflict."),
        (ReceiptStatus::Failed | ReceiptStatus::Canceled, _) => (Tone::Bad, "Guarded writeback failed."),
    };
    out.line(out.paint(tone, title));
    let applied_now = matches!(receipt.status, ReceiptStatus::Applied | ReceiptStatus::AlreadyApplied);
    if applied_now {
        for (column, change) in change_set.diff() {
            let part = |key: &str| change.get(key).map(plain).unwrap_or_default();
            out.line(format!("  {column}: {} -> {}", part("before"), part("proposed")));
        }
    }
    if let Some(reason) = &receipt.reason {
        out.line(format!("  {}: {reason}", receipt.safe_error_code.clone().unwrap_or_default()));
    }
    let passed = |held: bool| if held { "yes" } else { "no" };
    out.line("Checks:");
    out.line("  * proposal approved: yes");
    out.line(format!(
        "  * primary key matched: {}",
        passed(!receipt.safe_error_code.as_deref().is_some_and(|code| code.starts_with("ROW_NOT_FOUND")))
    ));
    out.line(format!(
        "  * tenant guard matched: {}",
        passed(!receipt.safe_error_code.as_deref().is_some_and(|code| code.starts_with("ROW_NOT_FOUND")))
    ));
    out.line("  * allowed columns only: yes");
    let guard = match receipt.status {
        ReceiptStatus::Applied | ReceiptStatus::AlreadyApplied => "yes",
        ReceiptStatus::Conflict => "no",
        ReceiptStatus::Failed | ReceiptStatus::Canceled => "not completed",
    };
    out.line(format!("  * conflict guard passed: {guard}"));
    out.line(format!("  * affected rows: {}", receipt.rows_affected));
    out.line(format!("  * idempotency key: {}", receipt.idempotency_key));
    out.line(format!("Receipt: synapsor-runner receipts list --proposal {}", change_set.proposal_id));
    out.line(format!("Replay: synapsor-runner replay show {}", change_set.proposal_id));
    if receipt.status == ReceiptStatus::Conflict {
        out.line("Next: inspect the row again, then propose again from what it holds now.");
    }
}
