//! What an agent is told: short instructions for every session, a fuller prompt for each namespace, and completion.

use rmcp::model::{
    CompletionInfo, ErrorData, GetPromptRequestParams, GetPromptResult, ListPromptsResult, Prompt, PromptArgument,
    PromptMessage, Role,
};
use serde_json::Value as Json;
use synapsor_core::contract::{Contract, ResultFormat};

use super::render;
use super::tools::Tools;

/// Most values one completion may hold, by the protocol.
const MAX_COMPLETIONS: usize = 100;

/// One prompt for each namespace, made once.
pub(super) struct Prompts(Vec<Instructions>);

/// The instructions for working with one namespace.
struct Instructions {
    namespace: String,
    proposes: bool,
    text: String,
    /// Arguments that hold one of a few values, in the file's order.
    choices: Vec<Choice>,
}

struct Choice {
    name: String,
    values: Vec<String>,
}

/// What every client is told when it connects.
pub(super) fn session(tools: &Tools, format: ResultFormat) -> String {
    let mut lines = vec![if tools.propose() {
        "Read tools look one row up; proposal tools put one change up for human review. Gather evidence first, follow \
         the ids that results refer to, and propose only within policy. You cannot write or approve: a person decides \
         outside this conversation, so never say that a proposed change was made."
    } else {
        "These tools look one row up and change nothing. Follow the ids that results refer to."
    }];
    if format != ResultFormat::V1 {
        lines.push("Every result has `ok` and a `summary` that may be repeated.");
    }
    if tools.propose() {
        lines.push("On `VERSION_CONFLICT` inspect again, then propose again.");
    }
    lines.push("Evidence handles need no action.");
    lines.join(" ")
}

impl Prompts {
    /// Makes the prompts of a contract.
    pub(super) fn of(contract: &Contract, tools: &Tools, format: ResultFormat) -> Self {
        let mut prompts: Vec<Instructions> = Vec::new();
        for capability in &contract.capabilities {
            let namespace = capability.name.namespace();
            let names = tools.names(namespace);
            if names.is_empty() || prompts.iter().any(|prompt| prompt.namespace == namespace) {
                continue;
            }
            let text = instructions(namespace, &names, format);
            let choices = choices(contract, namespace, tools.propose());
            let proposes = names.iter().any(|(_, reads)| !reads);
            prompts.push(Instructions { namespace: namespace.to_owned(), proposes, text, choices });
        }
        Self(prompts)
    }

    /// The prompts as listed.
    pub(super) fn list(&self) -> ListPromptsResult {
        let prompts = self.0.iter().map(Instructions::listed).collect();
        ListPromptsResult::with_all_items(prompts).with_ttl_ms(render::LISTS_TTL)
    }

    /// One prompt, with the values that were chosen for it.
    pub(super) fn get(&self, request: GetPromptRequestParams) -> Result<GetPromptResult, ErrorData> {
        let prompt = self.find(&request.name)?;
        let mut text = prompt.text.clone();
        for (name, value) in request.arguments.unwrap_or_default() {
            let bad = |what: &str| {
                let name: String = name.chars().take(MAX_NAME).collect();
                ErrorData::invalid_params(format!("the prompt argument `{name}` {what}"), None)
            };
            let choice = prompt.choices.iter().find(|choice| choice.name == name).ok_or_else(|| bad("is unknown"))?;
            let chosen = value.as_str().ok_or_else(|| bad("must be a string"))?;
            if !choice.values.iter().any(|value| value == chosen) {
                return Err(bad(&format!("must be one of: {}", choice.values.join(", "))));
            }
            text.push_str(&format!("\nThe user has chosen `{chosen}` as `{name}`."));
        }
        Ok(GetPromptResult::new(vec![PromptMessage::new_text(Role::User, text)]).with_description(prompt.title()))
    }

    /// The values of a prompt's argument that begin with what was typed.
    pub(super) fn complete(&self, prompt: &str, argument: &str, typed: &str) -> Result<CompletionInfo, ErrorData> {
        let prompt = self.find(prompt)?;
        let values =
            prompt.choices.iter().find(|choice| choice.name == argument).map(|choice| choice.values.as_slice());
        completion(values.unwrap_or_default().iter().filter(|value| value.starts_with(typed)).cloned().collect())
    }

