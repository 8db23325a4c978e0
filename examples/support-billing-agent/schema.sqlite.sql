CREATE TABLE customers (
  id TEXT PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  name TEXT NOT NULL,
  plan TEXT NOT NULL,
  credit_cents INTEGER NOT NULL,
  credit_reason TEXT,
  updated_at TEXT NOT NULL
) STRICT;
CREATE TABLE support_tickets (
  id TEXT PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  customer_id TEXT NOT NULL,
  subject TEXT NOT NULL,
  status TEXT NOT NULL,
  resolution_note TEXT,
  updated_at TEXT NOT NULL
) STRICT;
CREATE TABLE invoices (
  id TEXT PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  customer_id TEXT NOT NULL,
  amount_cents INTEGER NOT NULL,
  late_fee_cents INTEGER NOT NULL,
  status TEXT NOT NULL,
  waiver_reason TEXT,
  updated_at TEXT NOT NULL
) STRICT;
