-- The app's tables, one account to try it with, and what the handler needs.
CREATE TABLE accounts (
  id varchar(191) NOT NULL PRIMARY KEY,
  tenant_id varchar(191) NOT NULL,
  owner varchar(191) NOT NULL,
  credited_cents integer NOT NULL DEFAULT 0,
  updated_at timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE account_credits (
  id varchar(191) NOT NULL PRIMARY KEY,
  tenant_id varchar(191) NOT NULL,
  account_id varchar(191) NOT NULL REFERENCES accounts (id),
  cents integer NOT NULL,
  reason varchar(191) NOT NULL,
  created_by varchar(191) NOT NULL,
  created_at timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
INSERT INTO accounts (id, tenant_id, owner) VALUES ('AC-1', 'acme', 'Acme Works'), ('AC-9', 'globex', 'Globex Works');
CREATE TABLE IF NOT EXISTS `synapsor_handler_receipts` (
  idempotency_key varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
  proposal_id varchar(255) NOT NULL,
  proposal_hash varchar(255) NOT NULL,
  writeback_job_id varchar(255) NOT NULL,
  action varchar(255) NOT NULL,
  status varchar(255) NOT NULL,
  receipt_json longtext,
  created_at datetime(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  completed_at datetime(6)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE IF NOT EXISTS `synapsor_handler_outbox` (
  id bigint AUTO_INCREMENT PRIMARY KEY,
  idempotency_key varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  tenant_id varchar(255) NOT NULL,
  type varchar(255) NOT NULL,
  payload longtext NOT NULL,
  created_at datetime(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  published_at datetime(6)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
