//! One thing that was looked at, and how it stands.

pub mod clock;
pub mod key;
pub mod link;
pub mod refused;
pub mod tenant;
pub mod triggers;
pub mod version;

use crate::contract::{Capability, EngineKind};
use crate::id::Ident;
use crate::wire::inspection::{Inspection, Table};

/// A capability's table as the catalog describes it.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// The capability.
    pub capability: &'a Capability,
    /// Its table.
    pub table: &'a Table,
    /// The database that holds it.
    pub seen: &'a Inspection,
}

impl Target<'_> {
    /// The table in messages.
    fn name(&self) -> String {
        format!("`{}`", self.table.full_name())
    }

    /// The table in statements.
    fn quoted(&self) -> String {
        let target = &self.capability.target;
        format!("{}.{}", quoted(self.seen.engine, &target.schema), quoted(self.seen.engine, &target.table))
    }
}

/// A name in a statement that a person will run.
fn quoted(engine: EngineKind, name: &Ident) -> String {
    if engine == EngineKind::Postgres { format!("\"{name}\"") } else { format!("`{name}`") }
}

/// One check's result. `Debug` and JSON may show it: it holds names, never secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was looked at, such as `writer.missing`; the same words in every report.
    pub id: String,
    /// How it stands.
    pub level: Level,
    /// What was found: lower case, no full stop.
    pub message: String,
    /// What mends it.
    pub fix: Option<String>,
}

/// How a check stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Pass,
    /// It works, but more is allowed than is needed.
    Warn,
    /// Something will not work.
    Fail,
}

impl Level {
    /// The word in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

impl Check {
    /// All is well.
    #[must_use]
    pub fn pass(id: impl Into<String>, message: impl Into<String>) -> Self {
        Self { id: id.into(), level: Level::Pass, message: message.into(), fix: None }
    }

    /// Worth mending.
    #[must_use]
    pub fn warn(id: impl Into<String>, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { id: id.into(), level: Level::Warn, message: message.into(), fix: Some(fix.into()) }
    }

    /// Must be mended.
    #[must_use]
    pub fn fail(id: impl Into<String>, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { id: id.into(), level: Level::Fail, message: message.into(), fix: Some(fix.into()) }
    }
}
