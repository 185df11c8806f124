"""`ferrobee automations`: what the files of a data directory wait for, without running them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ferrobee._automations.loader import LoadError, find, load
from ferrobee._automations.script import LateLink
from ferrobee._automations.timed import Recurring
from ferrobee._clock import SystemClock
from ferrobee._devices import table
from ferrobee._home import Home
from ferrobee._run import require

if TYPE_CHECKING:
    from pathlib import Path

    from ferrobee._automations.loader import File
    from ferrobee._clock import Clock

__all__ = ["automations"]


def automations(data: Path) -> int:
    """Prints handlers and machines, and what is wrong; 1 if a file can't be loaded."""
    require(data)
    folder = data / "automations"
    files, errors = find(folder)
    if not files and not errors:
        print(f"No automations. Write the first one to {folder}/hall.py")
        return 0
    rows: list[tuple[str, ...]] = [("FILE", "LINE", "HANDLER", "WAITS FOR", "POLICY", "NEXT")]
    sys.path.append(str(folder))
    try:
        home, clock = Home(LateLink()), SystemClock()
        for path in files.values():
            try:
                rows += _rows(load(path, home), str(path.relative_to(folder)), clock)
            except LoadError as error:
                errors.append(error)
    finally:
        sys.path.remove(str(folder))
    print(table(rows))
    for wrong in errors:
        print(f"ferrobee: {wrong}", file=sys.stderr)
    return 1 if errors else 0


def _rows(file: File, name: str, clock: Clock) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        (
            name,
            str(handler.line),
            handler_id,
            str(trigger),
            handler.policy,
            _next(trigger, clock),
        )
        for handler_id, handler in file.handlers.items()
        for trigger in handler.triggers
    ]
    rows += [
        (name, str(machine._line), machine_id, "machine", "queued", "")
        for machine_id, machine in file.machines.items()
    ]
    return sorted(rows, key=lambda row: int(row[1]))


def _next(trigger: object, clock: Clock) -> str:
    """When a moment of the calendar comes next; the sun's depends on what the bridge knows."""
    if not isinstance(trigger, Recurring):
        return ""
    try:
        moment = trigger.recurrence.after(clock.now(), None)
    except ValueError:
        return ""
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"
