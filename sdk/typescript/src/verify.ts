import { createHash, createHmac, timingSafeEqual } from "node:crypto";

import type { WritebackRequest } from "./request.js";

/** The `protocol_version` of every request and reply. */
export const PROTOCOL_VERSION = "1.0";
/** Largest body, in bytes. */
export const MAX_BODY = 1024 * 1024;
const SKEW_MS = 300_000;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const TIME = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;
const ABOUT = ["ledger_id", "writeback_job_id", "proposal_id", "proposal_hash", "idempotency_key"];

/** What the handler demands. */
export interface Rules {
  /** Whether an action is known. */
  knows: (action: string) => boolean;
  /** The bearer token, if one is demanded. */
  token?: string | undefined;
  /** The secrets of which one must have signed; empty if no signature is demanded. */
  secrets?: readonly string[];
  /** The handler's own address, if it is checked. */
  audience?: string | undefined;
  /** The time in ms since 1970; the clock's if left out. */
  now?: number;
}

/** A request that may be acted on. */
export interface Verified {
  kind: "apply" | "status" | "fence" | "handshake";
  request: WritebackRequest;
  /** The secret that signed it, which signs the reply. */
  secret: string | undefined;
}

/** Why a request is refused; nothing was begun. */
export class Refused extends Error {
  override name = "Refused";
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** The secret that signed the request, which signs the refusal; absent before that was known. */
    readonly secret?: string,
  ) {
    super(message);
  }
}

const mac = (secret: string, ...parts: Uint8Array[]) => {
  const hmac = createHmac("sha256", secret);
  for (const part of parts) hmac.update(part);
  return `sha256=${hmac.digest("hex")}`;
};

/** The value of `x-synapsor-signature`. */
export const signRequest = (secret: string, body: Uint8Array): string => mac(secret, body);

/** The value of `x-synapsor-receipt-signature`. */
export const signReply = (secret: string, requestBody: Uint8Array, replyBody: Uint8Array): string =>
  mac(secret, createHash("sha256").update(requestBody).digest(), replyBody);

function same(expected: string, given: string): boolean {
  // Digests have one length and tell nothing of the texts.
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(expected), digest(given));
}

/** Checks a request; `headers` by lower-case name. Throws {@link Refused}. */
export function verifyRequest(
  method: string,
  headers: Record<string, string | undefined>,
  body: Uint8Array,
  rules: Rules,
): Verified {
  if (method !== "POST") throw new Refused(405, "METHOD_NOT_ALLOWED", "requests are POSTed");
  if (body.length > MAX_BODY) throw new Refused(413, "BODY_TOO_LARGE", "the body has more than 1048576 bytes");
  if (rules.token !== undefined) {
    const [, scheme, given] = /^([^ ]*) ?(.*)$/s.exec(headers["authorization"] ?? "")!;
    if (!same(rules.token, given!) || scheme!.toLowerCase() !== "bearer") {
      throw new Refused(401, "UNAUTHORIZED", "the bearer token is missing or wrong");
    }
  }
  let secret: string | undefined;
  if (rules.secrets && rules.secrets.length > 0) {
    const signature = headers["x-synapsor-signature"] ?? "";
    secret = rules.secrets.filter((one) => same(mac(one, body), signature))[0];
    if (secret === undefined) throw new Refused(401, "INVALID_SIGNATURE", "the signature is missing or wrong");
  }
  const issued = time(headers["x-synapsor-issued-at"] ?? "");
  if (issued === null || Math.abs((rules.now ?? Date.now()) - issued) > SKEW_MS) {
    throw new Refused(401, "INVALID_ISSUED_AT", "the time of signing is missing or over 300 s away");
  }
  try {
    return { ...read(body, rules, headers), secret };
  } catch (error) {
    if (error instanceof Refused) throw new Refused(error.status, error.code, error.message, secret);
    throw error;
  }
}

/** Checks a request that came on standard input: as {@link verifyRequest}, without headers. */
export function verifyCommand(body: Uint8Array, rules: Rules): Verified {
  if (body.length > MAX_BODY) throw new Refused(413, "BODY_TOO_LARGE", "the body has more than 1048576 bytes");
  return { ...read(body, rules, null), secret: undefined };
}

function time(text: string): number | null {
  const at = TIME.test(text) ? Date.parse(text.toUpperCase().replace(" ", "T")) : Number.NaN;
  return Number.isNaN(at) ? null : at;
}

const bad = (message: string) => new Refused(400, "BAD_WRITEBACK_REQUEST", message);

