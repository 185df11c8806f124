"""The converters of a data directory, for whoever asks once."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["converters_of", "has_converters"]


def has_converters(data: Path) -> bool:
    """True if there are converters in the data directory or in installed packages. Imports none."""
    return (data / "converters").is_dir() or bool(
        metadata.entry_points(group="ferrobee.converters")
    )


def converters_of(data: Path) -> str:
    """All converters, as `Bridge.set_converters` takes them."""
    if not has_converters(data):
        return "[]"
    from ferrobee.converters._loader import Converters

    converters = Converters(data / "converters")
    try:
        converters.refresh()
        return converters.json()
    finally:
        converters.close()
