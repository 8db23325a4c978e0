//! Everything that the system catalogs say of the tables that a role may read. Any role may ask them, also one that owns
//! and writes nothing.

use jiff::Timestamp;
use synapsor_core::contract::EngineKind;
use synapsor_core::sql::{Bind, Sql};
use synapsor_core::value::Cell;
use synapsor_core::wire::inspection::{Column, ForeignKey, Index, Inspection, Table, TableKind, Unique};

use super::catalog::{list, text};
use super::run::Rows;

const ABOUT: &str = "SELECT pg_catalog.current_setting('server_version'), current_user::text";

const SCHEMAS: &str = "
SELECT n.nspname::text FROM pg_catalog.pg_namespace n
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
ORDER BY n.nspname";

/// The relations that are shown: whole ones, of which something may be read. A partition is its parent's.
macro_rules! seen {
    () => {
        "WITH seen AS (
  SELECT c.oid, n.nspname, c.relname, c.relkind, c.reltuples
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
    AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND ($1::text IS NULL OR n.nspname = $1::text)
    AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_any_column_privilege(c.oid, 'SELECT')
)"
    };
}

const TABLES: &str = concat!(
    seen!(),
    "
SELECT nspname::text, relname::text, relkind::text,
  CASE WHEN relkind = 'p' THEN (
    SELECT CASE WHEN min(p.reltuples) >= 0 THEN sum(p.reltuples) END
    FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class p ON p.oid = i.inhrelid WHERE i.inhparent = seen.oid
  ) WHEN reltuples >= 0 AND relkind <> 'v' THEN reltuples END::bigint::text,
  pg_catalog.obj_description(oid, 'pg_class')
FROM seen ORDER BY nspname, relname"
);

const COLUMNS: &str = concat!(
    seen!(),
    "
SELECT seen.nspname::text, seen.relname::text, a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod),
  (NOT a.attnotnull)::text, CASE WHEN a.attgenerated = '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END,
  (a.attgenerated <> '' OR a.attidentity = 'a')::text, a.attnum::text, pg_catalog.col_description(seen.oid, a.attnum)
FROM seen JOIN pg_catalog.pg_attribute a ON a.attrelid = seen.oid
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped AND pg_catalog.has_column_privilege(seen.oid, a.attnum, 'SELECT')
ORDER BY seen.nspname, seen.relname, a.attnum"
);

const CONSTRAINTS: &str = concat!(
    seen!(),
    "
SELECT seen.nspname::text, seen.relname::text, k.contype::text, k.conname::text,
  (SELECT json_agg(a.attname::text ORDER BY u.place) FROM unnest(k.conkey) WITH ORDINALITY u(num, place)
   JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.num)::text,
  fn.nspname::text, f.relname::text,
  (SELECT json_agg(a.attname::text ORDER BY u.place) FROM unnest(k.confkey) WITH ORDINALITY u(num, place)
   JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.num)::text
FROM seen JOIN pg_catalog.pg_constraint k ON k.conrelid = seen.oid AND k.contype IN ('p', 'u', 'f')
LEFT JOIN pg_catalog.pg_class f ON f.oid = k.confrelid
LEFT JOIN pg_catalog.pg_namespace fn ON fn.oid = f.relnamespace
ORDER BY seen.nspname, seen.relname, k.conname"
);

const INDEXES: &str = concat!(
    seen!(),
    "
SELECT seen.nspname::text, seen.relname::text, c.relname::text,
  (SELECT json_agg(pg_catalog.pg_get_indexdef(i.indexrelid, k, true) ORDER BY k)
   FROM generate_series(1, i.indnkeyatts::int) k)::text,
  i.indisunique::text, (i.indpred IS NOT NULL)::text
FROM seen JOIN pg_catalog.pg_index i ON i.indrelid = seen.oid AND i.indisvalid
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
ORDER BY seen.nspname, seen.relname, c.relname"
);

