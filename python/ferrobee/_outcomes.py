"""Captures decoded by this version."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ferrobee._core import decode_captures

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["Outcome", "decode", "difference", "table"]


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
    failures: list[str] = field(default_factory=list)
    """Functions of a converter that failed."""
    error: str | None = None
    """Why the line can't be read."""

    @property
    def same(self) -> bool:
        """True when this version publishes what was published then."""
        return self.error is None and self.expected == self.payload


def decode(
    files: Sequence[Path], converters: str = "[]", *, seconds: float | None = None
) -> tuple[list[Outcome], int]:
    """Decodes every frame of files with this version, those of a file one after the other.

    `converters` are definitions in the form of the native module; their functions run in programs
    of their own. After `seconds` it ends; the second value says how many lines were not reached.
    """
    lines = [_lines(file) for file in files]
    answers = decode_captures([list(one.values()) for one in lines], converters, seconds=seconds)
    outcomes = [
        _outcome(file, number, json.loads(answer))
        for file, numbers, of_file in zip(files, lines, answers, strict=True)
        for number, answer in zip(numbers, of_file, strict=False)
    ]
    return outcomes, sum(map(len, lines)) - len(outcomes)


def _lines(file: Path) -> dict[int, str]:
    """The lines of a file that are not empty, by their numbers."""
    lines = enumerate(file.read_text("utf-8").splitlines(), 1)
    return {number: line for number, line in lines if line.strip()}


def _outcome(file: Path, line: int, told: dict[str, Any]) -> Outcome:
    return Outcome(
        file,
        line,
        told.get("model"),
        told.get("expected"),
        told.get("payload"),
        told.get("failures", []),
        told.get("error"),
    )


def difference(expected: Any, payload: Any) -> Iterator[tuple[str, str, str]]:  # noqa: ANN401
    """What differs: key, old and new value as JSON, `-` for nothing."""
    old, new = _by_key(expected), _by_key(payload)
    if old is None or new is None or not (old or new):
        old, new = {"(message)": expected}, {"(message)": payload}
    for key in sorted({*old, *new}):
        if key not in old or key not in new or old[key] != new[key]:
            yield key, _json(old, key), _json(new, key)


def _by_key(message: Any) -> dict[str, Any] | None:  # noqa: ANN401
    """The values of a message, of none if nothing was published; `None` for several messages."""
    return message if isinstance(message, dict) else {} if message is None else None


def table(outcome: Outcome, old: str, new: str) -> Iterator[str]:
    """What differs, old and new side by side under these titles, and what failed."""
    rows = [("key", old, new), *difference(outcome.expected, outcome.payload)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()
    yield from outcome.failures


def _json(of: dict[str, Any], key: str) -> str:
    return json.dumps(of[key], ensure_ascii=False) if key in of else "-"
