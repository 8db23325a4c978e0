//! Everything that the catalog says of the tables that a role may read.

use std::sync::Arc;

use jiff::Timestamp;
use synapsor_core::contract::EngineKind;
use synapsor_core::wire::inspection::{Column, ForeignKey, Index, Inspection, Table, TableKind, Unique};

use super::catalog::{Row, ask};
use super::reader::Links;
use crate::fault::Fault;

const ABOUT: &str = "SELECT VERSION() AS a, CURRENT_USER() AS b";

const SCHEMAS: &str = "SELECT SCHEMA_NAME AS a FROM information_schema.SCHEMATA \
                       WHERE LOWER(SCHEMA_NAME) NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys') \
                       ORDER BY SCHEMA_NAME";

/// One schema, or all but the server's own; both binds are the same.
macro_rules! of_schema {
    ($column:literal) => {
        concat!(
            " (? = '' OR ",
            $column,
            " = ?) AND LOWER(",
            $column,
            ") NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')"
        )
    };
}

const TABLES: &str = concat!(
    "SELECT t.TABLE_SCHEMA AS a, t.TABLE_NAME AS b, t.TABLE_TYPE AS c, t.ENGINE AS d, e.TRANSACTIONS AS e, \
     t.TABLE_ROWS AS f, t.TABLE_COMMENT AS g \
     FROM information_schema.TABLES t LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE \
     WHERE t.TABLE_TYPE <> 'SEQUENCE' AND",
    of_schema!("t.TABLE_SCHEMA"),
    " ORDER BY t.TABLE_SCHEMA, t.TABLE_NAME"
);

/// Columns that the role may read: the catalog lists those that it may only write as well.
const COLUMNS: &str = concat!(
    "SELECT TABLE_SCHEMA AS a, TABLE_NAME AS b, COLUMN_NAME AS c, COLUMN_TYPE AS d, IS_NULLABLE AS e, \
     COLUMN_DEFAULT AS f, EXTRA AS g, ORDINAL_POSITION AS h, COLUMN_COMMENT AS i \
     FROM information_schema.COLUMNS WHERE FIND_IN_SET('select', LOWER(PRIVILEGES)) > 0 AND",
    of_schema!("TABLE_SCHEMA"),
    " ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION"
);

/// Keys and indexes that find rows by value, one row for each of their columns. Unlike the catalog's tables of
/// constraints, this one shows keys to a role that may only read.
const INDEXES: &str = concat!(
    "SELECT TABLE_SCHEMA AS a, TABLE_NAME AS b, INDEX_NAME AS c, NON_UNIQUE AS d, COLUMN_NAME AS e \
     FROM information_schema.STATISTICS WHERE INDEX_TYPE IN ('BTREE', 'HASH') AND",
    of_schema!("TABLE_SCHEMA"),
    " ORDER BY TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX"
);

/// References, one row for each of their columns.
const REFERENCES: &str = concat!(
    "SELECT TABLE_SCHEMA AS a, TABLE_NAME AS b, CONSTRAINT_NAME AS c, COLUMN_NAME AS d, REFERENCED_TABLE_SCHEMA AS e, \
     REFERENCED_TABLE_NAME AS f, REFERENCED_COLUMN_NAME AS g \
     FROM information_schema.KEY_COLUMN_USAGE WHERE REFERENCED_TABLE_NAME IS NOT NULL AND",
    of_schema!("TABLE_SCHEMA"),
    " ORDER BY TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION"
);

/// Triggers, as far as the role may see them.
const TRIGGERS: &str = concat!(
    "SELECT EVENT_OBJECT_SCHEMA AS a, EVENT_OBJECT_TABLE AS b, TRIGGER_NAME AS c \
     FROM information_schema.TRIGGERS WHERE",
    of_schema!("EVENT_OBJECT_SCHEMA"),
    " ORDER BY EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE, TRIGGER_NAME"
);

