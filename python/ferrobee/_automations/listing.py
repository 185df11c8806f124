"""`ferrobee automations`: what the files of a data directory wait for, without running them."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from ferrobee import _core
from ferrobee._automations.calendar import SunMoment
from ferrobee._automations.loader import LoadError, find, load
from ferrobee._automations.place import NO_PLACE, place_in
from ferrobee._automations.script import LateLink
from ferrobee._automations.timed import Recurring
from ferrobee._clock import SystemClock
from ferrobee._converters import converters_of
from ferrobee._devices import table
from ferrobee._home import Home
from ferrobee._run import require

if TYPE_CHECKING:
    from pathlib import Path

    from ferrobee._automations.calendar import Place
    from ferrobee._automations.loader import File
    from ferrobee._clock import Clock

__all__ = ["automations"]


def automations(data: Path) -> int:
    """Prints handlers and machines, and what is wrong; 1 if anything is."""
    require(data)
    folder = data / "automations"
    files, errors = find(folder)
    if not files and not errors:
        print(f"No automations. Write the first one to {folder}/hall.py")
        return 0
    rows: list[tuple[str, ...]] = [("FILE", "LINE", "HANDLER", "WAITS FOR", "POLICY", "NEXT")]
    home, clock = _house(data), SystemClock()
    place = place_in(json.loads(_core.Redactor(data).settings()))
    loaded: list[File] = []
    sys.path.append(str(folder))
    try:
        for path in files.values():
            try:
                file = load(path, home)
            except LoadError as error:
                errors.append(error)
            else:
                loaded.append(file)
                rows += _rows(file, str(path.relative_to(folder)), clock, place)
    finally:
        sys.path.remove(str(folder))
    print(table(rows))
    wrong = [*map(str, errors), *(text for file in loaded for text in file.left_out())]
    if place is None and any(map(_waits_for_the_sun, loaded)):
        wrong.append(NO_PLACE)
    for text in wrong:
        print(f"ferrobee: {text}", file=sys.stderr)
    return 1 if wrong else 0


def _house(data: Path) -> Home:
    """A home that knows the devices of a data directory, once there are any."""
    home = Home(LateLink())
    if (data / "database.db").exists():
        devices, groups = _core.devices(data, converters_of(data)), _core.groups(data)
        topic = f"{home.base}/bridge"
        home.hear(
            [
                (f"{topic}/devices", devices.encode(), True),
                (f"{topic}/groups", groups.encode(), True),
            ]
        )
    return home


def _waits_for_the_sun(file: File) -> bool:
    return any(
        isinstance(trigger, Recurring) and isinstance(trigger.recurrence, SunMoment)
        for handler in file.handlers.values()
        for trigger in handler.triggers
    )


def _rows(file: File, name: str, clock: Clock, place: Place | None) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        (
            name,
            str(handler.line),
            handler_id,
            str(trigger),
            handler.policy,
            _next(trigger, clock, place),
        )
        for handler_id, handler in file.handlers.items()
        for trigger in handler.triggers
    ]
    rows += [
        (name, str(machine._line), machine_id, "machine", "queued", "")
        for machine_id, machine in file.machines.items()
    ]
    return sorted(rows, key=lambda row: int(row[1]))


def _next(trigger: object, clock: Clock, place: Place | None) -> str:
    """When a moment of the calendar comes next."""
    if not isinstance(trigger, Recurring):
        return ""
    try:
        moment = trigger.recurrence.after(clock.now(), place)
    except ValueError:
        # The sun of nowhere.
        return ""
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"
