//! Finding records and listing events.

use jiff::Timestamp;
use rusqlite::{Connection, Row, ToSql};
use synapsor_core::event::Event;

use super::chain::{read_time, stored_time};
use super::{LedgerFault, Stored, reader, sql};

/// What kind of record to look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Proposals, each once with its present state; a replay exists for each.
    Proposal,
    /// Recorded reads: each is an evidence bundle and a query audit, whose id is the event's.
    Read,
    /// Receipts, whose id is the event's.
    Receipt,
    /// What people did beside shadow proposals.
    HumanAction,
}

impl Kind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Proposal => "proposal",
            Self::Read => "read",
            Self::Receipt => "receipt",
            Self::HumanAction => "human_action",
        }
    }
}

/// Which records to find: all that fit every filter set, newest first. Receipts and human actions have their proposal's
/// tenant, principal, capability and object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The kind of record.
    pub kind: Kind,
    /// When it is: decides which proposals have expired.
    pub now: Timestamp,
    /// At most so many.
    pub limit: usize,
    /// Only records made before this event, for the next page.
    pub before: Option<u64>,
    /// The record's own event: a query audit's or a receipt's id.
    pub event_id: Option<u64>,
    /// The tenant.
    pub tenant: Option<String>,
    /// The principal.
    pub principal: Option<String>,
    /// The capability, which is also a proposal's action.
    pub capability: Option<String>,
    /// The table, in singular or plural, with or without its schema: `invoice`, `invoices`, `public.invoices`.
    pub object_type: Option<String>,
    /// The row's key as text.
    pub object_id: Option<String>,
    /// A proposal's state now, or a receipt's status.
    pub state: Option<String>,
    /// Whether the proposal was made in shadow mode.
    pub shadow: Option<bool>,
    /// The source's name in the configuration.
    pub source: Option<String>,
    /// The table, exactly: `invoices` or `public.invoices`.
    pub table: Option<String>,
    /// Made at this time or later.
    pub from: Option<Timestamp>,
    /// Made at this time or earlier.
    pub to: Option<Timestamp>,
    /// Digest of the read's shape and tenant.
    pub query_fingerprint: Option<String>,
    /// The proposal.
    pub proposal: Option<String>,
    /// The evidence bundle.
    pub evidence: Option<String>,
    /// A receipt's writeback job.
    pub writeback_job: Option<String>,
    /// A receipt's idempotency key.
    pub idempotency_key: Option<String>,
}

impl Query {
    /// The newest 20 records of a kind.
    #[must_use]
    pub fn new(kind: Kind, now: Timestamp) -> Self {
        Self {
            kind,
            now,
            limit: 20,
            before: None,
            event_id: None,
            tenant: None,
            principal: None,
            capability: None,
            object_type: None,
            object_id: None,
            state: None,
            shadow: None,
            source: None,
            table: None,
            from: None,
            to: None,
            query_fingerprint: None,
            proposal: None,
            evidence: None,
            writeback_job: None,
            idempotency_key: None,
        }
    }
}

/// A record that was found, with the event that made it.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The event: a proposal's creation, an evidence bundle, a receipt or a human action.
    pub stored: Stored,
    /// When its newest event was recorded.
    pub updated_at: Timestamp,
    /// The proposal, if it has one.
    pub proposal_id: Option<String>,
    /// The evidence bundle.
    pub evidence_id: Option<String>,
    /// The tenant.
    pub tenant_id: String,
    /// The principal.
    pub principal: String,
    /// The capability.
    pub capability: String,
    /// The table's name.
    pub object_type: String,
    /// The row's key as text.
    pub object_id: String,
    /// The source's name in the configuration.
    pub source_id: String,
    /// Schema.
    pub schema: String,
    /// Table.
    pub table: String,
    /// Digest of the read's shape and tenant.
    pub query_fingerprint: String,
    /// A proposal's mode: `review_required` or `shadow`.
    pub mode: Option<String>,
    /// A proposal's state at [`Query::now`] (`damaged` if its record does not fold), or a receipt's status.
    pub state: Option<String>,
    /// When a proposal's time runs out.
    pub expires_at: Option<Timestamp>,
    /// A receipt's writeback job.
    pub writeback_job_id: Option<String>,
    /// A receipt's idempotency key.
    pub idempotency_key: Option<String>,
    /// Whether applying it changed the source database.
    pub source_database_mutated: bool,
}

