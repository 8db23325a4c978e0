//! The questions about what proposals change.

use serde_json::Value as Json;
use synapsor_core::contract::Binding;
use synapsor_core::draft::TableWish;
use synapsor_core::id::Ident;
use synapsor_core::wire::inspection::Column;

use super::ask::{Answer, Asked, Pick, one_of, several_of, text};
use super::questions::About;
use crate::cli::init::flags::{bounds_of, fixed, moves_of};

/// Asks which columns proposals change, and of each where its value comes from and what it may be.
pub fn ask(about: &About<'_>, wish: &mut TableWish) -> Asked<()> {
    let open = about.table.columns.iter().filter(|column| can_change(about, wish, column));
    let named = open.filter_map(|column| Some((column, Ident::parse(&column.name).ok()?)));
    let (mut picks, mut suggested) = (Vec::new(), Vec::new());
    for (index, (column, name)) in named.enumerate() {
        let before = wish.patch.iter().any(|(patched, _)| *patched == name);
        suggested.extend(before.then_some(index));
        picks.push(Pick::new(name, format!("{}  {}", column.name, column.data_type)));
    }
    let Answer::Given(chosen) = several_of("Which columns may a proposal change?", picks, &suggested)? else {
        return Ok(Answer::Back);
    };
    wish.patch.clear();
    wish.numeric_bounds.clear();
    wish.transition_guards.clear();
    for column in chosen {
        let Answer::Given(()) = ask_about(about, column, wish)? else { return Ok(Answer::Back) };
    }
    let suggested = wish.approval_role.clone().unwrap_or_else(|| "local_reviewer".to_owned());
    let named = |typed: &str| if typed.is_empty() { Err("a role is expected".to_owned()) } else { Ok(()) };
    let role = text("Who decides?", &suggested, "the role that a reviewer has", named)?;
    Ok(role.take(|role| wish.approval_role = Some(role)))
}

/// What finds a row, says whose it is or moves by itself is not proposed.
fn can_change(about: &About<'_>, wish: &TableWish, column: &Column) -> bool {
    let is_key = wish.primary_key.as_ref().is_some_and(|name| name.as_str() == column.name);
    let is_version = about.found.version.iter().any(|hint| hint.column == column.name);
    !about.found.is_immutable(column) && !is_key && !is_version
}

/// Reads a guard as a person types it.
type Reader = fn(&str) -> Result<Json, String>;

/// What can be said of a column's new values.
enum Guard {
    Bounds,
    Moves,
    None,
}

impl Guard {
    fn of(column: Option<&Column>) -> Self {
        let ty = column.map(|column| column.data_type.to_ascii_lowercase()).unwrap_or_default();
        let has = |words: &[&str]| words.iter().any(|word| ty.contains(word));
        if ty == "tinyint(1)" || has(&["interval", "point"]) {
            Self::None
        } else if has(&["int", "numeric", "decimal", "real", "double", "float"]) {
            Self::Bounds
        } else if has(&["char", "text", "enum"]) {
            Self::Moves
        } else {
            Self::None
        }
    }
}

fn ask_about(about: &About<'_>, column: Ident, wish: &mut TableWish) -> Asked<()> {
    let picks = vec![
        Pick::new(true, format!("the agent, as argument `{column}`")),
        Pick::new(false, "the configuration: always the same"),
    ];
    let question = format!("Who gives the new {column}?");
    let Answer::Given(by_agent) = one_of(&question, picks, "the reviewer sees it either way")? else {
        return Ok(Answer::Back);
    };
    if !by_agent {
        let question = format!("The new {column}, always");
        let help = "numbers, true, false and null are what they look like; the rest is text";
        let value = text(&question, "", help, |_| Ok(()))?;
        return Ok(value.take(|value| wish.patch.push((column, Binding::Fixed(fixed(&value))))));
    }
    let (question, help, read): (String, &str, Reader) = match Guard::of(about.table.column(column.as_str())) {
        Guard::Bounds => {
            (format!("Bounds on {column}"), "least:most, such as 0:10000; leave it empty for none", bounds_of)
        }
        Guard::Moves => (
            format!("Allowed moves of {column}"),
            "from:to|to;from:to, if it is a state; leave it empty for any text",
            moves_of,
        ),
        Guard::None => {
            wish.patch.push((column.clone(), Binding::FromArg(column)));
            return Ok(Answer::Given(()));
        }
    };
    let check = move |typed: &str| if typed.is_empty() { Ok(()) } else { read(typed).map(drop) };
    let typed = text(&question, "", help, check)?;
    Ok(typed.take(|typed| {
        if let Ok(guard) = read(&typed) {
            let is_moves = guard.get("allowed").is_some();
            let guards = if is_moves { &mut wish.transition_guards } else { &mut wish.numeric_bounds };
            guards.insert(column.to_string(), guard);
        }
        wish.patch.push((column.clone(), Binding::FromArg(column)));
    }))
}
