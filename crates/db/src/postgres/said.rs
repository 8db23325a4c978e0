//! What the driver said, as the faults and rejections of this crate.

use std::error::Error as StdError;

use synapsor_core::writeback::Violation;
use tokio_postgres::Error;
use tokio_postgres::error::DbError;

use crate::fault::{Class, Fault};
use crate::tx::Reject;

/// What a server said, cut to what may stand in a log: messages about values and constraints, and those that triggers
/// raise, quote row values.
#[derive(Debug, thiserror::Error)]
#[error("{code}: {message}")]
struct Said {
    code: String,
    message: String,
}

impl Said {
    fn of(error: &DbError) -> Self {
        let code = error.code().code().to_owned();
        let message = match code.get(..2) {
            Some("08" | "0A" | "25" | "28" | "3D" | "3F" | "40" | "42" | "53" | "55" | "57" | "58" | "XX") => {
                error.message().to_owned()
            }
            _ => [
                ("constraint", error.constraint()),
                ("table", error.table()),
                ("column", error.column()),
                ("type", error.datatype()),
            ]
            .into_iter()
            .filter_map(|(what, name)| Some(format!("{what} `{}`", name?)))
            .collect::<Vec<_>>()
            .join(", "),
        };
        Self { code, message }
    }
}

/// A failed connection attempt or statement as a fault.
pub(super) fn fault(error: Error) -> Fault {
    let Some(said) = error.as_db_error() else { return link_fault(error) };
    let code = said.code().code();
    let (class, what) = match code {
        "57014" => (Class::Timeout, "the statement was canceled or ran too long"),
        "55P03" => (Class::Timeout, "a lock was not free in time"),
        "40001" | "40P01" => (Class::Busy, "the statement collided with another transaction"),
        "42501" => (Class::Permission, "the role lacks a privilege"),
        "42P01" | "42703" | "42704" | "3F000" => (Class::Missing, "a table, column or type is missing"),
        "3D000" => (Class::Missing, "the database does not exist"),
        _ => match code.get(..2) {
            Some("08") => (Class::Unreachable, "the server lost the connection"),
            Some("57") => (Class::Unreachable, "the server is stopping or starting"),
            Some("28") => (Class::Credential, "the server refused the credential"),
            Some("53") => (Class::Busy, "the server is out of connections or memory"),
            Some("22") => (Class::Value, "the database does not accept a value"),
            _ => (Class::Other, "the server refused the statement"),
        },
    };
    Fault::new(class, what).because(Said::of(said))
}

/// A write transaction that did not open.
pub(super) fn begin_fault(error: Error) -> Fault {
    match error.as_db_error() {
        // What a standby says to READ WRITE; nothing else in the opening can be unsupported.
        Some(said) if said.code().code() == "0A000" => {
            Fault::new(Class::Busy, "the server is a standby, which takes no writes").because(Said::of(said))
        }
        _ => fault(error),
    }
}

/// A failed statement of an open transaction.
pub(super) fn reject(error: Error) -> Reject {
    let Some(said) = error.as_db_error() else {
        return Reject::Refused(Violation::Transient, link_fault(error));
    };
    match violation(said.code().code()) {
        None => Reject::Duplicate,
        Some(violation) => Reject::Refused(violation, fault(error)),
    }
}

/// The class of a SQLSTATE; `None` = a unique key was taken.
fn violation(code: &str) -> Option<Violation> {
    Some(match code {
        "23505" => return None,
        "42501" => Violation::Permission,
        "42P01" | "42703" | "3F000" => Violation::Missing,
        "40P01" => Violation::Deadlock,
        "40001" | "55P03" | "57014" => Violation::Transient,
        _ if code.starts_with("08") || code.starts_with("57P0") => Violation::Transient,
        _ if code.starts_with("23") => Violation::Constraint,
        _ if code.starts_with("22") => Violation::Value,
        _ => Violation::Other,
    })
}

/// Why COMMIT certainly did not commit, if the server's answer says so beyond doubt.
pub(super) fn undone(error: &Error) -> Option<Violation> {
    let code = error.code()?.code();
    match code.get(..2)? {
        // 40003 says that even the server does not know.
        "40" if code != "40003" => Some(Violation::Transient),
        "23" => Some(Violation::Constraint),
        _ => None,
    }
}

fn link_fault(error: Error) -> Fault {
    let (class, what) = match () {
        () if is_tls(&error) => (Class::Tls, "transport security could not be agreed on"),
        () if is_password(&error) => (Class::Credential, "the server asks for another way to authenticate"),
        () if error.is_closed() || has_io(&error) => (Class::Unreachable, "the server cannot be reached"),
        () => (Class::Other, "the server's answer does not read"),
    };
    Fault::new(class, what).because(error)
}

// The driver keeps the kinds of its errors to itself; their texts are pinned by tests.
fn is_tls(error: &Error) -> bool {
    error.to_string() == "error performing TLS handshake"
}

fn is_password(error: &Error) -> bool {
    matches!(error.to_string().as_str(), "authentication error" | "invalid configuration")
}

fn has_io(error: &Error) -> bool {
    let mut next = error.source();
    while let Some(source) = next {
        if source.is::<std::io::Error>() {
            return true;
        }
        next = source.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_one_class() {
        let check = |code: &str, expect: Option<Violation>| assert_eq!(violation(code), expect, "{code}");
        check("23505", None);
        check("23514", Some(Violation::Constraint));
        check("23P01", Some(Violation::Constraint));
        check("22001", Some(Violation::Value));
        check("22P02", Some(Violation::Value));
        check("42501", Some(Violation::Permission));
        check("42P01", Some(Violation::Missing));
        check("42703", Some(Violation::Missing));
        check("3F000", Some(Violation::Missing));
        check("40001", Some(Violation::Transient));
        check("40P01", Some(Violation::Deadlock));
        check("55P03", Some(Violation::Transient));
        check("57014", Some(Violation::Transient));
        check("57P01", Some(Violation::Transient));
        check("08006", Some(Violation::Transient));
        check("P0001", Some(Violation::Other));
        check("25006", Some(Violation::Other));
    }
}