/// Which events to list: all that fit every filter set, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventFilter {
    /// Only events after this one.
    pub after: u64,
    /// At most so many.
    pub limit: usize,
    /// Whether to list the newest that fit and not the oldest, still oldest first.
    pub newest: bool,
    /// The kind, as [`Event::kind`].
    pub kind: Option<String>,
    /// Who or what caused it, as [`Event::actor`].
    pub actor: Option<String>,
    /// The proposal, with the reads made for it.
    pub proposal: Option<String>,
    /// Recorded at this time or later.
    pub from: Option<Timestamp>,
    /// Recorded at this time or earlier.
    pub to: Option<Timestamp>,
}

impl Stored {
    /// The proposal that the event belongs to, if it does to one.
    #[must_use]
    pub fn proposal_id(&self) -> Option<&str> {
        match &self.event {
            Event::EvidenceRecorded(evidence) => evidence.proposal_id.as_deref(),
            Event::ContractRecorded(_) => None,
            Event::SlotTaken(slot) => Some(&slot.proposal_id),
            _ => Some(&self.subject),
        }
    }
}

/// A statement under construction: constant text, and a value for each `?`.
struct Conditions {
    sql: String,
    values: Vec<Box<dyn ToSql>>,
}

impl Conditions {
    fn and(&mut self, condition: &'static str, values: impl IntoIterator<Item = impl ToSql + 'static>) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
        self.values.extend(values.into_iter().map(|value| Box::new(value) as Box<dyn ToSql>));
    }

    fn and_text(&mut self, condition: &'static str, value: Option<&String>) {
        if let Some(value) = value {
            self.and(condition, [value.clone()]);
        }
    }

    fn params(&self) -> Vec<&dyn ToSql> {
        self.values.iter().map(AsRef::as_ref).collect()
    }
}

/// A pending or approved proposal whose time has run out, though no event says so; shadow proposals wait for ever.
macro_rules! past_due {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            "(s.record = 'proposal' AND s.state IN ('pending_review', 'approved') AND s.mode IS NOT 'shadow' ",
            "AND coalesce(s.expires_at <= ?, true))",
            $after
        )
    };
}

const EXPIRED: &str = past_due!("(s.state = 'expired' OR ", ")");
const STATE: &str = past_due!("(s.state = ? AND NOT ", ")");

pub(super) fn search(conn: &Connection, query: &Query) -> Result<Vec<Record>, LedgerFault> {
    let now = stored_time(query.now);
    let mut find = Conditions { sql: sql::RECORDS.to_owned(), values: vec![Box::new(query.kind.word())] };
    find.and_text("s.tenant_id = ?", query.tenant.as_ref());
    find.and_text("s.principal = ?", query.principal.as_ref());
    find.and_text("s.capability = ?", query.capability.as_ref());
    find.and_text("s.object_id = ?", query.object_id.as_ref());
    find.and_text("s.source_id = ?", query.source.as_ref());
    find.and_text("s.query_fingerprint = ?", query.query_fingerprint.as_ref());
    find.and_text("s.proposal_id = ?", query.proposal.as_ref());
    find.and_text("s.job_id = ?", query.writeback_job.as_ref());
    find.and_text("s.idempotency_key = ?", query.idempotency_key.as_ref());
    match (&query.evidence, query.kind) {
        // A read's subject is its bundle, and subjects are indexed.
        (Some(evidence), Kind::Read) => find.and("e.subject = ?", [evidence.clone()]),
        (evidence, _) => find.and_text("s.evidence_id = ?", evidence.as_ref()),
    }
    match query.state.as_deref() {
        Some("expired") => find.and(EXPIRED, [now]),
        Some(state) => {
            find.and(STATE, [state.to_owned()]);
            find.values.push(Box::new(now));
        }
        None => {}
    }
    if let Some(shadow) = query.shadow {
        find.and("(s.mode IS 'shadow') = ?", [shadow]);
    }
    if let Some(table) = &query.table {
        let name = in_schema(&mut find, table);
        find.and("s.table_name = ?", [name.to_owned()]);
    }
    if let Some(object_type) = &query.object_type {
        let name = in_schema(&mut find, object_type);
        find.and("s.object_type IN (?, ?, ?, ?, ?, ?, ?)", number_forms(name));
    }
    if let Some(before) = query.before {
        find.and("s.event_id < ?", [bound(before)]);
    }
    if let Some(event_id) = query.event_id {
        find.and("s.event_id = ?", [bound(event_id)]);
    }
    between(&mut find, ["s.at >= ?", "s.at <= ?"], (query.from, query.to));
    find.sql.push_str(" ORDER BY s.event_id DESC LIMIT ?");
    find.values.push(Box::new(bound(query.limit)));
    let mut statement = conn.prepare_cached(&find.sql)?;
    let mut rows = statement.query(find.params().as_slice())?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(record(row, query)?);
    }
    Ok(found)
}

