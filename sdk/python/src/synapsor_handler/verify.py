"""Whether a handler may act on a request: the checks in the protocol's order, before anything is begun."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PROTOCOL_VERSION = "1.0"
MAX_BODY = 1024 * 1024
SKEW = dt.timedelta(seconds=300)

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_KINDS = ("apply", "status", "fence", "handshake")
_ABOUT = ("ledger_id", "writeback_job_id", "proposal_id", "proposal_hash", "idempotency_key")


@dataclass(frozen=True)
class Rules:
    """What the handler demands."""

    knows: Callable[[str], bool]
    """Whether an action is known."""
    token: str | None = None
    """The bearer token, if one is demanded."""
    secrets: Sequence[str] = ()
    """The secrets of which one must have signed; empty if no signature is demanded."""
    audience: str | None = None
    """The handler's own address, if it is checked."""
    now: dt.datetime | None = None
    """The time; the clock's if left out."""


@dataclass(frozen=True)
class Verified:
    """A request that may be acted on."""

    kind: str
    request: dict[str, Any]
    secret: str | None
    """The secret that signed it, which signs the reply."""


@dataclass(frozen=True)
class Refused(Exception):
    """Why a request is refused; nothing was begun."""

    status: int
    code: str
    message: str
    secret: str | None = None
    """The secret that signed the request, which signs the refusal; ``None`` before that was known."""


def _mac(secret: str, *parts: bytes) -> str:
    return "sha256=" + hmac.new(secret.encode(), b"".join(parts), hashlib.sha256).hexdigest()


def sign_request(secret: str, body: bytes) -> str:
    """The value of ``x-synapsor-signature``."""
    return _mac(secret, body)


def sign_reply(secret: str, request_body: bytes, reply_body: bytes) -> str:
    """The value of ``x-synapsor-receipt-signature``."""
    return _mac(secret, hashlib.sha256(request_body).digest(), reply_body)


def verify_request(method: str, headers: Mapping[str, str], body: bytes, rules: Rules) -> Verified:
    """Checks a request; ``headers`` by lower-case name. Raises :class:`Refused`."""
    if method != "POST":
        raise Refused(405, "METHOD_NOT_ALLOWED", "requests are POSTed")
    if len(body) > MAX_BODY:
        raise Refused(413, "BODY_TOO_LARGE", "the body has more than 1048576 bytes")
    if rules.token is not None:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        known = hmac.compare_digest(given.encode(), rules.token.encode())
        if scheme.lower() != "bearer" or not known:
            raise Refused(401, "UNAUTHORIZED", "the bearer token is missing or wrong")
    secret = None
    if rules.secrets:
        signature = headers.get("x-synapsor-signature", "").encode()
        signers = [one for one in rules.secrets if hmac.compare_digest(_mac(one, body).encode(), signature)]
        if not signers:
            raise Refused(401, "INVALID_SIGNATURE", "the signature is missing or wrong")
        secret = signers[0]
    issued = _time(headers.get("x-synapsor-issued-at", ""))
    now = rules.now or dt.datetime.now(dt.UTC)
    if issued is None or abs(now - issued) > SKEW:
        raise Refused(401, "INVALID_ISSUED_AT", "the time of signing is missing or over 300 s away")
    try:
        kind, request = _read(body, rules, headers)
    except Refused as refused:
        raise Refused(refused.status, refused.code, refused.message, secret) from None
    return Verified(kind, request, secret)


def verify_command(body: bytes, rules: Rules) -> Verified:
    """Checks a request that came on standard input: as :func:`verify_request`, without headers."""
    if len(body) > MAX_BODY:
        raise Refused(413, "BODY_TOO_LARGE", "the body has more than 1048576 bytes")
    kind, request = _read(body, rules, None)
    return Verified(kind, request, None)


def _time(text: str) -> dt.datetime | None:
    if not _TIME.fullmatch(text):
        return None
    try:
        return dt.datetime.fromisoformat(text.upper())
    except ValueError:
        return None


