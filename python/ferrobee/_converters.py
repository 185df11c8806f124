"""The converters of a data directory, for whoever asks once."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ferrobee.converters._loader import Converters

__all__ = ["compiled_converters", "converters_of", "has_converters"]


# What package managers call the folders with what they know of a package.
_INFORMATION = (".dist-info", ".egg-info")


def has_converters(data: Path) -> bool:
    """True if there are converters in the data directory or in installed packages. Imports none."""
    return (data / "converters").is_dir() or any(map(_has_packages, sys.path))


def _has_packages(folder: str) -> bool:
    """True if a package in a folder of `sys.path` has converters.

    `importlib.metadata` knows, too, but takes 4 MB, which most houses need for nothing else.
    """
    try:
        with os.scandir(folder or ".") as entries:
            names = [entry.path for entry in entries if entry.name.endswith(_INFORMATION)]
    except OSError:
        return False
    for name in names:
        try:
            text = Path(name, "entry_points.txt").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        if "[ferrobee.converters]" in text:
            return True
    return False


@contextmanager
def compiled_converters(data: Path | None) -> Iterator[Converters | None]:
    """All converters, or without a data directory those of packages. While it is entered their
    functions can be called."""
    # A folder that nobody has is that of a house without converters of its own.
    data = data or Path("/nonexistent")
    if not has_converters(data):
        yield None
        return
    from ferrobee.converters._loader import Converters

    converters = Converters(data / "converters")
    try:
        converters.refresh()
        yield converters
    finally:
        converters.close()


def converters_of(data: Path) -> str:
    """All converters, as `Bridge.set_converters` takes them, but for calls of their functions."""
    with compiled_converters(data) as converters:
        return converters.json() if converters else "[]"
