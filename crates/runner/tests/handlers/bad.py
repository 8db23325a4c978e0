"""The template's app with one guard broken: BAD names which. For tests of the kit."""

import os
import runpy
import socket

import synapsor_handler.handler as handler
import synapsor_handler.transaction as transaction
import synapsor_handler.verify as verify

bad = os.environ.get("BAD", "")
settimeout = socket.socket.settimeout
# A slow body is given up sooner, so that the tests are done sooner.
socket.socket.settimeout = lambda self, seconds: settimeout(self, seconds and min(seconds, 1))


def rules(**broken):
    real = handler.Rules
    handler.Rules = lambda **given: real(**(given | broken))


def replace(owner, name, make):
    setattr(owner, name, make(getattr(owner, name)))


if bad == "bearer":
    rules(token=None)
if bad == "signature":
    # It signs its replies, but looks at nothing.
    def unchecked(real):
        def verify_request(method, headers, body, given):
            from dataclasses import replace as copy

            verified = real(method, headers, body, copy(given, secrets=()))
            return copy(verified, secret=given.secrets[0])

        return verify_request

    replace(handler, "verify_request", unchecked)
if bad == "stale-signature":
    import datetime

    verify.SKEW = datetime.timedelta(days=365)
if bad == "handshake":
    handler.SUPPORTS = ["dry_run"]
if bad == "method":
    replace(handler, "verify_request", lambda real: lambda method, headers, body, given: real("POST", headers, body, given))
if bad == "headers":

    def as_the_body_says(real):
        def read(body, given, headers):
            try:
                key = verify.json.loads(body).get("idempotency_key", "")
            except ValueError:
                key = ""
            return real(body, given, {**headers, "idempotency-key": key})

        return read

    replace(verify, "_read", as_the_body_says)
if bad == "protocol":

    def any_version(real):
        return lambda body, given, headers: real(body.replace(b'"2.0"', b'"1.0"'), given, headers)

    replace(verify, "_read", any_version)
if bad == "malformed":
    verify._change = lambda request: None
if bad == "oversize":
    import synapsor_handler.wsgi as wsgi

    verify.MAX_BODY = wsgi.MAX_BODY = 1 << 30
if bad == "slow":
    socket.socket.settimeout = lambda self, seconds: None
if bad == "audience":
    rules(audience=None)
if bad == "reply-signature":
    handler.sign_reply = lambda secret, request, reply: "sha256=" + "0" * 64
if bad == "action":
    rules(knows=lambda action: True)
    replace(handler.Handlers, "_answer", lambda real: lambda self, verified: real(self, first_action(self, verified)))

    def first_action(self, verified):
        if verified.kind == "apply":
            verified.request["change_set"]["action"] = next(iter(self._effects))
        return verified


Store = transaction.Store
if bad == "tenant":
    # Goes by the key alone.
    def any_tenant(real):
        def attempt(self, session, request, effect):
            change = request["change_set"]
            column = change["guards"]["tenant"]["column"]
            table = self.engine.quote(change["target"]["table"])
            key = change["target"]["primary_key"]
            sql = f"SELECT {column} AS tenant FROM {table} WHERE {key['column']} = ?"
            tenant = session.rows(sql, [key["value"]])[0]["tenant"]
            change["scope"]["tenant_id"] = change["guards"]["tenant"]["value"] = tenant
            return real(self, session, request, effect)

        return attempt

    replace(Store, "_attempt", any_tenant)
if bad == "version":
    transaction.same_version = lambda stored, expected: True
if bad == "version-move":
    replace(Store, "_move", lambda real: lambda self, session, place, scope, job, held: held)
if bad == "duplicate":
    # Every request is new to it.
    replace(Store, "_insert", lambda real: lambda self, session, key, request, status: True)
    replace(Store, "_complete", lambda real: lambda self, session, key, receipt: None)
if bad == "key-reuse":

    def any_hash(real):
        def stored(self, session, key, request):
            found = self._find(session, key)
            return transaction.json.loads(found["receipt_json"])

        return stored

    replace(Store, "_stored", any_hash)
if bad == "dry-run":
    replace(Store, "apply", lambda real: lambda self, request, effect: real(self, request | {"dry_run": False}, effect))
if bad == "failure":

    def keep_half(real):
        def run(self, sql, values=()):
            return 0 if sql == "ROLLBACK TO SAVEPOINT effect" else real(self, sql, values)

        return run

    from synapsor_handler.engines import sqlite

    replace(sqlite._Session, "run", keep_half)
if bad == "status":
    replace(Store, "status", lambda real: lambda self, request: self._receipt(request, "unknown"))
if bad == "fence":
    replace(Store, "fence", lambda real: lambda self, request: self._receipt(request, "canceled"))
if bad == "die":
    # Dies at a step of the transaction, as a crash or a deployment would make it.
    from synapsor_handler.engines import sqlite

    step = os.environ["STEP"]
    seen = {"INSERT INTO \"synapsor_handler_receipts\"": "receipt", "UPDATE \"accounts\"": "effect", "UPDATE \"synapsor_handler_receipts\"": "completed"}

    def deadly(real):
        def run(self, sql, values=()):
            changed = real(self, sql, values)
            if any(sql.startswith(start) and name == step for start, name in seen.items()):
                os._exit(9)
            return changed

        return run

    def deadly_commit(real):
        def commit(self):
            if step == "before-commit":
                os._exit(9)
            real(self)
            if step == "after-commit":
                os._exit(9)

        return commit

    replace(sqlite._Session, "run", deadly)
    replace(sqlite._Session, "commit", deadly_commit)

runpy.run_path("app.py", run_name="__main__")
