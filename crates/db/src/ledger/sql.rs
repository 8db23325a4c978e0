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

pub(super) const SUBJECT: &str = "SELECT event_id, subject, seq, at, kind, digest, body_digest, salt, body \
    FROM ledger_events WHERE subject = ?1 ORDER BY seq";

pub(super) const LATEST_PROPOSAL: &str =
    "SELECT subject FROM ledger_events WHERE kind = 'proposal_created' ORDER BY event_id DESC LIMIT 1";
