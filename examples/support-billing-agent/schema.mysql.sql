CREATE TABLE customers (
  id varchar(190) PRIMARY KEY,
  tenant_id varchar(190) NOT NULL,
  name varchar(190) NOT NULL,
  plan varchar(190) NOT NULL,
  credit_cents bigint NOT NULL,
  credit_reason text,
  updated_at timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
);
CREATE TABLE support_tickets (
  id varchar(190) PRIMARY KEY,
  tenant_id varchar(190) NOT NULL,
  customer_id varchar(190) NOT NULL,
  subject varchar(190) NOT NULL,
  status varchar(190) NOT NULL,
  resolution_note text,
  updated_at timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
);
CREATE TABLE invoices (
  id varchar(190) PRIMARY KEY,
  tenant_id varchar(190) NOT NULL,
  customer_id varchar(190) NOT NULL,
  amount_cents bigint NOT NULL,
  late_fee_cents bigint NOT NULL,
  status varchar(190) NOT NULL,
  waiver_reason text,
  updated_at timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
);
