"""The handler as a WSGI application."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from .verify import MAX_BODY

if TYPE_CHECKING:
    from .handler import Handlers


def wsgi_app(handlers: Handlers) -> Any:
    """Makes the application. How slowly a body may come is the server's to bound."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        headers = {
            name[5:].replace("_", "-").lower(): value.encode("latin-1").decode("utf-8", "replace")
            for name, value in environ.items()
            if name.startswith("HTTP_")
        }
        try:
            length = min(max(int(environ.get("CONTENT_LENGTH") or 0), 0), MAX_BODY + 1)
        except ValueError:
            length = 0
        body = environ["wsgi.input"].read(length) if length else b""
        reply = handlers.handle(environ["REQUEST_METHOD"], headers, body)
        status = f"{reply.status} {HTTPStatus(reply.status).phrase}"
        start_response(status, [*reply.headers.items(), ("content-length", str(len(reply.body)))])
        return [reply.body]

    return app
