import { OUTBOX } from "./ddl.js";
import type { Engine, Row, Session } from "./engines/engine.js";
import type { Job } from "./request.js";

const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/;

/** A name that may be quoted into a statement. */
export function checked(name: string): string {
  if (!NAME.test(name)) throw new TypeError("a table or column name is not made of letters, digits and underscores");
  return name;
}

/** What the author of an effect may do. Nothing of it lasts unless the effect returns and the row's version can be moved. */
export interface Tx {
  /** Inserts one row. In the target's table, the row gets the job's tenant. */
  insert(table: string, values: Record<string, unknown>): Promise<void>;
  /** Updates rows by key, or by an object of columns; how many. In the target's table: rows of the job's tenant. */
  update(table: string, idOrWhere: unknown, values: Record<string, unknown>): Promise<number>;
  /** Runs a statement of your own, with your driver's placeholders (`$1` on PostgreSQL, else `?`). */
  query(sql: string, params?: readonly unknown[]): Promise<Record<string, any>[]>;
  /** Writes an event into the outbox, in this transaction; your own publisher takes it from there. */
  emit(type: string, payload: Record<string, unknown>): Promise<void>;
}

/** The transaction behind {@link Tx}, with what the receipt needs. */
export class ScopedTx implements Tx {
  rowsAffected = 0;
  touchedTarget = false;

  constructor(
    private readonly engine: Engine,
    private readonly session: Session,
    private readonly job: Job,
    private readonly schema: string | undefined,
  ) {}

  async insert(table: string, values: Record<string, unknown>): Promise<void> {
    const given = { ...values };
    const { tenantColumn, tenantId, target } = this.job;
    if (table === target.table) {
      given[tenantColumn] ??= tenantId;
      if (given[tenantColumn] !== tenantId) throw new TypeError("a row of the target's table belongs to the job's tenant");
    }
    const names = Object.keys(given);
    if (names.length === 0) throw new TypeError("there is nothing to insert");
    const columns = names.map((name) => this.quoted(name)).join(", ");
    const places = names.map(() => "?").join(", ");
    await this.run(table, `INSERT INTO ${this.place(table)} (${columns}) VALUES (${places})`, Object.values(given));
  }

  async update(table: string, idOrWhere: unknown, values: Record<string, unknown>): Promise<number> {
    const { tenantColumn, tenantId, target } = this.job;
    const isTarget = table === target.table;
    const isWhere = typeof idOrWhere === "object" && idOrWhere !== null && !(idOrWhere instanceof Date);
    const where: Record<string, unknown> = isWhere
      ? { ...idOrWhere }
      : { [isTarget ? target.primaryKey.column : "id"]: idOrWhere };
    const names = Object.keys(values);
    if (names.length === 0 || Object.keys(where).length === 0) {
      throw new TypeError("there is nothing to update, or no row is named");
    }
    if (isTarget) {
      if (names.includes(tenantColumn) || names.includes(target.primaryKey.column)) {
        throw new TypeError("the key and the tenant of a row never change");
      }
      where[tenantColumn] ??= tenantId;
      if (where[tenantColumn] !== tenantId) throw new TypeError("only rows of the job's tenant can be updated");
    }
    if (Object.values(where).includes(undefined)) throw new TypeError("a row is named by an undefined value");
    const sets = names.map((name) => `${this.quoted(name)} = ?`).join(", ");
    const tests = Object.entries(where)
      .map(([name, value]) => (value === null ? `${this.quoted(name)} IS NULL` : `${this.quoted(name)} = ?`))
      .join(" AND ");
    const bound = [...Object.values(values), ...Object.values(where).filter((value) => value !== null)];
    return this.run(table, `UPDATE ${this.place(table)} SET ${sets} WHERE ${tests}`, bound);
  }

  async query(sql: string, params: readonly unknown[] = []): Promise<Row[]> {
    return this.session.native(sql, params);
  }

  async emit(type: string, payload: Record<string, unknown>): Promise<void> {
    await this.session.run(
      `INSERT INTO ${this.place(OUTBOX)} (idempotency_key, tenant_id, type, payload) VALUES (?, ?, ?, ?)`,
      [this.job.idempotencyKey, this.job.tenantId, type, text(payload)],
    );
  }

  private async run(table: string, sql: string, values: unknown[]): Promise<number> {
    const changed = await this.session.run(sql, values.map(stored));
    this.rowsAffected += changed;
    this.touchedTarget ||= table === this.job.target.table;
    return changed;
  }

  private quoted(name: string): string {
    return this.engine.quote(checked(name));
  }

  private place(table: string): string {
    return this.schema === undefined ? this.quoted(table) : `${this.quoted(this.schema)}.${this.quoted(table)}`;
  }
}

/** JSON in which a `bigint` is text. */
export const text = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) => (typeof inner === "bigint" ? String(inner) : inner));

function stored(value: unknown): unknown {
  if (value === undefined) throw new TypeError("a value is undefined; give null if that is meant");
  const plain = value === null || typeof value !== "object" || value instanceof Date || value instanceof Uint8Array;
  return plain ? value : text(value);
}
