import type { IncomingMessage, ServerResponse } from "node:http";

import type { EngineName } from "./ddl.js";
import type { Engine } from "./engines/engine.js";
import { Busy, KeyReused, Misconfigured, Transient } from "./errors.js";
import { Store, type Effect, type Log } from "./transaction.js";
import { text } from "./tx.js";
import { MAX_BODY, PROTOCOL_VERSION, Refused, signReply, verifyCommand, verifyRequest, type Rules, type Verified } from "./verify.js";

const AUDIENCE_ENV = "SYNAPSOR_APP_WRITEBACK_URL";
const SUPPORTS = ["dry_run", "idempotent", "status", "fence"];
const BODY_MS = 10_000;

/** A handler's settings. Names that end in `Env` name environment variables. */
export interface HandlerOptions {
  /** The variable of the bearer token. */
  tokenEnv?: string;
  /** The variable of the signing secrets, separated by white space: any of them verifies. */
  signingSecretEnv?: string;
  /** The address that the runner calls; by default what `SYNAPSOR_APP_WRITEBACK_URL` holds. */
  audience?: string;
  /** The environment; by default the process's. */
  env?: Record<string, string | undefined>;
  source: {
    /** By default what the URL starts with. */
    engine?: EngineName;
    writeUrlEnv: string;
    receiptTable?: { schema?: string; table?: string };
    /** Longest wait for the key or the row, in ms; 4000 by default. */
    lockTimeoutMs?: number;
  };
  /** For a command handler: nobody can reach it but the runner that starts it, so it needs no credentials. */
  commandOnly?: boolean;
  /** The business effect of each action. */
  capabilities: Record<string, Effect>;
  /** Where the handler says what went wrong; `console.error` by default. */
  log?: Log;
}

/** What goes back. */
export interface Reply {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

/** A handler: a listener for Node's `http` (and so for Express), and a fetch function for everything else. */
export interface WritebackHandler {
  (request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** For servers that speak fetch: Hono, Fastify's adaptors, Deno, Bun. */
  fetch(request: Request): Promise<Response>;
  /** Answers a request; `headers` by lower-case name. Never rejects. */
  handle(method: string, headers: Record<string, string | undefined>, body: Uint8Array): Promise<Reply>;
  /** Answers one request on standard input with one line on standard output. */
  command(): Promise<void>;
  /** Closes idle connections. */
  close(): Promise<void>;
}

/** Makes a handler. Throws {@link Misconfigured}. */
export function createWritebackHandler(options: HandlerOptions): WritebackHandler {
  const env = options.env ?? process.env;
  const log: Log = options.log ?? ((message, error) => console.error(`synapsor-handler: ${message}`, error ?? ""));
  const variable = (name: string | undefined): string | undefined => {
    if (name === undefined) return undefined;
    const value = (env[name] ?? "").trim();
    if (value === "") throw new Misconfigured(`the environment variable ${name} is not set`);
    return value;
  };
  const token = variable(options.tokenEnv);
  const secret = variable(options.signingSecretEnv);
  if (!options.commandOnly && token === undefined && secret === undefined) {
    throw new Misconfigured("name the variable of a token or of a signing secret: who calls must prove who they are");
  }
  const audience = options.audience ?? (env[AUDIENCE_ENV] || undefined);
  if (secret !== undefined && audience === undefined) {
    throw new Misconfigured(`set ${AUDIENCE_ENV} to the address that the runner calls, or give \`audience\``);
  }
  const effects = new Map(Object.entries(options.capabilities));
  if (effects.size === 0) throw new Misconfigured("there is no action");
  const { writeUrlEnv, receiptTable, lockTimeoutMs } = options.source;
  const url = variable(writeUrlEnv)!;
  const scheme = url.split(":", 1)[0]!.replace(/^postgresql$/, "postgres").replace(/^file$/, "sqlite");
  const engine = options.source.engine ?? (scheme as EngineName);
  if (!["postgres", "mysql", "sqlite"].includes(engine)) {
    throw new Misconfigured("the write URL starts with none of postgresql:, mysql: and sqlite:");
  }
  const rules: Rules = { knows: (action) => effects.has(action), token, secrets: secret?.split(/\s+/) ?? [], audience };

  let opened: Promise<Store> | undefined;
  const store = () =>
    (opened ??= open(engine, url, lockTimeoutMs ?? 4000).then(
      (found) => new Store(found, log, receiptTable?.schema, receiptTable?.table),
    ));

  const answer = async ({ kind, request }: Verified): Promise<Reply> => {
    try {
      if (kind === "handshake") return json(200, { nonce: request.nonce ?? "", supports: SUPPORTS });
      const held = await store();
      if (kind === "status") return json(200, await held.status(request));
      if (kind === "fence") return json(200, await held.fence(request));
      return json(200, await held.apply(request, effects.get(request.change_set!.action)!));
    } catch (error) {
      if (error instanceof KeyReused) return refusal(409, "IDEMPOTENCY_KEY_REUSED", "the key is held by another change");
      if (error instanceof Busy) return refusal(503, "HANDLER_BUSY", "another request holds the key or the row");
      if (error instanceof Transient) return refusal(503, "HANDLER_UNAVAILABLE", "the change could not be tried");
      log("a request failed", error);
      return refusal(500, "HANDLER_EXCEPTION", "something went wrong");
    }
  };

  const handle: WritebackHandler["handle"] = async (method, headers, body) => {
    try {
      if (options.commandOnly) throw new Misconfigured("the handler was made for a command, and has no credentials");
      const verified = verifyRequest(method, headers, body, rules);
      return sealed(await answer(verified), verified.secret, body);
    } catch (error) {
      if (error instanceof Refused) return sealed(refusal(error.status, error.code, error.message), error.secret, body);
      log("a request failed", error);
      return refusal(500, "HANDLER_EXCEPTION", "something went wrong");
    }
  };

  const listener = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const raw = (request as { rawBody?: unknown }).rawBody;
    let reply: Reply | null;
    if (Buffer.isBuffer(raw)) {
      reply = await handle(request.method ?? "", named(request.headers), raw);
    } else if (request.readableEnded) {
      log("the body was read already: mount the handler before body parsers, since the signature covers its exact bytes");
      reply = refusal(500, "HANDLER_EXCEPTION", "something went wrong");
    } else {
      const body = await bodyOf(request);
      reply = body instanceof Uint8Array ? await handle(request.method ?? "", named(request.headers), body) : body;
    }
    if (reply === null) return;
    const rest = request.readableEnded ? {} : { connection: "close" };
    response.writeHead(reply.status, { ...reply.headers, ...rest, "content-length": String(reply.body.length) });
    response.end(reply.body);
  };