pub(super) fn events(conn: &Connection, filter: &EventFilter) -> Result<Vec<Stored>, LedgerFault> {
    let mut find = Conditions { sql: sql::EVENTS.to_owned(), values: Vec::new() };
    find.and("e.event_id > ?", [bound(filter.after)]);
    find.and_text("e.kind = ?", filter.kind.as_ref());
    if let Some(proposal) = &filter.proposal {
        const MINE: &str = "e.event_id IN (SELECT event_id FROM ledger_events WHERE subject = ? \
            UNION ALL SELECT event_id FROM ledger_search WHERE proposal_id = ? AND record = 'read')";
        find.and(MINE, [proposal.clone(), proposal.clone()]);
    }
    between(&mut find, ["e.at >= ?", "e.at <= ?"], (filter.from, filter.to));
    find.sql.push_str(if filter.newest { " ORDER BY e.event_id DESC" } else { " ORDER BY e.event_id" });
    let mut statement = conn.prepare_cached(&find.sql)?;
    let mut rows = statement.query(find.params().as_slice())?;
    let mut found = Vec::new();
    while found.len() < filter.limit {
        let Some(row) = rows.next()? else { break };
        let stored = reader::read_row(row)?;
        if filter.actor.as_deref().is_none_or(|actor| stored.event.actor() == actor) {
            found.push(stored);
        }
    }
    if filter.newest {
        found.reverse();
    }
    Ok(found)
}

fn between(find: &mut Conditions, [from, to]: [&'static str; 2], times: (Option<Timestamp>, Option<Timestamp>)) {
    if let Some(time) = times.0 {
        find.and(from, [stored_time(time)]);
    }
    if let Some(time) = times.1 {
        find.and(to, [stored_time(time)]);
    }
}

/// A number as SQLite can hold it; what is larger than every id is as good as the largest.
fn bound(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// Splits a schema off a table's name, and asks for it.
fn in_schema<'a>(find: &mut Conditions, table: &'a str) -> &'a str {
    match table.split_once('.') {
        Some((schema, name)) => {
            find.and("s.schema_name = ?", [schema.to_owned()]);
            name
        }
        None => table,
    }
}

/// A name and what it may be in singular and plural.
pub(super) fn number_forms(name: &str) -> [String; 7] {
    let hisses = |word: &str| ["s", "x", "z", "ch", "sh"].iter().any(|end| word.ends_with(end));
    let stem = |end: &str| name.strip_suffix(end).filter(|stem| !stem.is_empty());
    let given = || name.to_owned();
    [
        given(),
        format!("{name}s"),
        if hisses(name) { format!("{name}es") } else { given() },
        stem("s").map_or_else(given, str::to_owned),
        stem("es").filter(|stem| hisses(stem)).map_or_else(given, str::to_owned),
        stem("y").map_or_else(given, |stem| format!("{stem}ies")),
        stem("ies").map_or_else(given, |stem| format!("{stem}y")),
    ]
}

fn record(row: &Row<'_>, query: &Query) -> Result<Record, LedgerFault> {
    let expires_at: Option<i64> = row.get(23)?;
    let (mode, state): (Option<String>, Option<String>) = (row.get(21)?, row.get(22)?);
    let open = query.kind == Kind::Proposal && matches!(state.as_deref(), Some("pending_review" | "approved"));
    let past_due = open
        && mode.as_deref() != Some("shadow")
        && expires_at.is_none_or(|expires_at| expires_at <= stored_time(query.now));
    Ok(Record {
        stored: reader::read_row(row)?,
        updated_at: read_time(row.get(9)?)?,
        proposal_id: row.get(10)?,
        evidence_id: row.get(11)?,
        tenant_id: row.get(12)?,
        principal: row.get(13)?,
        capability: row.get(14)?,
        object_type: row.get(15)?,
        object_id: row.get(16)?,
        source_id: row.get(17)?,
        schema: row.get(18)?,
        table: row.get(19)?,
        query_fingerprint: row.get(20)?,
        mode,
        state: if past_due { Some("expired".to_owned()) } else { state },
        expires_at: expires_at.map(read_time).transpose()?,
        writeback_job_id: row.get(24)?,
        idempotency_key: row.get(25)?,
        source_database_mutated: row.get(26)?,
    })
}
