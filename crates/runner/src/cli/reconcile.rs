//! `reconcile`

mod verify;

use super::Ended;
use super::batch;
use super::open::{IfMissing, Where, runner_id};
use super::print::{Out, refusal_json};
use crate::app::batch::Task;
use crate::app::reconcile::Finder;
use crate::app::{App, Stop};

/// Find out what became of every apply that nobody finished, or of one.
///
/// The source database is asked by putting in a fence under the same job: winning it proves that the late applier can
/// never commit, losing it shows what happened. What cannot be known yet stays unknown, with the reason.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this proposal, or `latest`.
    #[arg(value_name = "PROPOSAL", conflicts_with = "verify")]
    id: Option<String>,
    /// Compare what the ledger holds as applied with the receipts in the source databases, and change nothing.
    #[arg(long, conflicts_with = "accept_new_server")]
    verify: bool,
    /// After a failover: believe that the server which answers now holds everything that the one before it committed.
    #[arg(long)]
    accept_new_server: bool,
    /// This runner's name, for the record [default: `SYNAPSOR_RUNNER_ID`, else local_runner].
    #[arg(long, value_name = "NAME")]
    runner: Option<String>,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Where,
}

pub(super) async fn run(args: Args, out: &Out) -> Ended {
    let result = reconcile(&args, out).await;
    if let (true, Err(Stop::Refusal(refusal))) = (args.json, &result) {
        out.json(&refusal_json(refusal));
    }
    result
}

async fn reconcile(args: &Args, out: &Out) -> Ended {
    let app = args.place.app(out, IfMissing::Stop)?;
    if args.verify {
        return verify::run(&app, args.json, out).await;
    }
    let finder = Finder { runner_id: runner_id(args.runner.as_deref()), accept_new_server: args.accept_new_server };
    match &args.id {
        Some(typed) => one(&app, typed, &finder, args.json, out).await,
        None => batch::run(&app, &Task::Reconcile(finder), args.json, out).await,
    }
}

async fn one(app: &App, typed: &str, finder: &Finder, json: bool, out: &Out) -> Ended {
    let id = app.resolve(typed).await?;
    let applied = app.reconcile(&id, finder).await?;
    if json {
        out.json(&super::apply::to_json(&applied));
    } else {
        super::apply::print(out, &applied);
    }
    Ok(applied.exit())
}
