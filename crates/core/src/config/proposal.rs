//! What a proposal may change, and under which guards.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::age;
use super::code;
use super::report::{Problems, did_you_mean, quoted};
use super::shape::{Field, Literal, Name, Section, Shape};
use super::transitions;
use super::tree::Node;
use crate::contract::{Advance, ApprovalRule, Binding, ConflictGuard, Cover, ProposalRule};
use crate::id::{Ident, SafeName};

pub(crate) static BINDING: Section = Section {
    name: "binding",
    doc: "Where a patched column's value comes from: exactly one of the two",
    rules: Some(binding_rules),
    fields: &[
        Field::new("fixed", "The value itself", Shape::Scalar, &code::INVALID_PATCH_BINDING),
        Field::new(
            "from_arg",
            "The argument that holds the value",
            Shape::Text { blank: false },
            &code::INVALID_PATCH_ARG,
        ),
    ],
};

pub(crate) static CONFLICT_GUARD: Section = Section {
    name: "conflictGuard",
    doc: "How a change of the row between look and write is noticed",
    rules: Some(guard_rules),
    fields: &[
        Field::new(
            "column",
            "The version column, which changes with every update",
            Shape::Name(Name::Ident),
            &code::CONFLICT_GUARD_COLUMN_REQUIRED,
        ),
        Field::new(
            "weak_guard_ack",
            "Where there is no version column: compare all visible columns instead",
            Shape::Flag,
            &code::INVALID_WEAK_GUARD_ACK,
        )
        .default(Literal::Flag(false)),
        Field::new(
            "advance",
            "How the version moves on a write: `auto` (integers by one, times to the later of the clock and one unit \
             on), `increment`, `now`, or `database` where a trigger moves it",
            Shape::Word(&["auto", "increment", "now", "database"]),
            &code::INVALID_ADVANCE,
        )
        .default(Literal::Text("auto")),
        Field::new(
            "guard",
            "What must be unchanged besides the version: the patched columns or all visible ones; the default depends \
             on the version's precision",
            Shape::Word(&["patched", "visible"]),
            &code::INVALID_GUARD_COVER,
        ),
        Field::new(
            "cascade_ack",
            "Allows patching a column that other tables reference with a cascade",
            Shape::Flag,
            &code::INVALID_CASCADE_ACK,
        )
        .default(Literal::Flag(false)),
        Field::new(
            "require_fresh_read",
            "Refuses a proposal unless its principal's latest recorded read shows the row's present version",
            Shape::Flag,
            &code::INVALID_REQUIRE_FRESH_READ,
        )
        .default(Literal::Flag(false)),
    ],
};

pub(crate) static APPROVAL: Section = Section {
    name: "approval",
    doc: "Who decides, and for how long a proposal may wait",
    rules: None,
    fields: &[
        Field::new("mode", "A person decides", Shape::Word(&["human"]), &code::INVALID_APPROVAL_MODE)
            .default(Literal::Text("human")),
        Field::new(
            "required_role",
            "The role that a decision is recorded under",
            Shape::Text { blank: false },
            &code::INVALID_REQUIRED_ROLE,
        ),
        Field::new(
            "quorum",
            "How many operators must approve; more than 1 needs `operators`",
            Shape::Whole { from: 1, to: 10 },
            &code::INVALID_QUORUM,
        )
        .default(Literal::Whole(1)),
        Field::new(
            "expires_in",
            "How long after proposing it may still be decided and applied, up to `3650d`",
            Shape::Age,
            &code::INVALID_EXPIRES_IN,
        )
        .default(Literal::Text("7d")),
        Field::new(
            "allow_self",
            "Whether the proposal's own principal may approve it, once decisions are signed",
            Shape::Flag,
            &code::INVALID_ALLOW_SELF,
        )
        .default(Literal::Flag(false)),
    ],
};

fn binding_rules() -> Json {
    json!({"oneOf": [{"required": ["fixed"]}, {"required": ["from_arg"]}]})
}

