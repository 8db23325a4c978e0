import type mysql2 from "mysql2/promise";

import type { Meaning } from "../errors.js";
import { Misconfigured } from "../errors.js";
import { codeOf, whole, type Engine, type Place, type Row, type Session } from "./engine.js";

const LOST = /^(PROTOCOL_|E[A-Z]+$|ER_(LOCK_DEADLOCK|CON_COUNT_ERROR|SERVER_SHUTDOWN|CONNECTION_KILLED|QUERY_INTERRUPTED))/;

/** MySQL and MariaDB, through `mysql2`. */
export async function mysql(url: string, lockTimeoutMs: number): Promise<Engine> {
  const driver = await import("mysql2/promise").catch(() => {
    throw new Misconfigured("MySQL needs the package `mysql2`");
  });
  const pool = driver.default.createPool({
    uri: url,
    charset: "utf8mb4",
    connectionLimit: 10,
    timezone: "Z",
    supportBigNumbers: true,
    decimalNumbers: false,
    flags: ["FOUND_ROWS"],
  });
  return new Mysql(pool, Math.max(1, Math.round(lockTimeoutMs / 1000)));
}

class Mysql implements Engine {
  readonly name = "mysql";
  readonly forUpdate = " FOR UPDATE";
  private readonly ready = new WeakSet<object>();
  constructor(
    private readonly pool: mysql2.Pool,
    private readonly lockSeconds: number,
  ) {}

  async open(): Promise<Session> {
    const connection = await this.pool.getConnection();
    if (!this.ready.has(connection.connection)) {
      await connection.query(
        "SET time_zone = '+00:00', sql_mode = CONCAT(@@sql_mode, ',STRICT_TRANS_TABLES')," +
          ` innodb_lock_wait_timeout = ${this.lockSeconds}`,
      );
      this.ready.add(connection.connection);
    }
    return new MysqlSession(connection);
  }
  close = () => this.pool.end();
  quote = (name: string) => `\`${name}\``;
  text = (column: string) => `CAST(${column} AS CHAR)`;

  sort(error: unknown): Meaning {
    const code = codeOf(error);
    if (code === "ER_LOCK_WAIT_TIMEOUT") return "busy";
    return LOST.test(code) ? "transient" : "other";
  }
  isDuplicate = (error: unknown) => codeOf(error) === "ER_DUP_ENTRY";
  isMissing = (error: unknown) => ["ER_NO_SUCH_TABLE", "ER_BAD_DB_ERROR"].includes(codeOf(error));

  async advance(session: Session, place: Place) {
    const column = this.quote(place.column);
    const { kind, digits } = await this.kind(session, place);
    if (/int$|^decimal$/.test(kind)) return { sql: `${column} + 1`, values: [] };
    if (kind !== "datetime" && kind !== "timestamp") return null;
    const now = `CAST(SYSDATE(6) AS DATETIME(${digits}))`;
    return { sql: `GREATEST(${now}, ${column} + INTERVAL ${10 ** (6 - digits)} MICROSECOND)`, values: [] };
  }

  async shown(session: Session, place: Place, text: string) {
    const { kind } = await this.kind(session, place);
    if (kind.endsWith("int")) return whole(text);
    return kind === "timestamp" ? `${text.replace(" ", "T")}Z` : text;
  }

  private async kind(session: Session, { schema, table, column }: Place) {
    const [found] = await session.rows(
      "SELECT data_type AS kind, datetime_precision AS digits FROM information_schema.columns" +
        " WHERE table_name = ? AND column_name = ? AND table_schema = COALESCE(?, DATABASE())",
      [table, column, schema ?? null],
    );
    return { kind: String(found?.["kind"] ?? "").toLowerCase(), digits: Number(found?.["digits"] ?? 0) };
  }
}

class MysqlSession implements Session {
  constructor(private readonly connection: mysql2.PoolConnection) {}

  async run(sql: string, values: readonly unknown[] = []) {
    const [result] = await this.connection.query(sql, values.map(bound));
    return Array.isArray(result) ? 0 : (result as mysql2.ResultSetHeader).affectedRows;
  }
  async rows(sql: string, values: readonly unknown[] = []) {
    const [rows] = await this.connection.query(sql, values.map(bound));
    return rows as Row[];
  }
  async native(sql: string, values: readonly unknown[]) {
    const [rows] = await this.connection.query(sql, [...values]);
    return Array.isArray(rows) ? (rows as Row[]) : [];
  }
  async begin() {
    await this.connection.query("SET TRANSACTION ISOLATION LEVEL READ COMMITTED");
    await this.connection.query("START TRANSACTION READ WRITE");
  }
  release(broken: boolean) {
    if (broken) this.connection.destroy();
    else this.connection.release();
  }
}

const bound = (value: unknown) => (typeof value === "bigint" ? String(value) : value);
