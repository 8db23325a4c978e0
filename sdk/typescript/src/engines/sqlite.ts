import type { DatabaseSync, SQLInputValue } from "node:sqlite";

import type { Meaning } from "../errors.js";
import { Misconfigured } from "../errors.js";
import { advanceText } from "../version.js";
import { whole, type Engine, type Place, type Row, type Session } from "./engine.js";

/** SQLite, through `node:sqlite`. Its statements hold up the process, so its transactions wait for one another here. */
export async function sqlite(url: string, lockTimeoutMs: number): Promise<Engine> {
  const path = url.replace(/^sqlite:(\/\/)?/, "");
  if (path === "" || path === ":memory:") throw new Misconfigured("the write URL names no database file");
  const { DatabaseSync } = await import("node:sqlite");
  return new Sqlite(() => {
    const database = new DatabaseSync(path);
    database.exec(`PRAGMA busy_timeout = ${lockTimeoutMs}; PRAGMA foreign_keys = ON`);
    return database;
  });
}

class Sqlite implements Engine {
  readonly name = "sqlite";
  readonly forUpdate = "";
  private last: Promise<void> = Promise.resolve();
  constructor(private readonly connect: () => DatabaseSync) {}

  async open(): Promise<Session> {
    const before = this.last;
    let done!: () => void;
    this.last = new Promise((resolve) => (done = resolve));
    await before;
    try {
      return new SqliteSession(this.connect(), done);
    } catch (error) {
      done();
      throw error;
    }
  }
  close = () => this.last;
  quote = (name: string) => `"${name}"`;
  text = (column: string) => `CAST(${column} AS TEXT)`;

  sort(error: unknown): Meaning {
    const code = Number((error as { errcode?: number } | null)?.errcode ?? 0) & 0xff;
    return code === 5 || code === 6 ? "busy" : "other";
  }
  isDuplicate = () => false;
  isMissing = (error: unknown) => error instanceof Error && error.message.includes("no such table");

  async advance(session: Session, place: Place, held: string) {
    const column = this.quote(place.column);
    // A version is whatever the row holds: a column has no type of its own.
    const next = advanceText(held, Date.now());
    if (next !== null) return { sql: "?", values: [next] };
    return /^-?\d+$/.test(held) ? { sql: `CASE typeof(${column}) WHEN 'integer' THEN ${column} + 1 ELSE ${column} END`, values: [] } : null;
  }
  shown = async (_session: Session, _place: Place, text: string) => whole(text);
}

class SqliteSession implements Session {
  constructor(
    private readonly database: DatabaseSync,
    private readonly done: () => void,
  ) {}

  private statement(sql: string) {
    return this.database.prepare(sql);
  }
  async run(sql: string, values: readonly unknown[] = []) {
    return Number(this.statement(sql).run(...values.map(bound)).changes);
  }
  async rows(sql: string, values: readonly unknown[] = []) {
    return this.statement(sql).all(...values.map(bound)) as Row[];
  }
  async native(sql: string, values: readonly unknown[]) {
    return this.statement(sql).all(...(values as SQLInputValue[])) as Row[];
  }
  async begin() {
    this.database.exec("BEGIN IMMEDIATE");
  }
  release() {
    this.database.close();
    this.done();
  }
}

function bound(value: unknown): SQLInputValue {
  if (typeof value === "boolean") return value ? 1 : 0;
  if (value instanceof Date) return value.toISOString();
  return value as SQLInputValue;
}
