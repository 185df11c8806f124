"""The automations of a data directory, in the bridge's process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from ferrobee._automations.folder import Folder
from ferrobee._automations.place import follow_place
from ferrobee._automations.report import Report
from ferrobee._automations.runner import log
from ferrobee._automations.runtime import Runtime
from ferrobee._automations.script import begin
from ferrobee._clock import SystemClock
from ferrobee._home import Home
from ferrobee._ledgers import BridgeLedger
from ferrobee.errors import LinkClosed

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from ferrobee._core import Bridge
    from ferrobee._update import Json

__all__ = ["Automations"]


class _ToBridge(logging.Handler):
    """Says what automations log on `bridge/logging`, where frontends show it."""

    def __init__(self, home: Home) -> None:
        super().__init__(logging.INFO)
        self._home = home
        self._loop = asyncio.get_running_loop()

    def emit(self, record: logging.LogRecord) -> None:
        level = record.levelname.lower()
        line: dict[str, Json] = {"level": level, "message": f"automations: {record.getMessage()}"}
        # Also from the threads that load files and watch the loop.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._publish, line)

    def _publish(self, line: dict[str, Json]) -> None:
        with contextlib.suppress(LinkClosed):
            self._home.publish(f"{self._home.base}/bridge/logging", line)


class Automations:
    """A part of the host."""

    def __init__(self, folder: Path, bridge: Bridge) -> None:
        clock, ledger = SystemClock(), BridgeLedger(bridge)
        home = Home(bridge.link(), ledger, clock)
        self._runtime = Runtime(home, ledger, clock)
        self._folder = Folder(self._runtime, folder)
        self._report = Report(self._runtime, self._folder)
        self._tasks: list[asyncio.Task[None]] = []
        self._said = _ToBridge(home)

    async def begin(self) -> None:
        """Begins to load the files."""
        log.addHandler(self._said)
        self._go(self._run())

    async def end(self) -> None:
        """Lets the handlers end, then the rest."""
        await self._runtime.close()
        with contextlib.suppress(LinkClosed):
            self._report.publish()
        for task in self._tasks:
            task.cancel()
        self._runtime.home.close()
        self._folder.close()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        log.removeHandler(self._said)

    async def _run(self) -> None:
        await self._runtime.open()
        # What is heard from here on waits until the files are there.
        await self._folder.open()
        follow_place(self._runtime)
        self._go(self._runtime.home.run())
        await begin(self._runtime)
        self._go(self._report.run())
        self._go(self._folder.follow())

    def _go(self, what: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(what)
        task.add_done_callback(_ended)
        self._tasks.append(task)


def _ended(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("automations have stopped: %s", error, exc_info=error)
