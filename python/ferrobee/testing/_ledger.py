"""The ledger of a virtual house: the hub's timers and values, on the house's disk."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ferrobee._ledgers import due_of, plain, rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ferrobee._core import VirtualBridge
    from ferrobee._ledger import Change, Due, Loaded

__all__ = ["VirtualLedger"]


class VirtualLedger:
    """A `Ledger` of the bridge in a virtual house. What is committed is on the disk at once."""

    def __init__(self, bridge: VirtualBridge) -> None:
        self._bridge = bridge
        self._wake = asyncio.Event()
        self._dead = False

    def give(self) -> bool:
        """Tells who waits that timers are due; true if there are new ones."""
        if not self._bridge.has_rung():
            return False
        self._wake.set()
        return True

    def die(self) -> None:
        """The process is gone: what is committed from now on, by what is torn down, is nothing."""
        self._dead = True

    async def load(self) -> Loaded:
        loaded = rows_of(self._bridge.load_timers())
        self.give()
        return loaded

    def commit(self, changes: Sequence[Change], /) -> None:
        if not self._dead:
            self._bridge.commit(plain(changes))
            self.give()

    async def saved(self) -> None:
        return

    async def due(self) -> list[Due]:
        while not (due := self._bridge.take_due()):
            self._wake.clear()
            await self._wake.wait()
        return due_of(due)
