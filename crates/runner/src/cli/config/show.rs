//! `config show`

use synapsor_core::code::{Code, Exit};
use synapsor_core::config;
use synapsor_core::redact;
use synapsor_core::refusal::Refusal;

use crate::cli::Ended;
use crate::cli::open::{Where, read_config};
use crate::cli::print::Out;

/// Print the configuration as plain JSON, without comments.
///
/// A configuration names environment variables and never holds their values, so there is normally nothing to hide.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: Where,
    /// Mask values that look like secrets all the same.
    #[arg(long)]
    redacted: bool,
}

pub(super) fn run(args: &Args, out: &Out) -> Ended {
    let path = args.place.config_path();
    let (text, _) = read_config(&path, &config::ReadOptions::default())?;
    let json = config::to_json(&text)
        .map_err(|problem| Refusal::new(Code::ConfigInvalid, format!("`{}`: {}", path.display(), problem.message)))?;
    out.json(&if args.redacted { masked(json) } else { json });
    Ok(Exit::Done)
}

fn masked(json: serde_json::Value) -> serde_json::Value {
    use serde_json::Value as Json;
    match json {
        Json::String(text) if redact::is_secret_value(&text) => Json::from(synapsor_core::value::MASK),
        Json::Array(items) => Json::Array(items.into_iter().map(masked).collect()),
        Json::Object(map) => Json::Object(map.into_iter().map(|(key, value)| (key, masked(value))).collect()),
        other => other,
    }
}
