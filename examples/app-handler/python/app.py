"""An account credit, written by the app itself: one row in ``account_credits``, and the sum in ``accounts``."""

import os
from socketserver import ThreadingMixIn
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIServer, make_server

from synapsor_handler import Job, Tx, WritebackFailed, writeback_handler

MOST_CENTS = 1_000_000


@writeback_handler(
    token_env="SYNAPSOR_APP_HANDLER_TOKEN",
    signing_secret_env="SYNAPSOR_APP_HANDLER_SIGNING_SECRET",
    write_url_env="SYNAPSOR_APP_WRITE_URL",
)
def billing_propose_account_credit(job: Job, tx: Tx):
    cents = job.patch["credit_cents"]
    credit_id = f"CR-{job.proposal_id}"
    tx.insert(
        "account_credits",
        id=credit_id,
        tenant_id=job.tenant_id,
        account_id=job.object_id,
        cents=cents,
        reason=job.patch["credit_reason"],
        created_by=job.principal,
    )
    credited = job.row["credited_cents"] + cents
    if credited > MOST_CENTS:
        # The insert is undone with everything else.
        raise WritebackFailed("CREDIT_LIMIT_REACHED")
    tx.update("accounts", job.object_id, credited_cents=credited)
    tx.emit("account.credited", {"credit_id": credit_id, "cents": cents})
    return {"effects": [{"type": "db.insert", "table": "account_credits", "id": credit_id}]}


app = billing_propose_account_credit.wsgi


class Server(ThreadingMixIn, WSGIServer):
    """The standard library's server, a thread a request; it bounds how slowly a body may come."""

    daemon_threads = True
    request_queue_size = 64

    def get_request(self):
        connection, address = super().get_request()
        connection.settimeout(10)
        return connection, address


if __name__ == "__main__":
    # Behind a proxy, the address that the runner calls is the proxy's, and PORT says where to listen.
    port = int(os.environ.get("PORT") or urlsplit(os.environ["SYNAPSOR_APP_WRITEBACK_URL"]).port)
    with make_server("127.0.0.1", port, app, Server) as server:
        print(f"listening on 127.0.0.1:{port}", flush=True)
        server.serve_forever()
