//! How one column is read, compared by identity, found through its index, and set, on each engine.
//!
//! Equality is not identity: collations, numeric scale, padding and floats make different values equal. Every guard
//! compares exact forms.

use super::{Bind, Writer, bind_cell, mysql};
use crate::contract::EngineKind;
use crate::value::{Cell, Column, Kind, Native};

/// The expression that returns the column's exact text.
pub(crate) fn read(out: &mut Writer, column: &Column) {
    match &column.native {
        Native::Postgres { cast, .. } => {
            out.raw("(").name(&column.name).raw("::").catalog_name(cast).raw(")::text");
        }
        Native::Mysql { .. } => mysql::read(out, column),
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
        Native::Mysql { .. } => mysql::identical(out, column, cell),
        Native::Sqlite { .. } => {
            out.raw("(typeof(").name(name).raw(") = ").bind(Bind::Text(storage_class(cell).to_owned()));
            out.raw(" AND +").name(name).raw(" COLLATE BINARY = ").bind(bind_cell(column, cell)).raw(")");
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
        // Json, points and some others have no `=`; arrays only where their elements have.
        Native::Postgres { .. } if matches!(column.kind, Kind::Json | Kind::Array(_) | Kind::Other) => return false,
        Native::Postgres { .. } => {
            out.name(name).raw(" = ");
            postgres_value(out, column, cell);
        }
        Native::Mysql { .. } => return mysql::indexable(out, column, cell),
        Native::Sqlite { .. } => {
            out.name(name).raw(" = ").bind(bind_cell(column, cell));
        }
    }
    true
}

/// The right side of `SET column = …`. Types are the catalog's; lengths and scales are enforced by assignment, which
/// refuses what does not fit, where a cast would cut it silently.
pub(crate) fn assigned(out: &mut Writer, column: &Column, cell: &Cell) {
    match (&column.native, &column.kind) {
        _ if cell.text().is_none() => {
            out.raw("NULL");
        }
        (Native::Postgres { .. }, _) => postgres_value(out, column, cell),
        (Native::Mysql { .. }, _) => mysql::assigned(out, column, cell),
        _ => {
            out.bind(bind_cell(column, cell));
        }
    }
}

/// A bound value as PostgreSQL's own type of the column. It goes through the type it was read through, whose text does
/// not depend on the session: money as text has the session's signs and points.
pub(super) fn postgres_value(out: &mut Writer, column: &Column, cell: &Cell) {
    out.bind(bind_cell(column, cell));
    if let Native::Postgres { own, cast, .. } = &column.native {
        out.raw("::").catalog_name(cast);
        if own != cast {
            out.raw("::").catalog_name(own);
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
