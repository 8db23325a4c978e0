//! What the system catalogs say of a table and of the receipt table. Any role may read them.

use synapsor_core::id::Ident;
use synapsor_core::sql::receipts::Place;
use synapsor_core::sql::{Bind, Sql};
use synapsor_core::value::{Cell, Column, RefusedTarget, Table};

use super::kinds::{Types, number};
use super::run::Rows;
use crate::engine::{Ask, ReceiptsState};
use crate::fault::{Class, Fault};

/// Whether the table may be written and what cascades from it; one row, or none.
const TABLE: &str = "
WITH RECURSIVE target AS (
  SELECT c.oid, c.relkind, c.relispartition
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = $1::text AND c.relname = $2::text AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
), tree AS (
  SELECT oid FROM target
  UNION
  SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree ON i.inhparent = tree.oid
)
SELECT
  CASE
    WHEN target.relkind IN ('v', 'm') THEN 'view'
    WHEN EXISTS (SELECT FROM tree JOIN pg_catalog.pg_class c ON c.oid = tree.oid WHERE c.relkind = 'f') THEN 'foreign'
    WHEN EXISTS (
      SELECT FROM pg_catalog.pg_inherits i
      WHERE (i.inhrelid = target.oid AND NOT target.relispartition)
        OR (i.inhparent = target.oid AND target.relkind <> 'p')
    ) THEN 'inheritance'
    WHEN EXISTS (SELECT FROM pg_catalog.pg_rewrite r WHERE r.ev_class = target.oid AND r.ev_type = '2') THEN 'rules'
    ELSE 'none'
  END,
  (SELECT coalesce(pg_catalog.json_agg(DISTINCT a.attname::text), '[]')
   FROM tree
   JOIN pg_catalog.pg_constraint k ON k.confrelid = tree.oid AND k.contype = 'f' AND k.confupdtype IN ('c', 'n', 'd')
   JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = ANY (k.confkey))::text
FROM target";

/// The table's columns in order.
const COLUMNS: &str = "
SELECT a.attname::text, a.atttypid::text, a.atttypmod::text, a.attnotnull::text,
  (a.attgenerated <> '' OR a.attidentity = 'a')::text
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1::text AND c.relname = $2::text AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum";

/// The types of the table's columns, with the types under domains and in arrays.
const TYPES: &str = "
WITH RECURSIVE used(oid) AS (
  SELECT a.atttypid
  FROM pg_catalog.pg_attribute a
  JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = $1::text AND c.relname = $2::text AND a.attnum > 0 AND NOT a.attisdropped
  UNION
  SELECT v.oid
  FROM used JOIN pg_catalog.pg_type t ON t.oid = used.oid
  CROSS JOIN LATERAL (VALUES (t.typbasetype), (t.typelem)) v(oid)
  WHERE v.oid <> 0
)
SELECT t.oid::text, n.nspname::text, t.typname::text, t.typtype::text, t.typcategory::text,
  t.typbasetype::text, t.typtypmod::text, t.typnotnull::text,
  (CASE WHEN t.typoutput = 'pg_catalog.array_out'::pg_catalog.regproc THEN t.typelem ELSE 0 END)::text,
  sn.nspname::text, s.proname::text,
  (SELECT coalesce(pg_catalog.json_agg(e.enumlabel::text ORDER BY e.enumsortorder), '[]')
   FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid)::text,
  pg_catalog.scale('0'::pg_catalog.money::pg_catalog.numeric)::text
FROM used
JOIN pg_catalog.pg_type t ON t.oid = used.oid
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_proc s ON s.oid = t.typsend
LEFT JOIN pg_catalog.pg_namespace sn ON sn.oid = s.pronamespace";

/// What makes a receipt table fit: its kind, whether it is kept, whether rules rewrite inserts into it, its columns,
/// and the columns that alone are a unique key at once. No row = no table.
const RECEIPTS: &str = "
SELECT c.relkind::text, (c.relpersistence = 'p')::text,
  EXISTS (SELECT FROM pg_catalog.pg_rewrite r WHERE r.ev_class = c.oid)::text, c.relrowsecurity::text,
  (SELECT coalesce(pg_catalog.json_agg(a.attname::text), '[]')
   FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)::text,
  (SELECT coalesce(pg_catalog.json_agg(a.attname::text), '[]')
   FROM pg_catalog.pg_index i
   JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0] AND a.attnotnull
   WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indisready AND i.indislive AND i.indimmediate
     AND i.indnkeyatts = 1 AND i.indpred IS NULL AND i.indexprs IS NULL)::text
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1::text AND c.relname = $2::text";

