"""The ledgers: of a bridge, of a script with a file, and of a script that has none."""

from __future__ import annotations

import asyncio
import atexit
import logging
import math
import time
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
    from collections.abc import Callable, Iterable, Sequence
    from os import PathLike

__all__ = ["BridgeLedger", "FileLedger", "MemoryLedger", "due_of", "plain", "rows_of"]

log = logging.getLogger(__name__)


class _NativeLedger:
    """What both are: the table is native, these are its rows as Python's own."""

    def __init__(self, native: _core.Ledger) -> None:
        self._native = native

    async def load(self) -> Loaded:
        return rows_of(await self._native.load())

    def commit(self, changes: Sequence[Change], /) -> None:
        self._native.commit(plain(changes))

    async def saved(self) -> None:
        await self._native.saved()

    async def due(self) -> list[Due]:
        # Taken here, in the step that returns: whoever is cancelled while waiting loses nothing.
        while not (due := self._native.take()):
            await self._native.ready()
        return due_of(due)


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


class MemoryLedger:
    """A ledger that forgets everything with the process: for scripts that have no file.

    The same table, without a disk. `wall` gives unix seconds; the monotonic clock is the time of
    the running asyncio loop, so that a loop with virtual time gives virtual timers. `loaded` is
    what a ledger before it kept.
    """

    def __init__(
        self, loaded: Loaded | None = None, *, wall: Callable[[], float] = time.time
    ) -> None:
        self._wall = wall
        self._before = loaded or Loaded()
        self._made: _core.DurableTable | None = None
        self._wake = asyncio.Event()

    async def load(self) -> Loaded:
        self._table.open(self._clocks())
        self._wake.set()
        return self.rows()

    def rows(self) -> Loaded:
        """A copy of what is kept now."""
        return rows_of(self._table.rows(self._clocks()))

    def commit(self, changes: Sequence[Change], /) -> None:
        self._table.commit(self._clocks(), plain(changes))
        self._wake.set()

    async def saved(self) -> None:
        return

    async def due(self) -> list[Due]:
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            if due := self._table.due(self._clocks()):
                return due_of(due)
            deadline = self._table.deadline(self._clocks())
            handle = loop.call_at(deadline / 1e6, self._wake.set) if deadline is not None else None
            try:
                await self._wake.wait()
            finally:
                if handle is not None:
                    handle.cancel()

    @property
    def _table(self) -> _core.DurableTable:
        # Not before there is a loop, whose time it lives in.
        if self._made is None:
            before = self._before
            rows: list[Change] = [PutTimer(timer) for timer in before.timers]
            for owner, values in before.values.items():
                rows += [PutValue(owner, key, value) for key, value in values.items()]
            self._made = _core.DurableTable(self._clocks(), plain(rows))
            self._before = Loaded()
        return self._made

    def _clocks(self) -> tuple[int, int]:
        """Monotonic microseconds, and unix milliseconds: those that have begun."""
        monotonic = asyncio.get_running_loop().time()
        # Seconds since 1970 as a float are right to half a microsecond.
        return round(monotonic * 1e6), math.floor(self._wall() * 1000 + 1e-3)


def rows_of(native: _core._Rows) -> Loaded:
    """Rows of the table as Python's own."""
    timers, values = native
    loaded = Loaded([_timer(timer) for timer in timers])
    for owner, key, value in values:
        loaded.values.setdefault(owner, {})[key] = value
    return loaded


def due_of(native: Iterable[_core._Due]) -> list[Due]:
    """Timers of the table that are due as Python's own."""
    return [Due(_timer(timer), late / 1000, missed) for timer, late, missed in native]


def plain(changes: Iterable[Change]) -> list[_core._Timer | _core._Other]:
    """Changes as the table takes them."""
    return [_plain(change) for change in changes]


def _timer(row: _core._Timer) -> Timer:
    owner, id_, due, span, missed, data = row
    return Timer(owner, id_, due / 1000, None if span is None else span / 1000, missed, data)


def _plain(change: Change) -> _core._Timer | _core._Other:
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
