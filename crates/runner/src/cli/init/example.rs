//! A real row to try a new tool with.

use serde_json::{Map, Value as Json};
use synapsor_core::contract::{EngineKind, TenantRule};
use synapsor_core::draft::Choice;
use synapsor_core::sql::{Sql, read};
use synapsor_core::value::Cell;
use synapsor_db::engine::{Ask, Engine};
use synapsor_db::fault::Fault;

/// The statement that finds a row, before anybody has agreed to run it.
pub struct Search {
    sql: Sql,
}

/// A row of a tenant.
pub struct Example {
    /// Its key, as the tool's argument takes it.
    pub key: String,
    /// Its tenant; `None` where rows belong to none.
    pub tenant: Option<String>,
}

impl Search {
    /// Prepares the search; `None` if the table cannot be described.
    pub async fn prepare(engine: &Engine, kind: EngineKind, choice: &Choice) -> Result<Option<Self>, Fault> {
        let mut columns = vec![choice.primary_key.clone()];
        if let TenantRule::Column(column) = &choice.tenant {
            columns.push(column.clone());
        }
        let ask = Ask { schema: choice.schema.clone(), table: choice.table.clone(), columns: columns.clone() };
        let Some(table) = engine.describe(&ask).await? else { return Ok(None) };
        let described: Option<Vec<_>> = columns.iter().map(|name| table.column(name).cloned()).collect();
        Ok(described.map(|columns| Self { sql: read::example(kind, &table, &columns) }))
    }

    /// The statement, to be shown.
    pub fn text(&self) -> &str {
        self.sql.text()
    }

    /// Runs it; `None` if there is no such row.
    pub async fn run(&self, engine: &Engine) -> Result<Option<Example>, Fault> {
        let rows = engine.read(&self.sql).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let text = |index: usize| row.get(index).and_then(Cell::text).map(str::to_owned);
        Ok(text(0).map(|key| Example { key, tenant: text(1) }))
    }
}

impl Example {
    /// The arguments of a call that reads the row.
    pub fn arguments(&self, choice: &Choice) -> Map<String, Json> {
        let argument = (choice.names.lookup_arg.to_string(), Json::from(self.key.as_str()));
        std::iter::once(argument).collect()
    }
}