/// The columns that the statements on receipts name.
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

/// Looks up a table: for [`read_table`].
pub(super) fn table(schema: &Ident, table: &Ident) -> [Sql; 3] {
    let named = |text, outputs| Sql::fixed(text, names(schema, table), outputs);
    [named(TABLE, 2), named(COLUMNS, 5), named(TYPES, 13)]
}

/// Looks up a receipt table: for [`unfit_receipts`].
pub(super) fn receipts(place: &Place) -> Sql {
    Sql::fixed(RECEIPTS, names(&place.schema, &place.table), 6)
}

fn names(schema: &Ident, table: &Ident) -> Vec<Bind> {
    vec![Bind::Text(schema.to_string()), Bind::Text(table.to_string())]
}

/// The table as the catalog describes it, cut to the columns asked for.
pub(super) fn read_table(ask: &Ask, table: &Rows, columns: &Rows, types: &Rows) -> Result<Option<Table>, Fault> {
    let Some(about) = table.first() else { return Ok(None) };
    let refused = match text(about, 0) {
        "view" => Some(RefusedTarget::View),
        "foreign" => Some(RefusedTarget::Foreign),
        "inheritance" => Some(RefusedTarget::Inheritance),
        "rules" => Some(RefusedTarget::Rules),
        _ => None,
    };
    let cascading = list(about, 1).iter().filter_map(|name| Ident::parse(name).ok()).collect();
    let types = Types::read(types);
    let mut found = Vec::new();
    for row in columns {
        let Some(name) = ask.columns.iter().find(|name| name.as_str() == text(row, 0)) else { continue };
        let (Some(oid), Some(modifier)) = (number(text(row, 1)), number(text(row, 2))) else {
            return Err(unreadable());
        };
        let kept = types.column(oid, modifier).ok_or_else(unreadable)?;
        found.push(Column {
            name: name.clone(),
            kind: kept.kind,
            nullable: text(row, 3) != "true" && !kept.not_null,
            generated: text(row, 4) == "true",
            limits: kept.limits,
            native: kept.native,
        });
    }
    let (schema, name) = (ask.schema.clone(), ask.table.clone());
    Ok(Some(Table { schema, name, columns: found, refused, cascading, replaces: false }))
}

/// What is wrong with a receipt table; `None` = it may be used.
pub(super) fn unfit_receipts(found: &Rows) -> Option<ReceiptsState> {
    let Some(row) = found.first() else { return Some(ReceiptsState::Missing) };
    let [columns, keys] = [list(row, 4), list(row, 5)];
    let has = |names: &[String], wanted: &str| names.iter().any(|name| name == wanted);
    let why = match () {
        () if text(row, 0) != "r" => "it is no ordinary table".to_owned(),
        () if text(row, 1) != "true" => "it is unlogged or temporary, so a crash empties it".to_owned(),
        () if text(row, 2) == "true" => "it has rewrite rules".to_owned(),
        () if text(row, 3) == "true" => "it has row-level security, which can hide receipts".to_owned(),
        () => {
            let column = RECEIPT_COLUMNS.iter().find(|name| !has(&columns, name));
            let key = ["idempotency_key", "job_id"].into_iter().find(|name| !has(&keys, name));
            match (column, key) {
                (Some(name), _) => format!("it has no column `{name}`"),
                (None, Some(name)) => format!("it has no valid, immediate unique key on `{name}` alone, not null"),
                (None, None) => return None,
            }
        }
    };
    Some(ReceiptsState::Unsafe { why })
}

pub(super) fn text(row: &[Cell], index: usize) -> &str {
    row.get(index).and_then(Cell::text).unwrap_or_default()
}

pub(super) fn list(row: &[Cell], index: usize) -> Vec<String> {
    serde_json::from_str(text(row, index)).unwrap_or_default()
}

pub(super) fn unreadable() -> Fault {
    Fault::new(Class::Other, "the catalog's answer does not read")
}
