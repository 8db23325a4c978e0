/** A shop in each database, and requests for it. */
import { randomBytes } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createWritebackHandler, ddl, signReply, signRequest, WritebackFailed } from "../dist/index.js";
import { mysql } from "../dist/engines/mysql.js";
import { postgres } from "../dist/engines/postgres.js";
import { sqlite } from "../dist/engines/sqlite.js";

export const TOKEN = "a-token";
export const SECRET = "the-secret an-older-secret";
export const AUDIENCE = "https://app.example.com/synapsor/writeback";
export const SEEN = "2026-06-20T14:31:08.123456Z";

const TIMES = { postgres: "timestamptz", mysql: "timestamp(6)", sqlite: "text" };
const FIRST = { postgres: "2026-06-20 14:31:08.123456+00", mysql: "2026-06-20 14:31:08.123456", sqlite: SEEN };
const OPEN = { postgres, mysql, sqlite };

export function engines() {
  const named = { postgres: process.env.SYNAPSOR_TEST_POSTGRES, mysql: process.env.SYNAPSOR_TEST_MYSQL };
  return ["sqlite", ...Object.keys(named).filter((name) => named[name])];
}

/** What the handler logs; the tests read it. */
export const logged = [];

export async function openShop(engine, { receipts = true } = {}) {
  const name = `handler_${randomBytes(4).toString("hex")}`;
  const given = process.env[`SYNAPSOR_TEST_${engine.toUpperCase()}`];
  let url = engine === "sqlite" ? `sqlite:${join(mkdtempSync(join(tmpdir(), "shop-")), "shop.db")}` : given;
  const outside = await OPEN[engine](url, 4000);
  const make = await outside.open();
  if (engine === "postgres") await make.run(`CREATE SCHEMA "${name}"`);
  if (engine === "mysql") await make.run(`CREATE DATABASE \`${name}\` CHARACTER SET utf8mb4`);
  make.release(false);
  if (engine === "postgres") url += `${url.includes("?") ? "&" : "?"}options=-csearch_path%3D${name}`;
  if (engine === "mysql") url = `${url.slice(0, url.lastIndexOf("/"))}/${name}`;
  const inside = await OPEN[engine](url, 4000);
  const each = async (work) => {
    const session = await inside.open();
    try {
      if (engine === "postgres") await session.run("SET TimeZone = 'UTC'");
      return await work(session);
    } finally {
      session.release(false);
    }
  };
  const short = engine === "mysql" ? "varchar(100)" : "text";
  await each(async (session) => {
    await session.run(
      `CREATE TABLE invoices (id ${short} NOT NULL, tenant_id ${short} NOT NULL, credited integer NOT NULL DEFAULT 0,` +
        ` version bigint NOT NULL DEFAULT 1, note ${short}, updated_at ${TIMES[engine]} NOT NULL, maybe ${short},` +
        " PRIMARY KEY (tenant_id, id))",
    );
    await session.run(`CREATE TABLE credits (id ${short} PRIMARY KEY, tenant_id ${short} NOT NULL, cents integer NOT NULL)`);
    for (const [tenant, key] of [["acme", "INV-1"], ["acme", "INV-日本"], ["globex", "INV-9"]]) {
      await session.run("INSERT INTO invoices (id, tenant_id, updated_at) VALUES (?, ?, ?)", [key, tenant, FIRST[engine]]);
    }
    if (receipts) for (const one of ddl(engine).split(";\n").filter((text) => text.trim())) await session.run(one);
  });
  const env = { T: TOKEN, S: SECRET, U: url, SYNAPSOR_APP_WRITEBACK_URL: AUDIENCE };
  const handler = createWritebackHandler({
    tokenEnv: "T",
    signingSecretEnv: "S",
    env,
    source: { engine, writeUrlEnv: "U" },
    capabilities,
    log: (message, error) => logged.push([message, error]),
  });
  return {
    engine,
    schema: engine === "sqlite" ? undefined : name,
    handler,
    rows: (sql) => each((session) => session.rows(sql)),
    async ask(request) {
      const body = Buffer.from(JSON.stringify(request));
      const headers = headersOf(request, body);
      const reply = await handler.handle("POST", headers, body);
      const signature = reply.headers["x-synapsor-receipt-signature"];
      if (reply.status !== 401 && signature !== signReply(SECRET.split(" ")[0], body, reply.body)) throw new Error("unsigned");
      return [reply.status, JSON.parse(reply.body.toString())];
    },
    async close() {
      await handler.close();
      await inside.close();
      const last = await outside.open();
      if (engine === "postgres") await last.run(`DROP SCHEMA "${name}" CASCADE`);
      if (engine === "mysql") await last.run(`DROP DATABASE \`${name}\``);
      last.release(false);
      await outside.close();
    },
  };
}

