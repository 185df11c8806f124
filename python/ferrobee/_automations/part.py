"""The automations of a data directory, in the bridge's process."""

from __future__ import annotations

import asyncio
import contextlib
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

__all__ = ["Automations"]


class Automations:
    """A part of the host."""

    def __init__(self, folder: Path, bridge: Bridge) -> None:
        clock, ledger = SystemClock(), BridgeLedger(bridge)
        home = Home(bridge.link(), ledger, clock)
        self._runtime = Runtime(home, ledger, clock)
        self._folder = Folder(self._runtime, folder)
        self._report = Report(self._runtime, self._folder)
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        """Begins to load the files."""
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
