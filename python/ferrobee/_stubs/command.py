"""`ferrobee stubs`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from ferrobee import _core
from ferrobee._converters import converters_of
from ferrobee._home import Home
from ferrobee._run import require
from ferrobee._stubs.house import MARK, house_files
from ferrobee.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["home_names", "stubs", "texts_for"]


def texts_for(data: Path) -> tuple[str, str]:
    """The texts of `home.pyi` and `home.py` for a data directory, with its converters."""
    return house_files(
        json.loads(_core.devices(data, converters_of(data))),
        json.loads(_core.groups(data)),
        json.loads(_core.catalogue()),
        home_names(),
    )


def stubs(data: Path, output: Path | None) -> int:
    """Writes `home.pyi`, and the module beside it that makes `from home import home` work.

    Raises `DataError` where a file is in the way that `ferrobee stubs` has not written.
    """
    require(data)
    text, module = texts_for(data)
    if output is not None and str(output) == "-":
        print(text, end="")
        return 0
    output = output or data / "automations" / "home.pyi"
    if output.suffix != ".pyi":
        raise DataError(f"{output}: a file of types ends in .pyi, like home.pyi")
    companion = output.with_suffix(".py")
    for file in (output, companion):
        _keep_foreign(file)
    output.parent.mkdir(parents=True, exist_ok=True)
    _write(output, text)
    _write(companion, module)
    print(f"{output}: from {output.stem} import home", file=sys.stderr)
    return 0


def home_names() -> Iterator[str]:
    """What a home has itself."""
    yield from dir(Home)
    yield from ("link", "clock", "ledger", "base", "online", "steps")


def _keep_foreign(file: Path) -> None:
    try:
        known = file.read_text("utf-8", errors="replace")
    except FileNotFoundError:
        return
    if MARK not in known[:500]:
        raise DataError(
            f"{file}: there is a file that `ferrobee stubs` has not written; move it away, or name "
            "another one with --output"
        )


def _write(file: Path, text: str) -> None:
    """Writes a file whole or not at all."""
    beside = file.with_name(f".{file.name}.new")
    beside.write_text(text, "utf-8")
    beside.replace(file)
