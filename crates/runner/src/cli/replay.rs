//! `replay …`

pub mod export;
pub mod list;
mod markdown;
pub mod show;
mod story;

use clap::Subcommand;
use synapsor_core::code::Code;
use synapsor_core::id::ProposalId;
use synapsor_core::refusal::Refusal;
use synapsor_db::ledger::Ledger;

use super::Ended;
use super::print::Out;
use crate::app::{Stop, load, lookup};

/// Read a proposal's whole story: what was seen, asked, decided and done.
///
/// `replay <id>` is short for `replay show <id>`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
#[group(skip)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    show: show::Args,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List replays, newest proposal first.
    List(Box<list::Args>),
    /// Show one replay.
    Show(show::Args),
    /// Write one replay to a file.
    Export(export::Args),
}

pub(super) async fn run(args: Args, out: &Out) -> Ended {
    match args.command {
        None => show::run(args.show, out).await,
        Some(Command::List(args)) => list::run(*args, out).await,
        Some(Command::Show(args)) => show::run(args, out).await,
        Some(Command::Export(args)) => export::run(args, out).await,
    }
}

/// Which replay.
#[derive(Debug, Clone, clap::Args)]
#[group(multiple = false)]
pub struct Selector {
    /// The proposal, its replay (`replay_…`), or `latest`.
    #[arg(value_name = "PROPOSAL")]
    id: Option<String>,
    /// The proposal, or `latest`.
    #[arg(long, value_name = "ID")]
    proposal: Option<String>,
    /// The replay, `replay_` and the proposal.
    #[arg(long, value_name = "ID")]
    replay: Option<String>,
    /// The evidence bundle that the proposal rests on.
    #[arg(long, value_name = "ID")]
    evidence: Option<String>,
}

impl Selector {
    /// The proposal that is meant.
    pub async fn resolve(&self, ledger: &Ledger) -> Result<ProposalId, Stop> {
        if let Some(evidence) = &self.evidence {
            return lookup::proposal_of_evidence(ledger, evidence).await;
        }
        if let Some(replay) = &self.replay {
            let Some(proposal) = replay.strip_prefix("replay_") else {
                return Err(Refusal::new(Code::Usage, "a replay's id starts with `replay_`").into());
            };
            return load::resolve(ledger, proposal).await;
        }
        let Some(typed) = self.id.as_ref().or(self.proposal.as_ref()) else {
            return Err(Refusal::new(Code::Usage, "no proposal was named")
                .with_fix("name one, or `latest`; `synapsor-runner replay list` shows them")
                .into());
        };
        if self.id.is_some() && typed.starts_with("ev_") {
            return Err(Refusal::new(Code::Usage, "that is an evidence bundle, not a proposal or replay")
                .with_fix("use `--evidence` to find the replay of the proposal that rests on it")
                .into());
        }
        load::resolve(ledger, typed.strip_prefix("replay_").unwrap_or(typed)).await
    }
}
