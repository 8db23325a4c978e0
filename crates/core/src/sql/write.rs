//! The statements of one guarded write, in the order they run: see `writeback` for what their results mean.

use super::receipts::{Place, ReceiptKeys};
use super::{Bind, Filter, Sql, Writer, column, mysql, receipts};
use crate::contract::EngineKind;
use crate::id::Ident;
use crate::value::{Cell, Column, Kind, Native, Table};

/// How the version column moves.
#[derive(Debug, Clone, PartialEq)]
pub enum VersionMove {
    /// By one.
    Increment,
    /// To the later of the database's clock and the expected value plus this many microseconds.
    Clock {
        /// The column's smallest step, in microseconds.
        unit_micros: u64,
    },
    /// To this value, made from the clock and the expected value in the shape the column had.
    To(Cell),
    /// By the patch or a trigger.
    Elsewhere,
}

/// The version column of a guarded write.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    /// The column.
    pub column: Column,
    /// What the reviewer saw.
    pub expected: Cell,
    /// How it moves.
    pub advance: VersionMove,
}

/// What one guarded write is to do. The filter carries scope and guards.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The table.
    pub table: Table,
    /// The row, its scope, and every guard but the version's.
    pub filter: Filter,
    /// The approved values, in their stored form.
    pub patch: Vec<(Column, Cell)>,
    /// The version column; `None` under a weak guard.
    pub version: Option<Version>,
}

/// The statements of one guarded write. Fields are read by the engine in this order.
#[derive(Debug, Clone, PartialEq)]
pub struct GuardedWrite {
    /// Reads the receipt table's identity; one row, one column.
    pub identity: Sql,
    /// Inserts the receipt; a duplicate key means that this change, or a fence, was there first.
    pub insert_receipt: Sql,
    /// Updates the row; must touch exactly one.
    pub update: Sql,
    /// Re-reads the row in the same transaction: one flag for each of `after_checks`, then the version's text.
    pub after: Sql,
    /// What each flag of `after` says.
    pub after_checks: Vec<AfterCheck>,
    /// Completes the receipt; must touch exactly one row.
    pub finish: FinishReceipt,
    /// After an undone update: one flag for each of `look_columns`; no row = the row is gone.
    pub look: Sql,
    /// Which guard each flag of `look` is.
    pub look_columns: Vec<Ident>,
    /// Finds the receipt under the idempotency key.
    pub receipt_by_key: Sql,
    /// Finds the receipt under the job.
    pub receipt_by_job: Sql,
}

/// One thing that must hold of the row after the update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AfterCheck {
    /// The column holds what was approved.
    Patched(Ident),
    /// The version differs from the expected one and, where ordered, is greater.
    VersionMoved,
}

/// Completes a receipt once the new version is known.
#[derive(Debug, Clone, PartialEq)]
pub struct FinishReceipt {
    engine: EngineKind,
    place: Place,
    keys: ReceiptKeys,
}

impl FinishReceipt {
    /// The statement for this new version.
    #[must_use]
    pub fn with_version(&self, new_version: Option<&str>) -> Sql {
        receipts::finish(self.engine, &self.place, &self.keys, new_version)
    }
}

/// Renders the statements of a guarded write.
#[must_use]
pub fn guarded_write(engine: EngineKind, change: &Change, place: &Place, keys: &ReceiptKeys) -> GuardedWrite {
    let mut guarded = change.filter.clone();
    if let Some(version) = &change.version {
        guarded = guarded.and(version.column.clone(), version.expected.clone());
    }
    let (after, after_checks) = after(engine, change);
    GuardedWrite {
        identity: receipts::identity(engine, place),
        insert_receipt: receipts::insert(engine, place, keys),
        update: update(engine, change, &guarded),
        after,
        after_checks,
        finish: FinishReceipt { engine, place: place.clone(), keys: keys.clone() },
        look: look(engine, change, &guarded),
        look_columns: guarded.guards().iter().map(|term| term.column.name.clone()).collect(),
        receipt_by_key: receipts::by_key(engine, place, &keys.idempotency_key),
        receipt_by_job: receipts::by_job(engine, place, &keys.job_id),
    }
}

/// Sets a column of no row to itself: what a write needs to be allowed to do, without doing it.
#[must_use]
pub fn probe(engine: EngineKind, schema: &Ident, table: &Ident, column: &Ident) -> Sql {
    let mut out = Writer::new(engine);
    out.raw("UPDATE ").table(schema, table).raw(" SET ").name(column).raw(" = ").name(column).raw(" WHERE 1 = 0");
    out.finish()
}

