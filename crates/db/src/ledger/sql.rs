//! The ledger's own statements.

pub(super) const WHOSE_TABLES: &str = "SELECT count(*), count(CASE WHEN name = 'proposal_store_schema' THEN 1 END) \
    FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";

pub(super) const META: &str = "SELECT value FROM ledger_meta WHERE key = ?1";

pub(super) const SET_META: &str =
    "INSERT INTO ledger_meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";

/// The newest batch: number, digest, newest time, next event id.
pub(super) const HEAD: &str =
    "SELECT batch, digest, at, first_event_id + count FROM ledger_batches ORDER BY batch DESC LIMIT 1";

pub(super) const NEXT_SEQ: &str = "SELECT coalesce(max(seq) + 1, 0) FROM ledger_events WHERE subject = ?1";

pub(super) const INSERT_EVENT: &str = "INSERT INTO ledger_events \
    (event_id, subject, seq, at, kind, digest, body_digest, salt, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

pub(super) const INSERT_BATCH: &str = "INSERT INTO ledger_batches \
    (batch, first_event_id, count, prev_batch_digest, root, digest, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

macro_rules! events {
    ($rest:literal) => {
        concat!(
            "SELECT e.event_id, e.subject, e.seq, e.at, e.kind, e.digest, e.body_digest, e.salt, e.body ",
            "FROM ledger_events e ",
            $rest
        )
    };
}

/// All events, for adding conditions.
pub(super) const EVENTS: &str = events!("WHERE true");

pub(super) const SUBJECT: &str = events!("WHERE subject = ?1 ORDER BY seq");

pub(super) const SUBJECT_UP_TO: &str = events!("WHERE subject = ?1 AND event_id <= ?2 ORDER BY seq");

pub(super) const EVENTS_AFTER: &str = events!("WHERE event_id > ?1 ORDER BY event_id LIMIT ?2");

pub(super) const ALL_EVENTS: &str = events!("ORDER BY event_id");

pub(super) const ALL_BY_SUBJECT: &str = events!("ORDER BY subject, seq");

pub(super) const ALL_BATCHES: &str =
    "SELECT batch, first_event_id, count, prev_batch_digest, root, digest, at FROM ledger_batches ORDER BY batch";

pub(super) const COUNTS: &str = "SELECT kind, count(*) FROM ledger_events GROUP BY kind";

pub(super) const OLDEST: &str = "SELECT (SELECT at FROM ledger_events ORDER BY event_id LIMIT 1)";

pub(super) const LATEST_PROPOSAL: &str =
    "SELECT subject FROM ledger_events WHERE kind = 'proposal_created' ORDER BY event_id DESC LIMIT 1";

/// The newest event and the newest one that search knows.
pub(super) const LAG: &str = "SELECT coalesce((SELECT max(event_id) FROM ledger_events), 0), \
    coalesce((SELECT CAST(value AS INTEGER) FROM ledger_meta WHERE key = 'search_cursor'), 0)";

/// A record again is the same record with another state.
pub(super) const PUT_RECORD: &str = "INSERT INTO ledger_search (record, event_id, at, updated_at, proposal_id, \
    evidence_id, tenant_id, principal, capability, object_type, object_id, source_id, schema_name, table_name, \
    query_fingerprint, mode, state, expires_at, job_id, idempotency_key, mutated) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21) \
    ON CONFLICT (record, event_id) DO UPDATE \
    SET state = excluded.state, updated_at = excluded.updated_at, mutated = excluded.mutated";

pub(super) const SET_STATE: &str = "UPDATE ledger_search SET state = ?2 WHERE record = 'proposal' AND proposal_id = ?1";

pub(super) const FORGET_RECORDS: &str =
    "DELETE FROM ledger_search; DELETE FROM ledger_meta WHERE key = 'search_cursor'";

/// Records with their events: the columns of an event, then those of a record; for adding conditions.
pub(super) const RECORDS: &str = "SELECT e.event_id, e.subject, e.seq, e.at, e.kind, e.digest, e.body_digest, e.salt, \
    e.body, s.updated_at, s.proposal_id, s.evidence_id, s.tenant_id, s.principal, s.capability, s.object_type, \
    s.object_id, s.source_id, s.schema_name, s.table_name, s.query_fingerprint, s.mode, s.state, s.expires_at, s.job_id, \
    s.idempotency_key, s.mutated \
    FROM ledger_search s CROSS JOIN ledger_events e USING (event_id) WHERE s.record = ?1";