fn guard_rules() -> Json {
    json!({
        "anyOf": [
            {"required": ["column"]},
            {
                "required": ["weak_guard_ack"],
                "properties": {"weak_guard_ack": {"const": true}, "advance": false, "guard": {"const": "visible"}},
            },
        ],
    })
}

/// The proposal's rule; `None` if it is wrong.
pub(crate) fn build(capability: Node<'_>, executor: Option<SafeName>, problems: &mut Problems) -> Option<ProposalRule> {
    let patch = patch(capability, problems);
    check_allowed(capability, problems);
    let guard = guard(capability, problems);
    let approval = approval(capability, problems);
    let bounds = transitions::bounds(capability, problems);
    let transitions = transitions::guards(capability, problems);
    Some(ProposalRule {
        patch: patch?,
        allowed_columns: capability.get_idents("allowed_columns")?,
        bounds: bounds?,
        transitions: transitions?,
        guard: guard?,
        approval,
        executor,
    })
}

fn patch(capability: Node<'_>, problems: &mut Problems) -> Option<Vec<(Ident, Binding)>> {
    let mut seen = std::collections::BTreeMap::new();
    let mut bound = Vec::new();
    for node in capability.get("patch")?.entries() {
        let column = node.key().unwrap_or_default();
        match seen.insert(column.to_lowercase(), column) {
            Some(other) if other != column => {
                let message = format!("{} differs from {} only in capitals", quoted(column), quoted(other));
                problems.add_key(&code::DUPLICATE_PATCH_COLUMN, node, message);
            }
            _ => {}
        }
        bound.push(Ident::parse(column).ok().zip(binding(capability, node, problems)));
    }
    bound.into_iter().collect()
}

fn binding(capability: Node<'_>, node: Node<'_>, problems: &mut Problems) -> Option<Binding> {
    if !node.is_object() {
        return None;
    }
    match (node.get("fixed"), node.get("from_arg")) {
        (Some(fixed), None) => Some(Binding::Fixed(fixed.json())),
        (None, Some(arg)) => from_arg(capability, arg, problems),
        (both, _) => {
            let count = if both.is_some() { "both `fixed` and" } else { "neither `fixed` nor" };
            problems.add(&code::INVALID_PATCH_BINDING, node, format!("there is {count} `from_arg`"));
            None
        }
    }
}

fn from_arg(capability: Node<'_>, arg: Node<'_>, problems: &mut Problems) -> Option<Binding> {
    let name = arg.text().filter(|name| !name.trim().is_empty())?;
    let known: Vec<_> = capability.get("args")?.entries().filter_map(|entry| entry.key()).collect();
    if known.is_empty() {
        return None;
    }
    if !known.contains(&name) {
        let message = format!("there is no argument {}", quoted(name));
        problems.add_hint(&code::UNKNOWN_PATCH_ARG, arg, message, did_you_mean(name, &known));
        return None;
    }
    Ident::parse(name).ok().map(Binding::FromArg)
}

/// Patched columns must be allowed; columns that say whose row it is must not. Capitals do not matter for the latter,
/// because to most engines they do not.
fn check_allowed(capability: Node<'_>, problems: &mut Problems) {
    let Some(allowed) = capability.get("allowed_columns").filter(|list| list.items().next().is_some()) else { return };
    for patched in capability.get("patch").into_iter().flat_map(|patch| patch.entries()) {
        let column = patched.key().unwrap_or_default();
        if !allowed.items().any(|item| item.text() == Some(column)) {
            let message = format!("{} is not in `allowed_columns`", quoted(column));
            problems.add_key(&code::PATCH_COLUMN_NOT_ALLOWED, patched, message);
        }
    }
    let target = capability.get("target");
    let protected = [
        (target.and_then(|target| target.get_text("primary_key")), "the key"),
        (target.and_then(|target| target.get_text("tenant_key")), "the tenant column"),
        (capability.get("principal_scope").and_then(|scope| scope.get_text("column")), "the principal's column"),
    ];
    for item in allowed.items() {
        let is = |column: Option<&str>| {
            column.zip(item.text()).is_some_and(|(column, item)| column.eq_ignore_ascii_case(item))
        };
        if let Some((_, what)) = protected.iter().find(|(column, _)| is(*column)) {
            let message = format!("{} is {what}, which never changes", quoted(item.text().unwrap_or_default()));
            problems.add(&code::PROTECTED_COLUMN_ALLOWED, item, message);
        }
    }
}

