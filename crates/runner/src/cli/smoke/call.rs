//! `smoke call`

use serde_json::json;
use synapsor_core::caller::Caller;
use synapsor_core::code::{Code, Exit};
use synapsor_core::contract::{Capability, ResultFormat};
use synapsor_core::refusal::Refusal;

use super::sample::{Input, sample};
use crate::app::App;
use crate::cli::Ended;
use crate::cli::open::{IfMissing, Where};
use crate::cli::print::{Out, Tone};

/// Call one tool and print its result.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The tool's canonical name; may be left out if there is only one.
    #[arg(value_name = "CAPABILITY")]
    capability: Option<String>,
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    place: Where,
}

pub(super) async fn run(args: Args, out: &Out) -> Ended {
    let app = args.place.app(out, IfMissing::Make)?;
    let capability = chosen(&app, args.capability.as_deref())?;
    let arguments = args.input.arguments(capability)?.unwrap_or_else(|| sample(capability));
    let finished = app.call(&Caller::Process, capability.name.as_str(), &arguments).await;
    let (result, _) = finished.render(app.contract().result_format);
    let exit = finished.result().as_ref().map_or_else(|refusal| refusal.code().exit(), |_| Exit::Done);
    if args.input.wants_json() {
        // The envelope says what a model may know; the operator's terminal says the rest.
        if let Err(refusal) = finished.result() {
            out.refusal(refusal);
        }
        out.json(&json!({
            "ok": exit == Exit::Done,
            "tool": capability.name.as_str(),
            "input": arguments,
            "result": result,
            "store_path": args.place.store_path(Some(app.contract())).display().to_string(),
        }));
        return Ok(exit);
    }
    match finished.result() {
        Ok(_) => {
            out.line(out.paint(Tone::Good, "Synapsor smoke call: ok"));
            out.line(format!("Tool: {}", capability.name));
            out.json(&finished.render(ResultFormat::V2).0);
        }
        Err(refusal) => {
            out.line(out.paint(Tone::Bad, "Synapsor smoke call: failed"));
            out.line(format!("Tool: {}", capability.name));
            out.refusal(refusal);
        }
    }
    Ok(exit)
}

fn chosen<'a>(app: &'a App, name: Option<&str>) -> Result<&'a Capability, Refusal> {
    let capabilities = &app.contract().capabilities;
    match name {
        Some(name) => app.contract().capability(name).ok_or_else(|| {
            Refusal::new(
                Code::CapabilityNotFound,
                format!("there is no capability `{}`", synapsor_core::plan::shown_key(name)),
            )
            .with_fix("run `synapsor-runner tools list`")
        }),
        None => match capabilities.as_slice() {
            [only] => Ok(only),
            _ => Err(Refusal::new(Code::Usage, "name the capability to call: there is more than one")
                .with_fix("run `synapsor-runner tools list`")),
        },
    }
}
