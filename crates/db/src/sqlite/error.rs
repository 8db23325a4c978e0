//! What a SQLite error means.

use rusqlite::ffi;
use synapsor_core::writeback::Violation;

use crate::fault::{Class, Fault};
use crate::tx::Reject;

/// The fault that an error outside a guarded write is.
pub(super) fn fault(error: rusqlite::Error, what: &'static str) -> Fault {
    let (class, _) = classes(&error);
    Fault::new(class, what).because(error)
}

/// What an error of a step of a guarded write is.
pub(super) fn reject(error: rusqlite::Error) -> Reject {
    if is_unique(&error) {
        return Reject::Duplicate;
    }
    let (class, violation) = classes(&error);
    Reject::Refused(violation, Fault::new(class, "sqlite refused a step").because(error))
}

/// Why an error at COMMIT undid the transaction.
pub(super) fn violation(error: &rusqlite::Error) -> Violation {
    classes(error).1
}

/// Whether a lock was in the way.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(code(error), Some((ffi::ErrorCode::DatabaseBusy | ffi::ErrorCode::DatabaseLocked, _)))
}

fn is_unique(error: &rusqlite::Error) -> bool {
    matches!(
        code(error),
        Some((_, ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID))
    )
}

fn code(error: &rusqlite::Error) -> Option<(ffi::ErrorCode, i32)> {
    match error {
        rusqlite::Error::SqliteFailure(found, _) | rusqlite::Error::SqlInputError { error: found, .. } => {
            Some((found.code, found.extended_code))
        }
        _ => None,
    }
}

fn classes(error: &rusqlite::Error) -> (Class, Violation) {
    use ffi::ErrorCode as E;
    let Some(code) = code(error) else { return (Class::Other, Violation::Other) };
    match code {
        // A value of the wrong type in a STRICT table.
        (_, ffi::SQLITE_CONSTRAINT_DATATYPE) => (Class::Value, Violation::Value),
        (E::ConstraintViolation, _) => (Class::Other, Violation::Constraint),
        (E::DatabaseBusy | E::DatabaseLocked | E::FileLockingProtocolFailed | E::SchemaChanged, _) => {
            (Class::Busy, Violation::Transient)
        }
        (E::OperationInterrupted, _) => (Class::Timeout, Violation::Transient),
        // The file was moved away, or only a writer can bring it back into shape after a crash.
        (
            _,
            ffi::SQLITE_READONLY_DBMOVED
            | ffi::SQLITE_READONLY_ROLLBACK
            | ffi::SQLITE_READONLY_RECOVERY
            | ffi::SQLITE_READONLY_CANTINIT,
        ) => (Class::Unreachable, Violation::Transient),
        (E::ReadOnly | E::PermissionDenied | E::AuthorizationForStatementDenied, _) => {
            (Class::Permission, Violation::Permission)
        }
        (E::CannotOpen, _) => (Class::Unreachable, Violation::Transient),
        (E::TypeMismatch | E::TooBig, _) => (Class::Value, Violation::Value),
        (E::Unknown, ffi::SQLITE_ERROR) if names_something_missing(error) => (Class::Missing, Violation::Missing),
        _ => (Class::Other, Violation::Other),
    }
}

/// SQLite has no code for it.
fn names_something_missing(error: &rusqlite::Error) -> bool {
    let message = match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => message,
        rusqlite::Error::SqlInputError { msg, .. } => msg,
        _ => return false,
    };
    message.starts_with("no such table")
        || message.contains("no such column")
        || message.contains("has no column named")
}