fn update(engine: EngineKind, change: &Change, guarded: &Filter) -> Sql {
    let mut out = Writer::new(engine);
    // SQLite hands the clause on to every statement of the table's triggers, so it is said only where it is needed.
    out.raw(if change.table.replaces { "UPDATE OR ABORT " } else { "UPDATE " });
    out.table(&change.table.schema, &change.table.name).raw(" SET ");
    for (index, (column, cell)) in change.patch.iter().enumerate() {
        if index > 0 {
            out.raw(", ");
        }
        out.name(&column.name).raw(" = ");
        column::assigned(&mut out, column, cell);
    }
    if let Some(version) = &change.version {
        advance(&mut out, version);
    }
    guarded.render(&mut out);
    out.finish()
}

fn advance(out: &mut Writer, version: &Version) {
    let name = &version.column.name;
    match &version.advance {
        VersionMove::Elsewhere => {}
        VersionMove::Increment => {
            out.raw(", ").name(name).raw(" = ").name(name).raw(" + 1");
        }
        VersionMove::To(cell) => {
            out.raw(", ").name(name).raw(" = ");
            column::assigned(out, &version.column, cell);
        }
        VersionMove::Clock { unit_micros } => {
            out.raw(", ").name(name).raw(" = ");
            match &version.column.native {
                Native::Postgres { own, .. } => {
                    out.raw("greatest(clock_timestamp()::").catalog_name(own).raw(", ").name(name);
                    out.raw(" + ").number(*unit_micros).raw(" * interval '1 microsecond')");
                }
                Native::Mysql { .. } => mysql::clock(out, &version.column, &version.expected, *unit_micros),
                Native::Sqlite { .. } => {
                    let digits = u64::from(version.column.limits.fraction.unwrap_or(0));
                    out.raw("GREATEST(CURRENT_TIMESTAMP(").number(digits).raw("), ").name(name);
                    out.raw(" + INTERVAL ").number(*unit_micros).raw(" MICROSECOND)");
                }
            }
        }
    }
}

fn after(engine: EngineKind, change: &Change) -> (Sql, Vec<AfterCheck>) {
    let mut out = Writer::new(engine);
    let mut checks = Vec::new();
    out.raw("SELECT ");
    for (column, cell) in &change.patch {
        column::as_flag(&mut out, |out| stored(out, column, cell));
        out.raw(", ");
        checks.push(AfterCheck::Patched(column.name.clone()));
    }
    match &change.version {
        Some(version) => {
            column::as_flag(&mut out, |out| moved(out, version));
            out.raw(", ");
            checks.push(AfterCheck::VersionMoved);
            column::read(&mut out, &version.column);
        }
        None => {
            out.raw("NULL").output(Kind::Text);
        }
    }
    out.raw(" FROM ").table(&change.table.schema, &change.table.name);
    change.filter.without_guards().render(&mut out);
    out.raw(" LIMIT 2");
    (out.finish(), checks)
}

/// The column holds the approved value. MySQL rewrites JSON documents into its own layout, so those compare as JSON.
fn stored(out: &mut Writer, column: &Column, cell: &Cell) {
    match (&column.native, cell.text()) {
        (Native::Mysql { data_type, .. }, Some(text)) if data_type == "json" => {
            out.name(&column.name).raw(" = CAST(").bind(Bind::Text(text.to_owned())).raw(" AS JSON)");
        }
        _ => column::identical(out, column, cell),
    }
}

fn moved(out: &mut Writer, version: &Version) {
    let (column, expected) = (&version.column, &version.expected);
    out.raw("NOT (");
    column::identical(out, column, expected);
    out.raw(")");
    match (&column.native, &column.kind) {
        (Native::Postgres { .. }, Kind::Integer | Kind::Instant | Kind::DateTime | Kind::Decimal) => {
            out.raw(" AND ").name(&column.name).raw(" > ");
            column::postgres_value(out, column, expected);
        }
        (Native::Mysql { .. }, _) => {
            let mut probe = Writer::new(out.engine());
            if mysql::greater(&mut probe, column, expected) {
                out.raw(" AND ");
                mysql::greater(out, column, expected);
            }
        }
        (Native::Sqlite { .. }, Kind::Integer) => {
            out.raw(" AND ").name(&column.name).raw(" > ").bind(super::bind_cell(column, expected));
        }
        _ => {}
    }
}

fn look(engine: EngineKind, change: &Change, guarded: &Filter) -> Sql {
    let mut out = Writer::new(engine);
    out.raw("SELECT ");
    for (index, term) in guarded.guards().iter().enumerate() {
        if index > 0 {
            out.raw(", ");
        }
        column::as_flag(&mut out, |out| column::identical(out, &term.column, &term.cell));
    }
    if guarded.guards().is_empty() {
        column::as_flag(&mut out, |out| {
            out.raw("1 = 1");
        });
    }
    out.raw(" FROM ").table(&change.table.schema, &change.table.name);
    guarded.without_guards().render(&mut out);
    out.raw(" LIMIT 2");
    out.finish()
}
