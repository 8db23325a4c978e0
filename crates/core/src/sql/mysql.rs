//! How MySQL and MariaDB read, compare, find and set one column.
//!
//! Nothing here depends on the session's zone, `sql_mode` or collation: TIMESTAMPs go by their epoch, numbers by `+ 0`
//! (which drops ZEROFILL and the two-digit rule of YEAR), floats by their exact double, bytes in hex, the rest by the
//! bytes of its UTF-8 text. `CAST(… AS DOUBLE)` is avoided: MySQL before 8.0.17 has none.
//!
//! Setting a TIMESTAMP does depend on the zone, for one hour a year: both engines turn the number into local time on the
//! way in, and where clocks go back they take it for the earlier of two. The after-image then refuses the write.

mod migration;

use super::{Bind, Writer};
use crate::value::{Cell, Column, Kind, Native, moment};

pub(super) use migration::migration;

/// The expression that returns the column's exact text; bytes come as upper-case hex, floats as doubles: MySQL's own text of
/// a double drops digits beyond 22 characters.
pub(super) fn read(out: &mut Writer, column: &Column) {
    let name = &column.name;
    match column.kind {
        Kind::Integer | Kind::Decimal => {
            out.raw("CAST(").name(name).raw(" + 0 AS CHAR)");
        }
        Kind::Float => {
            out.name(name).raw(" + 0e0");
        }
        Kind::Bytes => {
            out.raw("HEX(").name(name).raw(")");
        }
        Kind::Bits => {
            out.raw("LPAD(BIN(CAST(").name(name).raw(" AS UNSIGNED)), ");
            out.number(column.limits.chars.unwrap_or(1)).raw(", '0')");
        }
        _ => {
            out.raw("CAST(").name(name).raw(" AS CHAR CHARACTER SET utf8mb4)");
        }
    }
}

/// The condition that the column holds exactly this value, which is not NULL. True or false for every stored value.
pub(super) fn identical(out: &mut Writer, column: &Column, cell: &Cell) {
    let name = &column.name;
    match (typed(column, cell), &column.kind) {
        (Typed::Epoch(epoch), _) => {
            out.raw("UNIX_TIMESTAMP(").name(name).raw(") <=> CAST(").bind(Bind::Text(epoch));
            out.raw(" AS DECIMAL(20,6))");
        }
        (Typed::Number(number), Kind::Bits) => {
            out.raw("CAST(").name(name).raw(" AS UNSIGNED) <=> ").bind(number);
        }
        (Typed::Number(number), Kind::Float) => {
            out.name(name).raw(" + 0e0 <=> ").bind(number);
        }
        (Typed::Number(number), _) => {
            out.name(name).raw(" + 0 <=> ").bind(number);
        }
        (Typed::Hex(hex), _) => {
            out.raw("CAST(HEX(").name(name).raw(") AS BINARY) <=> CAST(").bind(Bind::Text(hex)).raw(" AS BINARY)");
        }
        (Typed::Text(text), Kind::Integer | Kind::Decimal) => {
            out.raw("CAST(CAST(").name(name).raw(" + 0 AS CHAR) AS BINARY) <=> CAST(");
            out.bind(Bind::Text(text)).raw(" AS BINARY)");
        }
        (Typed::Text(text), _) => {
            out.raw("CAST(CAST(").name(name).raw(" AS CHAR CHARACTER SET utf8mb4) AS BINARY) <=> CAST(");
            out.bind(Bind::Text(text)).raw(" AS BINARY)");
        }
    }
}

/// A weaker condition that an index can serve, or nothing where none is safe. Always used beside [`identical`].
pub(super) fn indexable(out: &mut Writer, column: &Column, cell: &Cell) -> bool {
    let Native::Mysql { data_type, charset, collation, .. } = &column.native else { return false };
    let name = &column.name;
    match (typed(column, cell), &column.kind) {
        // A YEAR takes a number below 100 for one of this or the last century.
        (Typed::Number(number), Kind::Integer) if data_type != "year" => {
            out.name(name).raw(" = ").bind(number);
        }
        (Typed::Hex(hex), _) if data_type.ends_with("binary") || data_type.ends_with("blob") => {
            out.name(name).raw(" = UNHEX(").bind(Bind::Text(hex)).raw(")");
        }
        (Typed::Text(text), Kind::Decimal) => {
            let (Some(digits), Some(places)) = (column.limits.precision, column.limits.scale) else { return false };
            out.name(name).raw(" = CAST(").bind(Bind::Text(text)).raw(" AS DECIMAL(").number(u64::from(digits));
            out.raw(",").number(u64::from(places)).raw("))");
        }
        (Typed::Text(text), Kind::Uuid) => {
            out.name(name).raw(" = ").bind(Bind::Text(text));
        }
        (Typed::Text(text), Kind::Text | Kind::Enum) => {
            let (Some(charset), Some(collation)) = (charset, collation) else { return false };
            if !is_plain_name(charset) || !is_plain_name(collation) {
                return false;
            }
            // Compared in the column's own collation, as its index is; without it two implicit collations would clash.
            // Characters that the column cannot hold become `?`; the identity beside this then finds nothing.
            out.name(name).raw(" = CONVERT(").bind(Bind::Text(text)).raw(" USING ").catalog_name(charset);
            out.raw(") COLLATE ").catalog_name(collation);
        }
        _ => return false,
    }
    true
}

