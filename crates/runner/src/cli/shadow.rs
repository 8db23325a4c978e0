//! `shadow …`

pub mod compare;
pub mod list;
pub mod record_human_action;
pub mod report;
mod verdict;

use clap::Subcommand;
use synapsor_core::code::Code;
use synapsor_core::id::ProposalId;
use synapsor_core::proposal::Proposal;
use synapsor_core::refusal::Refusal;

use super::Ended;
use super::print::Out;

/// Compare what an agent proposed in shadow mode with what people did.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List proposals made in shadow mode.
    List(list::Args),
    /// Record what a person did about the same thing.
    RecordHumanAction(record_human_action::Args),
    /// Compare one proposal with what a person did.
    Compare(compare::Args),
    /// Compare all of them.
    Report(report::Args),
}

pub(super) async fn run(command: Command, out: &Out) -> Ended {
    match command {
        Command::List(args) => list::run(args, out).await,
        Command::RecordHumanAction(args) => record_human_action::run(args, out).await,
        Command::Compare(args) => compare::run(args, out).await,
        Command::Report(args) => report::run(args, out).await,
    }
}

/// A proposal's id. `latest` is none here: the newest proposal need not be a shadow.
fn proposal_id(text: &str) -> Result<ProposalId, String> {
    ProposalId::parse(text).map_err(|why| why.to_string())
}

/// Refuses proposals that were not made in shadow mode.
fn require_shadow(proposal: &Proposal) -> Result<(), Refusal> {
    let change_set = proposal.change_set();
    if change_set.mode == "shadow" {
        return Ok(());
    }
    let message = format!("proposal {} was made in `{}` mode", change_set.proposal_id, change_set.mode);
    Err(Refusal::new(Code::NotShadowProposal, message))
}
