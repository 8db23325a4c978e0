//! The tools a model sees, made from the contract once, at start.

mod tokens;

use serde_json::{Map, Value as Json, json};

pub use tokens::estimate as estimate_tokens;

use crate::contract::{Arg, ArgType, Capability, Contract, Mode};
use crate::digest;

/// Which names the tools have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AliasMode {
    /// `billing.inspect_invoice`.
    #[default]
    Canonical,
    /// `billing__inspect_invoice`, for hosts that refuse dots.
    Openai,
    /// Both, canonical first.
    Both,
}

impl AliasMode {
    /// The word on the command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Canonical => "canonical",
            Self::Openai => "openai",
            Self::Both => "both",
        }
    }
}

/// One listed tool.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    /// The name it is listed under.
    pub name: String,
    /// The capability's canonical name.
    pub canonical: String,
    /// A human title, such as `Inspect invoice`.
    pub title: String,
    /// What the model reads.
    pub description: String,
    /// JSON Schema 2020-12 of the arguments.
    pub input_schema: Map<String, Json>,
    /// JSON Schema 2020-12 of the result.
    pub output_schema: Map<String, Json>,
    /// Whether it only reads.
    pub read_only: bool,
}

/// The tools of a contract, in the file's order. Proposal tools are left out in `read_only` mode.
#[must_use]
pub fn list(contract: &Contract, aliases: AliasMode) -> Vec<Tool> {
    let mut tools: Vec<Tool> = Vec::new();
    for capability in &contract.capabilities {
        if contract.mode == Mode::ReadOnly && capability.proposal().is_some() {
            continue;
        }
        let canonical = capability.name.as_str();
        if aliases != AliasMode::Openai {
            tools.push(tool(capability, canonical.to_owned()));
        }
        if aliases != AliasMode::Canonical {
            let mut name = alias(canonical);
            if tools.iter().any(|tool| tool.name == name) {
                name = shortened(&name, canonical);
            }
            tools.push(tool(capability, name));
        }
    }
    tools
}

const MAX_ALIAS: usize = 64;

/// The name for hosts that accept only `[A-Za-z0-9_-]{1,64}`.
#[must_use]
pub fn alias(canonical: &str) -> String {
    let mut name = String::new();
    let mut in_gap = false;
    for c in canonical.chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') {
            name.push(c);
            in_gap = false;
        } else if !std::mem::replace(&mut in_gap, true) {
            name.push_str("__");
        }
    }
    while name.contains("___") {
        name = name.replace("___", "__");
    }
    let name = name.trim_matches('_').to_owned();
    if name.is_empty() {
        format!("tool_{}", short_hash(canonical))
    } else if name.len() > MAX_ALIAS {
        shortened(&name, canonical)
    } else {
        name
    }
}

fn shortened(name: &str, canonical: &str) -> String {
    let hash = short_hash(canonical);
    let head: String = name.chars().take(MAX_ALIAS - hash.len() - 1).collect();
    format!("{}_{hash}", head.trim_end_matches('_'))
}

fn short_hash(canonical: &str) -> String {
    digest::of_bytes(canonical.as_bytes()).as_str().chars().skip("sha256:".len()).take(8).collect()
}

fn tool(capability: &Capability, name: String) -> Tool {
    let canonical = capability.name.as_str().to_owned();
    Tool {
        title: title(capability),
        description: description(capability, &name),
        input_schema: input_schema(capability),
        output_schema: output_schema(capability),
        read_only: capability.proposal().is_none(),
        name,
        canonical,
    }
}

fn title(capability: &Capability) -> String {
    let words = capability.name.action().replace('_', " ");
    let mut chars = words.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn description(capability: &Capability, name: &str) -> String {
    let noun = capability.noun();
    let mut lines = Vec::new();
    lines.push(capability.description.clone().unwrap_or_else(|| match capability.proposal() {
        None => format!("Looks up one {noun} by its id."),
        Some(rule) => {
            let columns: Vec<&str> = rule.patch.iter().map(|(column, _)| column.as_str()).collect();
            format!(
                "Proposes a change of one {noun} ({}) for human review. Changes nothing by itself.",
                columns.join(", ")
            )
        }
    }));
    lines.extend(capability.returns_hint.clone());
    lines.push("The evidence handle is for audit; no need to act on it.".to_owned());
    if name != capability.name.as_str() {
        lines.push(format!("Canonical name: {}.", capability.name));
    }
    lines.join("\n")
}

/// Whether an argument's schema carries its description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Describe {
    /// With.
    Yes,
    /// Without: the reviewed part.
    No,
}

/// JSON Schema of one argument.
#[must_use]
pub fn argument_schema(arg: &Arg, describe: Describe) -> Json {
    let mut schema = Map::new();
    match &arg.ty {
        ArgType::Text { max_length } => {
            schema.insert("type".to_owned(), json!("string"));
            let max = max_length.unwrap_or(crate::args::DEFAULT_MAX_LENGTH);
            schema.insert("maxLength".to_owned(), json!(max));
        }
        ArgType::Number { minimum, maximum } => {
            schema.insert("type".to_owned(), json!("number"));
            if let Some(minimum) = minimum {
                schema.insert("minimum".to_owned(), json!(minimum));
            }
            if let Some(maximum) = maximum {
                schema.insert("maximum".to_owned(), json!(maximum));
            }
        }
        ArgType::Boolean => {
            schema.insert("type".to_owned(), json!("boolean"));
        }
    }
    if !arg.allowed.is_empty() {
        schema.insert("enum".to_owned(), json!(arg.allowed));
    }
    if let Some(default) = &arg.default {
        schema.insert("default".to_owned(), default.clone());
    }
    if let (Describe::Yes, Some(description)) = (describe, &arg.description) {
        schema.insert("description".to_owned(), json!(description));
    }
    Json::Object(schema)
}

fn object(json: Json) -> Map<String, Json> {
    match json {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}

fn input_schema(capability: &Capability) -> Map<String, Json> {
    let properties: Map<String, Json> =
        capability.args.iter().map(|arg| (arg.name.as_str().to_owned(), argument_schema(arg, Describe::Yes))).collect();
    let required: Vec<&str> = capability.args.iter().filter(|arg| arg.required).map(|arg| arg.name.as_str()).collect();
    object(json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false }))
}

/// Names the ten keys of the envelope, and the columns of `data`. Short on purpose: hosts may show it to the model.
fn output_schema(capability: &Capability) -> Map<String, Json> {
    let data = match capability.proposal() {
        Some(_) => json!({ "type": "null" }),
        None => {
            let columns: Map<String, Json> =
                capability.read_columns().iter().map(|column| (column.as_str().to_owned(), json!({}))).collect();
            json!({ "type": ["object", "null"], "properties": columns })
        }
    };
    let proposal = match capability.proposal() {
        Some(_) => json!({ "type": ["object", "null"] }),
        None => json!({ "type": "null" }),
    };
    let required = [
        "ok",
        "summary",
        "action",
        "kind",
        "data",
        "proposal",
        "error",
        "evidence",
        "source_database_changed",
        "_meta",
    ];
    object(json!({
        "type": "object",
        "properties": {
            "ok": { "type": "boolean" },
            "summary": { "type": "string" },
            "action": { "type": "string" },
            "kind": { "type": ["string", "null"] },
            "data": data,
            "proposal": proposal,
            "error": { "type": ["object", "null"] },
            "evidence": { "type": ["object", "null"] },
            "source_database_changed": { "type": "boolean" },
            "_meta": { "type": "object" },
        },
        "required": required,
    }))
}
