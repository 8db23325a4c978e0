//! What the schema says of a table, and of the receipt table.

use rusqlite::{Connection, OptionalExtension as _, Result, params};
use synapsor_core::id::Ident;
use synapsor_core::sql::receipts::{Identity, Place};
use synapsor_core::value::{Affinity, Column, Kind, Limits, Native, RefusedTarget, Table};

use crate::engine::{Ask, ReceiptsState};

/// The only schema; others are attached by a connection, and ours attaches none.
pub(super) const SCHEMA: &str = "main";

/// Describes a table; `None` if there is none. Names compare as SQLite compares them, without ASCII case; the answer
/// holds them as they were asked for.
pub(super) fn describe(sqlite: &Connection, ask: &Ask) -> Result<Option<Table>> {
    let Some(found) = object(sqlite, &ask.schema, &ask.table)? else { return Ok(None) };
    let present = columns(sqlite, &ask.table)?;
    let asked = |name: &str| ask.columns.iter().find(|asked| asked.as_str().eq_ignore_ascii_case(name));
    let described =
        present.iter().filter_map(|column| Some(described(asked(&column.name)?.clone(), column, &found))).collect();
    let cascading = cascading(sqlite, &ask.table, &present)?;
    Ok(Some(Table {
        schema: ask.schema.clone(),
        name: ask.table.clone(),
        columns: described,
        refused: match found.kind.as_str() {
            "table" => None,
            "view" => Some(RefusedTarget::View),
            // Virtual tables, and the tables that hold their content.
            _ => Some(RefusedTarget::Virtual),
        },
        cascading: cascading.iter().filter_map(|name| asked(name).cloned()).collect(),
        replaces: may_replace(sqlite, &ask.table)?,
    }))
}

/// Looks at the receipt table.
pub(super) fn receipts(sqlite: &Connection, place: &Place) -> Result<ReceiptsState> {
    let because = |why: &str| Ok(ReceiptsState::Unsafe { why: why.to_owned() });
    let Some(found) = object(sqlite, &place.schema, &place.table)? else { return Ok(ReceiptsState::Missing) };
    if found.kind != "table" {
        return because("it is no ordinary table");
    }
    let present = columns(sqlite, &place.table)?;
    for name in RECEIPT_COLUMNS {
        if !present.iter().any(|column| column.name.eq_ignore_ascii_case(name)) {
            return because(&format!("it has no column `{name}`"));
        }
    }
    for name in ["idempotency_key", "job_id"] {
        if !has_unique_key(sqlite, &place.table, name)? {
            return because(&format!("it has no unique key on `{name}` alone"));
        }
    }
    if has_triggers(sqlite, &place.table)? {
        return because("it has triggers, which could undo a receipt");
    }
    let Ok(identity) = Ident::parse(&format!("{}_id", place.table)) else { return Ok(ReceiptsState::Missing) };
    match object(sqlite, &place.schema, &identity)? {
        None => return Ok(ReceiptsState::Missing),
        Some(found) if found.kind != "table" => return because("its identity is no ordinary table"),
        Some(_) => {}
    }
    let ids = sqlite
        .prepare(&format!("SELECT receipts_id FROM {SCHEMA}.`{identity}` LIMIT 2"))?
        .query_map([], |row| row.get::<_, Option<String>>(0))?
        .collect::<Result<Vec<_>>>()?;
    match ids.as_slice() {
        [Some(receipts_id)] if !receipts_id.is_empty() => {
            Ok(ReceiptsState::Ready(Identity { receipts_id: receipts_id.clone(), server_id: None }))
        }
        [] | [_] => Ok(ReceiptsState::Missing),
        _ => because("it has more than one identity"),
    }
}

const RECEIPT_COLUMNS: [&str; 11] = [
    "idempotency_key",
    "job_id",
    "proposal_id",
    "proposal_hash",
    "ledger_id",
    "ledger_head",
    "server_id",
    "status",
    "new_version",
    "result_hash",
    "completed_at",
];

