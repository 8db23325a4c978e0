// An account credit, written by a program that the runner starts: no port, no token, no signature.
import { createWritebackHandler, WritebackFailed } from "synapsor-handler";

const MOST_CENTS = 1_000_000;

const handler = createWritebackHandler({
  commandOnly: true,
  source: { writeUrlEnv: "SYNAPSOR_APP_WRITE_URL" },
  capabilities: {
    "billing.propose_account_credit": async (job, tx) => {
      const { credit_cents: cents, credit_reason: reason } = job.patch;
      const id = `CR-${job.proposalId}`;
      await tx.insert("account_credits", {
        id,
        tenant_id: job.tenantId,
        account_id: job.objectId,
        cents,
        reason,
        created_by: job.principal,
      });
      const credited = job.row.credited_cents + cents;
      // The insert is undone with everything else.
      if (credited > MOST_CENTS) throw new WritebackFailed("CREDIT_LIMIT_REACHED");
      await tx.update("accounts", job.objectId, { credited_cents: credited });
      return { effects: [{ type: "db.insert", table: "account_credits", id }] };
    },
  },
});

await handler.command();
