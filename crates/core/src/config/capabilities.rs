//! The reviewed actions.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::args::{self, ARG};
use super::code;
use super::executors::{self, Reference};
use super::proposal::{self, APPROVAL, BINDING, CONFLICT_GUARD};
use super::report::{Problems, did_you_mean, quoted};
use super::root::Parts;
use super::shape::{Entries, Field, Items, Literal, Name, Section, Shape};
use super::target::{self, TARGET};
use super::transitions::{BOUNDS_BY_COLUMN, GUARDS_BY_COLUMN};
use super::tree::Node;
use crate::contract::{Capability, CapabilityKind, Mode, TrustRule};
use crate::id::{CapabilityName, Ident, SafeName};
use crate::redact::is_secret_name;

pub(crate) static CAPABILITY: Section = Section {
    name: "capability",
    doc: "One reviewed action",
    rules: Some(rules),
    fields: &[
        Field::new(
            "name",
            "The tool's name, `namespace.action`",
            Shape::Name(Name::Capability),
            &code::INVALID_CAPABILITY_NAME,
        )
        .required(),
        Field::new(
            "kind",
            "`read`: looks at one row; `proposal`: also proposes a change of it",
            Shape::Word(&["read", "proposal"]),
            &code::INVALID_CAPABILITY_KIND,
        )
        .required(),
        Field::new("description", "What the model reads about it", TEXT, &code::INVALID_CAPABILITY_DESCRIPTION),
        Field::new("returns_hint", "What the model reads about its answer", TEXT, &code::INVALID_RETURNS_HINT),
        Field::new("source", "The source it reads", TEXT, &code::UNKNOWN_SOURCE).required(),
        Field::new("context", "Its context, in place of `trusted_context`", TEXT, &code::UNKNOWN_CONTEXT),
        Field::new("executor", "How its changes are written", TEXT, &code::INVALID_EXECUTOR_REFERENCE)
            .default(Literal::Text("sql_update")),
        Field::new("target", "The row it is about", Shape::Section(&TARGET), &code::TARGET_REQUIRED).required(),
        Field::new(
            "principal_scope",
            "Restricts it to rows of the trusted principal",
            Shape::Section(&PRINCIPAL_SCOPE),
            &code::PRINCIPAL_SCOPE_NOT_OBJECT,
        ),
        Field::new("args", "Its arguments, by name", Shape::Map(&ARGS), &code::ARGS_REQUIRED).required(),
        Field::new("lookup", "Which argument holds the row's key", Shape::Section(&LOOKUP), &code::LOOKUP_REQUIRED)
            .required(),
        Field::new("visible_columns", "The columns that the model may see", VISIBLE, &code::VISIBLE_COLUMNS_REQUIRED)
            .required(),
        Field::new(
            "sensitive_columns_ack",
            "Columns whose names look like a secret's, but whose values are harmless",
            Shape::List(&SENSITIVE_ACK),
            &code::INVALID_SENSITIVE_COLUMNS_ACK,
        ),
        Field::new("evidence", "Accepted for compatibility; evidence is always kept", Shape::Any, &code::UNKNOWN_FIELD)
            .default(Literal::Text("required")),
        Field::new(
            "max_rows",
            "Accepted for compatibility; a read needs exactly one row",
            Shape::Whole { from: 1, to: u64::MAX },
            &code::INVALID_MAX_ROWS,
        )
        .default(Literal::Whole(1)),
        Field::new(
            "single_tenant_dev_ack",
            "Accepted for compatibility; without effect",
            Shape::Any,
            &code::UNKNOWN_FIELD,
        ),
        Field::new("patch", "Proposals: the columns to be changed", Shape::Map(&PATCH), &code::PATCH_REQUIRED),
        Field::new(
            "allowed_columns",
            "Proposals: the columns that a reviewed change may touch",
            Shape::List(&ALLOWED),
            &code::ALLOWED_COLUMNS_REQUIRED,
        ),
        Field::new(
            "numeric_bounds",
            "Proposals: bounds on patched numbers, by column",
            Shape::Map(&BOUNDS_BY_COLUMN),
            &code::NUMERIC_BOUNDS_NOT_OBJECT,
        ),
        Field::new(
            "transition_guards",
            "Proposals: allowed moves of patched states, by column",
            Shape::Map(&GUARDS_BY_COLUMN),
            &code::TRANSITION_GUARDS_NOT_OBJECT,
        ),
        Field::new(
            "conflict_guard",
            "Proposals: how a change of the row in between is noticed",
            Shape::Section(&CONFLICT_GUARD),
            &code::CONFLICT_GUARD_REQUIRED,
        ),
        Field::new("approval", "Proposals: who decides", Shape::Section(&APPROVAL), &code::APPROVAL_NOT_OBJECT),
    ],
};

