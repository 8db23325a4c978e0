//! The whole file: its own fields, storage, and the sections put together.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::capabilities::{self, CAPABILITY};
use super::cloud::{self, CLOUD};
use super::code;
use super::contexts::{self, CONTEXT};
use super::executors::{self, EXECUTOR};
use super::http::{self, HTTP};
use super::report::Problems;
use super::shape::{Entries, Field, Items, Literal, Name, Section, Shape, Support};
use super::sources::{self, SOURCE};
use super::tree::Node;
use crate::contract::{Contract, Durability, Mode, ResultFormat, Source, Storage, TrustRule};
use crate::id::Ident;

pub(crate) static ROOT: Section = Section {
    name: "config",
    doc: "Configuration of Synapsor Runner, version 1",
    rules: Some(rules),
    fields: &[
        Field::new(
            "$schema",
            "Path or URL of this schema, for editors",
            Shape::Text { blank: true },
            &code::INVALID_SCHEMA_REFERENCE,
        ),
        Field::new(
            "version",
            "The version of the file's format",
            Shape::Whole { from: 1, to: 1 },
            &code::UNSUPPORTED_CONFIG_VERSION,
        )
        .required(),
        Field::new(
            "mode",
            "What the runner may do with proposals: list no proposal tools, record them for comparison only, or have \
             them reviewed and applied. `cloud` is not supported yet",
            Shape::Word(&["read_only", "shadow", "review", "cloud"]),
            &code::INVALID_MODE,
        )
        .required(),
        Field::new(
            "result_format",
            "The shape of tool results",
            Shape::Whole { from: 1, to: 2 },
            &code::INVALID_RESULT_FORMAT,
        )
        .default(Literal::Whole(2)),
        Field::new(
            "strict",
            "Whether unknown keys are errors; `false` makes them warnings",
            Shape::Flag,
            &code::INVALID_STRICT,
        )
        .default(Literal::Flag(true)),
        Field::new("storage", "Where the ledger is", Shape::Section(&STORAGE), &code::STORAGE_NOT_OBJECT),
        Field::new("sources", "The source databases, by name", Shape::Map(&SOURCES), &code::SOURCES_REQUIRED),
        Field::new(
            "trusted_context",
            "Where tenant and principal come from, for capabilities that name no context",
            Shape::Section(&CONTEXT),
            &code::TRUSTED_CONTEXT_NOT_OBJECT,
        ),
        Field::new("contexts", "Further trusted contexts, by name", Shape::Map(&CONTEXTS), &code::CONTEXTS_NOT_OBJECT),
        Field::new(
            "executors",
            "How approved changes are written, by name",
            Shape::Map(&EXECUTORS),
            &code::EXECUTORS_NOT_OBJECT,
        ),
        Field::new("capabilities", "The reviewed actions", Shape::List(&CAPABILITIES), &code::CAPABILITIES_REQUIRED),
        Field::new("operators", "Who may decide, with which keys", Shape::Opaque, &code::OPERATORS_NOT_OBJECT)
            .later(Support::LaterForWriting),
        Field::new("http", "Serving over HTTP", Shape::Section(&HTTP), &code::http::HTTP_NOT_OBJECT),
        Field::new("events", "Webhooks", Shape::Opaque, &code::EVENTS_NOT_OBJECT).later(Support::Later),
        Field::new(
            "cloud",
            "The cloud adapter, in mode `cloud` only; not supported yet",
            Shape::Section(&CLOUD),
            &code::cloud::CLOUD_CONFIG_REQUIRED,
        ),
    ],
};

static STORAGE: Section = Section {
    name: "storage",
    doc: "Where the ledger is and how hard it is kept",
    rules: None,
    fields: &[
        Field::new(
            "sqlite_path",
            "Path of the SQLite ledger, relative to the working directory, or `:memory:`",
            Shape::Text { blank: false },
            &code::INVALID_SQLITE_PATH,
        )
        .default(Literal::Text(DEFAULT_STORE)),
        Field::new(
            "postgres_url_env",
            "The variable that holds the URL of a shared PostgreSQL ledger",
            Shape::Name(Name::Env),
            &code::INVALID_POSTGRES_URL_ENV,
        )
        .later(Support::Later),
        Field::new(
            "durability",
            "`full`: proposals, decisions, claims and receipts survive power loss; `paranoid`: read evidence too",
            Shape::Word(&["full", "paranoid"]),
            &code::INVALID_DURABILITY,
        )
        .default(Literal::Text("full")),
    ],
};

