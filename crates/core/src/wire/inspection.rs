//! A database as its catalog describes it: what `inspect` shows, and what a configuration is made from.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value as Json, json};

use crate::code::Code;
use crate::contract::EngineKind;
use crate::inspection::{self, Suggestions};
use crate::refusal::Refusal;

/// A database as one role sees it. Its JSON is what `inspect --json` prints, and a snapshot when read back; it holds
/// names, types, defaults and comments, never rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    /// The engine.
    #[serde(serialize_with = "engine_word", deserialize_with = "engine_of_word")]
    pub engine: EngineKind,
    /// The server's version, as it says it.
    pub server_version: String,
    /// The account; empty where there are none.
    pub current_user: String,
    /// When it was looked at.
    pub inspected_at: Timestamp,
    /// The schemas that are not the server's own.
    pub schemas: Vec<String>,
    /// The tables and views of which the account may read something, by schema and name.
    pub tables: Vec<Table>,
}

/// A table or view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: TableKind,
    /// Whether guarded writes can be about it: an ordinary table, where a failed write is undone.
    pub writable: bool,
    /// About how many rows it has; `None` = the server has not counted yet.
    #[serde(default)]
    pub row_estimate: Option<u64>,
    /// What the database says of it.
    #[serde(default)]
    pub comment: Option<String>,
    /// The columns that the account may read, in order.
    pub columns: Vec<Column>,
    /// The columns of the primary key, in order; empty = there is none.
    pub primary_key: Vec<String>,
    /// The other unique keys that hold in every row.
    pub unique_constraints: Vec<Unique>,
    /// What it refers to.
    pub foreign_keys: Vec<ForeignKey>,
    /// The indexes, those of keys included.
    pub indexes: Vec<Index>,
    /// What runs when its rows change, as far as the account may see: only PostgreSQL and SQLite show it to everybody.
    #[serde(default)]
    pub triggers: Vec<String>,
}

/// What kind of table it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TableKind {
    /// It holds rows.
    Table,
    /// It shows rows of others.
    View,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, in the database's words.
    pub data_type: String,
    /// Whether it may be null.
    pub nullable: bool,
    /// Its default, in the database's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Whether the database alone gives it its value.
    pub generated: bool,
    /// Its place, from 1; dropped columns leave holes.
    pub ordinal_position: u32,
    /// What the database says of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// A unique key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unique {
    /// Its name.
    pub name: String,
    /// Its columns, in order.
    pub columns: Vec<String>,
}

/// A reference to another table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKey {
    /// Its name.
    pub name: String,
    /// The columns that refer.
    pub columns: Vec<String>,
    /// The schema of the table that they refer to.
    pub referenced_schema: String,
    /// The table.
    pub referenced_table: String,
    /// The columns there.
    pub referenced_columns: Vec<String>,
}

/// An index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// Its columns, in order; an expression stands in the database's words.
    pub columns: Vec<String>,
    /// Whether no two rows have the same.
    pub unique: bool,
    /// Whether it leaves rows out.
    #[serde(default)]
    pub partial: bool,
}

impl Table {
    /// Schema and name, with a dot between.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    /// The column of that name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Whether an index of all rows begins with a column.
    #[must_use]
    pub fn is_indexed(&self, column: &str) -> bool {
        let begins = |columns: &[String]| columns.first().is_some_and(|first| first == column);
        begins(&self.primary_key) || self.indexes.iter().any(|index| !index.partial && begins(&index.columns))
    }
}

impl Inspection {
    /// Reads a snapshot. What it suggests is not read, but found anew.
    pub fn from_json(text: &str) -> Result<Self, Refusal> {
        serde_json::from_str(text).map_err(|error| {
            Refusal::new(Code::InvalidArgument, format!("the file is no snapshot of an inspection: {error}"))
                .with_fix("make one with `synapsor-runner inspect --json`")
        })
    }

    /// The table that a person means by `name` or `schema.name`.
    pub fn find(&self, named: &str) -> Result<&Table, Refusal> {
        let matching = |table: &&Table| table.name == named || table.full_name() == named;
        let found: Vec<&Table> = self.tables.iter().filter(matching).collect();
        match found.as_slice() {
            [table] => Ok(table),
            [] => Err(self.unknown(named)),
            several => {
                // A table may be called what another one's schema and name come to.
                let names: Vec<String> = several.iter().map(|table| format!("`{}`", table.full_name())).collect();
                Err(Refusal::new(Code::InvalidArgument, format!("`{named}` could be {}", names.join(" or ")))
                    .with_fix("write the schema as well, or name it with `--schema`"))
            }
        }
    }

    fn unknown(&self, named: &str) -> Refusal {
        const LISTED: usize = 12;
        let refusal = Refusal::new(Code::ObjectMissing, format!("the account sees no table or view `{named}`"));
        let names: Vec<String> =
            self.tables.iter().take(LISTED).map(|table| format!("`{}`", table.full_name())).collect();
        match (names.is_empty(), self.tables.len() > LISTED) {
            (true, _) => refusal.with_fix("grant the account SELECT on the table, or connect as one that has it"),
            (false, false) => refusal.with_fix(format!("it sees {}", names.join(", "))),
            (false, true) => refusal.with_fix(format!(
                "it sees {} and {} more; `synapsor-runner inspect` lists them",
                names.join(", "),
                self.tables.len() - LISTED
            )),
        }
    }

    /// As JSON, with what is suggested of each table and column.
    #[must_use]
    pub fn to_json(&self) -> Json {
        let mut whole = serde_json::to_value(self).unwrap_or_default();
        let tables = whole.get_mut("tables").and_then(Json::as_array_mut).into_iter().flatten();
        for (json, table) in tables.zip(&self.tables) {
            let found = Suggestions::of(table, self);
            let columns = json.get_mut("columns").and_then(Json::as_array_mut).into_iter().flatten();
            for (json, column) in columns.zip(&table.columns) {
                insert(json, "suggestions", found.of_column(column));
            }
            insert(json, "suggestions", found.to_json(table));
        }
        insert(&mut whole, "warnings", json!([inspection::CAUTION]));
        whole
    }
}

fn insert(json: &mut Json, name: &str, value: Json) {
    if let Some(object) = json.as_object_mut() {
        object.insert(name.to_owned(), value);
    }
}

fn engine_word<S: Serializer>(engine: &EngineKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(engine.word())
}

fn engine_of_word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<EngineKind, D::Error> {
    let word = String::deserialize(deserializer)?;
    EngineKind::from_word(&word).ok_or_else(|| serde::de::Error::custom(format!("`{word}` is no engine")))
}
