//! `propose`

use synapsor_core::answer::Answer;
use synapsor_core::caller::Caller;
use synapsor_core::code::{Code, Exit};
use synapsor_core::refusal::Refusal;

use super::Ended;
use super::open::{IfMissing, Where};
use super::print::{Out, Tone, plain};
use super::smoke::sample::Input;

/// Propose a change, as a model would.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The proposal capability's canonical name.
    #[arg(value_name = "CAPABILITY")]
    capability: String,
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    place: Where,
}

pub(super) async fn run(args: Args, out: &Out) -> Ended {
    let app = args.place.app(out, IfMissing::Make)?;
    let capability =
        app.contract().capability(&args.capability).filter(|found| found.proposal().is_some()).ok_or_else(|| {
            let name = synapsor_core::plan::shown_key(&args.capability);
            Refusal::new(Code::CapabilityNotFound, format!("there is no proposal capability `{name}`"))
                .with_fix("run `synapsor-runner tools list`")
        })?;
    let arguments = args.input.arguments(capability)?.ok_or_else(|| {
        Refusal::new(Code::Usage, "propose needs arguments: `--sample`, `--input <file>` or `--json '<object>'`")
    })?;
    let finished = app.call(&Caller::Process, capability.name.as_str(), &arguments).await;
    if args.input.wants_json() {
        if let Err(refusal) = finished.result() {
            out.refusal(refusal);
        }
        out.json(&finished.render(app.contract().result_format).0);
        return Ok(finished.result().as_ref().map_or_else(|refusal| refusal.code().exit(), |_| Exit::Done));
    }
    match finished.result() {
        Ok(Answer::Proposed { proposal, deduplicated }) => {
            let change_set = proposal.change_set();
            let title = if *deduplicated { "Proposal exists already." } else { "Proposal created." };
            out.line(out.paint(Tone::Good, title));
            out.line(format!("Capability: {}", change_set.action));
            out.line(format!("Proposal: {}", change_set.proposal_id));
            for (column, change) in change_set.diff() {
                let part = |key: &str| change.get(key).map(plain).unwrap_or_default();
                out.line(format!("  {column}: {} -> {}", part("before"), part("proposed")));
            }
            out.line(format!("Evidence: {}", change_set.evidence.bundle_id));
            out.line("Source DB changed: no");
            out.line("Review commands:");
            let id = &change_set.proposal_id;
            out.line(format!("  synapsor-runner proposals show {id}"));
            out.line(format!("  synapsor-runner proposals approve {id}"));
            out.line(format!("  synapsor-runner apply {id}"));
            Ok(Exit::Done)
        }
        Ok(Answer::Row { .. }) => Ok(Exit::Done),
        Err(refusal) => {
            out.refusal(refusal);
            Ok(refusal.code().exit())
        }
    }
}
