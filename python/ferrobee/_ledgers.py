"""The ledgers that keep timers and values on the disk: of a bridge, and of a script."""

from __future__ import annotations

import atexit
import logging
from typing import TYPE_CHECKING

from ferrobee import _core
from ferrobee._ledger import (
    Change,
    Due,
    Loaded,
    PutTimer,
    PutValue,
    RemoveTimer,
    RemoveValue,
    Timer,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

__all__ = ["BridgeLedger", "FileLedger"]

log = logging.getLogger(__name__)


class _NativeLedger:
    """What both are: the table is native, these are its rows as Python's own."""

    def __init__(self, native: _core.Ledger) -> None:
        self._native = native

    async def load(self) -> Loaded:
        timers, values = await self._native.load()
        loaded = Loaded([_timer(timer) for timer in timers])
        for owner, key, value in values:
            loaded.values.setdefault(owner, {})[key] = value
        return loaded

    def commit(self, changes: Sequence[Change], /) -> None:
        self._native.commit([_plain(change) for change in changes])

    async def saved(self) -> None:
        await self._native.saved()

    async def due(self) -> list[Due]:
        # Taken here, in the step that returns: whoever is cancelled while waiting loses nothing.
        while not (due := self._native.take()):
            await self._native.ready()
        return [Due(_timer(timer), late / 1000, missed) for timer, late, missed in due]


class BridgeLedger(_NativeLedger):
    """The ledger of the bridge in this process: the hub's timers, in the data directory's
    `ferrobee.db`. `bridge` may still be starting; `LedgerError` once it has ended."""

    def __init__(self, bridge: _core.Bridge) -> None:
        super().__init__(bridge.ledger())


class FileLedger(_NativeLedger):
    """The ledger of a script, in a file that is begun if it is not there.

    Nobody else may use the file meanwhile: `LedgerError` if another process does, or if it can't be
    read. A damaged one is set aside under another name.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        native = _core.Ledger(path)
        for warning in native.warnings:
            log.warning("%s", warning)
        super().__init__(native)
        # A script may end without closing; what it committed is written all the same.
        atexit.register(self.close)

    def close(self) -> None:
        """Waits until everything is written, and gives the file free."""
        atexit.unregister(self.close)
        self._native.close()


def _timer(row: _core._Timer) -> Timer:
    owner, id_, due, span, missed, data = row
    return Timer(owner, id_, due / 1000, None if span is None else span / 1000, missed, data)


def _plain(
    change: Change,
) -> tuple[str, str, int, int | None, str, str] | tuple[bool, str, str, str | None]:
    match change:
        case PutTimer(timer):
            due = round(timer.due * 1000)
            span = None if timer.span is None else max(0, round(timer.span * 1000))
            return timer.owner, timer.id, due, span, timer.missed, timer.data
        case RemoveTimer(owner, id_):
            return True, owner, id_, None
        case PutValue(owner, key, value):
            return False, owner, key, value
        case RemoveValue(owner, key):
            return False, owner, key, None
