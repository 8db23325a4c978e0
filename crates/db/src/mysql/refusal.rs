//! What a server's or the driver's error means.

use std::borrow::Cow;

use mysql_async::{DriverError, Error, IoError, ServerError};
use synapsor_core::writeback::Violation;

use crate::fault::{Class, Fault};
use crate::tx::Reject;

/// What the server said, without the values that its messages quote.
#[derive(Debug, thiserror::Error)]
#[error("error {code} ({state}): {message}")]
struct Said {
    code: u16,
    state: String,
    message: String,
}

/// A driver error as a fault.
pub(super) fn fault(error: Error, what: &'static str) -> Fault {
    match error {
        Error::Server(error) => {
            let class = class(error.code);
            Fault::new(class, what).because(said(&error, class))
        }
        Error::Io(IoError::Tls(error)) => Fault::new(Class::Tls, what).because(error),
        Error::Io(IoError::Io(error)) if is_tls(&error) => Fault::new(Class::Tls, what).because(error),
        Error::Io(IoError::Io(error)) => Fault::new(Class::Unreachable, what).because(error),
        Error::Driver(DriverError::ConnectionClosed) => {
            Fault::new(Class::Unreachable, what).because("the connection is closed")
        }
        Error::Driver(DriverError::PacketTooLarge) => {
            Fault::new(Class::Other, what).because("the answer is larger than the packet limit")
        }
        // Other driver errors may carry what was received.
        Error::Driver(error) => Fault::new(Class::Other, what).because(kind_of(&error)),
        Error::Url(_) => Fault::new(Class::Url, what),
        Error::Other(error) => Fault::new(Class::Other, what).because(error),
    }
}

/// A driver error inside a write transaction.
pub(super) fn reject(error: Error, what: &'static str) -> Reject {
    if let Error::Server(error) = &error
        && is_duplicate(error.code)
    {
        return Reject::Duplicate;
    }
    let violation = match &error {
        Error::Server(error) => violation(error.code),
        Error::Io(_) | Error::Driver(DriverError::ConnectionClosed) => Violation::Transient,
        _ => Violation::Other,
    };
    Reject::Refused(violation, fault(error, what))
}

fn is_tls(error: &std::io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
}

fn kind_of(error: &DriverError) -> &'static str {
    match error {
        DriverError::UnknownAuthPlugin { .. } => "the server asks for an unknown way to authenticate",
        DriverError::CleartextPluginDisabled | DriverError::MysqlOldPasswordDisabled => {
            "the server asks for the password in a way that is not safe"
        }
        DriverError::NoClientSslFlagFromServer => "the server offers no transport security",
        DriverError::PacketOutOfOrder | DriverError::UnexpectedPacket { .. } => "the server's answer cannot be read",
        _ => "the driver cannot go on",
    }
}

fn said(error: &ServerError, class: Class) -> Said {
    // These messages quote names; the others quote values of rows.
    let names = matches!(class, Class::Missing | Class::Permission | Class::Credential);
    let message = if names { error.message.clone() } else { without_quotes(&error.message).into_owned() };
    Said { code: error.code, state: error.state.clone(), message }
}

/// A message with everything between its first and last quotation marks left out.
fn without_quotes(message: &str) -> Cow<'_, str> {
    let marks = ['\'', '"', '`'];
    match (message.split_once(marks), message.rsplit_once(marks)) {
        (Some((before, _)), Some((_, after))) => Cow::Owned(format!("{before}'…'{after}")),
        _ => Cow::Borrowed(message),
    }
}

fn is_duplicate(code: u16) -> bool {
    matches!(code, 1022 | 1062 | 1586)
}