const TRIGGERS: &str = concat!(
    seen!(),
    "
SELECT seen.nspname::text, seen.relname::text, t.tgname::text
FROM seen JOIN pg_catalog.pg_trigger t ON t.tgrelid = seen.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D'
ORDER BY seen.nspname, seen.relname, t.tgname"
);

/// The statements of a look at one schema, or all: for [`read`].
pub(super) fn statements(schema: Option<&str>) -> [Sql; 7] {
    let of_schema = |text, outputs| {
        let bind = schema.map_or(Bind::Null, |schema| Bind::Text(schema.to_owned()));
        Sql::fixed(text, vec![bind], outputs)
    };
    [
        Sql::fixed(ABOUT, Vec::new(), 2),
        Sql::fixed(SCHEMAS, Vec::new(), 1),
        of_schema(TABLES, 5),
        of_schema(COLUMNS, 9),
        of_schema(CONSTRAINTS, 8),
        of_schema(INDEXES, 6),
        of_schema(TRIGGERS, 3),
    ]
}

/// What they answered.
pub(super) fn read(answers: &[Rows; 7], at: Timestamp) -> Inspection {
    let [about, schemas, tables, parts @ ..] = answers;
    let about = about.first().map(Vec::as_slice).unwrap_or_default();
    Inspection {
        engine: EngineKind::Postgres,
        server_version: text(about, 0).to_owned(),
        current_user: text(about, 1).to_owned(),
        inspected_at: at,
        schemas: schemas.iter().map(|row| text(row, 0).to_owned()).collect(),
        tables: tables.iter().map(|row| table(row, parts)).collect(),
    }
}

fn table(row: &[Cell], [columns, constraints, indexes, triggers]: &[Rows; 4]) -> Table {
    let (schema, name, kind) = (text(row, 0), text(row, 1), text(row, 2));
    let mine = |row: &&Vec<Cell>| text(row, 0) == schema && text(row, 1) == name;
    let constraints: Vec<&Vec<Cell>> = constraints.iter().filter(mine).collect();
    let of_kind = |kind: &'static str| constraints.iter().filter(move |row| text(row, 2) == kind);
    Table {
        schema: schema.to_owned(),
        name: name.to_owned(),
        kind: if matches!(kind, "v" | "m") { TableKind::View } else { TableKind::Table },
        writable: matches!(kind, "r" | "p"),
        row_estimate: maybe(row, 3).and_then(|rows| rows.parse().ok()),
        comment: maybe(row, 4),
        columns: columns.iter().filter(mine).map(|row| column(row)).collect(),
        primary_key: of_kind("p").next().map(|row| list(row, 4)).unwrap_or_default(),
        unique_constraints: of_kind("u")
            .map(|row| Unique { name: text(row, 3).to_owned(), columns: list(row, 4) })
            .collect(),
        foreign_keys: of_kind("f")
            .map(|row| ForeignKey {
                name: text(row, 3).to_owned(),
                columns: list(row, 4),
                referenced_schema: text(row, 5).to_owned(),
                referenced_table: text(row, 6).to_owned(),
                referenced_columns: list(row, 7),
            })
            .collect(),
        indexes: indexes
            .iter()
            .filter(mine)
            .map(|row| Index {
                name: text(row, 2).to_owned(),
                columns: list(row, 3),
                unique: text(row, 4) == "true",
                partial: text(row, 5) == "true",
            })
            .collect(),
        triggers: triggers.iter().filter(mine).map(|row| text(row, 2).to_owned()).collect(),
    }
}

fn column(row: &[Cell]) -> Column {
    Column {
        name: text(row, 2).to_owned(),
        data_type: text(row, 3).to_owned(),
        nullable: text(row, 4) == "true",
        default: maybe(row, 5),
        generated: text(row, 6) == "true",
        ordinal_position: text(row, 7).parse().unwrap_or(0),
        comment: maybe(row, 8),
    }
}

fn maybe(row: &[Cell], index: usize) -> Option<String> {
    row.get(index).and_then(Cell::text).map(str::to_owned)
}