/// The right side of `SET column = …` for a value that is not NULL.
pub(super) fn assigned(out: &mut Writer, column: &Column, cell: &Cell) {
    match typed(column, cell) {
        // The zero date counts as 1970 where it is compared, but is not that.
        Typed::Epoch(epoch) if epoch == "0" => {
            out.bind(Bind::Text(cell.text().unwrap_or_default().to_owned()));
        }
        Typed::Epoch(epoch) => {
            out.raw("FROM_UNIXTIME(CAST(").bind(Bind::Text(epoch)).raw(" AS DECIMAL(20,6)))");
        }
        Typed::Number(number) => {
            out.bind(number);
        }
        Typed::Hex(hex) => {
            out.raw("UNHEX(").bind(Bind::Text(hex)).raw(")");
        }
        Typed::Text(text) => {
            out.bind(Bind::Text(text));
        }
    }
}

/// The condition that the version is greater than the expected one; nothing where versions have no order.
pub(super) fn greater(out: &mut Writer, column: &Column, expected: &Cell) -> bool {
    let name = &column.name;
    match (typed(column, expected), &column.kind) {
        (Typed::Epoch(epoch), _) => {
            out.raw("UNIX_TIMESTAMP(").name(name).raw(") > CAST(").bind(Bind::Text(epoch)).raw(" AS DECIMAL(20,6))");
        }
        (Typed::Text(text), Kind::DateTime) => {
            out.name(name).raw(" > CAST(").bind(Bind::Text(text)).raw(" AS DATETIME(6))");
        }
        (Typed::Number(number), Kind::Integer) => {
            out.name(name).raw(" + 0 > ").bind(number);
        }
        _ => return false,
    }
    true
}

/// The later of the database's clock and the expected value plus a step.
pub(super) fn clock(out: &mut Writer, column: &Column, expected: &Cell, unit_micros: u64) {
    let digits = u64::from(column.limits.fraction.unwrap_or(0));
    // Nothing can be added to a zero date, but any time is later.
    if expected.text().is_some_and(is_zero_date) {
        out.raw("CURRENT_TIMESTAMP(").number(digits).raw(")");
        return;
    }
    out.raw("GREATEST(CURRENT_TIMESTAMP(").number(digits).raw("), ").name(&column.name);
    out.raw(" + INTERVAL ").number(unit_micros).raw(" MICROSECOND)");
}

/// A value in the form that MySQL is given it. What does not read as its column's kind stays text, and matches nothing.
enum Typed {
    /// Seconds since 1970, for a TIMESTAMP.
    Epoch(String),
    /// An integer, a double, or bits as an integer.
    Number(Bind),
    /// Bytes in upper-case hex.
    Hex(String),
    /// Anything else.
    Text(String),
}

fn typed(column: &Column, cell: &Cell) -> Typed {
    let text = cell.text().unwrap_or_default();
    let typed = match &column.kind {
        Kind::Integer => integer(text).map(Typed::Number),
        Kind::Float => text.parse().ok().filter(|number: &f64| number.is_finite()).map(Bind::Real).map(Typed::Number),
        Kind::Bits => u64::from_str_radix(text, 2).ok().map(Bind::Uint).map(Typed::Number),
        Kind::Bytes => text.strip_prefix("\\x").map(|hex| Typed::Hex(hex.to_uppercase())),
        Kind::Instant => moment::epoch_decimal(text).map(Typed::Epoch),
        _ => None,
    };
    typed.unwrap_or_else(|| Typed::Text(text.to_owned()))
}

fn integer(text: &str) -> Option<Bind> {
    match text {
        "true" => Some(Bind::Int(1)),
        "false" => Some(Bind::Int(0)),
        _ => text.parse().map(Bind::Int).or_else(|_| text.parse().map(Bind::Uint)).ok(),
    }
}

/// Whether a date has no year, month or day: `0000-00-00 00:00:00`, `2026-00-00`.
fn is_zero_date(text: &str) -> bool {
    let date = text.get(..10).unwrap_or(text);
    date.starts_with("0000-") || date.contains("-00")
}

fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests;
