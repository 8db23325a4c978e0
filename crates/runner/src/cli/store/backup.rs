//! `store backup`

use std::path::PathBuf;

use serde_json::json;
use synapsor_core::code::{Code, Exit};
use synapsor_core::refusal::Refusal;

use super::head_json;
use crate::cli::Ended;
use crate::cli::open::{IfMissing, Store};
use crate::cli::print::{Out, Tone};

/// Copy the ledger to a new file while it is in use.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file to write; it must not exist.
    #[arg(long, visible_alias = "out", value_name = "FILE")]
    output: PathBuf,
    /// Print `{ok, store, output, head}` as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: Store,
}

pub(super) async fn run(args: Args, out: &Out) -> Ended {
    let (ledger, path) = args.store.open(IfMissing::Stop)?;
    let to = args.output.display();
    let head = match ledger.backup(&args.output).await {
        Ok(head) => head,
        // The ledger does not name files; here it may be said which.
        Err(fault) if fault.code() == Code::OutputExists => {
            return Err(Refusal::new(Code::OutputExists, format!("`{to}` exists already")).into());
        }
        Err(fault) => return Err(fault.into()),
    };
    if args.json {
        out.json(&json!({
            "ok": true,
            "store": path.display().to_string(),
            "output": to.to_string(),
            "head": head_json(&head),
        }));
    } else {
        out.line(format!("{} {} to {to}", out.paint(Tone::Good, "copied"), path.display()));
        out.line(format!("Newest batch: {head}"));
        out.line(format!("Next: synapsor-runner store verify --store {to}"));
    }
    Ok(Exit::Done)
}