static SOURCES: Entries = Entries {
    key: Name::Ident,
    bad_key: &code::UNSAFE_SOURCE_NAME,
    shape: Shape::Section(&SOURCE),
    bad: &code::SOURCE_NOT_OBJECT,
    least: 1,
};

static CONTEXTS: Entries = Entries {
    key: Name::Safe,
    bad_key: &code::INVALID_CONTEXT_NAME,
    shape: Shape::Section(&CONTEXT),
    bad: &code::TRUSTED_CONTEXT_NOT_OBJECT,
    least: 0,
};

static EXECUTORS: Entries = Entries {
    key: Name::Safe,
    bad_key: &code::INVALID_EXECUTOR_NAME,
    shape: Shape::Section(&EXECUTOR),
    bad: &code::EXECUTOR_NOT_OBJECT,
    least: 0,
};

static CAPABILITIES: Items = Items { shape: Shape::Section(&CAPABILITY), bad: &code::CAPABILITY_NOT_OBJECT, least: 1 };

const DEFAULT_STORE: &str = "./.synapsor/local.db";

fn rules() -> Json {
    let is_cloud = json!({"properties": {"mode": {"const": "cloud"}}, "required": ["mode"]});
    let every_capability_names_one = json!({"properties": {"capabilities": {"items": {"required": ["context"]}}}});
    json!({
        "if": is_cloud,
        "then": {"required": ["cloud"]},
        "else": {
            "required": ["sources", "capabilities"],
            "properties": {"cloud": false},
            "anyOf": [{"required": ["trusted_context"]}, every_capability_names_one],
        },
    })
}

/// What the capabilities refer to.
pub(crate) struct Parts<'t> {
    /// What the runner may do with proposals.
    pub(crate) mode: Option<Mode>,
    /// The whole file.
    pub(crate) root: Node<'t>,
    /// Those that are right.
    pub(crate) sources: BTreeMap<Ident, Source>,
    /// The trusted context, if it is right.
    pub(crate) trust: Option<TrustRule>,
    /// The named contexts; `None` = wrong.
    pub(crate) contexts: BTreeMap<&'t str, Option<TrustRule>>,
}

/// Builds the contract from a file whose shape has been checked; `None` if something is wrong.
pub(crate) fn build(root: Node<'_>, problems: &mut Problems) -> Option<Contract> {
    let cloud = cloud::check(root, problems);
    let mode = match root.get_text("mode") {
        _ if problems.read_only => Some(Mode::ReadOnly),
        Some("read_only") => Some(Mode::ReadOnly),
        Some("shadow") => Some(Mode::Shadow),
        Some("review") => Some(Mode::Review),
        _ => None,
    };
    if !cloud {
        for (key, code) in [("sources", &code::SOURCES_REQUIRED), ("capabilities", &code::CAPABILITIES_REQUIRED)] {
            if root.get(key).is_none() {
                problems.missing(code, root, key);
            }
        }
    }
    executors::check(root, mode, problems);
    let http = http::build(root, problems);
    let parts = Parts {
        mode,
        root,
        sources: sources::build(root, problems),
        trust: root.get("trusted_context").and_then(|node| contexts::build(node, problems)),
        contexts: contexts::build_named(root, problems),
    };
    if !cloud {
        contexts::check_presence(root, problems);
    }
    contexts::check_clients(root, problems);
    let capabilities = capabilities::build(&parts, problems);
    Some(Contract {
        mode: mode?,
        result_format: result_format(root),
        storage: storage(root),
        sources: parts.sources,
        executors: executors::build(root),
        http,
        capabilities,
    })
}

fn result_format(root: Node<'_>) -> ResultFormat {
    if root.get_whole("result_format") == Some(1) { ResultFormat::V1 } else { ResultFormat::V2 }
}

fn storage(root: Node<'_>) -> Storage {
    let storage = root.get("storage");
    let text = |key| storage.and_then(|storage| storage.get_text(key));
    Storage {
        sqlite_path: text("sqlite_path").unwrap_or(DEFAULT_STORE).to_owned(),
        durability: if text("durability") == Some("paranoid") { Durability::Paranoid } else { Durability::Full },
    }
}
