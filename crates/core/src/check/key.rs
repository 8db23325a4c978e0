//! Whether the key finds one row, quickly.

use super::{Check, Target, quoted};
use crate::contract::EngineKind;
use crate::id::Ident;
use crate::inspection::Suggestions;
use crate::wire::inspection::TableKind;

/// Checks the column that finds a row.
#[must_use]
pub fn check(target: Target<'_>) -> Check {
    const ID: &str = "target.key";
    let (name, key) = (target.name(), &target.capability.target.primary_key);
    let engine = target.seen.engine;
    let unique_index = || {
        let table = &target.capability.target.table;
        let index =
            Ident::parse(&format!("{table}_{key}_key")).map_or_else(|_| String::new(), |name| quoted(engine, &name));
        let column = quoted(engine, key);
        match engine {
            // SQLite wants the schema before the index's name.
            EngineKind::Sqlite => {
                let schema = quoted(engine, &target.capability.target.schema);
                format!("CREATE UNIQUE INDEX {schema}.{index} ON {} ({column});", quoted(engine, table))
            }
            _ => format!("CREATE UNIQUE INDEX {index} ON {} ({column});", target.quoted()),
        }
    };
    let Some(column) = target.table.column(key.as_str()) else {
        return Check::fail(ID, format!("{name} has no column `{key}` that the reader can see"), names_another(target));
    };
    if target.table.kind == TableKind::View {
        return Check::pass(ID, format!("{name} is a view, whose keys are those of the tables behind it"));
    }
    let is_alone = |columns: &[String]| matches!(columns, [only] if *only == key.as_str());
    let is_unique = is_alone(&target.table.primary_key)
        || target.table.unique_constraints.iter().any(|unique| is_alone(&unique.columns))
        || target.table.indexes.iter().any(|index| index.unique && !index.partial && is_alone(&index.columns));
    // The row's own number in SQLite is a key without an index.
    if !is_unique && !target.table.is_indexed(key.as_str()) {
        let message = format!("no index of {name} begins with `{key}`: each look-up reads the whole table");
        return Check::fail(ID, message, unique_index());
    }
    if !is_unique {
        let message = format!("`{key}` is not unique in {name}: a look-up that finds two rows is refused");
        return Check::warn(ID, message, unique_index());
    }
    if column.nullable {
        let message = format!("`{key}` may be null in {name}: no tool can find such rows");
        return Check::warn(ID, message, not_null(target, key));
    }
    Check::pass(ID, format!("`{key}` finds one row of {name}"))
}

/// The statement after which a column is never null.
pub(super) fn not_null(target: Target<'_>, name: &Ident) -> String {
    let (table, column) = (target.quoted(), quoted(target.seen.engine, name));
    let ty = target.table.column(name.as_str()).map(|column| column.data_type.as_str()).unwrap_or_default();
    match target.seen.engine {
        EngineKind::Postgres => format!("ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL;"),
        EngineKind::Mysql => format!("ALTER TABLE {table} MODIFY {column} {ty} NOT NULL;"),
        EngineKind::Sqlite => {
            format!("make {table} anew with {column} {ty} NOT NULL: SQLite cannot change it in place")
        }
    }
}

/// The configuration's line with the column that the catalog suggests.
fn names_another(target: Target<'_>) -> String {
    match Suggestions::of(target.table, target.seen).key {
        Some(hint) => format!("write \"primary_key\": \"{}\", or grant the reader SELECT on it", hint.column),
        None => "name the column that finds a row in `primary_key`, or grant the reader SELECT on it".to_owned(),
    }
}
