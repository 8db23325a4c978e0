"""The handler against real databases: SQLite always, the others where the environment names them."""

from __future__ import annotations

import asyncio
import io
import json
import unittest
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from stage import AUDIENCE, SECRET, Shop, engines, open_shop, request
from synapsor_handler import Misconfigured, sign_reply, writeback_handler
from synapsor_handler.verify import sign_request


class OnEveryEngine(unittest.TestCase):
    def shops(self) -> Any:
        for engine in engines():
            with self.subTest(engine):
                shop = open_shop(engine)
                try:
                    yield shop
                finally:
                    shop.close()

    def state(self, shop: Shop) -> tuple[Any, ...]:
        invoices = shop.rows("SELECT id, tenant_id, credited, version, note FROM invoices ORDER BY id")
        return (
            [tuple(row.values()) for row in invoices],
            len(shop.rows("SELECT * FROM credits")),
            len(shop.rows("SELECT * FROM synapsor_handler_outbox")),
        )

    def expect(self, shop: Shop, asked: dict[str, Any], status: str, code: str | None = None) -> dict[str, Any]:
        http, said = shop.ask(asked)
        self.assertEqual((http, said["status"], said["safe_error_code"]), (200, status, code), said)
        return said

    def test_applies_once_and_moves_the_version(self) -> None:
        for shop in self.shops():
            asked = request(shop)
            first = self.expect(shop, asked, "applied")
            self.assertEqual((first["rows_affected"], first["source_database_mutated"]), (2, True))
            self.assertEqual(first["previous_version"], "2026-06-20T14:31:08.123456Z")
            self.assertRegex(first["new_version"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.?\d*Z$")
            again = self.expect(shop, asked, "already_applied")
            self.assertEqual(again | {"status": "applied"}, first)
            self.assertEqual(self.state(shop)[1:], (1, 1))
            http, said = shop.ask({**asked, "proposal_hash": "sha256:other"})
            self.assertEqual((http, said["error"]["code"]), (409, "IDEMPOTENCY_KEY_REUSED"))
            # The new version is one that a request can name.
            named = {"change_set__guards__expected_version__value": first["new_version"]}
            self.expect(shop, request(shop, **named), "applied")

    def test_guards(self) -> None:
        at, gone = "change_set__guards__expected_version__value", "ROW_NOT_FOUND_OR_WRONG_TENANT"
        stale = "ROW_CHANGED_AFTER_PROPOSAL"
        tenant = {"change_set__scope__tenant_id": "globex", "change_set__guards__tenant__value": "globex"}
        shouted = {"change_set__scope__tenant_id": "ACME", "change_set__guards__tenant__value": "ACME"}
        cases: list[tuple[dict[str, Any], str]] = [
            (tenant, gone),
            (shouted, gone),
            ({"change_set__target__primary_key__value": "inv-1"}, gone),
            ({"change_set__target__primary_key__value": "INV-1 "}, gone),
            ({"change_set__target__primary_key__value": "INV-9"}, gone),
            ({at: "2026-06-20T14:31:08.123457Z"}, stale),
            ({at: "2026-06-20T14:31:08Z"}, stale),
            ({at: None}, stale),
            ({"change_set__guards__expected_version": {"column": "version", "value": 2}}, stale),
        ]
        for shop in self.shops():
            before = self.state(shop)
            for changes, code in cases:
                asked = request(shop, **changes)
                first = self.expect(shop, asked, "conflict", code)
                self.assertEqual(self.expect(shop, asked, "conflict", code), first)
            self.assertEqual(self.state(shop), before)
            integer = {"change_set__guards__expected_version": {"column": "version", "value": 1}}
            self.assertEqual(self.expect(shop, request(shop, **integer), "applied")["new_version"], 2)
            null = {"change_set__guards__expected_version": {"column": "maybe", "value": None}}
            self.expect(shop, request(shop, **null), "failed", "VERSION_NOT_ADVANCED")

    def test_two_proposals_of_one_version(self) -> None:
        for shop in self.shops():
            for guard in ({"column": "version", "value": 1}, {"column": "updated_at", "value": "2026-06-20T14:31:08.123456Z"}):
                changes = {"change_set__action": "billing.note", "change_set__guards__expected_version": guard}
                one, two = request(shop, **changes), request(shop, **changes)
                self.assertEqual(self.expect(shop, one, "applied")["rows_affected"], 2)
                self.expect(shop, two, "conflict", "ROW_CHANGED_AFTER_PROPOSAL")

    def test_64_at_once(self) -> None:
        for shop in self.shops():
            asked = request(shop)
            with ThreadPoolExecutor(64) as threads:
                replies = list(threads.map(lambda _: shop.ask(asked), range(64)))
            said = sorted(reply["status"] for _, reply in replies)
            self.assertEqual(said, ["already_applied"] * 63 + ["applied"])
            self.assertEqual(len({reply["receipt_id"] for _, reply in replies}), 1)
            self.assertEqual(self.state(shop)[1:], (1, 1))

    def test_different_changes_race_on_one_row(self) -> None:
        for shop in self.shops():
            with ThreadPoolExecutor(8) as threads:
                replies = list(threads.map(shop.ask, [request(shop) for _ in range(8)]))
            self.assertEqual(sorted(said["status"] for _, said in replies), ["applied"] + ["conflict"] * 7)
            self.assertEqual(self.state(shop)[1:], (1, 1))

    def test_failures_leave_only_a_receipt(self) -> None:
        mischief = ["other tenant's row", "another tenant's insert", "tenant", "a name", "everything"]
        for shop in self.shops():
            before = self.state(shop)
            cases: list[tuple[Any, str, dict[str, Any]]] = [
                (13, "HANDLER_BUSINESS_ERROR", {}),
                (14, "CREDIT_LIMIT_REACHED", {}),
                ("x" * 10, "HANDLER_BUSINESS_ERROR", {}),
                (None, "HANDLER_BUSINESS_ERROR", {}),
                *(
                    (1, "HANDLER_BUSINESS_ERROR", {"change_set__action": "billing.mischief", "change_set__patch": {"note": one}})
                    for one in mischief
                ),
            ]
            for cents, code, changes in cases:
                asked = request(shop, cents, **changes)
                with self.assertLogs("synapsor_handler") if code != "CREDIT_LIMIT_REACHED" else self.assertNoLogs():
                    first = self.expect(shop, asked, "failed", code)
                self.assertNotIn("secret", json.dumps(first))
                self.assertEqual(self.expect(shop, asked, "failed", code), first)
            self.assertEqual(self.state(shop), before)

    def test_dry_run(self) -> None:
        for shop in self.shops():
            before = self.state(shop)
            said = self.expect(shop, request(shop, dry_run=True), "applied")
            self.assertEqual((said["dry_run"], said["source_database_mutated"]), (True, False))
            stale = {"change_set__guards__expected_version__value": "2026-01-01T00:00:00Z"}
            self.expect(shop, request(shop, dry_run=True, **stale), "conflict", "ROW_CHANGED_AFTER_PROPOSAL")
            with self.assertLogs("synapsor_handler"):
                self.expect(shop, request(shop, 13, dry_run=True), "failed", "HANDLER_BUSINESS_ERROR")
            self.assertEqual(self.state(shop), before)
            self.assertEqual(shop.rows("SELECT * FROM synapsor_handler_receipts"), [])

    def test_status_and_fence(self) -> None:
        for shop in self.shops():
            asked, other = request(shop), request(shop)
            kind = lambda request, kind: {**request, "kind": kind}  # noqa: E731
            self.expect(shop, kind(asked, "status"), "unknown")
            first = self.expect(shop, asked, "applied")
            self.assertEqual(self.expect(shop, kind(asked, "status"), "applied"), first)
            self.assertEqual(self.expect(shop, kind(asked, "fence"), "applied"), first)
            ended = self.expect(shop, kind(other, "fence"), "canceled")
            self.assertEqual(self.expect(shop, other, "canceled"), ended)
            self.assertEqual(self.state(shop)[1:], (1, 1))

    def test_unicode(self) -> None:
        for shop in self.shops():
            key = {"change_set__target__primary_key__value": "INV-日本", "change_set__scope__object_id": "INV-日本"}
            asked = request(shop, idempotency_key="wrp_u:INV-日本 😀", **key)
            self.expect(shop, asked, "applied")
            self.expect(shop, asked, "already_applied")

    def test_without_the_receipt_table(self) -> None:
        for engine in engines():
            shop = open_shop(engine, receipts=False)
            try:
                with self.assertLogs("synapsor_handler") as logs:
                    http, said = shop.ask(request(shop))
                self.assertEqual((http, said["error"]["code"]), (503, "HANDLER_UNAVAILABLE"))
                self.assertIn("CREATE TABLE IF NOT EXISTS", logs.output[0])
                self.assertEqual(shop.rows("SELECT * FROM credits"), [])
            finally:
                shop.close()


class Servers(unittest.TestCase):
    def setUp(self) -> None:
        self.shop = open_shop("sqlite")
        self.addCleanup(self.shop.close)
        self.request = request(self.shop)
        self.body = json.dumps(self.request).encode()
        self.headers = {
            "authorization": "Bearer a-token",
            "idempotency-key": self.request["idempotency_key"],
            "x-synapsor-proposal-id": self.request["proposal_id"],
            "x-synapsor-issued-at": self.request["issued_at"],
            "x-synapsor-signature": sign_request(SECRET.split()[1], self.body),
        }

    def test_wsgi(self) -> None:
        environ = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in self.headers.items()}
        environ |= {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": str(len(self.body))}
        started: list[Any] = []
        said = self.shop.handlers.wsgi(
            environ | {"wsgi.input": io.BytesIO(self.body)}, lambda status, headers: started.extend([status, dict(headers)])
        )
        self.assertEqual((started[0], json.loads(said[0])["status"]), ("200 OK", "applied"))
        # The second secret signed the request, so it signs the reply.
        expected = sign_reply(SECRET.split()[1], self.body, said[0])
        self.assertEqual(started[1]["x-synapsor-receipt-signature"], expected)

    def ask_asgi(self, *messages: dict[str, Any]) -> list[Any]:
        sent: list[Any] = []
        left = list(messages)

        async def receive() -> Any:
            return left.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        scope = {"type": "http", "method": "POST", "headers": headers}
        asyncio.run(self.shop.handlers.asgi(scope, receive, send))
        return sent

    def test_asgi(self) -> None:
        half = len(self.body) // 2
        sent = self.ask_asgi(
            {"type": "http.request", "body": self.body[:half], "more_body": True},
            {"type": "http.request", "body": self.body[half:], "more_body": False},
        )
        self.assertEqual((sent[0]["status"], json.loads(sent[1]["body"])["status"]), (200, "applied"))
        large = self.ask_asgi({"type": "http.request", "body": b"x" * (1024 * 1024 + 1), "more_body": True})
        self.assertEqual(large[0]["status"], 413)
        self.assertEqual(self.ask_asgi({"type": "http.disconnect"}), [])


class Settings(unittest.TestCase):
    def refused(self, env: dict[str, str], **settings: Any) -> str:
        with self.assertRaises(Misconfigured) as refused:
            writeback_handler(env=env, **settings)(lambda job, tx: None)
        return str(refused.exception)

    def test_what_is_missing_is_said(self) -> None:
        url = {"U": "sqlite:shop.db"}
        self.assertIn("prove who they are", self.refused(url, write_url_env="U"))
        self.assertIn("T is not set", self.refused(url, write_url_env="U", token_env="T"))
        secret = url | {"S": "s"}
        self.assertIn("SYNAPSOR_APP_WRITEBACK_URL", self.refused(secret, write_url_env="U", signing_secret_env="S"))
        self.assertIn("U is not set", self.refused({"T": "t"}, write_url_env="U", token_env="T"))
        wrong = {"T": "t", "U": "http://x"}
        self.assertIn("starts with none of", self.refused(wrong, write_url_env="U", token_env="T"))
        named = secret | {"SYNAPSOR_APP_WRITEBACK_URL": AUDIENCE}
        self.assertIn("is no action", self.refused(named, write_url_env="U", signing_secret_env="S"))

    def test_a_handler_for_a_command_answers_no_http(self) -> None:
        made = writeback_handler(action="a.b", env={"U": "sqlite:shop.db"}, write_url_env="U", command_only=True)
        with self.assertLogs("synapsor_handler"):
            self.assertEqual(made(lambda job, tx: None).handle("POST", {}, b"{}").status, 500)


if __name__ == "__main__":
    unittest.main()
