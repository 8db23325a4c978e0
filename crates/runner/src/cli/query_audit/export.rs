//! `query-audit export`

use synapsor_core::code::Code;
use synapsor_core::refusal::Refusal;

use super::load;
use crate::cli::Ended;
use crate::cli::filter::record_number;
use crate::cli::open::{IfMissing, Store};
use crate::cli::output::Target;
use crate::cli::print::{Out, json_text};

/// Write one query audit to a new JSON file.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The query audit's number.
    #[arg(value_name = "AUDIT", value_parser = record_number, required_unless_present = "audit")]
    id: Option<u64>,
    /// The same as naming it directly.
    #[arg(long, value_name = "AUDIT", value_parser = record_number, conflicts_with = "id")]
    audit: Option<u64>,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    store: Store,
}

pub(super) async fn run(args: Args, out: &Out) -> Ended {
    let (ledger, _) = args.store.open(IfMissing::Stop)?;
    let Some(number) = args.id.or(args.audit) else {
        return Err(Refusal::new(Code::Usage, "no query audit was named").into());
    };
    let (stored, document) = load(&ledger, number).await?;
    args.target.write(&format!("query audit {}", stored.event_id), &json_text(&document), out)
}
