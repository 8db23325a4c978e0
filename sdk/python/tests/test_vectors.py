"""The shared test vectors."""

from __future__ import annotations

import base64
import datetime as dt
import json
import unittest
from pathlib import Path

from synapsor_handler import Refused, Rules, same_version, sign_reply, verify_request

VECTORS = json.loads((Path(__file__).parents[3] / "fixtures/handler-vectors/vectors.json").read_text("utf-8"))


class Vectors(unittest.TestCase):
    def test_requests(self) -> None:
        settings = VECTORS["settings"]
        rules = Rules(
            knows=settings["actions"].__contains__,
            token=settings["token"],
            secrets=settings["secrets"].split(),
            audience=settings["audience"],
            now=dt.datetime.fromisoformat(settings["now"]),
        )
        self.assertGreater(len(VECTORS["requests"]), 90)
        for case in VECTORS["requests"]:
            with self.subTest(case["name"]):
                body = case["body"].encode() if "body" in case else base64.b64decode(case["body_base64"])
                try:
                    verified = verify_request(case["method"], case["headers"], body, rules)
                    found: dict[str, object] = {"status": 200, "kind": verified.kind}
                except Refused as no:
                    found = {"status": no.status, "code": no.code, "signed": no.secret is not None}
                self.assertEqual(found, case["expect"])

    def test_replies(self) -> None:
        for case in VECTORS["replies"]:
            signature = sign_reply(case["secret"], case["request_body"].encode(), case["reply_body"].encode())
            self.assertEqual(signature, case["signature"], case["name"])

    def test_versions(self) -> None:
        for case in VECTORS["versions"]:
            self.assertEqual(same_version(case["stored"], case["expected"]), case["same"], case)


if __name__ == "__main__":
    unittest.main()
