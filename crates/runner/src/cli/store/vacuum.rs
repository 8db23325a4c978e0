//! `store vacuum`

use serde_json::json;
use synapsor_core::code::Exit;

use crate::cli::Ended;
use crate::cli::open::{IfMissing, Store};
use crate::cli::print::Out;

/// Give the file's unused space back. Servers may run; what they record waits for it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print `{before, after}`, in bytes, as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: Store,
}

pub(super) async fn run(args: Args, out: &Out) -> Ended {
    let (ledger, path) = args.store.open(IfMissing::Stop)?;
    let size = ledger.vacuum().await?;
    if args.json {
        out.json(&json!({ "before": size.before, "after": size.after }));
    } else {
        out.line(format!("vacuumed {}: {} -> {} bytes", path.display(), size.before, size.after));
    }
    Ok(Exit::Done)
}
