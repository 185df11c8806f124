"""`ferrobee run`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ferrobee._core import Bridge
from ferrobee._process import Signals
from ferrobee.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ferrobee._host import Part

__all__ = ["require", "run"]


def run(data: Path) -> int:
    """Runs the bridge until somebody asks it to end."""
    require(data, "To begin a new installation there: mkdir -p {data}")
    with Signals() as signals:
        while True:
            bridge = Bridge(data)
            if parts := _parts(data):
                from ferrobee._host import host

                host(bridge, parts, signals)
            else:
                signals.wait(bridge)
            if not bridge.result() or signals.asked:
                return 0


def _parts(data: Path) -> list[Callable[[Bridge], Part]]:
    """What a data directory has in Python. Looks before it imports: mostly there is nothing."""
    parts: list[Callable[[Bridge], Part]] = []
    if (data / "automations").is_dir():
        from ferrobee._automations.part import Automations

        parts.append(partial(Automations, data / "automations"))
    return parts


def require(data: Path, fix: str = "Name another one with --data") -> None:
    """Refuses a data directory that is not there: a mistyped name must not form a new network."""
    if not data.is_dir():
        where = data.absolute()
        raise ConfigurationError(
            f"the data directory {where} does not exist. {fix.format(data=data)}"
        )
