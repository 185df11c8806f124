"""Automations on a fake link, in virtual time."""

from __future__ import annotations

import asyncio
import textwrap
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

from tests.support.fake_link import FakeLink, device_entry

from ferrobee._automations.loader import File, load
from ferrobee._automations.runtime import Runtime
from ferrobee._home import Home
from ferrobee._ledgers import MemoryLedger
from ferrobee.testing._loop import BEGIN, VirtualClock, VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from datetime import datetime
    from pathlib import Path

    from ferrobee._automations.calendar import Place
    from ferrobee._ledger import Loaded

T = TypeVar("T")

HEAD = """
from ferrobee import (
    Machine, Router, State, after, at, bridge, cron, debounce, every, home, include, newest_wins,
    on, run_blocking, start, stop, store, sun, throttle, topic,
)
import asyncio

relay = home.device("relay")
knob = home.device("knob")

async def note(what):
    home.publish("note", what)
"""


def virtually(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Runs a test in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())


async def settle() -> None:
    """Lets everybody run who can, without time passing."""
    for _ in range(20):
        await asyncio.sleep(0)


class House:
    """A house with a relay and a knob, and the automations of a folder."""

    def __init__(
        self,
        folder: Path,
        loaded: Loaded | None = None,
        *,
        begin: datetime = BEGIN,
        timezone: str = "UTC",
        place: Place | None = None,
        stored: dict[str, dict[str, Any]] | None = None,
        grace: float = 5.0,
        watch: bool = False,
    ) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self.folder = folder
        self.clock = VirtualClock(loop, begin, ZoneInfo(timezone))
        self.ledger = self.make_ledger(loaded)
        self.link = FakeLink()
        self.home = Home(self.link, self.ledger, self.clock)
        self.runtime = Runtime(
            self.home, self.ledger, self.clock, place=place, grace=grace, watch=watch
        )
        self.stored = stored or {}
        self._pump: asyncio.Task[None] | None = None

    def make_ledger(self, loaded: Loaded | None) -> MemoryLedger:
        """The ledger, on the house's clock."""
        return MemoryLedger(loaded, wall=lambda: self.clock.now().timestamp())

    def write(self, text: str, name: str = "hall") -> Path:
        """Writes an automation file."""
        path = self.folder / f"{name}.py"
        path.write_text(HEAD + textwrap.dedent(text))
        return path

    def load(self, text: str, name: str = "hall") -> File:
        """Writes and loads a file, and swaps it in."""
        file = load(self.write(text, name), self.home)
        self.runtime.install(file)
        return file

    async def begin(self, text: str | None = None) -> None:
        """The house is known; automations run."""
        self.link.house(device_entry("relay"), device_entry("knob"))
        for name, state in self.stored.items():
            self.link.say(name, state, stored=True)
        await self.runtime.open()
        if text is not None:
            self.load(text)
        self._pump = asyncio.get_running_loop().create_task(self.home.run())
        await settle()
        self.runtime.begin()
        await settle()

    async def say(self, name: str, **state: object) -> None:
        """A live report of a device."""
        self.link.say(name, state)
        await settle()

    async def wait(self, seconds: float) -> None:
        """Time passes."""
        await asyncio.sleep(seconds)
        await settle()

    @property
    def notes(self) -> list[Any]:
        """What handlers have noted."""
        return [payload for topic, payload in self.link.published if topic == "note"]

    def kill(self) -> Loaded:
        """What a `kill -9` leaves: the rows."""
        rows = self.ledger.rows()
        for task in asyncio.all_tasks():
            if task is not asyncio.current_task():
                task.cancel()
        return rows

    async def close(self) -> None:
        await self.runtime.close()
        self.home.close()
