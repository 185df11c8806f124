"""Captures that a definition names are tests of it: it has to say what was published then."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from ferrobee._outcomes import Outcome, decode, difference
from ferrobee.converters._findings import Finding
from ferrobee.converters.compile import command

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ferrobee.converters.compile import CompiledDefinition

__all__ = ["recorded"]


def recorded(file: Path, definitions: Sequence[CompiledDefinition]) -> Iterator[Finding]:
    """What is wrong with the captures of a file's definitions: not there, or published otherwise
    now. They are decoded as the bridge would with these definitions alone, whose functions run in a
    program of their own."""
    entry = {
        "origin": {"kind": "user", "name": file.name, "file": str(file), "version": ""},
        "definitions": [of.definition for of in definitions],
        "worker": [*command("worker"), str(file)]
        if any(of.functions for of in definitions)
        else None,
    }
    for of in definitions:
        for name in of.captures:
            path = Path(of.file).parent / name
            try:
                outcomes, _ = decode([path], json.dumps([entry]))
            except OSError as error:
                text = f"{of.name}: the captures '{name}' are not there: {error.strerror}"
                yield Finding("missing_capture", "error", of.file, of.line, text)
                continue
            for outcome in outcomes:
                if not outcome.same:
                    text = f"{of.name}: {_wrong(outcome)}"
                    yield Finding("capture_differs", "error", str(path), outcome.line, text)


def _wrong(outcome: Outcome) -> str:
    if outcome.error is not None:
        return f"it can't be read: {outcome.error}"
    rows = difference(outcome.expected, outcome.payload)
    differs = [f"'{key}' is {_value(new)}, recorded was {_value(old)}" for key, old, new in rows]
    return "; ".join([*differs, *outcome.failures])


def _value(shown: str) -> str:
    return "nothing" if shown == "-" else shown
