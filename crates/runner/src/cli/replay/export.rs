//! `replay export`

use super::{Selector, markdown};
use crate::app::records::{self, Case};
use crate::cli::Ended;
use crate::cli::open::{IfMissing, Store};
use crate::cli::output::{Format, Target};
use crate::cli::print::{Out, json_text};

/// Write a proposal's whole story to a new file.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    selector: Selector,
    /// What the file looks like.
    #[arg(long, value_enum, default_value = "json")]
    format: Format,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    store: Store,
}

pub(super) async fn run(args: Args, out: &Out) -> Ended {
    let (ledger, _) = args.store.open(IfMissing::Stop)?;
    let id = args.selector.resolve(&ledger).await?;
    let case = Case::load(&ledger, &id).await?;
    let text = match args.format {
        Format::Json => json_text(&case.replay()),
        Format::Markdown => markdown::replay(&case),
    };
    args.target.write(&format!("replay {}", records::replay_id(id.as_str())), &text, out)
}