/// The fields that only proposals use, each with the code for its absence, if it must be there.
const PROPOSAL_FIELDS: &[(&str, Option<&code::Code>)] = &[
    ("patch", Some(&code::PATCH_REQUIRED)),
    ("allowed_columns", Some(&code::ALLOWED_COLUMNS_REQUIRED)),
    ("conflict_guard", Some(&code::CONFLICT_GUARD_REQUIRED)),
    ("numeric_bounds", None),
    ("transition_guards", None),
    ("approval", None),
    ("executor", None),
];

static PRINCIPAL_SCOPE: Section = Section {
    name: "principalScope",
    doc: "Restricts a capability to rows of the trusted principal",
    rules: None,
    fields: &[Field::new(
        "column",
        "The column that holds the principal",
        Shape::Name(Name::Ident),
        &code::PRINCIPAL_SCOPE_COLUMN_REQUIRED,
    )
    .required()],
};

static LOOKUP: Section = Section {
    name: "lookup",
    doc: "How the row is found",
    rules: None,
    fields: &[Field::new(
        "id_from_arg",
        "The required argument that holds the row's key",
        TEXT,
        &code::LOOKUP_ARG_REQUIRED,
    )
    .required()],
};

static ARGS: Entries = Entries {
    key: Name::Arg,
    bad_key: &code::INVALID_ARG_NAME,
    shape: Shape::Section(&ARG),
    bad: &code::ARG_NOT_OBJECT,
    least: 1,
};

static PATCH: Entries = Entries {
    key: Name::Ident,
    bad_key: &code::INVALID_PATCH_COLUMN,
    shape: Shape::Section(&BINDING),
    bad: &code::PATCH_BINDING_NOT_OBJECT,
    least: 1,
};

static VISIBLE_ITEMS: Items = Items { shape: Shape::Name(Name::Ident), bad: &code::INVALID_VISIBLE_COLUMN, least: 1 };

static ALLOWED: Items = Items { shape: Shape::Name(Name::Ident), bad: &code::INVALID_ALLOWED_COLUMN, least: 1 };

static SENSITIVE_ACK: Items =
    Items { shape: Shape::Name(Name::Ident), bad: &code::INVALID_SENSITIVE_COLUMNS_ACK, least: 0 };

const TEXT: Shape = Shape::Text { blank: false };
const VISIBLE: Shape = Shape::List(&VISIBLE_ITEMS);

fn rules() -> Json {
    let needed: Vec<_> = PROPOSAL_FIELDS.iter().filter(|(_, code)| code.is_some()).map(|(key, _)| *key).collect();
    json!({
        "if": {"properties": {"kind": {"const": "proposal"}}, "required": ["kind"]},
        "then": {"required": needed},
    })
}

/// The capabilities that are right, in the file's order.
pub(crate) fn build(parts: &Parts<'_>, problems: &mut Problems) -> Vec<Capability> {
    let mut names = BTreeMap::new();
    let mut built = Vec::new();
    let list = parts.root.get("capabilities").into_iter().flat_map(|list| list.items());
    for (index, node) in list.enumerate().filter(|(_, node)| node.is_object()) {
        if let Some((name, place)) = node.get_text("name").zip(node.get("name"))
            && let Some(first) = names.insert(name, index)
        {
            let message = format!("{} is also the name of capability {}", quoted(name), first + 1);
            problems.add(&code::DUPLICATE_CAPABILITY_NAME, place, message);
        }
        built.extend(build_one(node, parts, problems));
    }
    built
}

