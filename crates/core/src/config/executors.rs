//! How approved changes are written: by the runner, or by an app's handler.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::code;
use super::report::Problems;
use super::shape::{Field, Items, Literal, Name, Section, Shape};
use super::tree::Node;
use crate::contract::{Executor, Mode, Way};
use crate::id::{EnvName, SafeName};

pub(crate) static EXECUTOR: Section = Section {
    name: "executor",
    doc: "A way of writing approved changes",
    rules: Some(rules),
    fields: &[
        Field::new(
            "type",
            "`sql_update`: one guarded UPDATE by the runner. `http_handler` and `command_handler` hand the change to \
             the app",
            Shape::Word(&["sql_update", "http_handler", "command_handler"]),
            &code::INVALID_EXECUTOR_TYPE,
        )
        .required(),
        Field::new(
            "url_env",
            "HTTP handler: the variable that holds its URL",
            Shape::Name(Name::Env),
            &code::HANDLER_URL_ENV_REQUIRED,
        ),
        Field::new(
            "method",
            "HTTP handler: the method",
            Shape::Word(&["POST", "PUT", "PATCH"]),
            &code::INVALID_HANDLER_METHOD,
        )
        .default(Literal::Text("POST")),
        Field::new("auth", "HTTP handler: its credentials", Shape::Section(&AUTH), &code::EXECUTOR_AUTH_NOT_OBJECT),
        Field::new(
            "signing_secret_env",
            "HTTP handler: the variable that holds the secret that signs requests",
            Shape::Name(Name::Env),
            &code::HANDLER_SIGNING_SECRET_ENV_INVALID,
        ),
        Field::new(
            "timeout_ms",
            "Longest wait for the handler",
            Shape::Whole { from: 1, to: 2_147_483_647 },
            &code::INVALID_HANDLER_TIMEOUT,
        )
        .default(Literal::Whole(DEFAULT_TIMEOUT_MS)),
        Field::new(
            "command_env",
            "Command handler: the variable that holds the command",
            Shape::Name(Name::Env),
            &code::COMMAND_ENV_REQUIRED,
        ),
        Field::new(
            "pass_env",
            "Command handler: variables that it gets besides PATH, HOME and LANG",
            Shape::List(&PASS_ENV),
            &code::INVALID_PASS_ENV,
        ),
    ],
};

static AUTH: Section = Section {
    name: "executorAuth",
    doc: "The credentials of an HTTP handler",
    rules: None,
    fields: &[
        Field::new("type", "A bearer token", Shape::Word(&["bearer_env"]), &code::INVALID_EXECUTOR_AUTH).required(),
        Field::new(
            "token_env",
            "The variable that holds the token",
            Shape::Name(Name::Env),
            &code::EXECUTOR_TOKEN_ENV_REQUIRED,
        )
        .required(),
    ],
};

static PASS_ENV: Items = Items { shape: Shape::Name(Name::Env), bad: &code::INVALID_PASS_ENV, least: 0 };

fn rules() -> Json {
    let needs = |kind: &str, key: &str| {
        json!({
            "if": {"properties": {"type": {"const": kind}}, "required": ["type"]},
            "then": {"required": [key]},
        })
    };
    json!({"allOf": [needs("http_handler", "url_env"), needs("command_handler", "command_env")]})
}

/// Checks every executor. Served read-only, handlers are left alone: nothing is written.
pub(crate) fn check(root: Node<'_>, mode: Option<Mode>, problems: &mut Problems) {
    for node in root.get("executors").into_iter().flat_map(|executors| executors.entries()) {
        let Some(kind) = node.get("type") else { continue };
        let needed = match kind.text() {
            Some("http_handler") => ("url_env", &code::HANDLER_URL_ENV_REQUIRED),
            Some("command_handler") => ("command_env", &code::COMMAND_ENV_REQUIRED),
            _ => continue,
        };
        if node.get(needed.0).is_none() {
            problems.missing(needed.1, node, needed.0);
        }
        if node.key() == Some(DIRECT) {
            problems.add_key(&code::INVALID_EXECUTOR_NAME, node, "the name `sql_update` stands for direct writes");
        }
        if mode == Some(Mode::ReadOnly) && !problems.read_only {
            let message = format!("`{}` has no place where nothing is written", kind.text().unwrap_or_default());
            problems.add(&code::EXECUTOR_INVALID_IN_READ_ONLY, kind, message);
        }
    }
}

/// The handlers; one that is wrong is left out, and was reported.
pub(crate) fn build(root: Node<'_>) -> BTreeMap<SafeName, Executor> {
    let executors = root.get("executors").into_iter().flat_map(|executors| executors.entries());
    executors.filter_map(build_one).map(|executor| (executor.name.clone(), executor)).collect()
}

fn build_one(node: Node<'_>) -> Option<Executor> {
    let way = match node.get_text("type")? {
        "http_handler" => Way::Http {
            url_env: node.get_env("url_env")?,
            method: node.get_text("method").unwrap_or("POST").to_owned(),
            token_env: node.get("auth").and_then(|auth| auth.get_env("token_env")),
            signing_secret_env: node.get_env("signing_secret_env"),
        },
        "command_handler" => Way::Command {
            command_env: node.get_env("command_env")?,
            pass_env: node
                .get("pass_env")
                .into_iter()
                .flat_map(|list| list.items())
                .filter_map(|item| EnvName::parse(item.text()?).ok())
                .collect(),
        },
        _ => return None,
    };
    let timeout = Duration::from_millis(node.get_whole("timeout_ms").unwrap_or(DEFAULT_TIMEOUT_MS));
    Some(Executor { name: SafeName::parse(node.key()?).ok()?, way, timeout })
}

const DEFAULT_TIMEOUT_MS: u64 = 5000;

const DIRECT: &str = "sql_update";

/// What a capability's `executor` stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reference {
    /// Direct writes.
    Direct,
    /// A configured handler.
    Handler,
    /// Nothing that is configured.
    Unknown,
}

/// Looks up a capability's executor; no name means direct writes.
pub(crate) fn resolve(root: Node<'_>, name: Option<&str>) -> Reference {
    let Some(name) = name.filter(|name| *name != DIRECT) else { return Reference::Direct };
    match root.get("executors").and_then(|executors| executors.get(name)) {
        Some(executor) if executor.get_text("type") == Some(DIRECT) => Reference::Direct,
        Some(_) => Reference::Handler,
        None => Reference::Unknown,
    }
}
