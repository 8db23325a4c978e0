//! Adding a draft to a configuration that is there already. Comments and the order of what it holds stay.

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstNode, CstObject, CstRootNode};
use serde_json::Value as Json;

use super::Draft;
use crate::code::Code;
use crate::contract::Contract;
use crate::refusal::Refusal;

/// The text of a configuration with a draft's tools in it; `contract` is what the text says now. Tools of the same name are
/// replaced if `replace`, else refused.
pub fn add(text: &str, contract: &Contract, draft: &Draft, replace: bool) -> Result<String, Refusal> {
    let unreadable = || Refusal::new(Code::ConfigInvalid, "the configuration is no JSON object");
    let root = CstRootNode::parse(text, &ParseOptions::default()).map_err(|_| unreadable())?;
    let whole = root.object_value().ok_or_else(unreadable)?;
    check_mode(contract, draft)?;
    let source = add_source(&whole, contract, draft)?;
    if whole.get("trusted_context").is_none() {
        whole.append("trusted_context", input(&draft.frame.trusted_context()));
    }
    let capabilities = whole.array_value("capabilities").ok_or_else(unreadable)?;
    let mut taken = Vec::new();
    for capability in draft.capabilities(&source) {
        let name = capability.get("name").and_then(Json::as_str).unwrap_or_default();
        match capabilities.elements().into_iter().find(|element| name_of(element).as_deref() == Some(name)) {
            None => {
                capabilities.append(input(&capability));
            }
            Some(element) if replace => {
                element.as_object().and_then(|object| object.replace_with(input(&capability)));
            }
            Some(_) => taken.push(format!("`{name}`")),
        }
    }
    if !taken.is_empty() {
        let verb = if taken.len() == 1 { "is" } else { "are" };
        return Err(Refusal::new(
            Code::OutputExists,
            format!("{} {verb} in the configuration already", taken.join(", ")),
        )
        .with_fix("replace with `--force`, or choose other names"));
    }
    Ok(root.to_string())
}

/// Proposals mean what the file's mode says.
fn check_mode(contract: &Contract, draft: &Draft) -> Result<(), Refusal> {
    let proposes = draft.tables.iter().any(|table| table.proposal.is_some());
    if !proposes || draft.frame.mode == contract.mode {
        return Ok(());
    }
    let (wished, has) = (draft.frame.mode.word(), contract.mode.word());
    Err(Refusal::new(
        Code::ConfigInvalid,
        format!("the configuration's mode is `{has}`, and the new tools are for mode `{wished}`"),
    )
    .with_fix(format!("write `\"mode\": \"{wished}\"` into the configuration first, or leave the mode out")))
}

/// Puts the source in, or finds it under another name; what it is called.
fn add_source(whole: &CstObject, contract: &Contract, draft: &Draft) -> Result<String, Refusal> {
    let frame = &draft.frame;
    let is_same = |engine, read| engine == frame.engine && read == &frame.read_url_env;
    let sources = whole.object_value_or_set("sources");
    let Some(there) = contract.sources.values().find(|source| is_same(source.engine, &source.read_url_env)) else {
        if contract.sources.contains_key(&frame.source_name) {
            return Err(Refusal::new(
                Code::ConfigInvalid,
                format!("the configuration's source `{}` is another database", frame.source_name),
            )
            .with_fix("give this one a name of its own with `--source-name`"));
        }
        sources.append(frame.source_name.as_str(), input(&frame.source()));
        return Ok(frame.source_name.to_string());
    };
    let name = there.name.to_string();
    if let (Some(variable), None, Some(source)) =
        (&frame.write_url_env, &there.write_url_env, sources.object_value(&name))
    {
        source.append("write_url_env", CstInputValue::String(variable.to_string()));
    }
    Ok(name)
}

fn name_of(element: &CstNode) -> Option<String> {
    element.as_object()?.get("name")?.value()?.as_string_lit()?.decoded_value().ok()
}

fn input(json: &Json) -> CstInputValue {
    match json {
        Json::Null => CstInputValue::Null,
        Json::Bool(flag) => CstInputValue::Bool(*flag),
        Json::Number(number) => CstInputValue::Number(number.to_string()),
        Json::String(text) => CstInputValue::String(text.clone()),
        Json::Array(items) => CstInputValue::Array(items.iter().map(input).collect()),
        Json::Object(map) => {
            CstInputValue::Object(map.iter().map(|(key, value)| (key.clone(), input(value))).collect())
        }
    }
}
