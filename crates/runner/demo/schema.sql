CREATE TABLE invoices (
  id TEXT PRIMARY KEY NOT NULL,
  tenant_id TEXT NOT NULL,
  customer TEXT NOT NULL,
  amount_cents INTEGER NOT NULL,
  late_fee_cents INTEGER NOT NULL,
  status TEXT NOT NULL,
  waiver_reason TEXT,
  updated_at TEXT NOT NULL
) STRICT;
INSERT INTO invoices VALUES
  ('INV-3001', 'acme', 'Northwind Tools', 125000, 5500, 'overdue', NULL, '2026-06-20T14:31:08.000Z'),
  ('INV-3002', 'acme', 'Harbor Coffee', 48000, 2500, 'overdue', NULL, '2026-06-22T08:15:44.000Z'),
  ('INV-9001', 'globex', 'Summit Parts', 99000, 9900, 'overdue', NULL, '2026-06-19T10:00:00.000Z');
