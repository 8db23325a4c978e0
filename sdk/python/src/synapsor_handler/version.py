"""Comparing a version as a database shows it with a version as a request holds it."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any

_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d*))?(?:Z|\+00(?::00)?)?", re.ASCII)


def as_text(value: Any) -> str | None:
    """A plain JSON value as the text that a database would take for it; ``None`` is NULL."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)


def same_version(stored: str | None, expected: Any) -> bool:
    """Whether the text that the row holds (read with the session at UTC) is the expected version, to the last digit."""
    text = as_text(expected)
    if stored is None or text is None:
        return stored is None and text is None
    return stored == text or (_moment(stored) is not None and _moment(stored) == _moment(text))


def _moment(text: str) -> tuple[str, str, str] | None:
    found = _MOMENT.fullmatch(text)
    return (found[1], found[2], (found[3] or "").rstrip("0")) if found else None


def advance_text(text: str, now: dt.datetime) -> str | None:
    """The later of ``now`` and one unit after ``text``, in its own form; ``None`` if the text is no moment."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)([T ])(\d\d:\d\d:\d\d)(\.\d{1,6})?(Z|\+00(?::00)?)?", text, re.ASCII)
    if not found:
        return None
    digits = len(found[4] or ".") - 1
    try:
        held = dt.datetime.fromisoformat(f"{found[1]}T{found[3]}")
        held += dt.timedelta(microseconds=int((found[4] or ".0")[1:].ljust(6, "0")) + 10 ** (6 - digits))
    except (ValueError, OverflowError):
        return None
    later = max(held, now.astimezone(dt.UTC).replace(tzinfo=None))
    fraction = f".{later.microsecond:06d}"[: digits + 1] if digits else ""
    return f"{later:%Y-%m-%d}{found[2]}{later:%H:%M:%S}{fraction}{found[5] or ''}"
