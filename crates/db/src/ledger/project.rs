//! Search rows, made from events in their order and off the answer path.

use std::collections::BTreeMap;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use synapsor_core::code::Code;
use synapsor_core::event::{Event, Evidence};
use synapsor_core::proposal::Proposal;
use synapsor_core::wire::change_set::ChangeSet;

use super::chain::stored_time;
use super::search::Kind;
use super::{LedgerFault, Stored, reader, sql};

/// Events taken in one transaction: short enough that an append does not notice.
const CHUNK: u64 = 256;

/// The state of a proposal whose record does not fold.
const DAMAGED: &str = "damaged";

/// How far search is.
pub(super) struct Progress {
    /// The newest event it knows.
    pub(super) cursor: u64,
    /// Whether that is the newest there is.
    pub(super) done: bool,
}

/// The newest event, and the newest that search knows.
pub(super) fn lag(conn: &Connection) -> Result<(u64, u64), LedgerFault> {
    Ok(conn.prepare_cached(sql::LAG)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

/// Brings the next events into search. Safe beside other processes that do the same.
pub(super) fn advance(conn: &mut Connection) -> Result<Progress, LedgerFault> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let (newest, cursor) = lag(&tx)?;
    if cursor >= newest {
        return Ok(Progress { cursor, done: true });
    }
    let cursor = chunk(&tx, cursor)?.unwrap_or(newest);
    tx.prepare_cached(sql::SET_META)?.execute(("search_cursor", cursor.to_string()))?;
    tx.commit()?;
    Ok(Progress { cursor, done: cursor >= newest })
}

/// Forgets everything, to be made anew.
pub(super) fn forget(conn: &mut Connection) -> Result<(), LedgerFault> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute_batch(sql::FORGET_RECORDS)?;
    Ok(tx.commit()?)
}

/// Takes one chunk of events; returns the last.
fn chunk(tx: &Transaction<'_>, cursor: u64) -> Result<Option<u64>, LedgerFault> {
    let mut statement = tx.prepare_cached(sql::EVENTS_AFTER)?;
    let mut rows = statement.query((cursor, CHUNK))?;
    let mut last = None;
    let mut touched: BTreeMap<String, Vec<Stored>> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let event_id: u64 = row.get(0)?;
        last = Some(event_id);
        // One damaged record does not hide all others; reading it, and verifying, report it.
        let stored = match reader::read_row(row) {
            Ok(stored) => stored,
            Err(fault) => {
                tracing::warn!(event_id, error = &fault as &dyn std::error::Error, "an event is not searchable");
                continue;
            }
        };
        match &stored.event {
            Event::EvidenceRecorded(evidence) => read_record(&stored, evidence).put(tx)?,
            Event::ContractRecorded(_) | Event::SlotTaken(_) => {}
            _ => touched.entry(stored.subject.clone()).or_default().push(stored),
        }
    }
    let Some(last) = last else { return Ok(None) };
    for (subject, events) in touched {
        proposal_records(tx, &subject, &events, last)?;
    }
    Ok(Some(last))
}

/// The rows of a proposal with new events: its own, and those of its receipts and human actions.
fn proposal_records(tx: &Transaction<'_>, subject: &str, new: &[Stored], last: u64) -> Result<(), LedgerFault> {
    let stored = match reader::stored(tx, sql::SUBJECT_UP_TO, &[&subject, &last]) {
        Ok(stored) => stored,
        Err(fault) if fault.code() == Code::StoreCorrupt => {
            tx.prepare_cached(sql::SET_STATE)?.execute((subject, DAMAGED))?;
            return Ok(());
        }
        Err(fault) => return Err(fault),
    };
    let Some((first, newest)) = stored.first().zip(stored.last()) else { return Ok(()) };
    let Event::ProposalCreated(change_set) = &first.event else {
        tracing::warn!(subject, "a proposal is not searchable: its record does not start with one");
        return Ok(());
    };
    let proposal = Proposal::replay(stored.iter().map(|stored| stored.event.clone()));
    let mutated = stored.iter().any(|stored| match &stored.event {
        Event::WritebackSettled(receipt) => receipt.source_database_mutated,
        _ => false,
    });
    let row = Row {
        updated_at: stored_time(newest.at),
        state: Some(proposal.as_ref().map_or(DAMAGED, |proposal| proposal.stage().state())),
        expires_at: proposal.as_ref().ok().and_then(Proposal::expires_at).map(stored_time),
        mutated,
        ..Row::of_proposal(Kind::Proposal, first, change_set)
    };
    row.put(tx)?;
    for stored in new {
        match &stored.event {
            Event::WritebackSettled(receipt) => Row {
                state: Some(receipt.status.word()),
                job_id: Some(&receipt.writeback_job_id),
                idempotency_key: Some(&receipt.idempotency_key),
                mutated: receipt.source_database_mutated,
                ..Row::of_proposal(Kind::Receipt, stored, change_set)
            }
            .put(tx)?,
            Event::ShadowHumanActionRecorded(_) => Row::of_proposal(Kind::HumanAction, stored, change_set).put(tx)?,
            _ => {}
        }
    }
    Ok(())
}

