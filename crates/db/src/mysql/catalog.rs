//! What the catalog says of a table. Every column is aliased: MySQL 8 labels the catalog's own columns in capitals.

use std::sync::Arc;

use mysql_async::{Params, Value};
use synapsor_core::id::Ident;
use synapsor_core::value::{Column, Kind, Native, RefusedTarget, Table};

use super::columns::{self, Described};
use super::reader::Links;
use super::row::Statement;
use crate::engine::Ask;
use crate::fault::{Class, Fault};

/// Kind, storage engine, whether that is transactional, and the exact name of a table.
const TABLE: &str = "SELECT t.TABLE_TYPE AS table_kind, t.ENGINE AS storage, e.TRANSACTIONS AS transactional, \
                     t.TABLE_NAME AS exact_name, @@lower_case_table_names AS folded \
                     FROM information_schema.TABLES t LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE \
                     WHERE t.TABLE_SCHEMA = ? AND t.TABLE_NAME = ?";

const COLUMNS: &str = "SELECT COLUMN_NAME AS a, LOWER(DATA_TYPE) AS b, COLUMN_TYPE AS c, IS_NULLABLE AS d, EXTRA AS e, \
                       CHARACTER_MAXIMUM_LENGTH AS f, CHARACTER_OCTET_LENGTH AS g, NUMERIC_PRECISION AS h, \
                       NUMERIC_SCALE AS i, DATETIME_PRECISION AS j, CHARACTER_SET_NAME AS k, COLLATION_NAME AS l \
                       FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION";

/// Columns of the keys that other tables reference with an action. KEY_COLUMN_USAGE would name just the referenced ones,
/// but hides them from a role with column privileges; where the key's name is hidden too, every indexed column counts.
const CASCADING: &str = "SELECT DISTINCT s.COLUMN_NAME AS a FROM information_schema.REFERENTIAL_CONSTRAINTS r \
                         JOIN information_schema.STATISTICS s ON s.TABLE_SCHEMA = ? AND s.TABLE_NAME = ? \
                         AND s.INDEX_NAME = COALESCE(r.UNIQUE_CONSTRAINT_NAME, s.INDEX_NAME) \
                         WHERE r.UNIQUE_CONSTRAINT_SCHEMA = ? AND r.REFERENCED_TABLE_NAME = ? \
                         AND r.UPDATE_RULE IN ('CASCADE', 'SET NULL', 'SET DEFAULT')";

/// A row of the catalog.
pub(super) type Row = Vec<Option<String>>;

/// Runs one statement on the catalog.
pub(super) async fn ask(links: &Arc<Links>, text: &str, binds: &[&str], columns: usize) -> Result<Vec<Row>, Fault> {
    let values: Vec<Value> = binds.iter().map(|bind| Value::Bytes(bind.as_bytes().to_vec())).collect();
    let params = if values.is_empty() { Params::Empty } else { Params::Positional(values) };
    let rows = links.read(Statement { text: text.to_owned(), params, outputs: vec![Kind::Text; columns] }).await?;
    let text = |row: Vec<synapsor_core::value::Cell>| row.iter().map(|cell| cell.text().map(str::to_owned)).collect();
    Ok(rows.into_iter().map(text).collect())
}

/// What kind of thing a name stands for.
pub(super) struct Object {
    table_kind: String,
    storage: Option<String>,
    transactional: bool,
}

impl Object {
    /// Why a write may not go there, if so.
    pub(super) fn refused(&self) -> Option<RefusedTarget> {
        match (self.table_kind.as_str(), self.storage.as_deref()) {
            ("VIEW" | "SYSTEM VIEW", _) => Some(RefusedTarget::View),
            ("SEQUENCE", _) => Some(RefusedTarget::Sequence),
            (_, Some("FEDERATED" | "SPIDER" | "CONNECT")) => Some(RefusedTarget::Foreign),
            _ if !self.transactional => Some(RefusedTarget::NonTransactional),
            _ => None,
        }
    }
}

