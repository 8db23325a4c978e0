//! How approved changes are written. Only direct writes have landed; handlers are checked and refused.

use serde_json::{Value as Json, json};

use super::code;
use super::report::Problems;
use super::shape::{Field, Items, Literal, Name, Section, Shape};
use super::tree::Node;
use crate::contract::Mode;

pub(crate) static EXECUTOR: Section = Section {
    name: "executor",
    doc: "A way of writing approved changes",
    rules: Some(rules),
    fields: &[
        Field::new(
            "type",
            "`sql_update`: one guarded UPDATE by the runner. `http_handler` and `command_handler` hand the change to \
             the app, and are not supported yet",
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
        .default(Literal::Whole(5000)),
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
        if problems.read_only {
            continue;
        }
        let word = kind.text().unwrap_or_default();
        if mode == Some(Mode::ReadOnly) {
            let message = format!("`{word}` has no place where nothing is written");
            problems.add(&code::EXECUTOR_INVALID_IN_READ_ONLY, kind, message);
        } else {
            problems.add(&code::NOT_SUPPORTED_YET, kind, format!("the executor type `{word}` is not supported yet"));
        }
    }
}

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
