/** A plain value. A whole number beyond 2^53-1 is a `bigint`. */
export type Scalar = string | number | bigint | boolean | null;
/** Any JSON value. */
export type Json = Scalar | Json[] | { [key: string]: Json };

/** A verified request: the fields that the SDK relies on. */
export interface WritebackRequest {
  protocol_version: string;
  kind?: string;
  audience: string;
  issued_at: string;
  nonce?: string;
  ledger_id: string;
  writeback_job_id: string;
  proposal_id: string;
  proposal_hash: string;
  idempotency_key: string;
  dry_run?: boolean;
  change_set?: {
    action: string;
    scope: { tenant_id: string; object_id: string };
    principal: { id: string };
    target: { schema?: string; table: string; primary_key: { column: string; value: Scalar } };
    patch: Record<string, Json>;
    guards: {
      tenant: { column: string; value: string };
      allowed_columns: string[];
      expected_version: { column: string; value: Scalar };
    };
  };
  before?: Record<string, Json>;
  approval?: { approvers: string[]; decided_at: string };
}

/** One approved change. The row is locked, and is what the reviewer saw. */
export interface Job {
  action: string;
  proposalId: string;
  proposalHash: string;
  idempotencyKey: string;
  tenantId: string;
  /** The row's key as text. */
  objectId: string;
  /** Who proposed it. */
  principal: string;
  target: { schema: string | undefined; table: string; primaryKey: { column: string; value: Scalar } };
  tenantColumn: string;
  expectedVersion: { column: string; value: Scalar };
  /** The reviewed values; integers beyond 2^53-1 and decimals are texts. */
  patch: Record<string, any>;
  /** The locked row, all columns, as the driver gives them. */
  row: Record<string, any>;
  /** The row as the reviewer saw it. */
  before: Record<string, Json>;
  approval: { approvers: string[]; decided_at: string } | undefined;
  /** Whether everything is undone at the end. */
  dryRun: boolean;
  /** The whole request. */
  raw: WritebackRequest;
}

/** The job of a verified request. */
export function jobOf(request: WritebackRequest, row: Record<string, unknown>): Job {
  const change = request.change_set!;
  return {
    action: change.action,
    proposalId: request.proposal_id,
    proposalHash: request.proposal_hash,
    idempotencyKey: request.idempotency_key,
    tenantId: change.scope.tenant_id,
    objectId: change.scope.object_id,
    principal: change.principal.id,
    target: { schema: change.target.schema, table: change.target.table, primaryKey: change.target.primary_key },
    tenantColumn: change.guards.tenant.column,
    expectedVersion: change.guards.expected_version,
    patch: change.patch,
    row,
    before: request.before ?? {},
    approval: request.approval,
    dryRun: request.dry_run ?? false,
    raw: request,
  };
}