  const fetch = async (request: Request): Promise<Response> => {
    const body = await withinTime(readAll(request.body));
    const headers: Record<string, string> = {};
    request.headers.forEach((value, name) => (headers[name] = utf8(value)));
    const reply = body === null ? timedOut() : await handle(request.method, headers, body);
    return new Response(new Uint8Array(reply.body), { status: reply.status, headers: reply.headers });
  };

  const command = async (): Promise<void> => {
    const own = audience?.startsWith("command:") ? audience : undefined;
    let reply: Reply;
    try {
      reply = await answer(verifyCommand((await readAll(process.stdin))!, { ...rules, audience: own }));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      reply = refusal(error.status, error.code, error.message);
    }
    process.stdout.write(`${reply.body.toString("utf8")}\n`);
    if (reply.status >= 500) process.exitCode = 1;
    await close();
  };

  const close = async () => (await opened?.catch(() => undefined))?.engine.close();
  return Object.assign(listener, { fetch, handle, command, close });
}

async function open(engine: EngineName, url: string, lockTimeoutMs: number): Promise<Engine> {
  if (engine === "postgres") return (await import("./engines/postgres.js")).postgres(url, lockTimeoutMs);
  if (engine === "mysql") return (await import("./engines/mysql.js")).mysql(url, lockTimeoutMs);
  return (await import("./engines/sqlite.js")).sqlite(url, lockTimeoutMs);
}

/** Headers are bytes; keys hold what rows' keys hold. */
const utf8 = (value: string) => Buffer.from(value, "latin1").toString("utf8");

function named(headers: IncomingMessage["headers"]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) if (typeof value === "string") found[name] = utf8(value);
  return found;
}

/** Everything, or one chunk more than may be. */
async function readAll(stream: AsyncIterable<Uint8Array> | null): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream ?? []) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_BODY) break;
  }
  return Buffer.concat(chunks);
}

async function withinTime<T>(work: Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => (timer = setTimeout(() => resolve(null), BODY_MS)));
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The body; a refusal if it is late; `null` if the client hung up. */
function bodyOf(request: IncomingMessage): Promise<Uint8Array | Reply | null> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const timer = setTimeout(() => end(timedOut()), BODY_MS);
    const end = (result: Uint8Array | Reply | null) => {
      clearTimeout(timer);
      request.pause();
      resolve(result);
    };
    request.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length > MAX_BODY) end(Buffer.concat(chunks));
    });
    request.on("end", () => end(Buffer.concat(chunks)));
    request.on("close", () => end(null));
  });
}

const timedOut = () => refusal(408, "BODY_TIMEOUT", "the body did not arrive in time");

function json(status: number, content: object): Reply {
  const headers: Record<string, string> = { "content-type": "application/json", "cache-control": "no-store" };
  if (status === 503) headers["retry-after"] = "1";
  if (status === 405) headers["allow"] = "POST";
  return { status, headers, body: Buffer.from(text({ protocol_version: PROTOCOL_VERSION, ...content })) };
}

function refusal(status: number, code: string, message: string): Reply {
  return json(status, { error: { code, message } });
}

function sealed(reply: Reply, secret: string | undefined, request: Uint8Array): Reply {
  if (secret === undefined) return reply;
  const signature = signReply(secret, request, reply.body);
  return { ...reply, headers: { ...reply.headers, "x-synapsor-receipt-signature": signature } };
}