fn guard(capability: Node<'_>, problems: &mut Problems) -> Option<ConflictGuard> {
    let node = capability.get("conflict_guard").filter(Node::is_object)?;
    let column = node.get("column");
    let advance = node.get_text("advance");
    if let Some(column) = column {
        check_version_column(capability, column, advance, problems);
    } else {
        check_weak_guard(node, problems);
    }
    let flag = |key| node.get_flag(key).unwrap_or(false);
    Some(ConflictGuard {
        column: node.get_ident("column"),
        advance: match advance {
            Some("increment") => Advance::Increment,
            Some("now") => Advance::Now,
            Some("database") => Advance::Database,
            _ => Advance::Auto,
        },
        cover: match node.get_text("guard") {
            Some("patched") => Some(Cover::Patched),
            Some("visible") => Some(Cover::Visible),
            _ => None,
        },
        cascade_ack: flag("cascade_ack"),
        require_fresh_read: flag("require_fresh_read"),
    })
}

fn check_version_column(capability: Node<'_>, column: Node<'_>, advance: Option<&str>, problems: &mut Problems) {
    let Some(name) = column.text() else { return };
    let target = capability.get("target");
    let is_key = |key| target.and_then(|target| target.get_text(key)).is_some_and(|key| key.eq_ignore_ascii_case(name));
    if is_key("primary_key") || is_key("tenant_key") {
        let message = format!("{} never changes, so it cannot show that the row did", quoted(name));
        problems.add(&code::CONFLICT_GUARD_COLUMN_IS_KEY, column, message);
    }
    let mut patched = capability.get("patch").into_iter().flat_map(|patch| patch.entries());
    let by_patch = patched.find(|entry| entry.key().is_some_and(|key| key.eq_ignore_ascii_case(name)));
    if let (Some(patched), Some(word @ ("increment" | "now"))) = (by_patch, advance) {
        let message = format!("{} is also set by `advance: {word}`", quoted(name));
        problems.add_key(&code::VERSION_COLUMN_PATCHED, patched, message);
    }
}

fn check_weak_guard(node: Node<'_>, problems: &mut Problems) {
    if node.get_flag("weak_guard_ack") != Some(true) {
        problems.missing(&code::CONFLICT_GUARD_COLUMN_REQUIRED, node, "column");
    }
    if let Some(advance) = node.get("advance") {
        problems.add_key(&code::ADVANCE_REQUIRES_COLUMN, advance, "there is no version column to advance");
    }
    if let Some(cover) = node.get("guard").filter(|cover| cover.text() == Some("patched")) {
        let message = "without a version column all visible columns must be compared";
        problems.add(&code::INVALID_GUARD_COVER, cover, message);
    }
}

fn approval(capability: Node<'_>, problems: &mut Problems) -> ApprovalRule {
    let Some(node) = capability.get("approval") else { return ApprovalRule::default() };
    let quorum = node.get("quorum").filter(|quorum| quorum.whole().is_some_and(|count| (2..=10).contains(&count)));
    if let Some(quorum) = quorum.filter(|_| !problems.read_only) {
        let message = "more than one decision cannot be told apart without `operators`";
        problems.add(&code::QUORUM_NEEDS_OPERATORS, quorum, message);
    }
    let default = ApprovalRule::default();
    ApprovalRule {
        required_role: node.get_text("required_role").map(str::to_owned),
        expires_in: node.get_text("expires_in").and_then(age::seconds).map_or(default.expires_in, Duration::from_secs),
        allow_self: node.get_flag("allow_self").unwrap_or(default.allow_self),
    }
}
