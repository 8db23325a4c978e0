//! What a model reads about drafted tools: from comments, keys, types and bounds.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};

use super::{Choice, Names};
use crate::contract::Binding;
use crate::id::Ident;
use crate::inspection::object_name;
use crate::unseen::is_unseen;
use crate::wire::inspection::{Column, Table};

/// Longer than this a description costs more than it tells.
const LONGEST: usize = 600;
/// The most that is taken from one comment.
const LONGEST_COMMENT: usize = 160;

/// About a tool that reads.
pub(super) fn reading(choice: &Choice, table: Option<&Table>) -> String {
    let noun = choice.names.noun();
    let mut text = format!("Look up one {noun} by its {}.", key_words(choice));
    let Some(table) = table else { return text };
    if let Some(comment) = table.comment.as_deref().and_then(sentence) {
        text.push(' ');
        text.push_str(&comment);
    }
    let told = choice.visible_columns.iter().filter_map(|name| about_column(table.column(name.as_str())?, table));
    let mut separator = " ";
    for about in told {
        if text.chars().count() + about.chars().count() > LONGEST {
            break;
        }
        text.push_str(separator);
        text.push_str(&about);
        separator = "; ";
    }
    if separator != " " {
        text.push('.');
    }
    text
}

/// About the answer of a tool that reads, where another one proposes.
pub(super) fn reading_before_proposing(names: &Names) -> String {
    format!("Read it before proposing a change with {}.", names.proposal_tool)
}

/// About a tool that proposes.
pub(super) fn proposing(choice: &Choice) -> String {
    let noun = choice.names.noun();
    let mut text = format!("Propose a change of one {noun}: ");
    if let Some(changes) = &choice.proposal {
        let each = changes.patch.iter().map(|(column, binding)| {
            let mut about = match binding {
                Binding::Fixed(value) => format!("`{column}` becomes {value}"),
                Binding::FromArg(_) => format!("a new `{column}`"),
            };
            let column = column.as_str();
            if let (Binding::FromArg(_), Some(bounds)) = (binding, changes.numeric_bounds.get(column)) {
                about.push_str(&within(bounds));
            }
            if let Some(moves) = changes.transition_guards.get(column).and_then(moves) {
                let _ = write!(about, " ({moves})");
            }
            about
        });
        text.push_str(&each.collect::<Vec<_>>().join(", "));
    }
    text.push_str(". A person decides; nothing changes before.");
    text
}

/// The argument that holds the row's key.
pub(super) fn lookup_arg(choice: &Choice, table: Option<&Table>) -> Json {
    let noun = choice.names.noun();
    let column = table.and_then(|table| table.column(choice.primary_key.as_str()));
    let form = match column.map(|column| column.data_type.to_ascii_lowercase()) {
        Some(ty) if is_number(&ty) => ", a number",
        Some(ty) if ty == "uuid" => ", a UUID",
        _ => "",
    };
    json!({
        "type": "string",
        "description": format!("The {noun}'s {}{form}.", key_words(choice)),
        "max_length": 128,
    })
}

/// An argument that a patched column takes its value from: what is known of the column, and over it what is `given`.
pub(super) fn patch_arg(
    column: &Ident,
    table: Option<&Table>,
    given: Option<&Json>,
    (bounds, transitions): (Option<&Json>, Option<&Json>),
) -> Json {
    let described = table.and_then(|table| table.column(column.as_str()));
    let ty = described.map(|column| column.data_type.to_ascii_lowercase()).unwrap_or_default();
    let known = if let Some(bounds) = bounds.and_then(Json::as_object) {
        let mut known = bounds.clone();
        known.insert("type".to_owned(), "number".into());
        Json::Object(known)
    } else if let Some(states) = transitions.map(targets) {
        json!({ "type": "string", "max_length": 128, "enum": states })
    } else if is_number(&ty) {
        json!({ "type": "number" })
    } else if ty.starts_with("bool") || ty == "tinyint(1)" {
        json!({ "type": "boolean" })
    } else {
        json!({ "type": "string", "max_length": longest(&ty) })
    };
    let empty = Map::new();
    let given = given.and_then(Json::as_object).unwrap_or(&empty);
    let mut arg = Map::new();
    arg.insert("type".to_owned(), known.get("type").cloned().unwrap_or_default());
    arg.insert("description".to_owned(), about_arg(column, described).into());
    // Of another type, what is known of the column does not hold.
    if given.get("type").is_none_or(|ty| Some(ty) == known.get("type")) {
        arg.extend(known.as_object().unwrap_or(&empty).clone());
    }
    arg.extend(given.clone());
    arg.into()
}

