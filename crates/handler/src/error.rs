//! What can go wrong, as the SDK tells it apart.

use std::error::Error;

use synapsor_core::handler::is_safe_code;

/// Any error of an effect.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// The handler cannot be made: a setting is missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Misconfigured(pub(crate) String);

impl Misconfigured {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// Return it from an effect to undo the effect, with a code of your own that reviewers see: `CREDIT_LIMIT_REACHED`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WritebackFailed(String);

impl WritebackFailed {
    /// A code is a capital, then up to 63 capitals, digits and underscores; anything else becomes
    /// `HANDLER_BUSINESS_ERROR`.
    #[must_use]
    pub fn new(code: &str) -> Self {
        Self(if is_safe_code(code) { code } else { crate::transaction::BUSINESS_ERROR }.to_owned())
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.0
    }
}

/// Why a statement did not run. Pass it on with `?`: what may pass is tried again.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct TxError {
    pub(crate) meaning: Meaning,
    what: String,
}

/// What an error of a database means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// A lock was not had in time.
    Busy,
    /// It may pass.
    Transient,
    /// A value does not fit the column that it is compared with.
    NotFound,
    /// An insert's key is taken.
    Duplicate,
    /// A table is not there.
    Missing,
    /// Anything else.
    Other,
}

impl TxError {
    pub(crate) fn new(meaning: Meaning, what: impl Into<String>) -> Self {
        Self { meaning, what: what.into() }
    }

    pub(crate) fn misuse(what: &str) -> Self {
        Self::new(Meaning::Other, what)
    }
}
