//! What else runs when a row is changed.

use super::{Check, Target};

/// Checks the triggers of a table that changes are proposed for.
#[must_use]
pub fn check(target: Target<'_>) -> Option<Check> {
    const ID: &str = "target.triggers";
    target.capability.proposal()?;
    let names: Vec<String> = target.table.triggers.iter().map(|name| format!("`{name}`")).collect();
    Some(match names.as_slice() {
        [] => Check::pass(ID, format!("no trigger that the reader can see runs when {} changes", target.name())),
        _ => Check::warn(
            ID,
            format!("a change of {} also runs {}", target.name(), names.join(", ")),
            "see that they do nothing that a reviewer would want to know: what they change elsewhere is not reviewed, and \
             one that rewrites a proposed value stops the apply",
        ),
    })
}
