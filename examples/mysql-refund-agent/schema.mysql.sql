CREATE TABLE orders (
  id varchar(190) PRIMARY KEY,
  tenant_id varchar(190) NOT NULL,
  customer_id varchar(190) NOT NULL,
  status varchar(190) NOT NULL,
  total_cents bigint NOT NULL,
  refund_cents bigint NOT NULL,
  refund_reason text,
  updated_at timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
);
