//! One thing that was looked at, and how it stands.

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