fn build_one(node: Node<'_>, parts: &Parts<'_>, problems: &mut Problems) -> Option<Capability> {
    check_compatibility_fields(node, problems);
    let is_proposal = node.get_text("kind") == Some("proposal");
    check_proposal_fields(node, is_proposal, problems);
    let source = source(node, parts, problems);
    let trust = trust(node, parts, problems);
    let executor = check_executor(node, parts, is_proposal, problems);
    let target = target::build(node, source.as_ref().and_then(|name| parts.sources.get(name)), problems);
    let args = args::build(node, problems);
    let lookup_arg = lookup(node, problems);
    check_columns(node, problems);
    let kind = if is_proposal {
        proposal::build(node, executor, problems).map(CapabilityKind::Proposal)
    } else {
        node.get_text("kind").map(|_| CapabilityKind::Read)
    };
    let text = |key| node.get_text(key).map(str::to_owned);
    Some(Capability {
        name: CapabilityName::parse(node.get_text("name")?).ok()?,
        description: text("description"),
        returns_hint: text("returns_hint"),
        source: source?,
        trust: trust?,
        target: target?,
        args: args?,
        lookup_arg: lookup_arg?,
        visible_columns: node.get_idents("visible_columns")?,
        kind: kind?,
    })
}

fn check_compatibility_fields(node: Node<'_>, problems: &mut Problems) {
    if let Some(evidence) = node.get("evidence").filter(|evidence| evidence.text() != Some("required")) {
        problems.add(&code::EVIDENCE_ALWAYS_REQUIRED, evidence, "evidence is kept whatever is written here");
    }
    if let Some(rows) = node.get("max_rows").filter(|rows| rows.whole().is_some_and(|rows| rows > 1)) {
        problems.add(&code::MAX_ROWS_ABOVE_ONE, rows, "a read needs exactly one row, whatever is written here");
    }
}

fn check_proposal_fields(node: Node<'_>, is_proposal: bool, problems: &mut Problems) {
    for (key, code) in PROPOSAL_FIELDS {
        match (node.get(key), code) {
            (None, Some(code)) if is_proposal => problems.missing(code, node, key),
            (Some(field), _) if node.get_text("kind") == Some("read") => {
                problems.add_key(&code::PROPOSAL_FIELD_ON_READ, field, format!("`{key}` has no effect on a read"));
            }
            _ => {}
        }
    }
}

fn source(node: Node<'_>, parts: &Parts<'_>, problems: &mut Problems) -> Option<Ident> {
    let name = node.get("source")?;
    let text = name.text().filter(|text| !text.trim().is_empty())?;
    let sources = parts.root.get("sources")?;
    let known: Vec<_> = sources.entries().filter_map(|entry| entry.key()).collect();
    if known.is_empty() {
        return None;
    }
    if !known.contains(&text) {
        let message = format!("there is no source {}", quoted(text));
        problems.add_hint(&code::UNKNOWN_SOURCE, name, message, did_you_mean(text, &known));
        return None;
    }
    Ident::parse(text).ok()
}

fn trust(node: Node<'_>, parts: &Parts<'_>, problems: &mut Problems) -> Option<TrustRule> {
    let Some(name) = node.get("context") else { return parts.trust.clone() };
    let text = name.text().filter(|text| !text.trim().is_empty())?;
    let Some(context) = parts.contexts.get(text) else {
        let known: Vec<_> = parts.contexts.keys().copied().collect();
        let message = format!("there is no context {}", quoted(text));
        problems.add_hint(&code::UNKNOWN_CONTEXT, name, message, did_you_mean(text, &known));
        return None;
    };
    context.clone()
}

/// A handler guards by tenant and version: what has neither cannot be handed to one.
fn check_handled(node: Node<'_>, problems: &mut Problems) {
    if let Some(weak) = node.get("conflict_guard").and_then(|guard| guard.get("weak_guard_ack"))
        && weak.flag() == Some(true)
    {
        let message = "an app's handler notices a changed row by its version column only";
        problems.add(&code::HANDLER_NEEDS_VERSION, weak, message);
    }
    if let Some(dev) = node.get("target").and_then(|target| target.get("single_tenant_dev"))
        && dev.flag() == Some(true)
    {
        let message = "an app's handler guards each row by its tenant column";
        problems.add(&code::HANDLER_NEEDS_TENANT, dev, message);
    }
}

