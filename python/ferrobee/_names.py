"""Names that are close to a wrong one."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["suggestion"]

_AT_MOST = 3


def suggestion(wrong: str, known: Iterable[str]) -> str:
    """A sentence that names what is close, else what there is; begins with a blank."""
    names = sorted({str(name) for name in known})
    if not names:
        return ""
    # Upper and lower case are the commonest difference of all.
    by_lower = {name.lower(): name for name in reversed(names)}
    close = [
        by_lower[name]
        for name in get_close_matches(wrong.lower(), list(by_lower), n=_AT_MOST, cutoff=0.6)
    ]
    if close:
        return f" Did you mean {_either(close)}?"
    if len(names) <= 12:
        return f" There is {', '.join(map(repr, names))}."
    return ""


def _either(names: list[str]) -> str:
    *first, last = map(repr, names)
    return f"{', '.join(first)} or {last}" if first else last
