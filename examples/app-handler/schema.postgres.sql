-- The app's tables, one account to try it with, and what the handler needs.
CREATE TABLE accounts (
  id text NOT NULL PRIMARY KEY,
  tenant_id text NOT NULL,
  owner text NOT NULL,
  credited_cents integer NOT NULL DEFAULT 0,
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE account_credits (
  id text NOT NULL PRIMARY KEY,
  tenant_id text NOT NULL,
  account_id text NOT NULL REFERENCES accounts (id),
  cents integer NOT NULL,
  reason text NOT NULL,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
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
  created_at timestamptz NOT NULL DEFAULT now(),
  completed_at timestamptz
);
CREATE TABLE IF NOT EXISTS "synapsor_handler_outbox" (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  idempotency_key text NOT NULL,
  tenant_id text NOT NULL,
  type text NOT NULL,
  payload text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  published_at timestamptz
);
