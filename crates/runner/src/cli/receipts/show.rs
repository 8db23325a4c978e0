//! `receipts show`

use synapsor_core::code::Exit;
use synapsor_core::event::Event;
use synapsor_core::proposal::truth;
use synapsor_core::wire::receipt::{ExecutionReceipt, ReceiptStatus};
use synapsor_db::ledger::Kind;

use super::{display_id, parse_id};
use crate::app::{lookup, records};
use crate::cli::Ended;
use crate::cli::open::{IfMissing, Store};
use crate::cli::print::{Out, Tone, clean, plain};

/// Show one receipt: how an apply ended.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The receipt's number, or its id such as `rct_000012`.
    #[arg(value_name = "RECEIPT", value_parser = parse_id)]
    id: u64,
    /// Show keys, versions and hashes too.
    #[arg(long)]
    details: bool,
    /// Print the receipt as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: Store,
}

pub(super) async fn run(args: Args, out: &Out) -> Ended {
    let (ledger, _) = args.store.open(IfMissing::Stop)?;
    let found = lookup::numbered(&ledger, Kind::Receipt, args.id).await?.map(|record| record.stored);
    let stored = found.ok_or_else(|| lookup::missing("receipt", &display_id(args.id)))?;
    let Event::WritebackSettled(receipt) = &stored.event else {
        return Err(lookup::missing("receipt", &display_id(args.id)).into());
    };
    if args.json {
        out.json(&records::receipt(&stored).unwrap_or_default());
    } else if args.details {
        out.line(format!("Receipt: {}", stored.event_id));
        checks(out, receipt);
        details(out, receipt);
        out.line(format!("Next: {}", next(receipt)));
    } else {
        out.line(format!("{} {}", out.paint(Tone::Strong, "Receipt"), display_id(stored.event_id)));
        checks(out, receipt);
        out.line(format!("Next: {}", next(receipt)));
        out.line(format!("More detail: synapsor-runner receipts show {} --details", display_id(stored.event_id)));
    }
    Ok(Exit::Done)
}

fn checks(out: &Out, receipt: &ExecutionReceipt) {
    let tone = match receipt.status {
        ReceiptStatus::Applied | ReceiptStatus::AlreadyApplied => Tone::Good,
        ReceiptStatus::Conflict | ReceiptStatus::Canceled => Tone::Careful,
        ReceiptStatus::Failed => Tone::Bad,
    };
    out.line(format!("Status: {}", out.paint(tone, receipt.status.word())));
    if let Some(code) = &receipt.safe_error_code {
        let reason = receipt.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        out.line(format!("Why: {}", clean(&format!("{code}{reason}"))));
    }
    out.line("Checks:");
    out.line(format!("  affected rows: {}", receipt.rows_affected));
    out.line(format!("  source database changed: {}", truth::told_by(receipt)));
}

fn next(receipt: &ExecutionReceipt) -> String {
    match receipt.status {
        ReceiptStatus::Conflict => "inspect the row again, then propose again from what it holds now".to_owned(),
        ReceiptStatus::Failed => "mend what it names, then propose again if the change is still wanted".to_owned(),
        _ => format!("synapsor-runner replay show {}", receipt.proposal_id),
    }
}

fn details(out: &Out, receipt: &ExecutionReceipt) {
    let line = |label: &str, value: &str| out.line(format!("{label}: {}", clean(value)));
    line("Proposal", &receipt.proposal_id);
    line("Writeback job", &receipt.writeback_job_id);
    line("Runner", &receipt.runner_id);
    line("Idempotency key", &receipt.idempotency_key);
    line("Executed", &receipt.executed_at);
    for (label, version) in [("Previous version", &receipt.previous_version), ("New version", &receipt.new_version)] {
        if let Some(version) = version {
            line(label, &plain(version));
        }
    }
    line("Receipt hash", &receipt.receipt_hash);
}
