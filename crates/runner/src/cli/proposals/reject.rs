//! `proposals reject`

use super::approve::{Ask, Decide, decide, finish};
use crate::cli::Ended;
use crate::cli::open::{IfMissing, Where};
use crate::cli::print::Out;

/// Reject a proposal; one rejection settles it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The proposal, or `latest`.
    #[arg(value_name = "PROPOSAL")]
    id: String,
    /// Why.
    #[arg(long)]
    reason: String,
    /// Who rejects [default: this machine's user]. Recorded as unverified.
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// Print the proposal as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Where,
}

pub(super) async fn run(args: Args, out: &Out) -> Ended {
    let app = args.place.app(out, IfMissing::Stop)?;
    let decision = Decide { typed: &args.id, actor: args.actor, approve: false, reason: Some(args.reason) };
    let outcome = decide(&app, out, decision, Ask { yes: args.yes, json: args.json }).await?;
    Ok(finish(out, "rejected", outcome))
}
