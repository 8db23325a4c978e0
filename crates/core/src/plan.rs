//! From a capability, a scope and arguments to the one statement that reads the row.

use serde_json::Value as Json;

use crate::args::Args;
use crate::code::Code;
use crate::contract::{Capability, EngineKind};
use crate::digest::{self, Digest};
use crate::id::Ident;
use crate::refusal::Refusal;
use crate::scope::Scope;
use crate::sql::filter::NoFilter;
use crate::sql::{Filter, Sql, read};
use crate::value::{Cell, Column, Table};

/// The reading of one row: the statement, and what its answer must look like.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadPlan {
    /// The statement.
    pub sql: Sql,
    /// The columns it returns, in order.
    pub columns: Vec<Column>,
    /// The row and scope it is about.
    pub filter: Filter,
    /// The statement without values, for the query audit.
    pub template: String,
    /// Digest of the read's shape and tenant.
    pub fingerprint: Digest,
}

/// One row as read, within its scope.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    cells: Vec<(Ident, Cell)>,
}

impl Row {
    /// The value of a column that was read.
    #[must_use]
    pub fn cell(&self, column: &Ident) -> Option<&Cell> {
        self.cells.iter().find(|(name, _)| name == column).map(|(_, cell)| cell)
    }
}

/// Plans the read that answers a call, or that a proposal rests on.
pub fn read(
    capability: &Capability,
    engine: EngineKind,
    table: &Table,
    scope: &Scope,
    args: &Args,
) -> Result<ReadPlan, Refusal> {
    let key = args.get(&capability.lookup_arg).unwrap_or(&Json::Null);
    let filter = Filter::scoped(&capability.target, table, scope, key).map_err(|why| match why {
        NoFilter::Unstorable => not_found(capability, args),
        NoFilter::MissingColumn(column) => missing_column(capability, &column),
    })?;
    let names = if capability.proposal().is_some() { capability.all_columns() } else { with_principal(capability) };
    let columns = names
        .iter()
        .map(|name| table.column(name).cloned().ok_or_else(|| missing_column(capability, name.as_str())))
        .collect::<Result<Vec<_>, _>>()?;
    let sql = read::select(engine, table, &columns, &filter);
    let template = read::template(table, &columns, &filter);
    let fingerprint = digest::of(&serde_json::json!({
        "source": capability.source.as_str(),
        "target": { "schema": table.schema.as_str(), "table": table.name.as_str(), "primary_key": capability.target.primary_key.as_str() },
        "columns": names.iter().map(Ident::as_str).collect::<Vec<_>>(),
        "tenant": scope.tenant(),
    }));
    Ok(ReadPlan { sql, columns, filter, template, fingerprint })
}

fn with_principal(capability: &Capability) -> Vec<Ident> {
    let mut columns = capability.read_columns();
    if let Some(principal) = &capability.target.principal
        && !columns.contains(principal)
    {
        columns.push(principal.clone());
    }
    columns
}

/// The one answer for a missing row and another tenant's row.
#[must_use]
pub fn not_found(capability: &Capability, args: &Args) -> Refusal {
    let noun = capability.noun();
    let key = match args.get(&capability.lookup_arg) {
        Some(Json::String(text)) => shown_key(text),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    Refusal::new(Code::NotFoundInTenant, format!("no {noun} {key} is visible in your tenant"))
        .with_fix(format!("check the {noun} id; if it is right, it belongs to someone else or does not exist"))
}

/// A key as it may stand in a sentence: control characters replaced, cut to 128 characters.
#[must_use]
pub fn shown_key(text: &str) -> String {
    let mut shown: String = text.chars().take(128).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(128).is_some() {
        shown.push('…');
    }
    shown
}

fn missing_column(capability: &Capability, column: &str) -> Refusal {
    let target = &capability.target;
    Refusal::new(
        Code::ObjectMissing,
        format!("`{}.{}` has no column `{column}` that the role can see", target.schema, target.table),
    )
}

/// Takes the one row out of a read's answer. Scope is compared once more here, so that no collation, coercion or view
/// between us and the data can widen it.
pub fn one_row(capability: &Capability, plan: &ReadPlan, args: &Args, rows: Vec<Vec<Cell>>) -> Result<Row, Refusal> {
    let mut rows = rows.into_iter();
    let Some(cells) = rows.next() else { return Err(not_found(capability, args)) };
    if rows.next().is_some() {
        return Err(Refusal::new(Code::MultiRowBlocked, format!("the key of {} is not unique", capability.noun())));
    }
    let row = Row { cells: plan.columns.iter().map(|column| column.name.clone()).zip(cells).collect() };
    let in_scope = plan.filter.scope_terms().iter().all(|term| row.cell(&term.column.name) == Some(&term.cell));
    if in_scope { Ok(row) } else { Err(not_found(capability, args)) }
}
