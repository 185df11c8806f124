"""The converters of a data directory, for whoever asks once."""

from __future__ import annotations

from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ferrobee.converters._loader import Converters

__all__ = ["compiled_converters", "converters_of", "has_converters"]


def has_converters(data: Path) -> bool:
    """True if there are converters in the data directory or in installed packages. Imports none."""
    return (data / "converters").is_dir() or bool(
        metadata.entry_points(group="ferrobee.converters")
    )


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
