// An account credit, written by the app itself: one row in `account_credits`, and the sum in `accounts`.
import { createServer } from "node:http";
import { createWritebackHandler, WritebackFailed } from "synapsor-handler";

const MOST_CENTS = 1_000_000;

export const handler = createWritebackHandler({
  tokenEnv: "SYNAPSOR_APP_HANDLER_TOKEN",
  signingSecretEnv: "SYNAPSOR_APP_HANDLER_SIGNING_SECRET",
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
      await tx.emit("account.credited", { credit_id: id, cents });
      return { effects: [{ type: "db.insert", table: "account_credits", id }] };
    },
  },
});

// Behind a proxy, the address that the runner calls is the proxy's, and PORT says where to listen.
const port = Number(process.env.PORT ?? new URL(process.env.SYNAPSOR_APP_WRITEBACK_URL).port);
createServer(handler).listen(port, "127.0.0.1", () => console.log(`listening on 127.0.0.1:${port}`));
