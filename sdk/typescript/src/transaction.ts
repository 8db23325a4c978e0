import { randomBytes } from "node:crypto";

import { ddl, RECEIPTS } from "./ddl.js";
import type { Engine, Row, Session } from "./engines/engine.js";
import { Busy, KeyReused, Transient, WritebackFailed } from "./errors.js";
import { jobOf, type Job, type Json, type Scalar, type WritebackRequest } from "./request.js";
import { checked, ScopedTx, text, type Tx } from "./tx.js";
import { PROTOCOL_VERSION } from "./verify.js";
import { asText, sameVersion } from "./version.js";

const MAX_DETAILS = 16 * 1024;
const ATTEMPTS = 3;

/** What an effect may tell of itself; a reviewer sees it. */
export interface Effects {
  effects?: Record<string, unknown>[];
  details?: Record<string, unknown>;
}

/** The business effect of one action. Throw to undo it. */
export type Effect = (job: Job, tx: Tx) => Promise<Effects | void> | Effects | void;

/** What the handler did. */
export interface WritebackReceipt {
  protocol_version: string;
  proposal_id: string;
  idempotency_key: string;
  receipt_id?: string;
  status: "applied" | "already_applied" | "conflict" | "failed" | "canceled" | "unknown";
  rows_affected: number;
  source_database_mutated: boolean;
  previous_version: Scalar;
  new_version: Scalar;
  safe_error_code: string | null;
  dry_run?: boolean;
  details?: Record<string, Json>;
}

/** Where the handler says what went wrong. Never holds secrets, values or parameters. */
export type Log = (message: string, error?: unknown) => void;

/** A database with a receipt table. */
export class Store {
  private readonly table: string;

  constructor(
    readonly engine: Engine,
    private readonly log: Log,
    private readonly schema?: string,
    private readonly name: string = RECEIPTS,
  ) {
    const quoted = engine.quote(checked(name));
    this.table = schema === undefined ? quoted : `${engine.quote(checked(schema))}.${quoted}`;
  }

  /** Makes the change once; the receipt. */
  apply(request: WritebackRequest, effect: Effect): Promise<WritebackReceipt> {
    const rehearsal = request.dry_run ?? false;
    const key = rehearsal ? `rehearsal:${request.writeback_job_id}` : request.idempotency_key;
    return this.transact(async (session) => {
      if (!(await this.insert(session, key, request, request.change_set!.action))) {
        const stored = await this.stored(session, key, request);
        const status = stored.status === "applied" ? "already_applied" : stored.status;
        return [{ ...stored, status }, false];
      }
      const receipt = await this.attempt(session, request, effect);
      if (rehearsal) return [{ ...receipt, dry_run: true, source_database_mutated: false }, false];
      receipt.receipt_id = `hr_${randomBytes(10).toString("hex")}`;
      await this.complete(session, key, receipt);
      return [receipt, true];
    });
  }

  /** The stored receipt as it is, or status `unknown`. */
  status(request: WritebackRequest): Promise<WritebackReceipt> {
    return this.transact(async (session) => {
      const found = await this.find(session, request.idempotency_key);
      if (!found || found["receipt_json"] === null) return [blank(request, "unknown"), false];
      return [await this.stored(session, request.idempotency_key, request), false];
    });
  }

  /** Ends the key for good, unless it has a receipt. */
  fence(request: WritebackRequest): Promise<WritebackReceipt> {
    const key = request.idempotency_key;
    return this.transact(async (session) => {
      if (!(await this.insert(session, key, request, "fence"))) return [await this.stored(session, key, request), false];
      const receipt = { ...blank(request, "canceled"), receipt_id: `hr_${randomBytes(10).toString("hex")}` };
      await this.complete(session, key, receipt);
      return [receipt, true];
    });
  }

  private async transact(
    work: (session: Session) => Promise<[WritebackReceipt, boolean]>,
  ): Promise<WritebackReceipt> {
    for (let attempt = 1; ; attempt++) {
      let session: Session | undefined;
      try {
        session = await this.engine.open();
        await session.begin();
        const [result, keep] = await work(session);
        await session.run(keep ? "COMMIT" : "ROLLBACK");
        session.release(false);
        return result;
      } catch (error) {
        // A connection on which anything went wrong is not used again: closing it undoes what it had begun.
        session?.release(true);
        if (error instanceof KeyReused || error instanceof Busy) throw error;
        if (this.engine.isMissing(error)) {
          this.log(`the receipt table is missing; have an administrator run:\n${ddl(this.engine.name, this.schema, this.name)}`);
          throw new Transient();
        }
        const meaning = this.engine.sort(error);
        if (meaning === "busy") throw new Busy();
        if (meaning !== "transient") throw error;
        if (attempt === ATTEMPTS) {
          this.log("the database is not available");
          throw new Transient();
        }
      }
    }
  }

  /** Whether the key was free. Waits for whoever holds it. */
  private async insert(session: Session, key: string, request: WritebackRequest, action: string): Promise<boolean> {
    const conflict = this.engine.name === "mysql" ? "" : " ON CONFLICT (idempotency_key) DO NOTHING";
    const columns = "idempotency_key, proposal_id, proposal_hash, writeback_job_id, action, status";
    const values = [key, request.proposal_id, request.proposal_hash, request.writeback_job_id, action, "in_progress"];
    try {
      const sql = `INSERT INTO ${this.table} (${columns}) VALUES (?, ?, ?, ?, ?, ?)${conflict}`;
      return (await session.run(sql, values)) === 1;
    } catch (error) {
      if (this.engine.isDuplicate(error)) return false;
      throw error;
    }
  }

