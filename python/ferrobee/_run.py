"""`ferrobee run`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ferrobee._converters import has_converters
from ferrobee._core import Bridge
from ferrobee._process import Signals
from ferrobee.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ferrobee._host import Part
    from ferrobee.converters._loader import Converters

__all__ = ["require", "run"]


def run(data: Path) -> int:
    """Runs the bridge until somebody asks it to end."""
    require(data, "To begin a new installation there: mkdir -p {data}")
    with Signals() as signals:
        while True:
            # Known before the first device is looked at: it is configured by its own definition.
            converters = _converters(data)
            bridge = Bridge(data, converters=converters.json() if converters else None)
            if parts := _parts(data, converters):
                from ferrobee._host import host

                host(bridge, parts, signals)
            else:
                signals.wait(bridge)
            if not bridge.result() or signals.asked:
                return 0


def _converters(data: Path) -> Converters | None:
    """The converters that there are, compiled. Looks before it imports: mostly there are none."""
    if not has_converters(data):
        return None
    from ferrobee._converters_host import load

    return load(data / "converters")


def _parts(data: Path, converters: Converters | None) -> list[Callable[[Bridge], Part]]:
    """What a data directory has in Python."""
    parts: list[Callable[[Bridge], Part]] = []
    if converters is not None:
        from ferrobee._converters_host import ConverterFolder

        parts.append(partial(ConverterFolder, converters))
    if (data / "automations").is_dir():
        from ferrobee._automations.part import Automations

        parts.append(partial(Automations, data / "automations"))
    if (data / "captures").is_dir() or converters is not None:
        from ferrobee._check_apart import is_due

        if is_due(data, converters):
            from ferrobee._captures_host import CaptureCheck

            parts.append(partial(CaptureCheck, data, converters))
    return parts


def require(data: Path, fix: str = "Name another one with --data") -> None:
    """Refuses a data directory that is not there: a mistyped name must not form a new network."""
    if not data.is_dir():
        where = data.absolute()
        raise ConfigurationError(
            f"the data directory {where} does not exist. {fix.format(data=data)}"
        )
