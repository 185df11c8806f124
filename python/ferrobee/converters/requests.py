"""Deals with a request that came over MQTT: `python -m ferrobee.converters.requests DATA`.

The question is JSON on the standard input: `{"do": "save", "name", "code"}` checks a converter and
writes it, `{"do": "draft", "device", "form"}` drafts one for a device. The answer is a line of
JSON: `{"answer": {...}}` or `{"error": "..."}`.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ferrobee.errors import DataError, FerrobeeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ferrobee.converters._attributes import Json

__all__ = ["draft", "main", "save"]

JOURNAL_SECONDS = 20.0
"""A long journal is read for so long, and what was found until then is drafted from."""


def save(data: Path, name: str, code: str) -> dict[str, Json]:
    """Writes a converter into the folder of converters, whole or not at all.

    Raises `DataError` with what is wrong with it, and writes nothing then.
    """
    from ferrobee.converters.check import check

    if Path(name).name != name or not name.endswith(".py"):
        raise DataError(f"'{name}' is no name of a converter")
    folder = data / "converters"
    file = folder / name
    with tempfile.TemporaryDirectory(prefix="ferrobee-") as beside:
        text = Path(beside) / name
        text.write_text(code, "utf-8")
        found = check(file, data, text=text)
    if wrong := [one for one in found if one.level == "error"]:
        raise DataError("; ".join(str(one).replace(f"{folder}{os.sep}", "") for one in wrong))
    _write(file, code)
    warnings = [str(one) for one in found if one.level == "warning"]
    return {"warnings": warnings} if warnings else {}


def draft(data: Path, device: dict[str, Json], form: dict[str, Json] | None) -> dict[str, Json]:
    """The source of a converter for a device: from its interview, and from what the journal has."""
    from ferrobee.converters import _frames
    from ferrobee.converters.draft import drafted

    frames = _frames.journal(data, device["ieee_address"], seconds=JOURNAL_SECONDS)
    return {"source": drafted(device, form, frames)}


def _write(file: Path, code: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    # What a link leads to is written, and the link stays.
    file = file.resolve()
    beside = file.with_name(f".{file.name}.new")
    try:
        with beside.open("w", encoding="utf-8") as new:
            new.write(code)
            new.flush()
            os.fsync(new.fileno())
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
    directory = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def main(arguments: Sequence[str] | None = None) -> int:
    """Answers; gives the exit status."""
    (data,) = sys.argv[1:] if arguments is None else arguments
    question = json.load(sys.stdin)
    told: dict[str, Json]
    try:
        match question:
            case {"do": "save", "name": name, "code": code}:
                told = {"answer": save(Path(data), name, code)}
            case {"do": "draft", "device": device, "form": form}:
                told = {"answer": draft(Path(data), device, form)}
            case _:
                told = {"error": f"nobody here knows how to {question.get('do')!r}"}
    except (FerrobeeError, OSError) as error:
        told = {"error": str(error)}
    print(json.dumps(told, ensure_ascii=False))
    return 1 if "error" in told else 0


if __name__ == "__main__":
    sys.exit(main())