def _bad(message: str) -> Refused:
    return Refused(400, "BAD_WRITEBACK_REQUEST", message)


def _no_constant(_: str) -> Any:
    raise ValueError("not JSON")


def _read(body: bytes, rules: Rules, headers: Mapping[str, str] | None) -> tuple[str, dict[str, Any]]:
    try:
        request = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        request = None
    if not isinstance(request, dict):
        raise Refused(400, "BAD_JSON", "the body is no JSON object")
    if request.get("protocol_version") != PROTOCOL_VERSION:
        raise Refused(400, "UNSUPPORTED_PROTOCOL_VERSION", "this handler speaks protocol version 1.0")
    kind = request.get("kind", "apply")
    if kind not in _KINDS:
        raise _bad("`kind` is unknown")
    _texts(request, "audience", "issued_at")
    if _time(request["issued_at"]) is None:
        raise _bad("`issued_at` is no RFC 3339 time")
    repeated = {"x-synapsor-issued-at": request["issued_at"]}
    if kind == "handshake":
        if "nonce" in request:
            _texts(request, "nonce")
    else:
        _texts(request, *_ABOUT)
        if len(request["idempotency_key"].encode()) > 255:
            raise _bad("`idempotency_key` has more than 255 bytes")
        repeated |= {"x-synapsor-proposal-id": request["proposal_id"], "idempotency-key": request["idempotency_key"]}
    if kind == "apply":
        _change(request)
    if headers is not None:
        for name, value in repeated.items():
            if headers.get(name) != value:
                raise _bad(f"the header `{name}` does not repeat the body")
    if rules.audience is not None and request["audience"] != rules.audience:
        raise Refused(403, "INVALID_AUDIENCE", "the request is for another handler")
    if kind == "apply" and not rules.knows(request["change_set"]["action"]):
        raise Refused(400, "UNSUPPORTED_ACTION", "this handler does not know the action")
    return kind, request


def _texts(of: Any, *names: str) -> None:
    for name in names:
        if not isinstance(of, dict) or not isinstance(of.get(name), str) or not of[name]:
            raise _bad(f"`{name}` is no text")


def _change(request: dict[str, Any]) -> None:
    if not isinstance(request.get("dry_run", False), bool):
        raise _bad("`dry_run` is neither true nor false")
    change = request.get("change_set")
    _texts(change, "action")
    assert isinstance(change, dict)
    _texts(change.get("scope"), "tenant_id", "object_id")
    _texts(change.get("principal"), "id")
    target, guards, patch = change.get("target"), change.get("guards"), change.get("patch")
    _texts(target, "table")
    if not isinstance(target, dict) or not isinstance(guards, dict):
        raise _bad("`target` or `guards` is missing")
    key, tenant, version = target.get("primary_key"), guards.get("tenant"), guards.get("expected_version")
    for pair in (key, tenant, version):
        _texts(pair, "column")
        if not isinstance(pair, dict) or "value" not in pair or isinstance(pair["value"], dict | list):
            raise _bad("the key, the tenant or the version is no plain value")
    assert isinstance(key, dict) and isinstance(tenant, dict) and isinstance(version, dict)
    allowed = guards.get("allowed_columns")
    if not isinstance(allowed, list):
        raise _bad("`allowed_columns` is no list")
    schema = target.get("schema")
    names = [target["table"], key["column"], tenant["column"], version["column"], *allowed]
    if any(not isinstance(name, str) or not _NAME.fullmatch(name) for name in names + ([] if schema is None else [schema])):
        raise _bad("a name is not made of letters, digits and underscores")
    if key["value"] is None or tenant["value"] != change["scope"]["tenant_id"]:
        raise _bad("the key is null, or the tenant of the scope and of the guard differ")
    if not isinstance(patch, dict) or not patch or not set(patch) <= set(allowed):
        raise _bad("the patch is empty or names a column that is not allowed")
    if key["column"] in allowed or tenant["column"] in allowed:
        raise _bad("the key and the tenant column never change")
