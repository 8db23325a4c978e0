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