  private async find(session: Session, key: string): Promise<Row | undefined> {
    const sql = `SELECT proposal_hash, receipt_json FROM ${this.table} WHERE idempotency_key = ?`;
    return (await session.rows(sql, [key]))[0];
  }

  private async stored(session: Session, key: string, request: WritebackRequest): Promise<WritebackReceipt> {
    const found = await this.find(session, key);
    if (!found || found["receipt_json"] === null) throw new Busy();
    if (found["proposal_hash"] !== request.proposal_hash) throw new KeyReused();
    return JSON.parse(String(found["receipt_json"])) as WritebackReceipt;
  }

  private async complete(session: Session, key: string, receipt: WritebackReceipt): Promise<void> {
    const now = { postgres: "now()", mysql: "SYSDATE(6)", sqlite: "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')" };
    await session.run(
      `UPDATE ${this.table} SET status = ?, receipt_json = ?, completed_at = ${now[this.engine.name]} WHERE idempotency_key = ?`,
      [receipt.status, text(receipt), key],
    );
  }

  private async attempt(session: Session, request: WritebackRequest, effect: Effect): Promise<WritebackReceipt> {
    const { scope, target, guards } = request.change_set!;
    const { quote, text: asSql } = this.engine;
    const schema = this.engine.name === "sqlite" ? undefined : (target.schema ?? undefined);
    const [key, tenant, version] = [target.primary_key, guards.tenant, guards.expected_version].map(({ column }) =>
      quote(checked(column)),
    ) as [string, string, string];
    const table = `${schema === undefined ? "" : `${quote(checked(schema))}.`}${quote(checked(target.table))}`;
    const keyText = asText(target.primary_key.value);
    const expected = guards.expected_version.value;
    const ended = (status: "conflict" | "failed", code: string) => ({
      ...blank(request, status),
      safe_error_code: code,
      previous_version: expected,
    });

    let found: Row[] = [];
    await session.run("SAVEPOINT guarded");
    try {
      found = await session.rows(
        `SELECT t.*, ${asSql(`t.${key}`)} AS synapsor_key, ${asSql(`t.${tenant}`)} AS synapsor_tenant,` +
          ` ${asSql(`t.${version}`)} AS synapsor_version FROM ${table} t` +
          ` WHERE t.${key} = ? AND t.${tenant} = ?${this.engine.forUpdate}`,
        [keyText, scope.tenant_id],
      );
    } catch (error) {
      if (this.engine.sort(error) !== "notFound") throw error;
      await session.run("ROLLBACK TO SAVEPOINT guarded");
    }
    // A collation may take for the same what is not.
    found = found.filter((row) => row["synapsor_key"] === keyText && row["synapsor_tenant"] === scope.tenant_id);
    if (found.length === 0) return ended("conflict", "ROW_NOT_FOUND_OR_WRONG_TENANT");
    if (found.length > 1) return ended("failed", "MULTI_ROW_WRITE_BLOCKED");
    const { synapsor_key: _k, synapsor_tenant: _t, synapsor_version, ...row } = found[0]!;
    const held = synapsor_version as string | null;
    if (!sameVersion(held, expected)) return ended("conflict", "ROW_CHANGED_AFTER_PROPOSAL");

    await session.run("SAVEPOINT effect");
    const job = jobOf(request, row);
    const tx = new ScopedTx(this.engine, session, job, schema);
    const undone = async (code: string) => {
      await session.run("ROLLBACK TO SAVEPOINT effect");
      return ended("failed", code);
    };
    let told: Effects | void;
    try {
      told = await effect(job, tx);
    } catch (error) {
      if (error instanceof WritebackFailed) return undone(error.code);
      if (["busy", "transient"].includes(this.engine.sort(error))) throw error;
      this.log(`the effect of ${job.action} failed and was undone`, error);
      return undone("HANDLER_BUSINESS_ERROR");
    }
    const place = { schema, table: target.table, column: guards.expected_version.column };
    const where = ` WHERE ${key} = ? AND ${tenant} = ?`;
    const read = async () => {
      const rows = await session.rows(`SELECT ${asSql(version)} AS held FROM ${table}${where}`, [keyText, scope.tenant_id]);
      return rows.length === 1 ? (rows[0]!["held"] as string | null) : held;
    };
    let now = await read();
    if (now === held) {
      const step = held === null ? null : await this.engine.advance(session, place, held);
      if (step === null) return undone("VERSION_NOT_ADVANCED");
      await session.run(`UPDATE ${table} SET ${version} = ${step.sql}${where}`, [...step.values, keyText, scope.tenant_id]);
      now = await read();
      if (now === held) return undone("VERSION_NOT_ADVANCED");
    }
    return {
      ...blank(request, "applied"),
      rows_affected: Math.max(1, tx.rowsAffected + (tx.touchedTarget ? 0 : 1)),
      source_database_mutated: true,
      previous_version: expected,
      new_version: now === null ? null : await this.engine.shown(session, place, now),
      details: details(told),
    };
  }
}

function blank(request: WritebackRequest, status: WritebackReceipt["status"]): WritebackReceipt {
  return {
    protocol_version: PROTOCOL_VERSION,
    proposal_id: request.proposal_id,
    idempotency_key: request.idempotency_key,
    status,
    rows_affected: 0,
    source_database_mutated: false,
    previous_version: null,
    new_version: null,
    safe_error_code: null,
  };
}

function details(told: Effects | void): Record<string, Json> {
  const given = { ...told?.details, ...(told?.effects ? { effects: told.effects } : {}) };
  const json = text(given);
  return Buffer.byteLength(json) <= MAX_DETAILS ? (JSON.parse(json) as Record<string, Json>) : { truncated: true };
}
