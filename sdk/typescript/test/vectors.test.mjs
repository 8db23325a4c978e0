/** The shared test vectors. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Refused, sameVersion, signReply, verifyRequest } from "../dist/index.js";

const beside = "../../../fixtures/handler-vectors/vectors.json";
const vectors = JSON.parse(readFileSync(process.env.SYNAPSOR_HANDLER_VECTORS ?? new URL(beside, import.meta.url), "utf8"));

test("requests are accepted and refused as the vectors say", () => {
  const { settings, requests } = vectors;
  const rules = {
    knows: (action) => settings.actions.includes(action),
    token: settings.token,
    secrets: settings.secrets.split(" "),
    audience: settings.audience,
    now: Date.parse(settings.now),
  };
  assert.ok(requests.length > 90);
  for (const { name, method, headers, body, body_base64: coded, expect } of requests) {
    const bytes = coded === undefined ? Buffer.from(body) : Buffer.from(coded, "base64");
    let found;
    try {
      found = { status: 200, kind: verifyRequest(method, headers, bytes, rules).kind };
    } catch (error) {
      assert.ok(error instanceof Refused, `${name}: ${error}`);
      found = { status: error.status, code: error.code, signed: error.secret !== undefined };
    }
    assert.deepEqual(found, expect, name);
  }
});

test("replies are signed as the vectors say", () => {
  for (const { name, secret, request_body: request, reply_body: reply, signature } of vectors.replies) {
    assert.equal(signReply(secret, Buffer.from(request), Buffer.from(reply)), signature, name);
  }
});

test("versions are compared as the vectors say", () => {
  for (const { stored, expected, same } of vectors.versions) assert.equal(sameVersion(stored, expected), same, stored);
});