/// Looks at one schema, or all.
pub(super) async fn inspect(links: &Arc<Links>, schema: Option<&str>, at: Timestamp) -> Result<Inspection, Fault> {
    let schema = schema.unwrap_or_default();
    let binds = [schema, schema];
    let about = ask(links, ABOUT, &[], 2).await?;
    let schemas = ask(links, SCHEMAS, &[], 1).await?;
    let tables = ask(links, TABLES, &binds, 7).await?;
    let columns = ask(links, COLUMNS, &binds, 9).await?;
    let indexes = ask(links, INDEXES, &binds, 5).await?;
    let references = ask(links, REFERENCES, &binds, 7).await?;
    let triggers = ask(links, TRIGGERS, &binds, 3).await?;
    let parts = [columns, indexes, references, triggers];
    let tables = tables.iter().map(|row| table(row, &parts));
    Ok(Inspection {
        engine: EngineKind::Mysql,
        server_version: about.first().map(|row| text(row, 0).to_owned()).unwrap_or_default(),
        current_user: about.first().map(|row| text(row, 1).to_owned()).unwrap_or_default(),
        inspected_at: at,
        schemas: schemas.iter().map(|row| text(row, 0).to_owned()).collect(),
        tables: tables.filter(|table| !table.columns.is_empty()).collect(),
    })
}

fn table(row: &Row, [columns, indexes, references, triggers]: &[Vec<Row>; 4]) -> Table {
    let (schema, name) = (text(row, 0), text(row, 1));
    let mine = |row: &&Row| text(row, 0) == schema && text(row, 1) == name;
    let is_view = text(row, 2).ends_with("VIEW");
    let foreign = matches!(text(row, 3).to_ascii_uppercase().as_str(), "FEDERATED" | "SPIDER" | "CONNECT");
    let mut found = Table {
        schema: schema.to_owned(),
        name: name.to_owned(),
        kind: if is_view { TableKind::View } else { TableKind::Table },
        writable: !is_view && !foreign && text(row, 4).eq_ignore_ascii_case("yes"),
        row_estimate: text(row, 5).parse().ok(),
        // A view's comment is the word.
        comment: said(row, 6).filter(|_| !is_view),
        columns: columns.iter().filter(mine).map(column).collect(),
        primary_key: Vec::new(),
        unique_constraints: Vec::new(),
        foreign_keys: foreign_keys(references.iter().filter(mine)),
        indexes: indexes_of(indexes.iter().filter(mine)),
        triggers: triggers.iter().filter(mine).map(|row| text(row, 2).to_owned()).collect(),
    };
    for index in found.indexes.iter().filter(|index| index.unique) {
        match index.name.as_str() {
            "PRIMARY" => found.primary_key.clone_from(&index.columns),
            name => {
                found.unique_constraints.push(Unique { name: name.to_owned(), columns: index.columns.clone() });
            }
        }
    }
    found
}

fn column(row: &Row) -> Column {
    let extra = text(row, 6).to_ascii_uppercase();
    let generated = extra.contains("GENERATED") && !extra.contains("DEFAULT_GENERATED");
    Column {
        name: text(row, 2).to_owned(),
        data_type: text(row, 3).to_owned(),
        nullable: text(row, 4) == "YES",
        // MariaDB writes the absence of a default as a word.
        default: said(row, 5).filter(|default| default != "NULL" && !generated),
        generated,
        ordinal_position: text(row, 7).parse().unwrap_or(0),
        comment: said(row, 8),
    }
}

fn indexes_of<'a>(rows: impl Iterator<Item = &'a Row>) -> Vec<Index> {
    let mut found: Vec<Index> = Vec::new();
    for row in rows {
        let (name, column) = (text(row, 2), said(row, 4).unwrap_or_else(|| "(expression)".to_owned()));
        match found.last_mut().filter(|index| index.name == name) {
            Some(index) => index.columns.push(column),
            None => {
                let (name, unique) = (name.to_owned(), text(row, 3) == "0");
                found.push(Index { name, columns: vec![column], unique, partial: false });
            }
        }
    }
    found
}

fn foreign_keys<'a>(rows: impl Iterator<Item = &'a Row>) -> Vec<ForeignKey> {
    let mut found: Vec<ForeignKey> = Vec::new();
    for row in rows {
        let (name, column, referenced) = (text(row, 2), text(row, 3).to_owned(), text(row, 6).to_owned());
        match found.last_mut().filter(|key| key.name == name) {
            Some(key) => {
                key.columns.push(column);
                key.referenced_columns.push(referenced);
            }
            None => found.push(ForeignKey {
                name: name.to_owned(),
                columns: vec![column],
                referenced_schema: text(row, 4).to_owned(),
                referenced_table: text(row, 5).to_owned(),
                referenced_columns: vec![referenced],
            }),
        }
    }
    found
}

fn text(row: &Row, index: usize) -> &str {
    row.get(index).and_then(Option::as_deref).unwrap_or_default()
}

/// As [`text`], with nothing for an empty one.
fn said(row: &Row, index: usize) -> Option<String> {
    Some(text(row, index)).filter(|text| !text.is_empty()).map(str::to_owned)
}