fn key_words(choice: &Choice) -> String {
    let key = choice.primary_key.as_str();
    if key.eq_ignore_ascii_case("id") || key.eq_ignore_ascii_case(&format!("{}_id", choice.names.object)) {
        "id".to_owned()
    } else {
        key.replace('_', " ")
    }
}

/// What is worth saying about a column beyond its name.
fn about_column(column: &Column, table: &Table) -> Option<String> {
    if let Some(comment) = column.comment.as_deref().and_then(shortened) {
        return Some(format!("`{}`: {}", column.name, comment.trim_end_matches('.')));
    }
    let of = |columns: &[String]| matches!(columns, [only] if *only == column.name);
    let key = table.foreign_keys.iter().find(|key| of(&key.columns))?;
    let noun = object_name(&key.referenced_table).replace('_', " ");
    // Its name says it already.
    if column.name.to_lowercase().replace('_', " ") == format!("{noun} id") {
        return None;
    }
    Some(format!("`{}` is the {noun}'s {}", column.name, key.referenced_columns.join(", ")))
}

fn about_arg(column: &Ident, described: Option<&Column>) -> String {
    let words = column.as_str().replace('_', " ");
    match described.and_then(|column| column.comment.as_deref()).and_then(sentence) {
        Some(comment) => format!("The new {words}. {comment}"),
        None if words.ends_with("reason") => "Why, for the reviewer.".to_owned(),
        None => format!("The new {words}."),
    }
}

fn within(bounds: &Json) -> String {
    match (bounds.get("minimum"), bounds.get("maximum")) {
        (Some(minimum), Some(maximum)) => format!(" from {minimum} to {maximum}"),
        (Some(minimum), None) => format!(" of at least {minimum}"),
        (None, Some(maximum)) => format!(" of at most {maximum}"),
        (None, None) => String::new(),
    }
}

/// `paid may become shipped or refunded`
fn moves(guard: &Json) -> Option<String> {
    let each = guard.get("allowed")?.as_object()?.iter().map(|(from, to)| {
        let to: Vec<&str> = to.as_array().into_iter().flatten().filter_map(Json::as_str).collect();
        format!("{from} may become {}", to.join(" or "))
    });
    Some(each.collect::<Vec<_>>().join("; "))
}

/// Every state that something may become, each once.
fn targets(guard: &Json) -> Vec<Json> {
    let mut states: Vec<Json> = Vec::new();
    let lists = guard.get("allowed").and_then(Json::as_object).into_iter().flat_map(Map::values);
    for state in lists.filter_map(Json::as_array).flatten() {
        if !states.contains(state) {
            states.push(state.clone());
        }
    }
    states
}

/// Whether values of a type are numbers in JSON.
fn is_number(ty: &str) -> bool {
    const NUMBERS: [&str; 8] = ["int", "serial", "numeric", "decimal", "real", "double", "float", "number"];
    // MySQL's way to say true or false.
    let is_flag = ty == "tinyint(1)";
    let is_time = ty.contains("interval") || ty.contains("point");
    !is_flag && !is_time && NUMBERS.iter().any(|word| ty.contains(word))
}

/// How long a text of that type may be, where more would be refused.
fn longest(ty: &str) -> u64 {
    const USUAL: u64 = 500;
    let declared = ty.contains("char").then(|| ty.split_once('(')?.1.split(')').next()?.trim().parse().ok());
    declared.flatten().filter(|length| (1..USUAL).contains(length)).unwrap_or(USUAL)
}

/// A comment as a sentence.
fn sentence(comment: &str) -> Option<String> {
    let text = shortened(comment)?;
    let mut chars = text.chars();
    let first = chars.next()?;
    let ends = text.ends_with(['.', '!', '?', '…']);
    Some(format!("{}{}{}", first.to_uppercase(), chars.as_str(), if ends { "" } else { "." }))
}

/// A comment's first line, without what a reader cannot see, and not too long.
fn shortened(comment: &str) -> Option<String> {
    let line: String =
        comment.lines().find(|line| !line.trim().is_empty())?.chars().filter(|c| !is_unseen(*c)).collect();
    let line = line.trim();
    let mut text: String = line.chars().take(LONGEST_COMMENT).collect();
    if line.chars().nth(LONGEST_COMMENT).is_some() {
        text.push('…');
    }
    (!text.is_empty()).then_some(text)
}
