//! Our no: safe to show to anyone, with what to do next.

use crate::code::Code;

/// Why something is not done. Never holds driver text, hosts, paths of secrets or row values of another tenant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    code: Code,
    message: String,
    fix: Option<String>,
}

impl Refusal {
    /// A refusal with its own words; the fix is the code's own unless [`Refusal::fix`] gives a better one.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), fix: None }
    }

    /// Gives a fix for this very case.
    #[must_use]
    pub fn with_fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// What happened and why.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do next.
    #[must_use]
    pub fn fix(&self) -> &str {
        self.fix.as_deref().unwrap_or_else(|| self.code.fix())
    }
}
