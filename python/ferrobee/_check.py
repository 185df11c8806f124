"""`ferrobee check`: what this version would publish otherwise."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from ferrobee._converters import converters_of
from ferrobee.errors import ConfigurationError
from ferrobee.testing._outcomes import Outcome, decode, difference

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["check"]

_FOLDER = "captures"
# Of many frames of a device that differ alike, few say what is to be known.
_SHOWN = 5


def check(data: Path, captures: Sequence[Path], *, as_json: bool) -> int:
    """Decodes captures with this version; 1 if any would be published otherwise."""
    files = _files(data, captures)
    converters = converters_of(data) if data.is_dir() else "[]"
    outcomes = [outcome for file in files for outcome in decode(file, converters)]
    if as_json:
        for outcome in outcomes:
            print(json.dumps(_record(outcome), ensure_ascii=False))
    else:
        for line in _report(outcomes):
            print(line)
    changed = sum(not outcome.same for outcome in outcomes)
    text = f"{len(outcomes)} frames in {len(files)} files, {changed} would be published otherwise"
    print(text, file=sys.stderr)
    return 1 if changed else 0


def _files(data: Path, captures: Sequence[Path]) -> list[Path]:
    if captures:
        files = [
            found
            for given in captures
            for found in (sorted(given.glob("*.jsonl")) if given.is_dir() else [given])
        ]
    else:
        files = sorted((data / _FOLDER).glob("*.jsonl"))
    if not files:
        raise ConfigurationError(
            f"there are no captures in {data / _FOLDER}. Make some while the bridge runs: "
            f"ferrobee record --data {data} --device NAME --seconds 60 > "
            f"{data / _FOLDER / 'NAME.jsonl'}; or name files with --captures"
        )
    return files


def _record(outcome: Outcome) -> dict[str, object]:
    return {
        "file": str(outcome.file),
        "line": outcome.line,
        "model": outcome.model,
        "same": outcome.same,
        "old": outcome.expected,
        "new": outcome.payload,
        **({"error": outcome.error} if outcome.error is not None else {}),
    }


def _report(outcomes: Sequence[Outcome]) -> Iterator[str]:
    by_device: dict[tuple[Path, str | None], list[Outcome]] = {}
    for outcome in outcomes:
        by_device.setdefault((outcome.file, outcome.model), []).append(outcome)
    for (file, model), all_of in by_device.items():
        changed = [outcome for outcome in all_of if not outcome.same]
        name = f"{file.stem} ({model or 'unknown model'})"
        if not changed:
            yield f"{name}: the same, {len(all_of)} frames"
            continue
        yield f"{name}: {len(changed)} of {len(all_of)} frames would be published otherwise"
        for outcome in changed[:_SHOWN]:
            yield from _changed(outcome)
        if len(changed) > _SHOWN:
            yield f"  and {len(changed) - _SHOWN} more; all of them with --json"


def _changed(outcome: Outcome) -> Iterator[str]:
    if outcome.error is not None:
        yield f"  line {outcome.line}: no capture: {outcome.error}"
        return
    yield f"  line {outcome.line}:"
    rows = [("key", "old", "new"), *difference(outcome.expected, outcome.payload)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "    " + "  ".join(cells).rstrip()