/// What `table_list` says of an object.
struct Object {
    kind: String,
    without_rowid: bool,
    strict: bool,
}

fn object(sqlite: &Connection, schema: &Ident, name: &Ident) -> Result<Option<Object>> {
    let internal = name.as_str().to_ascii_lowercase().starts_with("sqlite_");
    if !schema.as_str().eq_ignore_ascii_case(SCHEMA) || internal {
        return Ok(None);
    }
    sqlite
        .query_row(
            "SELECT type, wr, strict FROM pragma_table_list WHERE schema = ?1 AND name = ?2 COLLATE NOCASE",
            params![SCHEMA, name.as_str()],
            |row| Ok(Object { kind: row.get(0)?, without_rowid: row.get(1)?, strict: row.get(2)? }),
        )
        .optional()
}

/// What `table_xinfo` says of a column.
struct Declared {
    name: String,
    ty: String,
    not_null: bool,
    /// Place in the primary key, from 1; 0 = not in it.
    key: u32,
    generated: bool,
}

fn columns(sqlite: &Connection, table: &Ident) -> Result<Vec<Declared>> {
    sqlite
        .prepare("SELECT name, type, \"notnull\", pk, hidden FROM pragma_table_xinfo(?1, ?2) ORDER BY cid")?
        .query_map(params![table.as_str(), SCHEMA], |row| {
            Ok(Declared {
                name: row.get(0)?,
                ty: row.get::<_, Option<String>>(1)?.unwrap_or_default(),
                not_null: row.get(2)?,
                key: row.get(3)?,
                generated: matches!(row.get::<_, i64>(4)?, 2 | 3),
            })
        })?
        .collect()
}

fn described(name: Ident, column: &Declared, table: &Object) -> Column {
    let ty = column.ty.to_ascii_uppercase();
    let affinity = affinity(&ty, table.strict);
    let kind = kind(&ty, affinity);
    // Such a key is the row's own number; it cannot be null even though it need not say so.
    let is_row_number = column.key > 0 && ty == "INTEGER" && !table.without_rowid;
    let range = (kind == Kind::Integer).then_some((i128::from(i64::MIN), i128::from(i64::MAX)));
    Column {
        name,
        kind,
        nullable: !column.not_null && !is_row_number,
        generated: column.generated,
        limits: Limits { range, ..Limits::default() },
        native: Native::Sqlite { affinity },
    }
}

/// SQLite's own rules, in their order: a `FLOATING POINT` column prefers integers.
fn affinity(ty: &str, strict: bool) -> Affinity {
    let has = |part: &str| ty.contains(part);
    if has("INT") {
        Affinity::Integer
    } else if has("CHAR") || has("CLOB") || has("TEXT") {
        Affinity::Text
    } else if has("BLOB") || ty.is_empty() || (strict && ty == "ANY") {
        Affinity::Blob
    } else if has("REAL") || has("FLOA") || has("DOUB") {
        Affinity::Real
    } else {
        Affinity::Numeric
    }
}

/// What values of a declared type are, as far as its name says. Dates and times are text or numbers here.
fn kind(ty: &str, affinity: Affinity) -> Kind {
    if ty.starts_with("BOOL") {
        return Kind::Boolean;
    }
    if ty.starts_with("JSON") {
        return Kind::Json;
    }
    match affinity {
        Affinity::Integer => Kind::Integer,
        Affinity::Text => Kind::Text,
        Affinity::Blob if ty.contains("BLOB") => Kind::Bytes,
        Affinity::Blob => Kind::Text,
        Affinity::Real => Kind::Float,
        Affinity::Numeric if is_number(ty) => Kind::Decimal,
        Affinity::Numeric => Kind::Text,
    }
}

fn is_number(ty: &str) -> bool {
    ["NUM", "DEC", "MONEY", "FIXED"].iter().any(|word| ty.starts_with(word))
}