/** JSON in which whole numbers that a `number` cannot hold are `bigint`s. */
export function parse(text: string): unknown {
  // The third argument is newer than the library's types.
  const exact = (_: string, value: unknown, context?: { source?: string }) =>
    typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "")
      ? BigInt(context!.source!)
      : value;
  return JSON.parse(text, exact as (key: string, value: unknown) => unknown);
}

type Fields = Record<string, unknown>;
const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function read(
  body: Uint8Array,
  rules: Rules,
  headers: Record<string, string | undefined> | null,
): Omit<Verified, "secret"> {
  let request: unknown = null;
  try {
    request = parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    // Said below.
  }
  if (!isObject(request)) throw new Refused(400, "BAD_JSON", "the body is no JSON object");
  if (request["protocol_version"] !== PROTOCOL_VERSION) {
    throw new Refused(400, "UNSUPPORTED_PROTOCOL_VERSION", "this handler speaks protocol version 1.0");
  }
  const kind = request["kind"] === undefined ? "apply" : request["kind"];
  if (kind !== "apply" && kind !== "status" && kind !== "fence" && kind !== "handshake") throw bad("`kind` is unknown");
  texts(request, "audience", "issued_at");
  if (time(request["issued_at"] as string) === null) throw bad("`issued_at` is no RFC 3339 time");
  const repeated: Fields = { "x-synapsor-issued-at": request["issued_at"] };
  if (kind === "handshake") {
    if (request["nonce"] !== undefined) texts(request, "nonce");
  } else {
    texts(request, ...ABOUT);
    if (Buffer.byteLength(request["idempotency_key"] as string) > 255) {
      throw bad("`idempotency_key` has more than 255 bytes");
    }
    repeated["x-synapsor-proposal-id"] = request["proposal_id"];
    repeated["idempotency-key"] = request["idempotency_key"];
  }
  const action = kind === "apply" ? change(request) : null;
  if (headers !== null) {
    for (const [name, value] of Object.entries(repeated)) {
      if (headers[name] !== value) throw bad(`the header \`${name}\` does not repeat the body`);
    }
  }
  if (rules.audience !== undefined && request["audience"] !== rules.audience) {
    throw new Refused(403, "INVALID_AUDIENCE", "the request is for another handler");
  }
  if (action !== null && !rules.knows(action)) {
    throw new Refused(400, "UNSUPPORTED_ACTION", "this handler does not know the action");
  }
  return { kind, request: request as unknown as WritebackRequest };
}

function texts(of: unknown, ...names: string[]): asserts of is Fields {
  for (const name of names) {
    const value = isObject(of) ? of[name] : undefined;
    if (typeof value !== "string" || value === "") throw bad(`\`${name}\` is no text`);
  }
}

function change(request: Fields): string {
  if (request["dry_run"] !== undefined && typeof request["dry_run"] !== "boolean") {
    throw bad("`dry_run` is neither true nor false");
  }
  const set = request["change_set"];
  texts(set, "action");
  texts(set["scope"], "tenant_id", "object_id");
  texts(set["principal"], "id");
  const { target, guards, patch } = set;
  texts(target, "table");
  if (!isObject(guards)) throw bad("`guards` is missing");
  const [key, tenant, version] = [target["primary_key"], guards["tenant"], guards["expected_version"]];
  for (const pair of [key, tenant, version]) {
    texts(pair, "column");
    if (!("value" in pair) || (typeof pair["value"] === "object" && pair["value"] !== null)) {
      throw bad("the key, the tenant or the version is no plain value");
    }
  }
  const allowed = guards["allowed_columns"];
  if (!Array.isArray(allowed)) throw bad("`allowed_columns` is no list");
  const column = (of: unknown) => (of as Fields)["column"] as string;
  const schema = target["schema"] === undefined || target["schema"] === null ? [] : [target["schema"]];
  for (const name of [target["table"], column(key), column(tenant), column(version), ...allowed, ...schema]) {
    if (typeof name !== "string" || !NAME.test(name)) throw bad("a name is not made of letters, digits and underscores");
  }
  if ((key as Fields)["value"] === null || (tenant as Fields)["value"] !== (set["scope"] as Fields)["tenant_id"]) {
    throw bad("the key is null, or the tenant of the scope and of the guard differ");
  }
  if (!isObject(patch) || Object.keys(patch).length === 0 || Object.keys(patch).some((name) => !allowed.includes(name))) {
    throw bad("the patch is empty or names a column that is not allowed");
  }
  if (allowed.includes(column(key)) || allowed.includes(column(tenant))) {
    throw bad("the key and the tenant column never change");
  }
  return set["action"] as string;
}
