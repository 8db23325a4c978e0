//! How one column is read, compared by identity, found through its index, and set, on each engine.
//!
//! Equality is not identity: collations, numeric scale, padding and floats make different values equal. Every guard
//! compares exact forms.

use super::{Bind, Writer, bind_cell};
use crate::contract::EngineKind;
use crate::value::{Cell, Column, Kind, Native, moment};

/// The expression that returns the column's exact text.
pub(crate) fn read(out: &mut Writer, column: &Column) {
    match &column.native {
        Native::Postgres { cast, .. } => {
            out.raw("(").name(&column.name).raw("::").catalog_name(cast).raw(")::text");
        }
        Native::Mysql { .. } => match column.kind {
            Kind::Float => {
                out.raw("CAST(CAST(").name(&column.name).raw(" AS DOUBLE) AS CHAR)");
            }
            Kind::Bytes => {
                out.raw("HEX(").name(&column.name).raw(")");
            }
            Kind::Bits => {
                let width = column.limits.chars.unwrap_or(1);
                out.raw("LPAD(BIN(").name(&column.name).raw(" + 0), ").number(width).raw(", '0')");
            }
            _ => {
                out.raw("CAST(").name(&column.name).raw(" AS CHAR CHARACTER SET utf8mb4)");
            }
        },
        Native::Sqlite { .. } => {
            out.name(&column.name);
        }
    }
    out.output(column.kind.clone());
}

/// The condition that the column holds exactly this value, NULL included.
pub(crate) fn identical(out: &mut Writer, column: &Column, cell: &Cell) {
    let name = &column.name;
    if cell.text().is_none() {
        out.name(name).raw(" IS NULL");
        return;
    }
    match &column.native {
        Native::Postgres { cast, send, .. } => {
            out.catalog_name(send).raw("(").name(name).raw("::").catalog_name(cast).raw(") IS NOT DISTINCT FROM ");
            out.catalog_name(send).raw("(").bind(bind_cell(column, cell)).raw("::").catalog_name(cast).raw(")");
        }
        Native::Mysql { data_type, .. } => mysql_identical(out, column, cell, data_type),
        Native::Sqlite { .. } => {
            out.raw("(typeof(").name(name).raw(") = ").bind(Bind::Text(storage_class(cell).to_owned()));
            out.raw(" AND +").name(name).raw(" COLLATE BINARY = ").bind(bind_cell(column, cell)).raw(")");
        }
    }
}

fn mysql_identical(out: &mut Writer, column: &Column, cell: &Cell, data_type: &str) {
    let name = &column.name;
    let text = cell.text().unwrap_or_default();
    match (&column.kind, moment::epoch_decimal(text)) {
        // A TIMESTAMP prints in the session's zone; its epoch does not.
        (Kind::Instant, Some(epoch)) if data_type == "timestamp" => {
            out.raw("UNIX_TIMESTAMP(").name(name).raw(") <=> CAST(").bind(Bind::Text(epoch));
            out.raw(" AS DECIMAL(20,6))");
        }
        (Kind::Float, _) => {
            out.raw("CAST(").name(name).raw(" AS DOUBLE) <=> ").bind(bind_cell(column, cell));
        }
        (Kind::Bytes, _) => {
            let hex = text.strip_prefix("\\x").unwrap_or(text).to_uppercase();
            out.raw("CAST(HEX(").name(name).raw(") AS BINARY) <=> CAST(").bind(Bind::Text(hex)).raw(" AS BINARY)");
        }
        (Kind::Bits, _) => {
            out.name(name).raw(" + 0 <=> ").bind(bind_cell(column, cell));
        }
        _ => {
            out.raw("CAST(CAST(").name(name).raw(" AS CHAR CHARACTER SET utf8mb4) AS BINARY) <=> CAST(");
            out.bind(Bind::Text(text.to_owned())).raw(" AS BINARY)");
        }
    }
}

/// A weaker condition that an index can serve, or nothing where none is safe. Always used beside [`identical`].
pub(crate) fn indexable(out: &mut Writer, column: &Column, cell: &Cell) -> bool {
    if cell.text().is_none() {
        return false;
    }
    let name = &column.name;
    match &column.native {
        Native::Postgres { own, .. } => {
            out.name(name).raw(" = ").bind(bind_cell(column, cell)).raw("::").catalog_name(own);
        }
        Native::Mysql { charset, .. } => match (&column.kind, charset) {
            (Kind::Integer | Kind::Bytes, _) => {
                out.name(name).raw(" = ").bind(bind_cell(column, cell));
            }
            // Characters the column cannot hold become `?`; the identity beside this then finds nothing.
            (Kind::Text | Kind::Enum, Some(charset)) if is_charset_name(charset) => {
                out.name(name).raw(" = CONVERT(").bind(bind_cell(column, cell)).raw(" USING ");
                out.catalog_name(charset).raw(")");
            }
            _ => return false,
        },
        Native::Sqlite { .. } => {
            out.name(name).raw(" = ").bind(bind_cell(column, cell));
        }
    }
    true
}

fn is_charset_name(charset: &str) -> bool {
    !charset.is_empty() && charset.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The right side of `SET column = …`. Types are the catalog's; lengths and scales are enforced by assignment, which
/// refuses what does not fit, where a cast would cut it silently.
pub(crate) fn assigned(out: &mut Writer, column: &Column, cell: &Cell) {
    match (&column.native, &column.kind) {
        _ if cell.text().is_none() => {
            out.raw("NULL");
        }
        (Native::Postgres { own, .. }, _) => {
            out.bind(bind_cell(column, cell)).raw("::").catalog_name(own);
        }
        (Native::Mysql { data_type, .. }, Kind::Instant) if data_type == "timestamp" => {
            let epoch = cell.text().and_then(moment::epoch_decimal).unwrap_or_default();
            out.raw("FROM_UNIXTIME(CAST(").bind(Bind::Text(epoch)).raw(" AS DECIMAL(20,6)))");
        }
        _ => {
            out.bind(bind_cell(column, cell));
        }
    }
}

/// The `typeof` of a SQLite value.
fn storage_class(cell: &Cell) -> &'static str {
    match cell.kind() {
        Kind::Integer | Kind::Boolean => "integer",
        Kind::Float => "real",
        Kind::Bytes => "blob",
        _ => "text",
    }
}

/// A condition as a column: 1 or 0, never NULL.
pub(crate) fn as_flag(out: &mut Writer, condition: impl FnOnce(&mut Writer)) {
    match out.engine() {
        EngineKind::Postgres => {
            out.raw("coalesce((");
            condition(out);
            out.raw(")::int, 0)::text");
        }
        EngineKind::Mysql => {
            out.raw("CAST(COALESCE((");
            condition(out);
            out.raw("), 0) AS CHAR)");
        }
        EngineKind::Sqlite => {
            out.raw("coalesce((");
            condition(out);
            out.raw("), 0)");
        }
    }
    out.output(Kind::Integer);
}
