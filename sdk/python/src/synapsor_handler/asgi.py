"""The handler as an ASGI application."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from .verify import MAX_BODY

if TYPE_CHECKING:
    from .handler import Handlers, Reply

BODY_SECONDS = 10.0


def asgi_app(handlers: Handlers) -> Any:
    """Makes the application. Database work runs in a thread."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            raise RuntimeError("the handler speaks HTTP only")
        reply = await _reply(handlers, scope, receive)
        if reply is None:
            return
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers.items()]
        headers.append((b"content-length", str(len(reply.body)).encode()))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})

    return app


async def _reply(handlers: Handlers, scope: Any, receive: Any) -> Reply | None:
    from .handler import refused

    try:
        body = await asyncio.wait_for(_body(receive), BODY_SECONDS)
    except TimeoutError:
        return refused(408, "BODY_TIMEOUT", "the body did not arrive in time")
    if body is None:
        return None
    # Keys hold what rows' keys hold, so headers are the bytes of UTF-8.
    headers = {name.decode("latin-1").lower(): value.decode("utf-8", "replace") for name, value in scope["headers"]}
    return await asyncio.to_thread(handlers.handle, scope["method"], headers, body)


async def _body(receive: Any) -> bytes | None:
    """The body, or one byte more than may be; ``None`` if the client hung up."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > MAX_BODY or not message.get("more_body", False):
            return bytes(body)


async def _lifespan(receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
