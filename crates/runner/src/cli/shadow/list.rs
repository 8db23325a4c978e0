//! `shadow list`

use synapsor_db::ledger::{Kind, Query};

use crate::app::load;
use crate::cli::Ended;
use crate::cli::filter::{Page, Which, find};
use crate::cli::open::{IfMissing, Store};
use crate::cli::print::Out;
use crate::cli::proposals::list::{Ask, list};

/// List proposals made in shadow mode, newest first.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    page: Page,
    /// Print `{proposals}` as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: Store,
}

pub(super) async fn run(args: Args, out: &Out) -> Ended {
    let (ledger, _) = args.store.open(IfMissing::Stop)?;
    let query = Query { shadow: Some(true), ..args.page.query(Kind::Proposal, load::now(&ledger).await?) };
    let found = find(&ledger, args.which.narrow(query), out).await?;
    list(&ledger, &found, Ask { json: args.json, empty: "No shadow proposals found." }, out).await
}
