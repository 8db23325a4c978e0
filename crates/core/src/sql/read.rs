//! Reading one row.

use super::{Filter, Sql, Whose, Writer, column};
use crate::contract::EngineKind;
use crate::id::Ident;
use crate::value::{Column, Kind, Table};

/// Rows asked for: one more than may exist, so that a key that is not unique shows.
pub const READ_LIMIT: u64 = 2;

/// Selects the columns of the filtered row.
#[must_use]
pub fn select(engine: EngineKind, table: &Table, columns: &[Column], filter: &Filter) -> Sql {
    let mut out = selecting(engine, table, columns);
    filter.render(&mut out);
    out.raw(" LIMIT ").number(READ_LIMIT);
    out.finish()
}

/// The columns, and the table that they are from.
fn selecting(engine: EngineKind, table: &Table, columns: &[Column]) -> Writer {
    let mut out = Writer::new(engine);
    out.raw("SELECT ");
    for (index, column) in columns.iter().enumerate() {
        if index > 0 {
            out.raw(", ");
        }
        column::read(&mut out, column);
    }
    out.raw(" FROM ").table(&table.schema, &table.name);
    out
}

/// Asks for any row at all, as whoever it names: where a policy of the database holds, a stranger gets none.
#[must_use]
pub fn any_row(engine: EngineKind, table: &Table, whose: &Whose) -> Sql {
    let mut out = Writer::new(engine);
    out.whose(whose).raw("SELECT '1'").output(Kind::Text);
    out.raw(" FROM ").table(&table.schema, &table.name).raw(" LIMIT ").number(1);
    out.finish()
}

/// Looks for one row in which none of the columns is null, of whichever tenant: for the person who sets a tool up, to try
/// it with. Nothing that a model can reach makes one.
#[must_use]
pub fn example(engine: EngineKind, table: &Table, columns: &[Column]) -> Sql {
    let mut out = selecting(engine, table, columns);
    for (index, column) in columns.iter().enumerate() {
        out.raw(if index == 0 { " WHERE " } else { " AND " }).name(&column.name).raw(" IS NOT NULL");
    }
    out.raw(" LIMIT ").number(1);
    out.finish()
}

/// Counts all rows of a table: for the person who tests a handler with data of their own. Nothing that a model can reach
/// makes one.
#[must_use]
pub fn count(engine: EngineKind, schema: &Ident, table: &Ident) -> Sql {
    let mut out = Writer::new(engine);
    let cast = if engine == EngineKind::Mysql { "CHAR" } else { "text" };
    out.raw("SELECT CAST(count(*) AS ").raw(cast).raw(")").output(Kind::Integer);
    out.raw(" FROM ").table(schema, table);
    out.finish()
}

/// Asks for nothing but an answer.
#[must_use]
pub fn ping() -> Sql {
    Sql::fixed("SELECT 'ready'", Vec::new(), 1)
}

/// The statement as it is shown in a query audit: names and shape, no values.
#[must_use]
pub fn template(table: &Table, columns: &[Column], filter: &Filter) -> String {
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let terms: Vec<String> = filter.scope_terms().iter().map(|term| format!("{} = ?", term.column.name)).collect();
    format!(
        "SELECT {} FROM {}.{} WHERE {} LIMIT {READ_LIMIT}",
        names.join(", "),
        table.schema,
        table.name,
        terms.join(" AND ")
    )
}
