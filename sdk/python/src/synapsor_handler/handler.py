"""A handler: settings, and one answer for each request."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .asgi import asgi_app
from .ddl import RECEIPTS
from .engines import open_engine
from .errors import Busy, KeyReused, Misconfigured, Transient
from .request import Job
from .transaction import Effect, Store
from .tx import Tx
from .verify import PROTOCOL_VERSION, Refused, Rules, Verified, sign_reply, verify_command, verify_request
from .wsgi import wsgi_app

log = logging.getLogger("synapsor_handler")

AUDIENCE_ENV = "SYNAPSOR_APP_WRITEBACK_URL"
SUPPORTS = ["dry_run", "idempotent", "status", "fence"]


@dataclass(frozen=True)
class Reply:
    """What goes back."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Settings:
    token: str | None
    secrets: tuple[str, ...]
    audience: str | None
    store: Store
    command_only: bool


class Handlers:
    """Several actions behind one address. Made of what :func:`writeback_handler` returns; all share its settings."""

    settings_key: tuple[Any, ...]
    _effects: dict[str, Effect]
    _settings: _Settings

    def __init__(self, *handlers: Handler) -> None:
        if not handlers:
            raise Misconfigured("there is no action")
        self._effects = {}
        for handler in handlers:
            if handler.settings_key != handlers[0].settings_key:
                raise Misconfigured("handlers behind one address have the same settings")
            if self._effects.keys() & handler._effects.keys():
                raise Misconfigured("two handlers have one action")
            self._effects |= handler._effects
        self._settings = handlers[0]._settings
        self.settings_key = handlers[0].settings_key

    @property
    def asgi(self) -> Any:
        """An ASGI application: mount it, or hand it to a server."""
        return asgi_app(self)

    @property
    def wsgi(self) -> Any:
        """A WSGI application: mount it, or hand it to a server."""
        return wsgi_app(self)

    def close(self) -> None:
        """Closes idle connections."""
        self._settings.store.close()

    def handle(self, method: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Answers a request; ``headers`` by lower-case name. Never raises."""
        settings = self._settings
        if settings.command_only:
            log.error("the handler was made for a command, and has no credentials")
            return refused(500, "HANDLER_EXCEPTION", "something went wrong")
        rules = Rules(
            knows=self._effects.__contains__, token=settings.token, secrets=settings.secrets, audience=settings.audience
        )
        try:
            verified = verify_request(method, headers, body, rules)
        except Refused as no:
            return _sealed(refused(no.status, no.code, no.message), no.secret, body)
        return _sealed(self._answer(verified), verified.secret, body)

    def command(self) -> int:
        """Answers one request on standard input with one line on standard output; the exit status."""
        body = sys.stdin.buffer.read()
        audience = self._settings.audience
        own = audience if audience is not None and audience.startswith("command:") else None
        try:
            reply = self._answer(verify_command(body, Rules(knows=self._effects.__contains__, audience=own)))
        except Refused as no:
            reply = refused(no.status, no.code, no.message)
        sys.stdout.buffer.write(reply.body + b"\n")
        sys.stdout.buffer.flush()
        return 1 if reply.status >= 500 else 0

    def _answer(self, verified: Verified) -> Reply:
        request, store = verified.request, self._settings.store
        try:
            if verified.kind == "handshake":
                return _json(200, {"nonce": request.get("nonce", ""), "supports": SUPPORTS})
            if verified.kind == "status":
                return _json(200, store.status(request))
            if verified.kind == "fence":
                return _json(200, store.fence(request))
            return _json(200, store.apply(request, self._effects[request["change_set"]["action"]]))
        except KeyReused:
            return refused(409, "IDEMPOTENCY_KEY_REUSED", "the key is held by another change")
        except Busy:
            return refused(503, "HANDLER_BUSY", "another request holds the key or the row")
        except Transient:
            return refused(503, "HANDLER_UNAVAILABLE", "the change could not be tried")
        except Exception:
            log.exception("a request failed")
            return refused(500, "HANDLER_EXCEPTION", "something went wrong")


class Handler(Handlers):
    """One action. Call it to test the effect by itself."""

    def __init__(self, action: str, effect: Effect, settings: _Settings, settings_key: tuple[Any, ...]) -> None:
        self._effects = {action: effect}
        self._settings = settings
        self.action = action
        self.settings_key = settings_key
        self._effect = effect

    def __call__(self, job: Job, tx: Tx) -> Mapping[str, Any] | None:
        return self._effect(job, tx)


# Handlers with the same settings share their connections.
_known: dict[tuple[Any, ...], _Settings] = {}


def writeback_handler(
    *,
    action: str | None = None,
    token_env: str | None = None,
    signing_secret_env: str | None = None,
    write_url_env: str,
    audience: str | None = None,
    receipt_schema: str | None = None,
    receipt_table: str = RECEIPTS,
    lock_timeout: float = 4.0,
    command_only: bool = False,
    env: Mapping[str, str] | None = None,
) -> Callable[[Effect], Handler]:
    """Makes a handler of a function that has the business effect.

    The action is the function's name with its first ``_`` as ``.``, unless ``action`` says otherwise. The ``…_env`` name
    environment variables; ``audience`` is the address that the runner calls, by default the value of
    ``SYNAPSOR_APP_WRITEBACK_URL``. ``lock_timeout`` is in seconds. With ``command_only``, nobody can
    reach the handler but the runner that starts it, so it needs no credentials. Raises :class:`Misconfigured`.
    """
    held = os.environ if env is None else env
    token, secret = _variable(held, token_env), _variable(held, signing_secret_env)
    if not command_only and token is None and secret is None:
        raise Misconfigured("name the variable of a token or of a signing secret: who calls must prove who they are")
    own = audience or held.get(AUDIENCE_ENV)
    if secret is not None and not own:
        raise Misconfigured(f"set {AUDIENCE_ENV} to the address that the runner calls, or give `audience`")
    url = _variable(held, write_url_env)
    assert url is not None
    key = (token, secret, own, url, receipt_schema, receipt_table, lock_timeout, command_only)
    if key not in _known:
        store = Store(open_engine(url, lock_timeout), receipt_schema, receipt_table)
        _known[key] = _Settings(token, tuple((secret or "").split()), own, store, command_only)

    def decorate(effect: Effect) -> Handler:
        name = action or effect.__name__.replace("_", ".", 1)
        if "." not in name:
            raise Misconfigured(f"`{name}` is no action: name the function like billing_propose_credit, or give `action`")
        return Handler(name, effect, _known[key], key)

    return decorate


def _variable(held: Mapping[str, str], name: str | None) -> str | None:
    if name is None:
        return None
    value = held.get(name, "").strip()
    if not value:
        raise Misconfigured(f"the environment variable {name} is not set")
    return value


def _json(status: int, content: dict[str, Any]) -> Reply:
    body = json.dumps({"protocol_version": PROTOCOL_VERSION, **content}, ensure_ascii=False).encode()
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    if status == 503:
        headers["retry-after"] = "1"
    if status == 405:
        headers["allow"] = "POST"
    return Reply(status, body, headers)


def refused(status: int, code: str, message: str) -> Reply:
    """A refusal, not signed yet."""
    return _json(status, {"error": {"code": code, "message": message}})


def _sealed(reply: Reply, secret: str | None, request: bytes) -> Reply:
    if secret is None:
        return reply
    signature = sign_reply(secret, request, reply.body)
    return Reply(reply.status, reply.body, {**reply.headers, "x-synapsor-receipt-signature": signature})


