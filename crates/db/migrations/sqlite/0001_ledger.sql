-- Append-only: a released migration is never edited, only followed by another.

CREATE TABLE ledger_meta (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- `at` is in microseconds since 1970 UTC. `body_digest` covers `salt` and `body`, `digest` covers `body_digest` and all
-- other columns: a body and its salt can be removed later and the digests still hold.
CREATE TABLE ledger_events (
  event_id INTEGER PRIMARY KEY,
  subject TEXT NOT NULL,
  seq INTEGER NOT NULL,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  digest TEXT NOT NULL,
  body_digest TEXT NOT NULL,
  salt BLOB,
  body TEXT,
  UNIQUE (subject, seq)
) STRICT;

CREATE INDEX ledger_events_kind ON ledger_events (kind);

-- One row for each commit. `at` never goes back: it is the newest time of any event so far.
CREATE TABLE ledger_batches (
  batch INTEGER PRIMARY KEY,
  first_event_id INTEGER NOT NULL,
  count INTEGER NOT NULL,
  prev_batch_digest TEXT NOT NULL,
  root TEXT NOT NULL,
  digest TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT;

CREATE TRIGGER ledger_events_keep BEFORE DELETE ON ledger_events
BEGIN SELECT RAISE(ABORT, 'ledger events are never deleted'); END;
CREATE TRIGGER ledger_events_fixed BEFORE UPDATE ON ledger_events
BEGIN SELECT RAISE(ABORT, 'ledger events are never changed'); END;
CREATE TRIGGER ledger_batches_keep BEFORE DELETE ON ledger_batches
BEGIN SELECT RAISE(ABORT, 'ledger batches are never deleted'); END;
CREATE TRIGGER ledger_batches_fixed BEFORE UPDATE ON ledger_batches
BEGIN SELECT RAISE(ABORT, 'ledger batches are never changed'); END;