    fn find(&self, name: &str) -> Result<&Instructions, ErrorData> {
        self.0
            .iter()
            .find(|prompt| prompt.namespace == name)
            .ok_or_else(|| ErrorData::invalid_params("there is no prompt of that name", None))
    }
}

/// Longest part of a name from outside that is repeated, in characters.
const MAX_NAME: usize = 64;

/// A completion of at most as many values as the protocol allows.
pub(super) fn completion(mut values: Vec<String>) -> Result<CompletionInfo, ErrorData> {
    let total = u32::try_from(values.len()).ok();
    let more = values.len() > MAX_COMPLETIONS;
    values.truncate(MAX_COMPLETIONS);
    CompletionInfo::with_pagination(values, total, more).map_err(|why| ErrorData::internal_error(why, None))
}

impl Instructions {
    fn title(&self) -> String {
        format!("Working with {}", self.namespace.replace('_', " "))
    }

    fn listed(&self) -> Prompt {
        let argument = |choice: &Choice| {
            PromptArgument::new(&choice.name)
                .with_description(format!("One of: {}", choice.values.join(", ")))
                .with_required(false)
        };
        let arguments: Vec<PromptArgument> = self.choices.iter().map(argument).collect();
        let arguments = (!arguments.is_empty()).then_some(arguments);
        let rest = if self.proposes { ": evidence first, then propose." } else { "." };
        let description = format!("How to use the {} tools{rest}", self.namespace);
        Prompt::new(&self.namespace, Some(description), arguments).with_title(self.title())
    }
}

fn instructions(namespace: &str, names: &[(&str, bool)], format: ResultFormat) -> String {
    let list = |read: bool| {
        let names: Vec<String> =
            names.iter().filter(|(_, reads)| *reads == read).map(|(name, _)| format!("`{name}`")).collect();
        names.join(", ")
    };
    let (reads, proposals) = (list(true), list(false));
    let mut lines = vec![format!("You work with {namespace} through reviewed tools.")];
    if !reads.is_empty() {
        lines.push(format!("- Look up: {reads}. Each returns one row of your own tenant."));
    }
    if !proposals.is_empty() {
        lines.push(format!("- Propose: {proposals}. Each puts one change of one row up for human review."));
    }
    lines.push(
        "1. Gather evidence first. Look up everything the request is about, and follow every id that a result refers to \
         before you decide."
            .to_owned(),
    );
    if !proposals.is_empty() {
        lines.push(
            "2. Propose only what the evidence and the policy you have read support, with the ids and values as you \
             read them."
                .to_owned(),
        );
        lines.push(
            "3. You cannot write or approve. A proposal changes nothing until a person approves it outside this \
             conversation: say that it is proposed, never that it is done."
                .to_owned(),
        );
        lines.push("- `VERSION_CONFLICT`: the row has changed; look it up again, then propose again.".to_owned());
    }
    if format != ResultFormat::V1 {
        lines.push("- Every result has `ok`, and a `summary` that you may repeat.".to_owned());
    }
    lines.push("- `TEMPORARILY_UNAVAILABLE`: try the same call again later.".to_owned());
    lines.push("- `NOT_FOUND_IN_TENANT`: check the id with the user; never guess ids.".to_owned());
    lines.push("- Evidence handles are for audit; you need not act on them.".to_owned());
    lines.join("\n")
}

/// The arguments of a namespace's tools that hold one of a few values; the same name in several tools joins its values.
fn choices(contract: &Contract, namespace: &str, proposals: bool) -> Vec<Choice> {
    let mut choices: Vec<Choice> = Vec::new();
    let listed = contract.capabilities.iter().filter(|capability| {
        capability.name.namespace() == namespace && (proposals || capability.proposal().is_none())
    });
    for arg in listed.flat_map(|capability| &capability.args).filter(|arg| !arg.allowed.is_empty()) {
        let values = arg.allowed.iter().map(|value| match value {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        });
        match choices.iter_mut().find(|choice| choice.name == arg.name.as_str()) {
            None => choices.push(Choice { name: arg.name.as_str().to_owned(), values: values.collect() }),
            Some(choice) => {
                for value in values {
                    if !choice.values.contains(&value) {
                        choice.values.push(value);
                    }
                }
            }
        }
    }
    choices
}
