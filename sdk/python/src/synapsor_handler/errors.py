"""What can go wrong, as the SDK tells it apart."""

from __future__ import annotations

import re

_CODE = re.compile(r"[A-Z][A-Z0-9_]{0,63}")


class Misconfigured(Exception):
    """The handler cannot be made: a setting is missing or wrong. The message says which."""


class WritebackFailed(Exception):
    """Raise it in an effect to undo the effect, with a code of your own that reviewers see: ``CREDIT_LIMIT_REACHED``."""

    def __init__(self, code: str) -> None:
        if not _CODE.fullmatch(code):
            raise ValueError("a code is a capital, then up to 63 capitals, digits and underscores")
        super().__init__(code)
        self.code = code


class Transient(Exception):
    """A database error that may pass: the whole transaction is undone and may be tried again."""


class Busy(Exception):
    """Another request holds the key or the row for longer than the lock timeout."""


class NotFound(Exception):
    """A value does not fit the column that it is compared with, so no row has it."""


class KeyReused(Exception):
    """The key is held by another change."""
