/**
 * Safe handlers for changes that Synapsor Runner hands to your application.
 *
 * You write only the business effect. Everything else happens before and after it, in one transaction: token, signature,
 * address, protocol, a receipt under the request's key, the row locked by key and tenant, its version compared exactly,
 * and moved at the end.
 */
export { ddl, type EngineName } from "./ddl.js";
export { Misconfigured, WritebackFailed } from "./errors.js";
export { createWritebackHandler, type HandlerOptions, type Reply, type WritebackHandler } from "./handler.js";
export type { Job, Json, Scalar, WritebackRequest } from "./request.js";
export type { Effect, Effects, WritebackReceipt } from "./transaction.js";
export type { Tx } from "./tx.js";
export { Refused, signReply, signRequest, verifyRequest, type Rules, type Verified } from "./verify.js";
export { sameVersion } from "./version.js";
