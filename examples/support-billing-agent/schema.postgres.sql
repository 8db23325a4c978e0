CREATE TABLE customers (
  id text PRIMARY KEY,
  tenant_id text NOT NULL,
  name text NOT NULL,
  plan text NOT NULL,
  credit_cents bigint NOT NULL,
  credit_reason text,
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE support_tickets (
  id text PRIMARY KEY,
  tenant_id text NOT NULL,
  customer_id text NOT NULL,
  subject text NOT NULL,
  status text NOT NULL,
  resolution_note text,
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE invoices (
  id text PRIMARY KEY,
  tenant_id text NOT NULL,
  customer_id text NOT NULL,
  amount_cents bigint NOT NULL,
  late_fee_cents bigint NOT NULL,
  status text NOT NULL,
  waiver_reason text,
  updated_at timestamptz NOT NULL DEFAULT now()
);
