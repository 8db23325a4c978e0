//! What a source's two accounts need in the database, compiled from the configuration, and how that compares with what
//! they hold.
//!
//! The list follows the statements in `sql`: a column is granted because a statement names it.

mod compare;
mod grants;
mod held;

use std::collections::BTreeSet;

pub use compare::{Compared, compare};
pub use grants::{BadRole, RoleName, file_permissions, grants};
pub use held::{Account, Files, Held, HeldTable, Power, Rights};

use crate::contract::{Advance, Capability, Contract, Cover, EngineKind, Mode, ProposalRule, Source, TenantRule};
use crate::id::Ident;
use crate::sql::receipts::{
    FINISHED_COLUMNS, FOUND_COLUMNS, IDENTITY_COLUMN, INSERTED_COLUMNS, KEY_COLUMNS, LEDGER_COLUMN, LISTED_COLUMNS,
    Place,
};

/// Which of a source's accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Use {
    /// Reads for the tools.
    Reader,
    /// The guarded write.
    Writer,
}

impl Use {
    /// The word in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Writer => "writer",
        }
    }
}

/// A qualified table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Relation {
    /// The schema; on MySQL the database.
    pub schema: Ident,
    /// The table.
    pub table: Ident,
}

impl std::fmt::Display for Relation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.schema, self.table)
    }
}

/// What may be done with a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Read it.
    Select,
    /// Fill it in a new row.
    Insert,
    /// Change it.
    Update,
}

impl Action {
    /// The word in SQL.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Select => "SELECT",
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
        }
    }
}

/// One privilege, as small as databases grant them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Privilege {
    /// To connect to the database (PostgreSQL).
    Connect,
    /// To reach into a schema (PostgreSQL).
    Usage(Ident),
    /// To do something with a column.
    Column(Relation, Action, Ident),
}

/// What one account of a source needs; empty if it is not used.
#[must_use]
pub fn needed(contract: &Contract, source: &Source, of: Use) -> BTreeSet<Privilege> {
    let mut needed = BTreeSet::new();
    for capability in used(contract, source) {
        let target = Relation { schema: capability.target.schema.clone(), table: capability.target.table.clone() };
        if of == Use::Reader {
            add(&mut needed, &target, Action::Select, read_columns(capability));
        }
        let Some(rule) = written(contract, source, capability) else { continue };
        if of == Use::Writer {
            add(&mut needed, &target, Action::Select, written_columns(capability));
            add(&mut needed, &target, Action::Update, set_columns(rule));
        }
        needed.extend(needed_for_receipts(&Place::of(source, &capability.target), of));
    }
    with_ways_in(source.engine, needed)
}

/// What an account needs on the receipt table alone, with the way in.
#[must_use]
pub fn needed_on_receipts(engine: EngineKind, place: &Place, of: Use) -> BTreeSet<Privilege> {
    with_ways_in(engine, needed_for_receipts(place, of))
}

