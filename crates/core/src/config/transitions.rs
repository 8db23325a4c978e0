//! Bounds on numbers and allowed moves of states in a patch.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::args;
use super::code::{self, Code};
use super::report::{Problems, quoted};
use super::shape::{Entries, Field, Items, Name, Section, Shape};
use super::tree::{Kind, Node};
use crate::contract::{Bounds, Transition};
use crate::id::Ident;

pub(crate) static BOUNDS_BY_COLUMN: Entries = Entries {
    key: Name::Ident,
    bad_key: &code::INVALID_NUMERIC_BOUND_COLUMN,
    shape: Shape::Section(&BOUNDS),
    bad: &code::NUMERIC_BOUND_NOT_OBJECT,
    least: 0,
};

pub(crate) static GUARDS_BY_COLUMN: Entries = Entries {
    key: Name::Ident,
    bad_key: &code::INVALID_TRANSITION_GUARD_COLUMN,
    shape: Shape::Section(&TRANSITION),
    bad: &code::TRANSITION_GUARD_NOT_OBJECT,
    least: 0,
};

static BOUNDS: Section = Section {
    name: "bounds",
    doc: "Inclusive bounds on a patched number; at least one",
    rules: Some(bound_rules),
    fields: &[
        Field::new("minimum", "The smallest", Shape::Number, &code::INVALID_MINIMUM),
        Field::new("maximum", "The largest", Shape::Number, &code::INVALID_MAXIMUM),
    ],
};

static TRANSITION: Section = Section {
    name: "transition",
    doc: "Allowed moves of a patched state",
    rules: None,
    fields: &[
        Field::new(
            "from_column",
            "The column that holds the present state; the default is the patched column",
            Shape::Name(Name::Ident),
            &code::INVALID_TRANSITION_FROM_COLUMN,
        ),
        Field::new(
            "allowed",
            "Present state to the states it may become",
            Shape::Map(&ALLOWED),
            &code::TRANSITION_ALLOWED_REQUIRED,
        )
        .required(),
    ],
};

static ALLOWED: Entries = Entries {
    key: Name::State,
    bad_key: &code::TRANSITION_FROM_REQUIRED,
    shape: Shape::List(&STATES),
    bad: &code::TRANSITION_TO_VALUES_REQUIRED,
    least: 1,
};

static STATES: Items =
    Items { shape: Shape::Text { blank: false }, bad: &code::TRANSITION_TO_VALUES_REQUIRED, least: 1 };

fn bound_rules() -> Json {
    json!({"anyOf": [{"required": ["minimum"]}, {"required": ["maximum"]}]})
}

/// Whether the column is patched; reports it if not.
fn is_patched(capability: Node<'_>, guard: Node<'_>, code: &'static Code, problems: &mut Problems) -> bool {
    let column = guard.key().unwrap_or_default();
    let Some(patch) = capability.get("patch").filter(Node::is_object) else { return false };
    let found = patch.get(column).is_some();
    if !found && Ident::parse(column).is_ok() {
        problems.add_key(code, guard, format!("{} is not in `patch`", quoted(column)));
    }
    found
}

/// The bounds by column; `None` if one of them is wrong.
pub(crate) fn bounds(capability: Node<'_>, problems: &mut Problems) -> Option<BTreeMap<Ident, Bounds>> {
    let mut built = Vec::new();
    for node in capability.get("numeric_bounds").into_iter().flat_map(|bounds| bounds.entries()) {
        if !node.is_object() {
            return None;
        }
        if node.get("minimum").is_none() && node.get("maximum").is_none() {
            problems.add(&code::NUMERIC_BOUND_EMPTY, node, "there is neither `minimum` nor `maximum`");
        }
        let (minimum, maximum) = args::bounds(node, problems);
        let bounds = Bounds { minimum, maximum };
        if is_patched(capability, node, &code::NUMERIC_BOUND_PATCH_COLUMN_REQUIRED, problems) {
            check_bounded(capability, node, &bounds, problems);
        }
        built.push(Ident::parse(node.key()?).ok().map(|column| (column, bounds)));
    }
    built.into_iter().collect()
}

