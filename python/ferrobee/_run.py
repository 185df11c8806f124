"""`ferrobee run`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ferrobee._converters import has_converters
from ferrobee._core import Bridge
from ferrobee._process import Signals
from ferrobee._questions import answering
from ferrobee.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ferrobee._host import Part, Planned
    from ferrobee.converters._loader import Converters

__all__ = ["live", "require", "run"]


def run(data: Path) -> int:
    """Runs the bridge until somebody asks it to end."""
    require(data, "To begin a new installation there: mkdir -p {data}")
    with Signals() as signals:
        while live(data, signals, lambda converters: Bridge(data, converters=converters)):
            if signals.asked:
                break
    return 0


def live(data: Path, signals: Signals, make: Callable[[str | None], Bridge]) -> bool:
    """Runs a bridge to its end, with what its data directory has in Python.

    `make` makes it, with the converters that there are. True if somebody asked for a restart.
    """
    # Known before the first device is looked at: it is configured by its own definition.
    converters = _converters(data)
    bridge = make(converters.json() if converters else None)
    with answering(bridge, data):
        # Without anything in Python nothing of it is imported.
        ended = not (
            converters is not None or _has_folders(data) or _has_captures_to_check(data, converters)
        ) and signals.wait(bridge, until=lambda: _has_folders(data))
        if not ended:
            from ferrobee._host import host

            host(bridge, _parts(data, converters), signals)
        return bridge.result()


def _has_folders(data: Path) -> bool:
    """Looks for what may be made while the bridge runs, often: it has to be cheap."""
    return (data / "automations").is_dir() or (data / "converters").is_dir()


def _converters(data: Path) -> Converters | None:
    """The converters that there are, compiled. Looks before it imports: mostly there are none."""
    if not has_converters(data):
        return None
    from ferrobee._converters_host import load

    return load(data / "converters")


def _parts(data: Path, converters: Converters | None) -> list[Planned]:
    """What a data directory may have in Python."""
    from ferrobee._host import Planned

    def converter_folder(bridge: Bridge) -> Part:
        from ferrobee._converters_host import ConverterFolder
        from ferrobee.converters._loader import Converters

        return ConverterFolder(converters or Converters(data / "converters"), bridge)

    def automations(bridge: Bridge) -> Part:
        from ferrobee._automations.part import Automations

        return Automations(data / "automations", bridge)

    def captures(_bridge: Bridge) -> Part:
        from ferrobee._captures_host import CaptureCheck

        return CaptureCheck(data, converters)

    planned = [
        Planned(lambda: converters is not None or (data / "converters").is_dir(), converter_folder),
        Planned((data / "automations").is_dir, automations),
    ]
    if _has_captures_to_check(data, converters):
        planned.append(Planned(lambda: True, captures))
    return planned


def _has_captures_to_check(data: Path, converters: Converters | None) -> bool:
    """After an update, which is looked for once."""
    if not (data / "captures").is_dir() and converters is None:
        return False
    from ferrobee._check_apart import is_due

    return is_due(data, converters)


def require(data: Path, fix: str = "Name another one with --data") -> None:
    """Refuses a data directory that is not there: a mistyped name must not form a new network."""
    if not data.is_dir():
        where = data.absolute()
        raise ConfigurationError(
            f"the data directory {where} does not exist. {fix.format(data=data)}"
        )
