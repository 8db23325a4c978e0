/** The handler against real databases: SQLite always, the others where the environment names them. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";

import { createWritebackHandler, Misconfigured, signReply } from "../dist/index.js";
import { AUDIENCE, engines, headersOf, logged, openShop, requestFor, SECRET, SEEN } from "./stage.mjs";

const VERSION = "change_set.guards.expected_version";
const TENANT = (value) => ({ "change_set.scope.tenant_id": value, "change_set.guards.tenant.value": value });
const GONE = "ROW_NOT_FOUND_OR_WRONG_TENANT";
const STALE = "ROW_CHANGED_AFTER_PROPOSAL";

async function state(shop) {
  const invoices = await shop.rows("SELECT id, tenant_id, credited, version, note FROM invoices ORDER BY id");
  const count = async (table) => (await shop.rows(`SELECT * FROM ${table}`)).length;
  return [JSON.stringify(invoices), await count("credits"), await count("synapsor_handler_outbox")];
}

async function expect(shop, asked, status, code = null) {
  const [http, said] = await shop.ask(asked);
  assert.deepEqual([http, said.status, said.safe_error_code], [200, status, code], JSON.stringify(said));
  return said;
}

for (const engine of engines()) {
  const onShop = (name, work, options) =>
    test(`${engine}: ${name}`, async () => {
      const shop = await openShop(engine, options);
      try {
        await work(shop);
      } finally {
        await shop.close();
      }
    });

  onShop("applies once and moves the version", async (shop) => {
    const asked = requestFor(shop);
    const first = await expect(shop, asked, "applied");
    assert.deepEqual([first.rows_affected, first.source_database_mutated, first.previous_version], [2, true, SEEN]);
    assert.match(first.new_version, /^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.?\d*Z$/);
    const again = await expect(shop, asked, "already_applied");
    assert.deepEqual({ ...again, status: "applied" }, first);
    assert.deepEqual((await state(shop)).slice(1), [1, 1]);
    const [http, said] = await shop.ask({ ...asked, proposal_hash: "sha256:other" });
    assert.deepEqual([http, said.error.code], [409, "IDEMPOTENCY_KEY_REUSED"]);
    // The new version is one that a request can name.
    await expect(shop, requestFor(shop, 5, { [`${VERSION}.value`]: first.new_version }), "applied");
  });

  onShop("guards", async (shop) => {
    const before = await state(shop);
    const key = (value) => ({ "change_set.target.primary_key.value": value });
    const cases = [
      [TENANT("globex"), GONE],
      [TENANT("ACME"), GONE],
      [key("inv-1"), GONE],
      [key("INV-1 "), GONE],
      [key("INV-9"), GONE],
      [{ [`${VERSION}.value`]: "2026-06-20T14:31:08.123457Z" }, STALE],
      [{ [`${VERSION}.value`]: "2026-06-20T14:31:08Z" }, STALE],
      [{ [`${VERSION}.value`]: null }, STALE],
      [{ [VERSION]: { column: "version", value: 2 } }, STALE],
    ];
    for (const [changes, code] of cases) {
      const asked = requestFor(shop, 500, changes);
      const first = await expect(shop, asked, "conflict", code);
      assert.deepEqual(await expect(shop, asked, "conflict", code), first);
    }
    assert.deepEqual(await state(shop), before);
    const integer = requestFor(shop, 5, { [VERSION]: { column: "version", value: 1 } });
    assert.equal((await expect(shop, integer, "applied")).new_version, 2);
    const none = requestFor(shop, 5, { [VERSION]: { column: "maybe", value: null } });
    await expect(shop, none, "failed", "VERSION_NOT_ADVANCED");
  });

  onShop("of two proposals of one version the second is a conflict", async (shop) => {
    for (const guard of [{ column: "version", value: 1 }, { column: "updated_at", value: SEEN }]) {
      const changes = { "change_set.action": "billing.note", [VERSION]: guard };
      const [one, two] = [requestFor(shop, 1, changes), requestFor(shop, 1, changes)];
      assert.equal((await expect(shop, one, "applied")).rows_affected, 2);
      await expect(shop, two, "conflict", STALE);
    }
  });

  onShop("64 at once have one effect", async (shop) => {
    const asked = requestFor(shop);
    const replies = await Promise.all(Array.from({ length: 64 }, () => shop.ask(asked)));
    const said = replies.map(([, reply]) => reply.status).sort();
    assert.deepEqual(said, [...Array(63).fill("already_applied"), "applied"]);
    assert.equal(new Set(replies.map(([, reply]) => reply.receipt_id)).size, 1);
    assert.deepEqual((await state(shop)).slice(1), [1, 1]);
  });

  onShop("different changes race on one row", async (shop) => {
    const replies = await Promise.all(Array.from({ length: 8 }, () => shop.ask(requestFor(shop))));
    const said = replies.map(([, reply]) => reply.status).sort();
    assert.deepEqual(said, ["applied", ...Array(7).fill("conflict")]);
    assert.deepEqual((await state(shop)).slice(1), [1, 1]);
  });

  onShop("failures leave only a receipt", async (shop) => {
    const before = await state(shop);
    const bad = "HANDLER_BUSINESS_ERROR";
    const mischief = ["other tenant's row", "another tenant's insert", "tenant", "a name", "everything", "undefined"];
    const cases = [
      [13, bad, {}],
      [14, "CREDIT_LIMIT_REACHED", {}],
      [null, bad, {}],
      ...mischief.map((note) => [1, bad, { "change_set.action": "billing.mischief", "change_set.patch": { note } }]),
    ];
    for (const [cents, code, changes] of cases) {
      const asked = requestFor(shop, cents, changes);
      const first = await expect(shop, asked, "failed", code);
      assert.ok(!JSON.stringify(first).includes("secret"));
      assert.deepEqual(await expect(shop, asked, "failed", code), first);
    }
    assert.deepEqual(await state(shop), before);
  });

  onShop("a dry run changes nothing", async (shop) => {
    const before = await state(shop);
    const said = await expect(shop, requestFor(shop, 5, { dry_run: true }), "applied");
    assert.deepEqual([said.dry_run, said.source_database_mutated], [true, false]);
    const stale = { dry_run: true, [`${VERSION}.value`]: "2026-01-01T00:00:00Z" };
    await expect(shop, requestFor(shop, 5, stale), "conflict", STALE);
    await expect(shop, requestFor(shop, 13, { dry_run: true }), "failed", "HANDLER_BUSINESS_ERROR");
    assert.deepEqual(await state(shop), before);
    assert.deepEqual(await shop.rows("SELECT * FROM synapsor_handler_receipts"), []);
  });

  onShop("status and fence", async (shop) => {
    const [asked, other] = [requestFor(shop), requestFor(shop)];
    await expect(shop, { ...asked, kind: "status" }, "unknown");
    const first = await expect(shop, asked, "applied");
    assert.deepEqual(await expect(shop, { ...asked, kind: "status" }, "applied"), first);
    assert.deepEqual(await expect(shop, { ...asked, kind: "fence" }, "applied"), first);
    const ended = await expect(shop, { ...other, kind: "fence" }, "canceled");
    assert.deepEqual(await expect(shop, other, "canceled"), ended);
    assert.deepEqual((await state(shop)).slice(1), [1, 1]);
  });

  onShop("Unicode", async (shop) => {
    const key = { "change_set.target.primary_key.value": "INV-日本", "change_set.scope.object_id": "INV-日本" };
    const asked = requestFor(shop, 5, { ...key, idempotency_key: "wrp_u:INV-日本 😀" });
    await expect(shop, asked, "applied");
    await expect(shop, asked, "already_applied");
  });

  onShop(
    "without the receipt table nothing is done and the log says how to make it",
    async (shop) => {
      logged.length = 0;
      const [http, said] = await shop.ask(requestFor(shop));
      assert.deepEqual([http, said.error.code], [503, "HANDLER_UNAVAILABLE"]);
      assert.match(logged[0][0], /CREATE TABLE IF NOT EXISTS/);
      assert.deepEqual(await shop.rows("SELECT * FROM credits"), []);
    },
    { receipts: false },
  );
}

test("over Node's http, and with fetch", async () => {
  const shop = await openShop("sqlite");
  const server = createServer(shop.handler).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  try {
    const request = requestFor(shop, 5, { idempotency_key: "wrp_h:é" });
    const body = Buffer.from(JSON.stringify(request));
    const older = SECRET.split(" ")[1];
    const sent = headersOf(request, body, older);
    const headers = { ...sent, "idempotency-key": Buffer.from(request.idempotency_key).toString("latin1") };
    const url = `http://127.0.0.1:${server.address().port}/synapsor/writeback`;
    const reply = await fetch(url, { method: "POST", body, headers });
    const said = Buffer.from(await reply.arrayBuffer());
    assert.deepEqual([reply.status, JSON.parse(said).status], [200, "applied"]);
    // The second secret signed the request, so it signs the reply.
    assert.equal(reply.headers.get("x-synapsor-receipt-signature"), signReply(older, body, said));
    const again = await shop.handler.fetch(new Request(url, { method: "POST", body, headers }));
    assert.deepEqual([again.status, (await again.json()).status], [200, "already_applied"]);
    const large = await fetch(url, { method: "POST", body: Buffer.alloc(1024 * 1024 + 1) });
    assert.equal(large.status, 413);
    assert.equal((await fetch(url)).status, 405);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await shop.close();
  }
});

test("what is missing in the settings is said", () => {
  const refused = (env, options) => {
    let said = "";
    const source = { engine: "sqlite", writeUrlEnv: "U" };
    const capabilities = { "a.b": () => {} };
    assert.throws(
      () => createWritebackHandler({ env, source, capabilities, ...options }),
      (error) => {
        said = error.message;
        return error instanceof Misconfigured;
      },
    );
    return said;
  };
  const url = { U: "sqlite:shop.db" };
  assert.match(refused(url, {}), /prove who they are/);
  assert.match(refused(url, { tokenEnv: "T" }), /T is not set/);
  assert.match(refused({ ...url, S: "s" }, { signingSecretEnv: "S" }), /SYNAPSOR_APP_WRITEBACK_URL/);
  assert.match(refused({ T: "t" }, { tokenEnv: "T" }), /U is not set/);
  const whole = { ...url, S: "s", SYNAPSOR_APP_WRITEBACK_URL: AUDIENCE };
  assert.match(refused(whole, { signingSecretEnv: "S", capabilities: {} }), /no action/);
  const source = { writeUrlEnv: "U" };
  assert.match(refused({ T: "t", U: "http://x" }, { tokenEnv: "T", source }), /starts with none of/);
});

test("a handler for a command answers no HTTP", async () => {
  const options = { env: { U: "sqlite:shop.db" }, source: { writeUrlEnv: "U" }, capabilities: { "a.b": () => {} } };
  const handler = createWritebackHandler({ ...options, commandOnly: true, log: () => {} });
  assert.equal((await handler.handle("POST", {}, Buffer.from("{}"))).status, 500);
});
