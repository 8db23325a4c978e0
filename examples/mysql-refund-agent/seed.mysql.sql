SET time_zone = '+00:00';
INSERT INTO orders VALUES
  ('O-1001', 'acme', 'cust_acme_1', 'paid', 25900, 0, NULL, '2026-06-21 11:00:00'),
  ('O-9001', 'globex', 'cust_globex_1', 'paid', 9900, 0, NULL, '2026-06-21 11:00:00');
