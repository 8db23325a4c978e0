//! What can be wrong with a ledger's file.

use std::error::Error;
use std::sync::Arc;

use rusqlite::ErrorCode;
use synapsor_core::code::Code;

/// What is wrong with the ledger. Its source chain is for the operator's log only; cloned, since one failed commit answers
/// everyone who waited for it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{what}")]
pub struct LedgerFault {
    code: Code,
    what: &'static str,
    #[source]
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl LedgerFault {
    pub(super) fn new(code: Code, what: &'static str) -> Self {
        Self { code, what, source: None }
    }

    pub(super) fn because(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// The code that stands for it outside.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// What is wrong, in words.
    pub(super) fn what(&self) -> &'static str {
        self.what
    }

    pub(super) fn stopped() -> Self {
        Self::new(Code::Internal, "the ledger's writer has stopped")
    }

    /// A record that cannot be what was written.
    pub(super) fn corrupt(what: &'static str) -> Self {
        Self::new(Code::StoreCorrupt, what)
    }
}

/// Why an append was not done. In both cases nothing of the group was written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// Someone else was first: an event's `seq` is not the next one of its subject. Load again and decide again.
    #[error("subject `{subject}` has moved on")]
    Stale {
        /// The first such subject of the group.
        subject: String,
    },
    /// The ledger could not write.
    #[error(transparent)]
    Fault(#[from] LedgerFault),
}

impl From<rusqlite::Error> for LedgerFault {
    fn from(error: rusqlite::Error) -> Self {
        let (code, what) = match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                (Code::TemporarilyUnavailable, "the ledger stayed locked by another process")
            }
            Some(ErrorCode::DiskFull) => (Code::TemporarilyUnavailable, "the ledger's disk is full"),
            Some(ErrorCode::SystemIoFailure) => (Code::TemporarilyUnavailable, "the ledger's disk failed"),
            Some(ErrorCode::DatabaseCorrupt) => (Code::StoreCorrupt, "the ledger file is damaged"),
            Some(ErrorCode::NotADatabase) => (Code::StoreUnreadable, "the file is no SQLite database"),
            Some(ErrorCode::CannotOpen) => (Code::StoreUnreadable, "the ledger file cannot be opened"),
            Some(ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
                (Code::StoreUnreadable, "the ledger file is read-only")
            }
            Some(ErrorCode::ConstraintViolation) => {
                (Code::StoreCorrupt, "the ledger holds a record where the next one belongs")
            }
            Some(_) => (Code::Internal, "the ledger's database reported an error"),
            None if is_bad_value(&error) => (Code::StoreCorrupt, "the ledger holds a value of the wrong type"),
            None => (Code::Internal, "the ledger's database was used wrongly"),
        };
        Self::new(code, what).because(error)
    }
}

/// Whether a column was read that does not hold what is written there.
fn is_bad_value(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error};
    matches!(error, FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..) | Utf8Error(..))
}
