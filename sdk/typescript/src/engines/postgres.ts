import type pg from "pg";

import type { Meaning } from "../errors.js";
import { Misconfigured } from "../errors.js";
import { codeOf, whole, type Engine, type Place, type Row, type Session } from "./engine.js";

/** PostgreSQL, through `pg`. */
export async function postgres(url: string, lockTimeoutMs: number): Promise<Engine> {
  const driver = await import("pg").catch(() => {
    throw new Misconfigured("PostgreSQL needs the package `pg`");
  });
  const pool = new driver.default.Pool({ connectionString: url, max: 10, connectionTimeoutMillis: 60_000 });
  // A connection that dies while idle is replaced when one is next needed; it must not end the process.
  pool.on("error", () => {});
  return new Postgres(pool, lockTimeoutMs);
}

class Postgres implements Engine {
  readonly name = "postgres";
  readonly forUpdate = " FOR UPDATE";
  constructor(
    private readonly pool: pg.Pool,
    private readonly lockTimeoutMs: number,
  ) {}

  async open(): Promise<Session> {
    return new PostgresSession(await this.pool.connect(), this.lockTimeoutMs);
  }
  close = () => this.pool.end();
  quote = (name: string) => `"${name}"`;
  text = (column: string) => `${column}::text`;

  sort(error: unknown): Meaning {
    const code = codeOf(error);
    if (code === "55P03" || code === "57014") return "busy";
    if (/^(08|40|53|57|25)/.test(code) || /^E[A-Z]+$/.test(code)) return "transient";
    if (code === "" && error instanceof Error && /terminated|timeout|closed|ended/i.test(error.message)) return "transient";
    return code.startsWith("22") ? "notFound" : "other";
  }
  isDuplicate = (error: unknown) => codeOf(error) === "23505";
  isMissing = (error: unknown) => ["42P01", "3F000"].includes(codeOf(error));

  async advance(session: Session, place: Place) {
    const column = this.quote(place.column);
    const { kind, digits } = await this.kind(session, place);
    if (["smallint", "integer", "bigint", "numeric"].includes(kind)) return { sql: `${column} + 1`, values: [] };
    if (!kind.startsWith("timestamp")) return null;
    const now = `clock_timestamp()::${kind.replace(" ", `(${digits}) `)}`;
    return { sql: `greatest(${now}, ${column} + interval '${10 ** (6 - digits)} microseconds')`, values: [] };
  }

  async shown(session: Session, place: Place, text: string) {
    const { kind } = await this.kind(session, place);
    if (["smallint", "integer", "bigint"].includes(kind)) return whole(text);
    return kind.endsWith("with time zone") ? `${text.replace(" ", "T").replace(/\+00$/, "")}Z` : text;
  }

  private async kind(session: Session, { schema, table, column }: Place) {
    const [found] = await session.rows(
      "SELECT data_type AS kind, datetime_precision AS digits FROM information_schema.columns" +
        " WHERE table_name = ? AND column_name = ? AND table_schema = coalesce(?, current_schema())",
      [table, column, schema ?? null],
    );
    return { kind: String(found?.["kind"] ?? ""), digits: Number(found?.["digits"] ?? 6) };
  }
}

class PostgresSession implements Session {
  constructor(
    private readonly client: pg.PoolClient,
    private readonly lockTimeoutMs: number,
  ) {}

  private query(sql: string, values: readonly unknown[] = []) {
    let place = 0;
    // Numbers go as text too, so that the column, and not the driver, says what they are.
    const bound = values.map((value) => (["number", "bigint"].includes(typeof value) ? String(value) : value));
    return this.client.query(
      sql.replace(/\?/g, () => `$${++place}`),
      bound,
    );
  }
  run = async (sql: string, values?: readonly unknown[]) => (await this.query(sql, values)).rowCount ?? 0;
  rows = async (sql: string, values?: readonly unknown[]) => (await this.query(sql, values)).rows as Row[];
  native = async (sql: string, values: readonly unknown[]) => (await this.client.query(sql, [...values])).rows as Row[];

  async begin() {
    await this.client.query("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE");
    await this.client.query(
      `SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL lock_timeout = ${this.lockTimeoutMs}`,
    );
  }
  release = (broken: boolean) => this.client.release(broken);
}
