"""`ferrobee converter check`: what is wrong with a converter, before anything loads it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ferrobee.converters import _bench, _recorded, _static
from ferrobee.converters._calls import Calls
from ferrobee.converters._findings import Finding
from ferrobee.converters._loader import files
from ferrobee.converters.compile import CompiledDefinition, CompileError, compiled

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Finding", "check"]


def check(file: Path, data: Path | None = None, *, text: Path | None = None) -> list[Finding]:
    """Everything that is wrong with a converter, and what is worth knowing of it.

    `data`: a data directory, whose other converters are looked at too. `text`: where the source is
    that stands for the file's. The file runs in a process of its own.
    """
    try:
        definitions = compiled(file, text=text)
    except CompileError as error:
        why = f"{error.type}: {error.text}"
        return [Finding("does_not_load", "error", error.file, error.line, why, error.suggestion)]
    if not definitions:
        why = "there is no definition in it"
        return [Finding("empty", "error", str(file), None, why, "class Name(Definition): ...")]
    found: list[Finding] = []
    good: list[CompiledDefinition] = []
    with Calls(file, text=text) as calls:
        for one in definitions:
            wrong = list(_static.against_schema(one))
            found += wrong
            if not wrong:
                found += _of_one(one, calls, good)
    found += _recorded.recorded(file, good)
    found += _static.matches(definitions, _before(file, data))
    return sorted(found, key=lambda one: (one.file, one.line or 0, one.kind, one.text))


def _of_one(
    one: CompiledDefinition, calls: Calls, good: list[CompiledDefinition]
) -> Iterator[Finding]:
    """What is wrong with one definition; it is `good` if it can be run."""
    wrong = list(_bench.engine(one))
    yield from wrong
    if not wrong:
        good.append(one)
        yield from _bench.round_trip(one, calls)
    yield from _static.against_library(one)
    yield from _static.units(one)
    yield from _static.holes(one)
    yield from _static.shadowed(one)


def _before(file: Path, data: Path | None) -> list[CompiledDefinition]:
    """Definitions of the house that come before those of the file."""
    before: list[CompiledDefinition] = []
    for other in files(data / "converters") if data else ():
        if other.name >= file.name:
            break
        try:
            before += compiled(other)
        except CompileError:
            # It is told when that file is checked.
            continue
    return before
