//! `proposals approve`

use synapsor_core::code::Exit;

use super::show;
use crate::app::decide::Verdict;
use crate::app::{App, Stop, records};
use crate::cli::Ended;
use crate::cli::open::{IfMissing, Where, local_user};
use crate::cli::print::{Out, Tone};

/// Approve a proposal: exactly the change that is shown.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The proposal, or `latest`.
    #[arg(value_name = "PROPOSAL")]
    id: String,
    /// Who approves [default: this machine's user]. Recorded as unverified.
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Why.
    #[arg(long)]
    reason: Option<String>,
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
    let decision = Decide { typed: &args.id, actor: args.actor, approve: true, reason: args.reason };
    let outcome = decide(&app, out, decision, Ask { yes: args.yes, json: args.json }).await?;
    Ok(finish(out, "approved", outcome))
}

/// What a person asked for.
pub(super) struct Decide<'a> {
    pub(super) typed: &'a str,
    pub(super) actor: Option<String>,
    pub(super) approve: bool,
    pub(super) reason: Option<String>,
}

/// How to talk about it.
#[derive(Clone, Copy)]
pub(super) struct Ask {
    pub(super) yes: bool,
    pub(super) json: bool,
}

/// What came of it.
pub(super) enum Outcome {
    /// The person did not confirm.
    Left,
    /// Recorded, for people.
    Decided(String),
    /// Recorded, as JSON.
    Json(serde_json::Value),
}

pub(super) async fn decide(app: &App, out: &Out, decide: Decide<'_>, ask: Ask) -> Result<Outcome, Stop> {
    let id = app.resolve(decide.typed).await?;
    let proposal = app.load(&id).await?;
    if !ask.json {
        show::summary(out, &proposal, app.now().await?);
    }
    let verb = if decide.approve { "Approve" } else { "Reject" };
    if !out.confirm(&format!("{verb} exactly this change?"), ask.yes)? {
        return Ok(Outcome::Left);
    }
    let verdict = Verdict {
        actor: decide.actor.unwrap_or_else(local_user),
        approve: decide.approve,
        reason: decide.reason,
        shown_hash: proposal.change_set().integrity.proposal_hash.clone(),
    };
    let decided = app.decide(&id, &verdict).await?;
    if ask.json {
        return Ok(Outcome::Json(records::proposal(
            &decided,
            &app.ledger().load(id.as_str()).await?,
            app.now().await?,
        )));
    }
    Ok(Outcome::Decided(id.as_str().to_owned()))
}

pub(super) fn finish(out: &Out, word: &str, outcome: Outcome) -> Exit {
    match outcome {
        Outcome::Left => {
            out.note("nothing was recorded");
            return Exit::Failed;
        }
        Outcome::Json(json) => out.json(&json),
        Outcome::Decided(id) => {
            out.line(format!("{} {id}", out.paint(Tone::Good, word)));
            if word == "approved" {
                out.line(format!("Next: synapsor-runner apply {id}"));
            }
        }
    }
    Exit::Done
}
