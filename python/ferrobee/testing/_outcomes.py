"""Captures decoded by this version."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ferrobee._core import decode_captures

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Outcome", "decode", "difference"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one line of a file of captures."""

    file: Path
    line: int
    model: str | None
    """The model that decoded the frame when it was recorded."""
    expected: Any
    """What was published then; None for nothing."""
    payload: Any
    """What would be published now."""
    error: str | None = None
    """Why the line can't be read."""

    @property
    def same(self) -> bool:
        """True when this version publishes what was published then."""
        return self.error is None and self.expected == self.payload


def decode(file: Path, converters: str = "[]") -> list[Outcome]:
    """Decodes every frame of a file with this version, one after the other.

    `converters` are definitions in the form of the native module.
    """
    lines = {
        number: line
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1)
        if line.strip()
    }
    results = map(json.loads, decode_captures(list(lines.values()), converters))
    return [
        Outcome(
            file,
            number,
            result.get("model"),
            result.get("expected"),
            result.get("payload"),
            result.get("error"),
        )
        for number, result in zip(lines, results, strict=True)
    ]


def difference(expected: Any, payload: Any) -> Iterator[tuple[str, str, str]]:  # noqa: ANN401
    """What differs: key, old and new value as JSON, `-` for nothing."""
    old = expected if isinstance(expected, dict) else {"(message)": expected}
    new = payload if isinstance(payload, dict) else {"(message)": payload}
    if isinstance(expected, dict) != isinstance(payload, dict):
        old, new = {"(message)": expected}, {"(message)": payload}
    for key in sorted({*old, *new}):
        if key not in old or key not in new or old[key] != new[key]:
            yield key, _json(old, key), _json(new, key)


def _json(of: dict[str, Any], key: str) -> str:
    return json.dumps(of[key], ensure_ascii=False) if key in of else "-"