/// The receipt tables of a source: one for each schema of a target that is written, or the configured one.
#[must_use]
pub fn receipt_places(contract: &Contract, source: &Source) -> Vec<Place> {
    let mut places = Vec::new();
    for capability in used(contract, source) {
        let place = Place::of(source, &capability.target);
        if written(contract, source, capability).is_some() && !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

/// The capabilities that write to a source.
pub fn writing<'a>(contract: &'a Contract, source: &'a Source) -> impl Iterator<Item = &'a Capability> {
    used(contract, source).filter(|capability| written(contract, source, capability).is_some())
}

/// The tables that privileges are about.
#[must_use]
pub fn relations(needed: &BTreeSet<Privilege>) -> BTreeSet<Relation> {
    let relation = |privilege: &Privilege| match privilege {
        Privilege::Column(relation, ..) => Some(relation.clone()),
        Privilege::Connect | Privilege::Usage(_) => None,
    };
    needed.iter().filter_map(relation).collect()
}

/// The columns that an account must be allowed to change in the tables that changes are about.
pub fn changed(needed: &BTreeSet<Privilege>, receipts: &[Place]) -> impl Iterator<Item = (Relation, Ident)> {
    let of_receipts: BTreeSet<Relation> = receipts.iter().flat_map(receipt_relations).collect();
    needed.iter().filter_map(move |privilege| match privilege {
        Privilege::Column(relation, Action::Update, column) if !of_receipts.contains(relation) => {
            Some((relation.clone(), column.clone()))
        }
        _ => None,
    })
}

/// Both tables of a receipt place.
#[must_use]
pub fn receipt_relations(place: &Place) -> Vec<Relation> {
    let tables = [Some(place.table.clone()), place.identity_table()];
    tables.into_iter().flatten().map(|table| Relation { schema: place.schema.clone(), table }).collect()
}

/// The columns of the target that a guarded write reads: in its conditions, right of its SET, and in its after-image.
/// Whether the version is fine enough to leave the visible columns out shows only in the catalog, so they are in unless
/// the configuration itself leaves them out.
#[must_use]
pub fn written_columns(capability: &Capability) -> Vec<Ident> {
    let Some(rule) = capability.direct() else { return Vec::new() };
    let tenant = match &capability.target.tenant {
        TenantRule::Column(column) => Some(column.clone()),
        TenantRule::SingleTenantDev => None,
    };
    let version = rule.guard.column.clone();
    let visible = rule.guard.cover != Some(Cover::Patched) || version.is_none();
    let scope = [Some(capability.target.primary_key.clone()), tenant, capability.target.principal.clone(), version];
    let patched = rule.patch.iter().map(|(column, _)| column.clone());
    let moves = rule.transitions.values().map(|transition| transition.from_column.clone());
    let covered = capability.visible_columns.iter().filter(|_| visible).cloned();
    let mut columns = Vec::new();
    for column in scope.into_iter().flatten().chain(patched).chain(moves).chain(covered) {
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
    columns
}

/// Proposal tools are not listed on a read-only server, so nothing is read for them.
fn used<'a>(contract: &'a Contract, source: &'a Source) -> impl Iterator<Item = &'a Capability> {
    let listed = |capability: &Capability| capability.proposal().is_none() || contract.mode != Mode::ReadOnly;
    contract.capabilities.iter().filter(move |capability| capability.source == source.name && listed(capability))
}

/// The rule by which a capability's proposals are applied; `None` where they never are.
fn written<'a>(contract: &Contract, source: &Source, capability: &'a Capability) -> Option<&'a ProposalRule> {
    let applied = contract.mode == Mode::Review && !source.read_only;
    capability.direct().filter(|_| applied)
}

fn read_columns(capability: &Capability) -> Vec<Ident> {
    let mut columns = capability.all_columns();
    let moves = capability.proposal().into_iter().flat_map(|rule| rule.transitions.values());
    columns.extend(moves.map(|transition| transition.from_column.clone()));
    columns
}

fn set_columns(rule: &ProposalRule) -> Vec<Ident> {
    let patched = rule.patch.iter().map(|(column, _)| column.clone());
    // Where the database moves the version, the statement does not set it.
    patched.chain(rule.guard.column.clone().filter(|_| rule.guard.advance != Advance::Database)).collect()
}

fn needed_for_receipts(place: &Place, of: Use) -> BTreeSet<Privilege> {
    let mut needed = BTreeSet::new();
    let names = |columns: &[&str]| columns.iter().filter_map(|name| Ident::parse(name).ok()).collect::<Vec<_>>();
    let receipts = Relation { schema: place.schema.clone(), table: place.table.clone() };
    if of == Use::Writer {
        add(&mut needed, &receipts, Action::Insert, names(&INSERTED_COLUMNS));
        add(&mut needed, &receipts, Action::Select, names(&KEY_COLUMNS));
        add(&mut needed, &receipts, Action::Select, names(&FOUND_COLUMNS));
        add(&mut needed, &receipts, Action::Select, names(&LISTED_COLUMNS));
        add(&mut needed, &receipts, Action::Select, names(&[LEDGER_COLUMN]));
        add(&mut needed, &receipts, Action::Update, names(&FINISHED_COLUMNS));
    }
    if let Some(table) = place.identity_table() {
        let identity = Relation { schema: place.schema.clone(), table };
        add(&mut needed, &identity, Action::Select, names(&[IDENTITY_COLUMN]));
    }
    needed
}

fn add(needed: &mut BTreeSet<Privilege>, relation: &Relation, action: Action, columns: Vec<Ident>) {
    needed.extend(columns.into_iter().map(|column| Privilege::Column(relation.clone(), action, column)));
}

/// PostgreSQL also guards the database and the schema.
fn with_ways_in(engine: EngineKind, mut needed: BTreeSet<Privilege>) -> BTreeSet<Privilege> {
    if engine == EngineKind::Postgres && !needed.is_empty() {
        let schemas: BTreeSet<Ident> = relations(&needed).into_iter().map(|relation| relation.schema).collect();
        needed.extend(schemas.into_iter().map(Privilege::Usage));
        needed.insert(Privilege::Connect);
    }
    needed
}

#[cfg(test)]
mod tests;