/// Looks a name up; `None` if the role can see nothing of that name.
pub(super) async fn object(links: &Arc<Links>, schema: &Ident, table: &Ident) -> Result<Option<Object>, Fault> {
    let rows = ask(links, TABLE, &[schema.as_str(), table.as_str()], 5).await?;
    // The catalog compares names without case even where files, and so tables, have one.
    let exact = |row: &&Row| match row.as_slice() {
        [_, _, _, Some(name), folded] => name == table.as_str() || folded.as_deref() != Some("0"),
        _ => false,
    };
    Ok(rows.iter().find(exact).map(|row| {
        let text = |index: usize| row.get(index).cloned().flatten();
        Object {
            table_kind: text(0).unwrap_or_default(),
            storage: text(1).map(|name| name.to_ascii_uppercase()),
            transactional: text(2).is_some_and(|word| word.eq_ignore_ascii_case("yes")),
        }
    }))
}

/// The columns of a table that the role can see.
pub(super) async fn columns(links: &Arc<Links>, schema: &Ident, table: &Ident) -> Result<Vec<Described>, Fault> {
    let rows = ask(links, COLUMNS, &[schema.as_str(), table.as_str()], 12).await?;
    Ok(rows.iter().filter_map(|row| Described::read(row)).collect())
}

/// Looks a table up in the catalog.
pub(super) async fn describe(links: &Arc<Links>, ask: &Ask) -> Result<Option<Table>, Fault> {
    let Ask { schema, table, columns: wanted } = ask;
    let Some(object) = object(links, schema, table).await? else { return Ok(None) };
    let mut found = Vec::new();
    for described in columns(links, schema, table).await? {
        // Column names have no case, so the column goes by the name it was asked for.
        let asked = wanted.iter().find(|name| name.as_str().eq_ignore_ascii_case(&described.name));
        found.extend(asked.map(|name| described.column(name.clone())));
    }
    if found.iter().any(is_longtext) {
        let definition = definition(links, schema, table).await?;
        found.iter_mut().filter(|column| is_longtext(column)).for_each(|column| {
            if columns::is_json_alias(&definition, &column.name) {
                column.kind = Kind::Json;
            }
        });
    }
    let refused = object.refused();
    let cascading = cascading(links, ask, &found).await?;
    Ok(Some(Table { schema: schema.clone(), name: table.clone(), columns: found, refused, cascading, replaces: false }))
}

fn is_longtext(column: &Column) -> bool {
    matches!(&column.native, Native::Mysql { data_type, .. } if data_type == "longtext")
}

/// The table's own statement, where MariaDB tells a JSON column from text. A role that may not see it sees text.
async fn definition(links: &Arc<Links>, schema: &Ident, table: &Ident) -> Result<String, Fault> {
    let rows = match ask(links, &format!("SHOW CREATE TABLE `{schema}`.`{table}`"), &[], 2).await {
        Err(fault) if fault.class() == Class::Permission => return Ok(String::new()),
        // Views answer with four columns.
        Err(fault) if fault.class() == Class::Other => return Ok(String::new()),
        rows => rows?,
    };
    Ok(rows.into_iter().next().and_then(|row| row.into_iter().nth(1).flatten()).unwrap_or_default())
}

async fn cascading(links: &Arc<Links>, asked: &Ask, found: &[Column]) -> Result<Vec<Ident>, Fault> {
    let (schema, table) = (asked.schema.as_str(), asked.table.as_str());
    let rows = ask(links, CASCADING, &[schema, table, schema, table], 1).await?;
    let names: Vec<String> = rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect();
    let follows = |column: &&Column| names.iter().any(|name| name.eq_ignore_ascii_case(column.name.as_str()));
    Ok(found.iter().filter(follows).map(|column| column.name.clone()).collect())
}
