//! Whether the version moves when a row changes.

use super::{Check, Target};
use crate::contract::EngineKind;
use crate::inspection::Suggestions;
use crate::value;
use crate::writeback::mover;

/// Checks the version column of a capability that proposes; `described` is the column as the engine writes it.
#[must_use]
pub fn check(target: Target<'_>, described: Option<&value::Column>) -> Option<Check> {
    const ID: &str = "target.version";
    let rule = target.capability.proposal()?;
    let column = rule.guard.column.as_ref()?;
    let name = target.name();
    let found = Suggestions::of(target.table, target.seen);
    let better = found.version.iter().find(|hint| hint.column != column.as_str());
    let fix = match better {
        Some(hint) => format!("write \"conflict_guard\": {{ \"column\": \"{}\" }}", hint.column),
        None => "guard by a column with a time or a counter, or write \"conflict_guard\": { \"weak_guard_ack\": true }"
            .to_owned(),
    };
    let (Some(described), Some(listed)) = (described, target.table.column(column.as_str())) else {
        return Some(Check::fail(ID, format!("{name} has no column `{column}` that the reader can see"), fix));
    };
    let moved_by_app = rule.executor.is_some();
    if let Some(why) = mover(rule.guard.advance, described)
        && !moved_by_app
        && !rule.patch.iter().any(|(patched, _)| patched == column)
    {
        let message = format!("version column `{column}` of {name}: {why}");
        // MySQL shows triggers only to who may make them.
        let may_have_triggers = !target.table.triggers.is_empty() || target.seen.engine == EngineKind::Mysql;
        return Some(if may_have_triggers { Check::warn(ID, message, fix) } else { Check::fail(ID, message, fix) });
    }
    if listed.nullable {
        let message = format!("version column `{column}` of {name} may be null: changes of such rows are refused");
        return Some(Check::warn(ID, message, super::key::not_null(target, column)));
    }
    Some(Check::pass(ID, format!("`{column}` moves when a row of {name} changes")))
}
