"""`ferrobee check`: what this version would publish otherwise."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ferrobee._converters import compiled_converters
from ferrobee._outcomes import Outcome, decode, table
from ferrobee.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ferrobee.converters._loader import Converters

__all__ = ["Checked", "check", "checked", "named_captures", "recorded_captures"]

_FOLDER = "captures"
# Of many frames of a device that differ alike, few say what is to be known.
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of captures."""

    files: list[Path]
    outcomes: list[Outcome]
    unreached: int
    """Frames for which there was no time."""
    wrong: list[str]
    """Converters that do not load, captures that are not there."""

    @property
    def changed(self) -> list[Outcome]:
        """Frames that would be published otherwise."""
        return [outcome for outcome in self.outcomes if not outcome.same]

    @property
    def by_device(self) -> list[tuple[str, list[Outcome]]]:
        """The frames by device, with what a person would call it."""
        found: dict[tuple[Path, str | None], list[Outcome]] = {}
        for outcome in self.outcomes:
            found.setdefault((outcome.file, outcome.model), []).append(outcome)
        return [
            (f"{file.stem} ({model or 'unknown model'})", outcomes)
            for (file, model), outcomes in found.items()
        ]


def recorded_captures(data: Path) -> list[Path]:
    """The captures in the folder of a data directory."""
    return sorted((data / _FOLDER).glob("*.jsonl"))


def named_captures(converters: Converters) -> Iterator[tuple[Path, str]]:
    """The captures that definitions name, and which one does."""
    for entry in converters.entries:
        for one in entry.definitions:
            for name in one.captures:
                yield Path(one.file).parent / name, f"{one.name} ({one.file}:{one.line})"


def checked(data: Path, captures: Sequence[Path], *, seconds: float | None = None) -> Checked:
    """Decodes captures with this version and the converters of a data directory.

    Without `captures` those of the directory, and those that the converters name. It ends after
    `seconds`, not counting the time that it takes to load converters.
    """
    wrong: list[str] = []
    files = list(captures) or recorded_captures(data)
    with compiled_converters(data) as converters:
        if converters is not None:
            failed = [entry.error for entry in converters.entries if entry.error is not None]
            wrong += [f"a converter does not load: {error}" for error in failed]
            for path, by in named_captures(converters) if not captures else ():
                if not path.is_file():
                    wrong.append(f"{path} is not there, which {by} names")
                elif path not in files:
                    files.append(path)
        told = converters.json() if converters else "[]"
        outcomes, unreached = decode(files, told, seconds=seconds)
    return Checked(files, outcomes, unreached, wrong)


def check(data: Path, captures: Sequence[Path], *, as_json: bool) -> int:
    """Decodes captures with this version; 1 if any would be published otherwise."""
    given = [
        found
        for path in captures
        for found in (sorted(path.glob("*.jsonl")) if path.is_dir() else [path])
    ]
    if captures and not given:
        raise ConfigurationError(f"there are no captures in {captures[0]}: no file is *.jsonl")
    done = checked(data, given)
    if not done.files and not done.wrong:
        raise ConfigurationError(
            f"there are no captures in {data / _FOLDER}, and no converter names any. Make some "
            f"while the bridge runs: ferrobee record --data {data} --device NAME --seconds 60 > "
            f"{data / _FOLDER / 'NAME.jsonl'}; or name files with --captures"
        )
    if as_json:
        for outcome in done.outcomes:
            print(json.dumps(_record(outcome), ensure_ascii=False))
    else:
        for line in _report(done):
            print(line)
    for text in done.wrong:
        print(text, file=sys.stderr)
    count, changed = len(done.outcomes), len(done.changed)
    text = f"{count} frames in {len(done.files)} files, {changed} would be published otherwise"
    print(text, file=sys.stderr)
    return 1 if changed or done.wrong else 0


def _record(outcome: Outcome) -> dict[str, object]:
    return {
        "file": str(outcome.file),
        "line": outcome.line,
        "model": outcome.model,
        "same": outcome.same,
        "old": outcome.expected,
        "new": outcome.payload,
        **({"failures": outcome.failures} if outcome.failures else {}),
        **({"error": outcome.error} if outcome.error is not None else {}),
    }


def _report(done: Checked) -> Iterator[str]:
    for name, all_of in done.by_device:
        changed = [outcome for outcome in all_of if not outcome.same]
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
    for row in table(outcome, "old", "new"):
        yield f"    {row}"
