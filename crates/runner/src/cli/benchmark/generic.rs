//! The way of tools that run SQL: what such a server lists, and what the database answers to what a model asks of it.

use serde_json::{Map, Value as Json, json};
use synapsor_core::sql::Sql;
use synapsor_core::value::Cell;

use super::mcp_efficiency::Measured;
use crate::app::Stop;
use crate::cli::demo::scene::Scene;

/// A list as servers with raw access have it.
const TOOLS: &str = include_str!("generic.json");

/// One step: the tool, and the rows that it answers.
struct Step {
    tool: &'static str,
    statement: &'static str,
    columns: &'static [&'static str],
}

const TABLES: Step = Step {
    tool: "list_tables",
    statement: "SELECT name FROM pragma_table_list WHERE schema = 'main' AND substr(name, 1, 7) <> 'sqlite_' ORDER BY name",
    columns: &["name"],
};
const COLUMNS: Step = Step {
    tool: "describe_table",
    statement: "SELECT name, type, CASE \"notnull\" WHEN 1 THEN 'false' ELSE 'true' END FROM pragma_table_info('invoices')",
    columns: &["name", "type", "nullable"],
};
const ROW: Step = Step {
    tool: "query_database",
    statement: "SELECT id, tenant_id, customer, amount_cents || '', late_fee_cents || '', status, waiver_reason, updated_at \
                FROM invoices WHERE id = 'INV-3001'",
    columns: &[
        "id",
        "tenant_id",
        "customer",
        "amount_cents",
        "late_fee_cents",
        "status",
        "waiver_reason",
        "updated_at",
    ],
};
const CHANGE: &str =
    "UPDATE invoices SET late_fee_cents = 0, waiver_reason = 'First late payment' WHERE id = 'INV-3001';";

/// Does the task: find the table, its columns and the row, change it, and look again.
pub(super) async fn measure(scene: &Scene) -> Result<Measured, Stop> {
    let list: Json = serde_json::from_str(TOOLS).unwrap_or_default();
    let tools = list.get("tools").and_then(Json::as_array).cloned().unwrap_or_default();
    let (tables, columns, row) =
        (answer(scene, &TABLES).await?, answer(scene, &COLUMNS).await?, answer(scene, &ROW).await?);
    scene.elsewhere(CHANGE).await?;
    answer(scene, &ROW).await?;
    Ok(Measured {
        tools,
        schema_context: vec![tables, columns],
        business_result: row,
        plan: vec![
            format!("{}: which tables are there", TABLES.tool),
            format!("{}: which columns invoices has", COLUMNS.tool),
            format!("{}: the invoice", ROW.tool),
            format!("execute_sql: {CHANGE}"),
            format!("{}: whether it worked", ROW.tool),
        ],
        reviewed: false,
    })
}

async fn answer(scene: &Scene, step: &Step) -> Result<Json, Stop> {
    let rows = scene.read(&Sql::fixed(step.statement, Vec::new(), step.columns.len())).await?;
    let object = |row: &Vec<Cell>| {
        let cells = step.columns.iter().zip(row);
        Json::Object(cells.map(|(name, cell)| ((*name).to_owned(), json!(cell.text()))).collect::<Map<_, _>>())
    };
    Ok(json!({ "rows": rows.iter().map(object).collect::<Vec<_>>() }))
}