/// The columns that other rows follow when they change.
fn cascading(sqlite: &Connection, table: &Ident, columns: &[Declared]) -> Result<Vec<String>> {
    let mut found: Vec<String> = sqlite
        .prepare(
            "SELECT f.\"to\", f.seq FROM pragma_table_list AS l, pragma_foreign_key_list(l.name, l.schema) AS f \
             WHERE l.schema = ?1 AND l.type = 'table' AND f.\"table\" = ?2 COLLATE NOCASE \
             AND f.on_update IN ('CASCADE', 'SET NULL', 'SET DEFAULT')",
        )?
        .query_map(params![SCHEMA, table.as_str()], |row| {
            let named: Option<String> = row.get(0)?;
            let place: u32 = row.get(1)?;
            // A reference without columns is one to the primary key.
            Ok(named.or_else(|| columns.iter().find(|column| column.key == place + 1).map(|c| c.name.clone())))
        })?
        .filter_map(Result::transpose)
        .collect::<Result<_>>()?;
    found.sort();
    found.dedup();
    Ok(found)
}

/// Whether a constraint may have a conflict clause. The word itself shows it: no column's name is worth a mistake here.
fn may_replace(sqlite: &Connection, table: &Ident) -> Result<bool> {
    sqlite.query_row(
        "SELECT EXISTS (SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE \
         AND instr(lower(sql), 'conflict') > 0)",
        params![table.as_str()],
        |row| row.get(0),
    )
}

/// Whether a unique index covers exactly this column, in every row, byte by byte.
fn has_unique_key(sqlite: &Connection, table: &Ident, column: &str) -> Result<bool> {
    sqlite.query_row(
        "SELECT EXISTS (SELECT 1 FROM pragma_index_list(?1, ?3) AS i WHERE i.\"unique\" AND NOT i.partial AND 1 = \
         (SELECT count(*) FROM pragma_index_xinfo(i.name, ?3) AS x WHERE x.key) AND EXISTS \
         (SELECT 1 FROM pragma_index_xinfo(i.name, ?3) AS x WHERE x.key AND x.name = ?2 COLLATE NOCASE AND x.coll = 'BINARY'))",
        params![table.as_str(), column, SCHEMA],
        |row| row.get(0),
    )
}

fn has_triggers(sqlite: &Connection, table: &Ident) -> Result<bool> {
    sqlite.query_row(
        "SELECT EXISTS (SELECT 1 FROM main.sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE)",
        params![table.as_str()],
        |row| row.get(0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_types_mean_what_sqlite_makes_of_them() {
        let check = |ty: &str, expect: (Affinity, Kind)| {
            let ty = ty.to_ascii_uppercase();
            let found = affinity(&ty, false);
            assert_eq!((found, kind(&ty, found)), expect, "{ty}");
        };
        check("integer", (Affinity::Integer, Kind::Integer));
        check("UNSIGNED BIG INT", (Affinity::Integer, Kind::Integer));
        check("FLOATING POINT", (Affinity::Integer, Kind::Integer));
        check("CHARINT", (Affinity::Integer, Kind::Integer));
        check("varchar(20)", (Affinity::Text, Kind::Text));
        check("CLOB", (Affinity::Text, Kind::Text));
        check("BLOB", (Affinity::Blob, Kind::Bytes));
        check("", (Affinity::Blob, Kind::Text));
        check("double precision", (Affinity::Real, Kind::Float));
        check("FLOAT", (Affinity::Real, Kind::Float));
        check("DECIMAL(10,2)", (Affinity::Numeric, Kind::Decimal));
        check("BOOLEAN", (Affinity::Numeric, Kind::Boolean));
        check("JSON", (Affinity::Numeric, Kind::Json));
        check("DATETIME", (Affinity::Numeric, Kind::Text));
        check("STRING", (Affinity::Numeric, Kind::Text));
        assert_eq!(affinity("ANY", true), Affinity::Blob);
        assert_eq!(affinity("ANY", false), Affinity::Numeric);
    }
}
