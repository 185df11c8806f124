"""`ferrobee run`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ferrobee._core import Bridge
from ferrobee._process import Signals
from ferrobee.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["require", "run"]


def run(data: Path) -> int:
    """Runs the bridge until somebody asks it to end."""
    require(data, "To begin a new installation there: mkdir -p {data}")
    with Signals() as signals:
        while True:
            bridge = Bridge(data)
            signals.wait(bridge)
            if not bridge.result() or signals.asked:
                return 0


def require(data: Path, fix: str = "Name another one with --data") -> None:
    """Refuses a data directory that is not there: a mistyped name must not form a new network."""
    if not data.is_dir():
        where = data.absolute()
        raise ConfigurationError(
            f"the data directory {where} does not exist. {fix.format(data=data)}"
        )