struct Row<'a> {
    record: Kind,
    event_id: u64,
    at: i64,
    updated_at: i64,
    proposal_id: Option<&'a str>,
    evidence_id: Option<&'a str>,
    tenant_id: &'a str,
    principal: &'a str,
    capability: &'a str,
    object_type: &'a str,
    object_id: &'a str,
    source_id: &'a str,
    schema: &'a str,
    table: &'a str,
    query_fingerprint: &'a str,
    mode: Option<&'a str>,
    state: Option<&'a str>,
    expires_at: Option<i64>,
    job_id: Option<&'a str>,
    idempotency_key: Option<&'a str>,
    mutated: bool,
}

fn read_record<'a>(stored: &'a Stored, evidence: &'a Evidence) -> Row<'a> {
    Row {
        record: Kind::Read,
        event_id: stored.event_id,
        at: stored_time(stored.at),
        updated_at: stored_time(stored.at),
        proposal_id: evidence.proposal_id.as_deref(),
        evidence_id: Some(&stored.subject),
        tenant_id: &evidence.tenant_id,
        principal: &evidence.principal,
        capability: &evidence.capability,
        object_type: &evidence.table,
        object_id: &evidence.object_id,
        source_id: &evidence.source_id,
        schema: &evidence.schema,
        table: &evidence.table,
        query_fingerprint: &evidence.query_fingerprint,
        mode: None,
        state: None,
        expires_at: None,
        job_id: None,
        idempotency_key: None,
        mutated: false,
    }
}

impl<'a> Row<'a> {
    fn of_proposal(record: Kind, stored: &'a Stored, change_set: &'a ChangeSet) -> Self {
        Self {
            record,
            event_id: stored.event_id,
            at: stored_time(stored.at),
            updated_at: stored_time(stored.at),
            proposal_id: Some(&stored.subject),
            evidence_id: Some(&change_set.evidence.bundle_id),
            tenant_id: &change_set.scope.tenant_id,
            principal: &change_set.principal.id,
            capability: &change_set.action,
            object_type: &change_set.scope.business_object,
            object_id: &change_set.scope.object_id,
            source_id: &change_set.source.source_id,
            schema: &change_set.source.schema,
            table: &change_set.source.table,
            query_fingerprint: &change_set.evidence.query_fingerprint,
            mode: Some(&change_set.mode),
            state: None,
            expires_at: None,
            job_id: None,
            idempotency_key: None,
            mutated: false,
        }
    }

    fn put(&self, tx: &Transaction<'_>) -> Result<(), LedgerFault> {
        tx.prepare_cached(sql::PUT_RECORD)?.execute(rusqlite::params![
            self.record.word(),
            self.event_id,
            self.at,
            self.updated_at,
            self.proposal_id,
            self.evidence_id,
            self.tenant_id,
            self.principal,
            self.capability,
            self.object_type,
            self.object_id,
            self.source_id,
            self.schema,
            self.table,
            self.query_fingerprint,
            self.mode,
            self.state,
            self.expires_at,
            self.job_id,
            self.idempotency_key,
            self.mutated,
        ])?;
        Ok(())
    }
}