/// What is bounded must be a number, and a fixed one must keep to its bounds.
fn check_bounded(capability: Node<'_>, node: Node<'_>, bounds: &Bounds, problems: &mut Problems) {
    let column = node.key().unwrap_or_default();
    let Some(binding) = capability.get("patch").and_then(|patch| patch.get(column)) else { return };
    if let Some(fixed) = binding.get("fixed") {
        let verdict = match fixed.kind() {
            Kind::Number(number) => args::within(number, bounds.minimum.as_ref(), bounds.maximum.as_ref()),
            Kind::List(_) | Kind::Object(_) => Ok(()),
            Kind::Null | Kind::Flag(_) | Kind::Text(_) => Err("this is not a number, but has bounds".to_owned()),
        };
        if let Err(why) = verdict {
            problems.add(&code::FIXED_VALUE_OUT_OF_BOUNDS, fixed, why);
        }
    }
    let arg = binding.get_text("from_arg").and_then(|name| capability.get("args")?.get(name));
    if arg.and_then(|arg| arg.get_text("type")).is_some_and(|ty| ty == "string" || ty == "boolean") {
        let message = format!("{} has bounds, but its argument is not a number", quoted(column));
        problems.add_key(&code::NUMERIC_BOUNDS_REQUIRE_NUMBER, node, message);
    }
}

/// The transition guards by column; `None` if one of them is wrong.
pub(crate) fn guards(capability: Node<'_>, problems: &mut Problems) -> Option<BTreeMap<Ident, Transition>> {
    let mut built = Vec::new();
    for node in capability.get("transition_guards").into_iter().flat_map(|guards| guards.entries()) {
        if !node.is_object() {
            return None;
        }
        if is_patched(capability, node, &code::TRANSITION_PATCH_COLUMN_REQUIRED, problems) {
            check_fixed_state(capability, node, problems);
        }
        built.push(transition(capability, node, problems));
    }
    built.into_iter().collect()
}

fn transition(capability: Node<'_>, node: Node<'_>, problems: &mut Problems) -> Option<(Ident, Transition)> {
    let column = node.key()?;
    let from = node.get("from_column");
    let from_text = from.map_or(Some(column), |from| from.text())?;
    let from_column = Ident::parse(from_text).ok()?;
    if !is_read(capability, from_text) {
        let message = format!("{} is not read, so the present state is not known", quoted(from_text));
        problems.add_key(&code::TRANSITION_FROM_COLUMN_NOT_VISIBLE, from.unwrap_or(node), message);
    }
    let states = |list: Node<'_>| list.items().filter_map(|item| item.text()).map(str::to_owned).collect();
    let allowed = node.get("allowed")?.entries();
    let allowed = allowed.filter_map(|list| Some((list.key()?.to_owned(), states(list)))).collect();
    Some((Ident::parse(column).ok()?, Transition { from_column, allowed }))
}

fn is_read(capability: Node<'_>, column: &str) -> bool {
    let target = capability.get("target");
    let named = [
        target.and_then(|target| target.get_text("primary_key")),
        target.and_then(|target| target.get_text("tenant_key")),
        capability.get("conflict_guard").and_then(|guard| guard.get_text("column")),
    ];
    let mut visible = capability.get("visible_columns").into_iter().flat_map(|list| list.items());
    named.contains(&Some(column)) || visible.any(|item| item.text() == Some(column))
}

fn check_fixed_state(capability: Node<'_>, node: Node<'_>, problems: &mut Problems) {
    let fixed = node.key().and_then(|column| capability.get("patch")?.get(column)?.get("fixed"));
    let (Some(fixed), Some(allowed)) = (fixed, node.get("allowed")) else { return };
    let mut reachable = allowed.entries().flat_map(|list| list.items());
    if !reachable.any(|state| state.text().is_some() && state.text() == fixed.text()) {
        problems.add(&code::FIXED_VALUE_NOT_A_TRANSITION, fixed, "no state may become this");
    }
}