fn class(code: u16) -> Class {
    match code {
        // Access denied at connect; host blocked or not allowed; the account is locked or its password has expired.
        1045 | 1129 | 1130 | 1698 | 1820 | 1862 | 3118 | 4151 => Class::Credential,
        1044 | 1142 | 1143 | 1227 | 1370 | 1410 => Class::Permission,
        1049 | 1054 | 1109 | 1146 => Class::Missing,
        // A lock wait, an interrupted statement, a statement over its time.
        1205 | 1317 | 1969 | 3024 => Class::Timeout,
        // Too many connections, resources used up, a deadlock, a row changed since the snapshot, a read-only server, a table
        // changed since a statement on it was prepared.
        1020 | 1040 | 1041 | 1203 | 1213 | 1226 | 1290 | 1615 | 1637 | 1836 => Class::Busy,
        // Shutting down, killed, gone for idling, unknown packets after a cut.
        1053 | 1077 | 1079 | 1152 | 1158..=1161 | 1184 | 1927 | 4031 => Class::Unreachable,
        1264 | 1265 | 1292 | 1366 | 1367 | 1406 | 1411 | 1416 | 1441 | 1525 | 1690 | 1977 => Class::Value,
        3140 | 3141 | 3143 | 3144 | 3156 | 3157 | 3158 | 3854 | 3988 => Class::Value,
        // A server that demands transport security.
        3159 => Class::Tls,
        _ => Class::Other,
    }
}

fn violation(code: u16) -> Violation {
    match code {
        // NOT NULL, no default, foreign keys, CHECK, a view's CHECK, a trigger's SIGNAL, a computed column.
        1048 | 1216 | 1217 | 1364 | 1369 | 1451 | 1452 | 1557 | 1644 | 1761 | 1762 | 1906 | 3105 | 3819 | 4025 => {
            Violation::Constraint
        }
        1213 => Violation::Deadlock,
        _ => match class(code) {
            Class::Permission | Class::Credential => Violation::Permission,
            Class::Missing => Violation::Missing,
            Class::Value => Violation::Value,
            Class::Timeout | Class::Busy | Class::Unreachable => Violation::Transient,
            Class::Tls | Class::Url | Class::Other => Violation::Other,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(code: u16, message: &str) -> Error {
        Error::Server(ServerError { code, message: message.to_owned(), state: "HY000".to_owned() })
    }

    #[test]
    fn codes_are_classified() {
        let check = |code: u16, class: Class, expect: Violation| {
            assert_eq!(fault(server(code, ""), "x").class(), class, "{code}");
            match reject(server(code, ""), "x") {
                Reject::Refused(violation, _) => assert_eq!(violation, expect, "{code}"),
                Reject::Duplicate => panic!("{code} is no duplicate"),
            }
        };
        for code in [1205, 1317, 1969, 3024] {
            check(code, Class::Timeout, Violation::Transient);
        }
        for code in [1020, 1040] {
            check(code, Class::Busy, Violation::Transient);
        }
        check(1213, Class::Busy, Violation::Deadlock);
        for code in [1451, 1452, 4025, 3819, 1048, 1644] {
            check(code, Class::Other, Violation::Constraint);
        }
        for code in [1264, 1366, 1292, 1406, 1265, 3140] {
            check(code, Class::Value, Violation::Value);
        }
        for code in [1142, 1143, 1044, 1227] {
            check(code, Class::Permission, Violation::Permission);
        }
        for code in [1146, 1054, 1049] {
            check(code, Class::Missing, Violation::Missing);
        }
        check(1045, Class::Credential, Violation::Permission);
        check(1927, Class::Unreachable, Violation::Transient);
        check(1064, Class::Other, Violation::Other);
        assert!(matches!(reject(server(1062, ""), "x"), Reject::Duplicate));
    }

    #[test]
    fn values_stay_out_of_the_log() {
        let said = |code, message| {
            let fault = fault(server(code, message), "x");
            std::error::Error::source(&fault).map(ToString::to_string).unwrap_or_default()
        };
        let quoted = "Duplicate entry 'it's a secret' for key 'PRIMARY'";
        assert_eq!(said(1062, quoted), "error 1062 (HY000): Duplicate entry '…'");
        assert_eq!(said(1146, "Table 'a.b' doesn't exist"), "error 1146 (HY000): Table 'a.b' doesn't exist");
    }
}
