-- For finding records; made from the events, in their order, and can be made anew at any time. One row for each proposal,
-- read, receipt and human action; `event_id` is the event that made it. Times are in microseconds since 1970 UTC.
CREATE TABLE ledger_search (
  record TEXT NOT NULL,
  event_id INTEGER NOT NULL,
  at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  proposal_id TEXT,
  evidence_id TEXT,
  tenant_id TEXT NOT NULL,
  principal TEXT NOT NULL,
  capability TEXT NOT NULL,
  object_type TEXT NOT NULL,
  object_id TEXT NOT NULL,
  source_id TEXT NOT NULL,
  schema_name TEXT NOT NULL,
  table_name TEXT NOT NULL,
  query_fingerprint TEXT NOT NULL,
  mode TEXT,
  state TEXT,
  expires_at INTEGER,
  job_id TEXT,
  idempotency_key TEXT,
  mutated INTEGER NOT NULL,
  PRIMARY KEY (record, event_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX ledger_search_owner ON ledger_search (record, tenant_id, principal);
CREATE INDEX ledger_search_object ON ledger_search (record, object_id);
CREATE INDEX ledger_search_proposal ON ledger_search (proposal_id) WHERE proposal_id IS NOT NULL;
