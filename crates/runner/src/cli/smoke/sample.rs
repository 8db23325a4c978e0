//! Where a tried call's arguments come from: a file, the command line, or made up from the schema.

use std::path::PathBuf;

use serde_json::{Map, Number, Value as Json};
use synapsor_core::code::Code;
use synapsor_core::contract::{Arg, ArgType, Capability};
use synapsor_core::refusal::Refusal;

/// The arguments to send.
#[derive(Debug, clap::Args)]
pub struct Input {
    /// Make arguments up from the tool's schema.
    #[arg(long, conflicts_with = "input")]
    sample: bool,
    /// Read the arguments from a JSON file.
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Take the arguments from here as a JSON object; the output is JSON, with or without them.
    #[arg(long, value_name = "OBJECT", num_args = 0..=1, default_missing_value = "")]
    json: Option<String>,
}

impl Input {
    /// Whether the output is to be JSON.
    #[must_use]
    pub fn wants_json(&self) -> bool {
        self.json.is_some()
    }

    /// The arguments; `None` if none of the forms was used.
    pub fn arguments(&self, capability: &Capability) -> Result<Option<Map<String, Json>>, Refusal> {
        let inline = self.json.as_deref().filter(|text| !text.is_empty());
        let text = match (inline, &self.input) {
            (Some(_), Some(_)) => {
                return Err(Refusal::new(Code::Usage, "give the arguments once: with `--input` or with `--json`"));
            }
            (Some(_), None) if self.sample => {
                return Err(Refusal::new(Code::Usage, "give the arguments once: with `--sample` or with `--json`"));
            }
            (Some(text), None) => text.to_owned(),
            (None, Some(path)) => std::fs::read_to_string(path)
                .map_err(|error| Refusal::new(Code::Io, format!("`{}` cannot be read: {error}", path.display())))?,
            (None, None) if self.sample => return Ok(Some(sample(capability))),
            (None, None) => return Ok(None),
        };
        match serde_json::from_str(&text) {
            Ok(Json::Object(map)) => Ok(Some(map)),
            Ok(_) => Err(Refusal::new(Code::Usage, "the arguments are JSON but not an object")),
            Err(error) => Err(Refusal::new(
                Code::Usage,
                format!("the arguments are not JSON (line {}, column {})", error.line(), error.column()),
            )),
        }
    }
}

/// Arguments made up from the schema: right types, likely ids of the examples' rows.
#[must_use]
pub fn sample(capability: &Capability) -> Map<String, Json> {
    capability.args.iter().map(|arg| (arg.name.as_str().to_owned(), sample_value(capability, arg))).collect()
}

fn sample_value(capability: &Capability, arg: &Arg) -> Json {
    let name = arg.name.as_str().to_lowercase();
    if arg.name == capability.lookup_arg {
        let text = format!("{} {} {name}", capability.name, capability.target.table).to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
        return Json::from(if has(&["invoice", "billing"]) {
            "INV-3001"
        } else if has(&["account", "customer"]) {
            "cust_acme_1"
        } else if has(&["ticket", "support"]) {
            "T-1042"
        } else if has(&["order"]) {
            "O-1001"
        } else {
            "sample_1"
        });
    }
    if let Some(default) = &arg.default {
        return default.clone();
    }
    if let Some(first) = arg.allowed.first() {
        return first.clone();
    }
    match &arg.ty {
        ArgType::Boolean => Json::Bool(true),
        ArgType::Number { minimum, maximum } => {
            let zero = Number::from(0);
            let thousand = Number::from(1000);
            let amount = ["amount", "cents", "fee", "credit", "balance"].iter().any(|word| name.contains(word));
            let wanted = match (amount, maximum) {
                (true, Some(maximum)) if synapsor_core::args::less(maximum, &thousand) => maximum.clone(),
                (true, Some(_)) => thousand,
                (true, None) => zero,
                (false, _) => minimum.clone().unwrap_or_else(|| Number::from(1)),
            };
            Json::Number(match minimum {
                Some(minimum) if synapsor_core::args::less(&wanted, minimum) => minimum.clone(),
                _ => wanted,
            })
        }
        ArgType::Text { max_length } => {
            let text = if name.contains("reason") {
                "Support-approved exception.".to_owned()
            } else if name.contains("resolution") {
                "Resolved with the customer.".to_owned()
            } else if name == "status" {
                "pending_review".to_owned()
            } else {
                format!("sample_{name}")
            };
            let limit = max_length.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
            Json::from(text.chars().take(limit).collect::<String>())
        }
    }
}
