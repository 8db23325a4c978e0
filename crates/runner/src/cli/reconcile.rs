//! `reconcile`

use super::Ended;
use super::open::{IfMissing, Where, runner_id};
use super::print::{Out, refusal_json};
use crate::app::Stop;
use crate::app::apply::Applied;

/// Find out what became of an apply that nobody finished.
///
/// The source database is asked by putting in a fence under the same job: winning it proves that the late applier can
/// never commit, losing it shows what happened.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The proposal, or `latest`.
    #[arg(value_name = "PROPOSAL")]
    id: String,
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
    let applied = result?;
    if args.json {
        out.json(&super::apply::to_json(&applied));
    } else {
        super::apply::print(out, &applied);
    }
    Ok(applied.exit())
}

async fn reconcile(args: &Args, out: &Out) -> Result<Applied, Stop> {
    let app = args.place.app(out, IfMissing::Stop)?;
    let id = app.resolve(&args.id).await?;
    app.reconcile(&id, &runner_id(args.runner.as_deref())).await
}
