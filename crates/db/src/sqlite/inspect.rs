//! Everything that the schema says of a file's tables.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Result, params};
use synapsor_core::contract::EngineKind;
use synapsor_core::id::Ident;
use synapsor_core::wire::inspection::{Column, ForeignKey, Index, Inspection, Table, TableKind, Unique};

use super::catalog::SCHEMA;

/// Up to here rows are counted: SQLite keeps no number of them.
const COUNTED: u64 = 10_000;

/// The tables that hold the content of virtual ones, and SQLite's own, are left out.
const TABLES: &str = "SELECT name, type, wr FROM pragma_table_list WHERE schema = ?1 AND type <> 'shadow' \
                      AND substr(lower(name), 1, 7) <> 'sqlite_' ORDER BY name";

const COLUMNS: &str = "SELECT name, type, \"notnull\", pk, hidden, dflt_value, cid + 1 FROM pragma_table_xinfo(?1, ?2) \
                       WHERE hidden <> 1 ORDER BY cid";

const INDEXES: &str = "SELECT name, \"unique\", partial, origin FROM pragma_index_list(?1, ?2) ORDER BY name";

const INDEX_COLUMNS: &str =
    "SELECT coalesce(name, '(expression)') FROM pragma_index_xinfo(?1, ?2) WHERE key ORDER BY seqno";

const REFERENCES: &str = "SELECT id, \"from\", \"table\", \"to\" FROM pragma_foreign_key_list(?1, ?2) ORDER BY id, seq";

const TRIGGERS: &str = "SELECT name FROM main.sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE \
                        ORDER BY name";