export function headersOf(request, body, secret = SECRET.split(" ")[0]) {
  return {
    authorization: `Bearer ${TOKEN}`,
    "idempotency-key": request.idempotency_key,
    "x-synapsor-proposal-id": request.proposal_id,
    "x-synapsor-issued-at": request.issued_at,
    "x-synapsor-signature": signRequest(secret, body),
  };
}

const capabilities = {
  "billing.propose_account_credit": async (job, tx) => {
    const cents = job.patch.credit_cents;
    const id = `CR-${job.proposalId}`;
    await tx.insert("credits", { id, tenant_id: job.tenantId, cents });
    await tx.update("invoices", job.objectId, { credited: job.row.credited + cents });
    await tx.emit("credit.given", { cents });
    if (cents === 13) throw new Error("the connection string is secret");
    if (cents === 14) throw new WritebackFailed("CREDIT_LIMIT_REACHED");
    return { effects: [{ type: "db.insert", table: "credits", id }] };
  },
  // Does not touch the target at all.
  "billing.note": (job, tx) => tx.insert("credits", { id: `N-${job.proposalId}`, tenant_id: job.tenantId, cents: 0 }),
  "billing.mischief": async (job, tx) => {
    const note = { note: "x" };
    if (job.patch.note === "other tenant's row") await tx.update("invoices", { id: "INV-9", tenant_id: "globex" }, note);
    if (job.patch.note === "another tenant's insert") {
      await tx.insert("invoices", { id: "X", tenant_id: "globex", updated_at: job.row.updated_at });
    }
    if (job.patch.note === "tenant") await tx.update("invoices", job.objectId, { tenant_id: "globex" });
    if (job.patch.note === "a name") await tx.update('invoices" SET note = 1 --', job.objectId, note);
    if (job.patch.note === "everything") await tx.update("invoices", {}, note);
    if (job.patch.note === "undefined") await tx.update("credits", { id: undefined }, { cents: 1 });
  },
};

let count = 0;

/** An apply; `changes` are set at their dotted paths. */
export function requestFor(shop, cents = 500, changes = {}) {
  count += 1;
  const made = {
    protocol_version: "1.0",
    kind: "apply",
    audience: AUDIENCE,
    issued_at: new Date().toISOString(),
    nonce: "0".repeat(32),
    ledger_id: "led_1",
    writeback_job_id: `wbj_${count}`,
    proposal_id: `wrp_${count}`,
    proposal_hash: `sha256:${count}`,
    idempotency_key: `wrp_${count}:INV-1`,
    dry_run: false,
    change_set: {
      action: "billing.propose_account_credit",
      scope: { tenant_id: "acme", object_id: "INV-1" },
      principal: { id: "support.agent" },
      target: { schema: shop.schema, table: "invoices", primary_key: { column: "id", value: "INV-1" } },
      patch: { credit_cents: cents },
      guards: {
        tenant: { column: "tenant_id", value: "acme" },
        allowed_columns: ["credit_cents", "note"],
        expected_version: { column: "updated_at", value: SEEN },
      },
    },
  };
  for (const [path, value] of Object.entries(changes)) {
    const parts = path.split(".");
    const last = parts.pop();
    parts.reduce((at, part) => at[part], made)[last] = value;
  }
  return made;
}