/// The name of the handler that writes the changes; `None` if the runner does.
fn check_executor(node: Node<'_>, parts: &Parts<'_>, is_proposal: bool, problems: &mut Problems) -> Option<SafeName> {
    let executor = node.get("executor");
    if executor.is_some_and(|executor| executor.text().is_none_or(|text| text.trim().is_empty())) {
        return None;
    }
    let name = node.get_text("executor");
    let reference = executors::resolve(parts.root, name);
    if let (Reference::Unknown, Some(executor)) = (reference, executor) {
        let message = format!("there is no executor {}", quoted(name.unwrap_or_default()));
        problems.add(&code::UNKNOWN_EXECUTOR, executor, message);
    }
    if is_proposal && reference == Reference::Handler {
        check_handled(node, problems);
        return name.and_then(|name| SafeName::parse(name).ok());
    }
    let writes = is_proposal && reference == Reference::Direct && parts.mode == Some(Mode::Review);
    let (name, source) = node.get_text("source").and_then(|name| {
        Some((name, parts.root.get("sources")?.get(name).filter(|source| writes && source.is_object())?))
    })?;
    if source.get_flag("read_only") == Some(true) {
        let message = format!("the source {} is read-only, but this capability writes to it directly", quoted(name));
        match executor {
            Some(executor) => problems.add(&code::READ_ONLY_SOURCE_DIRECT_WRITEBACK, executor, message),
            None => problems.absent(&code::READ_ONLY_SOURCE_DIRECT_WRITEBACK, node, "executor", message),
        }
    } else if source.get("write_url_env").is_none() {
        let capability = node.get_text("name").map_or_else(|| "a capability".to_owned(), quoted);
        let message = format!("proposals of {capability} cannot be applied without `write_url_env`");
        problems.absent(&code::WRITEBACK_DISABLED, source, "write_url_env", message);
    }
    None
}

fn lookup(node: Node<'_>, problems: &mut Problems) -> Option<Ident> {
    let name = node.get("lookup")?.get("id_from_arg")?;
    let text = name.text().filter(|text| !text.trim().is_empty())?;
    let args = node.get("args")?;
    let known: Vec<_> = args.entries().filter_map(|entry| entry.key()).collect();
    if known.is_empty() {
        return None;
    }
    let Some(arg) = args.get(text) else {
        let message = format!("there is no argument {}", quoted(text));
        problems.add_hint(&code::UNKNOWN_LOOKUP_ARG, name, message, did_you_mean(text, &known));
        return None;
    };
    if !args::is_required(arg) {
        let message = format!("{} holds the row's key, but may be omitted", quoted(text));
        problems.add(&code::LOOKUP_ARG_MUST_BE_REQUIRED, name, message);
    }
    Ident::parse(text).ok()
}

fn check_columns(node: Node<'_>, problems: &mut Problems) {
    for list in ["visible_columns", "allowed_columns"] {
        let mut seen = std::collections::BTreeSet::new();
        for item in node.get(list).into_iter().flat_map(|list| list.items()) {
            if let Some(text) = item.text().filter(|text| !seen.insert(*text)) {
                problems.add(&code::DUPLICATE_COLUMN, item, format!("{} is listed twice", quoted(text)));
            }
        }
    }
    let acknowledged = node.get("sensitive_columns_ack");
    let is_acknowledged =
        |column: &str| acknowledged.is_some_and(|list| list.items().any(|item| item.text() == Some(column)));
    let mut refused = std::collections::BTreeSet::new();
    for (column, place) in shown_columns(node) {
        if is_secret_name(column) && !is_acknowledged(column) && refused.insert(column) {
            let message = format!("the column {} looks like a secret, and would be read and shown", quoted(column));
            problems.add_key(&code::SENSITIVE_COLUMN_NOT_ACKNOWLEDGED, place, message);
        }
    }
}

/// The columns whose values reach models or reviewers, with where the file names them.
fn shown_columns(node: Node<'_>) -> Vec<(&str, Node<'_>)> {
    let visible = node.get("visible_columns").into_iter().flat_map(|list| list.items());
    let target = ["primary_key", "tenant_key"].into_iter().filter_map(|key| node.get("target")?.get(key));
    let version = node.get("conflict_guard").and_then(|guard| guard.get("column"));
    let texts = visible.chain(target).chain(version).filter_map(|place| Some((place.text()?, place)));
    let patched = node.get("patch").into_iter().flat_map(|patch| patch.entries());
    texts.chain(patched.filter_map(|place| Some((place.key()?, place)))).collect()
}