/// Looks at the file's tables; `schema` is another name than `main` where somebody asks for what is not there.
pub(super) fn inspect(sqlite: &Connection, schema: Option<&str>, at: Timestamp) -> Result<Inspection> {
    let mut tables = Vec::new();
    if schema.is_none_or(|schema| schema.eq_ignore_ascii_case(SCHEMA)) {
        let mut statement = sqlite.prepare(TABLES)?;
        let listed = statement
            .query_map(params![SCHEMA], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect::<Result<Vec<(String, String, bool)>>>()?;
        for (name, kind, without_rowid) in listed {
            tables.push(table(sqlite, name, &kind, without_rowid)?);
        }
    }
    Ok(Inspection {
        engine: EngineKind::Sqlite,
        server_version: rusqlite::version().to_owned(),
        current_user: String::new(),
        inspected_at: at,
        schemas: vec![SCHEMA.to_owned()],
        tables,
    })
}

fn table(sqlite: &Connection, name: String, kind: &str, without_rowid: bool) -> Result<Table> {
    let (columns, primary_key) = columns(sqlite, &name, without_rowid)?;
    let (indexes, unique_constraints) = indexes(sqlite, &name)?;
    Ok(Table {
        schema: SCHEMA.to_owned(),
        kind: if kind == "view" { TableKind::View } else { TableKind::Table },
        writable: kind == "table",
        row_estimate: if kind == "table" { rows(sqlite, &name)? } else { None },
        comment: None,
        columns,
        primary_key,
        unique_constraints,
        foreign_keys: references(sqlite, &name)?,
        indexes,
        triggers: sqlite.prepare(TRIGGERS)?.query_map(params![name], |row| row.get(0))?.collect::<Result<_>>()?,
        name,
    })
}

/// The columns, and those of the primary key.
fn columns(sqlite: &Connection, table: &str, without_rowid: bool) -> Result<(Vec<Column>, Vec<String>)> {
    let mut keys: Vec<(u32, String)> = Vec::new();
    let mut statement = sqlite.prepare(COLUMNS)?;
    let mut rows = statement.query(params![table, SCHEMA])?;
    let mut columns = Vec::new();
    while let Some(row) = rows.next()? {
        let (name, key): (String, u32) = (row.get(0)?, row.get(3)?);
        let data_type = row.get::<_, Option<String>>(1)?.unwrap_or_default();
        if key > 0 {
            keys.push((key, name.clone()));
        }
        // The row's own number cannot be null, and no column of the key of a table without one can.
        let is_never_null = key > 0 && (without_rowid || data_type.eq_ignore_ascii_case("integer"));
        columns.push(Column {
            name,
            data_type,
            nullable: !row.get::<_, bool>(2)? && !is_never_null,
            default: row.get(5)?,
            generated: matches!(row.get::<_, i64>(4)?, 2 | 3),
            ordinal_position: row.get(6)?,
            comment: None,
        });
    }
    keys.sort();
    Ok((columns, keys.into_iter().map(|(_, name)| name).collect()))
}

fn indexes(sqlite: &Connection, table: &str) -> Result<(Vec<Index>, Vec<Unique>)> {
    let mut statement = sqlite.prepare(INDEXES)?;
    let listed = statement
        .query_map(params![table, SCHEMA], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
        .collect::<Result<Vec<(String, bool, bool, String)>>>()?;
    let (mut indexes, mut uniques) = (Vec::new(), Vec::new());
    for (name, unique, partial, origin) in listed {
        let columns = sqlite
            .prepare(INDEX_COLUMNS)?
            .query_map(params![name, SCHEMA], |row| row.get(0))?
            .collect::<Result<Vec<String>>>()?;
        if unique && !partial && origin != "pk" {
            uniques.push(Unique { name: name.clone(), columns: columns.clone() });
        }
        indexes.push(Index { name, columns, unique, partial });
    }
    Ok((indexes, uniques))
}

fn references(sqlite: &Connection, table: &str) -> Result<Vec<ForeignKey>> {
    let mut statement = sqlite.prepare(REFERENCES)?;
    let mut rows = statement.query(params![table, SCHEMA])?;
    let mut found: Vec<(i64, ForeignKey)> = Vec::new();
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let (column, referenced_table): (String, String) = (row.get(1)?, row.get(2)?);
        // A reference without columns is one to the primary key.
        let referenced: Option<String> = row.get(3)?;
        match found.last_mut().filter(|(last, _)| *last == id) {
            Some((_, key)) => {
                key.columns.push(column);
                key.referenced_columns.extend(referenced);
            }
            None => found.push((
                id,
                ForeignKey {
                    name: format!("{table}_references_{id}"),
                    columns: vec![column],
                    referenced_schema: SCHEMA.to_owned(),
                    referenced_table,
                    referenced_columns: referenced.into_iter().collect(),
                },
            )),
        }
    }
    let mut found: Vec<ForeignKey> = found.into_iter().map(|(_, key)| key).collect();
    for key in found.iter_mut().filter(|key| key.referenced_columns.is_empty()) {
        key.referenced_columns = columns(sqlite, &key.referenced_table, true)?.1;
    }
    Ok(found)
}

/// How many rows there are: counted where they are few, else what ANALYZE found.
fn rows(sqlite: &Connection, table: &str) -> Result<Option<u64>> {
    let Ok(name) = Ident::parse(table) else { return Ok(None) };
    let few = format!("SELECT count(*) FROM (SELECT 1 FROM {SCHEMA}.`{name}` LIMIT {})", COUNTED + 1);
    let counted: u64 = sqlite.query_row(&few, [], |row| row.get(0))?;
    if counted <= COUNTED {
        return Ok(Some(counted));
    }
    let analyzed: bool = sqlite.query_row(
        "SELECT EXISTS (SELECT 1 FROM pragma_table_list WHERE schema = ?1 AND name = 'sqlite_stat1')",
        params![SCHEMA],
        |row| row.get(0),
    )?;
    if !analyzed {
        return Ok(None);
    }
    let stat: Option<String> = sqlite
        .query_row("SELECT stat FROM main.sqlite_stat1 WHERE tbl = ?1 LIMIT 1", params![table], |row| row.get(0))
        .optional()?;
    Ok(stat.and_then(|stat| stat.split(' ').next()?.parse().ok()))
}
