-- The app's tables, one account to try it with, and what the handler needs.
CREATE TABLE accounts (
  id text NOT NULL PRIMARY KEY,
  tenant_id text NOT NULL,
  owner text NOT NULL,
  credited_cents integer NOT NULL DEFAULT 0,
  updated_at text NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
CREATE TABLE account_credits (
  id text NOT NULL PRIMARY KEY,
  tenant_id text NOT NULL,
  account_id text NOT NULL REFERENCES accounts (id),
  cents integer NOT NULL,
  reason text NOT NULL,
  created_by text NOT NULL,
  created_at text NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
INSERT INTO accounts (id, tenant_id, owner) VALUES ('AC-1', 'acme', 'Acme Works'), ('AC-9', 'globex', 'Globex Works');
CREATE TABLE IF NOT EXISTS "synapsor_handler_receipts" (
  idempotency_key text NOT NULL PRIMARY KEY,
  proposal_id text NOT NULL,
  proposal_hash text NOT NULL,
  writeback_job_id text NOT NULL,
  action text NOT NULL,
  status text NOT NULL,
  receipt_json text,
  created_at text NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  completed_at text
);
CREATE TABLE IF NOT EXISTS "synapsor_handler_outbox" (
  id integer PRIMARY KEY AUTOINCREMENT,
  idempotency_key text NOT NULL,
  tenant_id text NOT NULL,
  type text NOT NULL,
  payload text NOT NULL,
  created_at text NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  published_at text
);
