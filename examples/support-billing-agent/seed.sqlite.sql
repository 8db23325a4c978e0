INSERT INTO customers VALUES
  ('cust_acme_1', 'acme', 'Northwind Tools', 'team', 0, NULL, '2026-06-18T09:00:00.000Z'),
  ('cust_globex_1', 'globex', 'Summit Parts', 'team', 0, NULL, '2026-06-18T09:00:00.000Z');
INSERT INTO support_tickets VALUES
  ('T-1042', 'acme', 'cust_acme_1', 'Late fee on INV-3001', 'open', NULL, '2026-06-20T14:30:00.000Z'),
  ('T-9001', 'globex', 'cust_globex_1', 'Refund', 'open', NULL, '2026-06-20T14:30:00.000Z');
INSERT INTO invoices VALUES
  ('INV-3001', 'acme', 'cust_acme_1', 125000, 5500, 'overdue', NULL, '2026-06-20T14:31:08.000Z'),
  ('INV-3002', 'acme', 'cust_acme_1', 48000, 2500, 'overdue', NULL, '2026-06-22T08:15:44.000Z'),
  ('INV-9001', 'globex', 'cust_globex_1', 99000, 9900, 'overdue', NULL, '2026-06-19T10:00:00.000Z');
