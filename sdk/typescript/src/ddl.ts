/** The databases that the SDK knows. */
export type EngineName = "postgres" | "mysql" | "sqlite";

/** The receipt table's usual name. */
export const RECEIPTS = "synapsor_handler_receipts";
/** The outbox's name. */
export const OUTBOX = "synapsor_handler_outbox";

/** The statements that make the receipt table and the outbox, for an administrator to run once. */
export function ddl(engine: EngineName, schema?: string, table: string = RECEIPTS): string {
  const quote = engine === "mysql" ? "`" : '"';
  const place = schema ? `${quote}${schema}${quote}.` : "";
  const dialect = {
    postgres: {
      key: "text",
      short: "text",
      long: "text",
      moment: "timestamptz",
      now: "now()",
      serial: "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
      end: "",
    },
    mysql: {
      key: "varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
      short: "varchar(255)",
      long: "longtext",
      moment: "datetime(6)",
      now: "CURRENT_TIMESTAMP(6)",
      serial: "bigint AUTO_INCREMENT PRIMARY KEY",
      end: " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4",
    },
    sqlite: {
      key: "text",
      short: "text",
      long: "text",
      moment: "text",
      now: "(strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))",
      serial: "integer PRIMARY KEY AUTOINCREMENT",
      end: "",
    },
  }[engine];
  const { key, short, long, moment, now, serial, end } = dialect;
  return `CREATE TABLE IF NOT EXISTS ${place}${quote}${table}${quote} (
  idempotency_key ${key} NOT NULL PRIMARY KEY,
  proposal_id ${short} NOT NULL,
  proposal_hash ${short} NOT NULL,
  writeback_job_id ${short} NOT NULL,
  action ${short} NOT NULL,
  status ${short} NOT NULL,
  receipt_json ${long},
  created_at ${moment} NOT NULL DEFAULT ${now},
  completed_at ${moment}
)${end};
CREATE TABLE IF NOT EXISTS ${place}${quote}${OUTBOX}${quote} (
  id ${serial},
  idempotency_key ${key} NOT NULL,
  tenant_id ${short} NOT NULL,
  type ${short} NOT NULL,
  payload ${long} NOT NULL,
  created_at ${moment} NOT NULL DEFAULT ${now},
  published_at ${moment}
)${end};
`;
}
