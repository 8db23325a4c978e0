"""The databases. Each opens connections and knows what its errors mean; nothing above knows a driver."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from ..errors import Misconfigured

LARGEST_POOL = 10


class Session(Protocol):
    """One connection, within one transaction."""

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Runs a statement with ``?`` for values; how many rows it changed."""
        ...

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Runs a query with ``?`` for values."""
        ...

    def native(self, sql: str, values: Sequence[Any]) -> list[dict[str, Any]]:
        """Runs a statement of the author's, with the driver's own placeholders; the rows that it returns, if any."""
        ...

    def begin(self) -> None: ...
    def commit(self) -> None: ...
    def rollback(self) -> None: ...
    def close(self) -> None: ...


class Engine(Protocol):
    """A database, by its dialect."""

    name: str
    for_update: str
    """What follows a query that locks."""
    default_schema: str | None

    def connect(self) -> Session: ...

    def quote(self, name: str) -> str: ...

    def text(self, column: str) -> str:
        """An expression for a quoted column as exact text."""
        ...

    def sort(self, error: BaseException) -> type[BaseException] | None:
        """What a driver's error means: one of the classes in :mod:`..errors`, or ``None`` for any other."""
        ...

    def is_duplicate(self, error: BaseException) -> bool:
        """Whether an insert was refused because its key is taken."""
        ...

    def is_missing(self, error: BaseException) -> bool:
        """Whether a table is not there."""
        ...

    def advance(self, session: Session, table: str, schema: str | None, column: str) -> str | None:
        """An expression for the next version of a quoted column; ``None`` if the kind of column cannot be moved."""
        ...

    def shown(self, session: Session, table: str, schema: str | None, column: str, text: str) -> Any:
        """A version's text as JSON."""
        ...


def open_engine(url: str, lock_timeout: float) -> Engine:
    """The engine that a URL names."""
    scheme = url.split(":", 1)[0].lower()
    if scheme in ("postgres", "postgresql"):
        from .postgres import Postgres

        return Postgres(url, lock_timeout)
    if scheme == "mysql":
        from .mysql import Mysql

        return Mysql(url, lock_timeout)
    if scheme in ("sqlite", "file"):
        from .sqlite import Sqlite

        return Sqlite(url, lock_timeout)
    raise Misconfigured("the write URL starts with none of postgresql:, mysql: and sqlite:")


class Pool:
    """At most ten connections; who finds none waits. A connection on which anything went wrong is not used again."""

    def __init__(self, connect: Callable[[], Session], size: int = LARGEST_POOL) -> None:
        self._connect = connect
        self._slots = threading.BoundedSemaphore(size)
        self._idle: queue.LifoQueue[Session] = queue.LifoQueue()

    @contextlib.contextmanager
    def session(self) -> Iterator[Session]:
        """Lends a connection."""
        with self._slots:
            try:
                session = self._idle.get_nowait()
            except queue.Empty:
                session = self._connect()
            try:
                yield session
            except BaseException:
                session.close()
                raise
            self._idle.put(session)

    def close(self) -> None:
        """Closes what is idle."""
        while not self._idle.empty():
            self._idle.get_nowait().close()
