"""Lengths of time as people write them."""

from __future__ import annotations

import math
import re
from datetime import timedelta

__all__ = ["Span", "seconds"]

Span = str | float | timedelta
"""`"30s"`, `"5min"`, `"1h30min"`, `"2d"`; a number is seconds."""

_UNITS = {
    "ms": 0.001,
    "s": 1.0,
    "sec": 1.0,
    "m": 60.0,
    "min": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)\s*")
_LONGEST = 10 * 366 * 86400.0


def seconds(span: Span, *, what: str = "a length of time", least: float = 0.001) -> float:
    """Seconds of a span, from `least` to ten years; `what` names it in the error.

    Raises `ValueError` if it is none, of whatever type: the text says what would be.
    """
    if isinstance(span, timedelta):
        value = span.total_seconds()
    elif isinstance(span, str):
        value = _parse(span)
    else:
        value = float(span) if isinstance(span, int | float) else math.nan
    if not least <= value <= _LONGEST:  # also false for what is not a number
        least_text = f"at least {least:g} s" if least else "not negative"
        raise ValueError(
            f'{what}: {span!r} is none; write like "300ms", "30s", "5min", "1h30min", "2d", '
            f"{least_text} and at most ten years"
        )
    return value


def _parse(text: str) -> float:
    rest = text.strip().lower()
    value, end = 0.0, 0
    while end < len(rest):
        part = _PART.match(rest, end)
        if part is None or part[2] not in _UNITS:
            return math.nan
        value += float(part[1]) * _UNITS[part[2]]
        end = part.end()
    return value if end else math.nan
