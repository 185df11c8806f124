"""`ferrobee replay --automations`: what automations would have commanded."""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import json
import math
import sys
from collections import deque
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ferrobee._automations.loader import load
from ferrobee._automations.place import follow_place
from ferrobee._automations.runtime import Runtime
from ferrobee._clock import local_timezone
from ferrobee._core import Replay
from ferrobee._home import Home
from ferrobee._ledgers import MemoryLedger
from ferrobee.errors import ConfigurationError, DataError, FerrobeeError, LinkClosed
from ferrobee.testing._link import Command, Published, Records
from ferrobee.testing._loop import VirtualClock, VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ferrobee._link import Message

__all__ = ["whatif"]

# How often it is looked whether the journal has ended, virtual seconds.
_STEP = 60.0
# Messages that are read at once.
_BATCH = 1024


def whatif(journal: Path, automations: Path, against: Path | None, *, as_json: bool) -> int:
    """Prints what the automations would have commanded; 1 if others would not have."""
    new = _run(journal, automations, as_json=as_json)
    if against is None:
        for line in new:
            print(line)
        return 0
    old = _run(journal, against, as_json=as_json)
    lines = list(difflib.unified_diff(old, new, str(against), str(automations), n=0, lineterm=""))
    for line in lines:
        if not line.startswith("@@"):
            print(line)
    same = "the same" if not lines else "not the same"
    print(f"{len(old)} commands then, {len(new)} now: {same}", file=sys.stderr)
    return 1 if lines else 0


def _run(journal: Path, automations: Path, *, as_json: bool) -> list[str]:
    files = [automations] if automations.is_file() else sorted(automations.glob("*.py"))
    if not files:
        raise ConfigurationError(f"there are no automations in {automations}")
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)  # noqa: S101
        house = _House(journal, loop)
        runner.run(house.live(files))
    return [house.shown(command, as_json=as_json) for command in house.said]


class _Link:
    """Says what the journal says; what is published is written down, and taken as done."""

    def __init__(self, house: _House, base: str) -> None:
        self.base = base
        self._house = house
        self._waiting: list[Message] = []
        self._wake = asyncio.Event()
        self._closed = False
        self._last: dict[str, bytes] = {}

    def give(self, message: Message) -> None:
        topic, payload, _ = message
        self._last[topic] = payload
        self._waiting.append(message)
        self._wake.set()

    async def receive(self) -> list[Message]:
        while not self._waiting:
            if self._closed:
                raise LinkClosed("the journal has ended")
            self._wake.clear()
            await self._wake.wait()
        messages, self._waiting = self._waiting, []
        return messages

    def publish(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> None:
        del qos
        self._house.note(topic, payload, retain)
        name, _, verb = topic.rpartition("/")
        if verb in ("set", "get") and name.startswith(f"{self.base}/"):
            self._obey(name, payload, is_set=verb == "set")

    def _obey(self, topic: str, payload: bytes, *, is_set: bool) -> None:
        """The device says that it did what it was told."""
        try:
            wanted = json.loads(payload)
        except ValueError:
            return
        known: Any = None
        with contextlib.suppress(ValueError):
            known = json.loads(self._last.get(topic, b""))
        known = known if isinstance(known, dict) else {}
        if isinstance(wanted, dict) and is_set:
            flipped = {"ON": "OFF", "OFF": "ON"}
            known = known | {
                key: flipped.get(known.get(key, ""), "ON") if value == "TOGGLE" else value
                for key, value in wanted.items()
            }
        self.give((topic, json.dumps(known).encode(), False))

    def subscribe(self, topic_filter: str) -> None:
        """What is heard beyond the base topic is not in a journal."""

    def close(self) -> None:
        self._closed = True
        self._wake.set()


class _House:
    """The world of the loop: the messages of a journal at their times."""

    def __init__(self, journal: Path, loop: VirtualLoop) -> None:
        if not journal.exists():
            raise DataError(f"{journal} does not exist; give a file or a data directory")
        self._loop = loop
        self._messages = self._read(journal)
        self._next: deque[tuple[float, Message]] = deque()
        self._ended = False
        self._records = Records()
        self.said: list[Command | Published] = []
        self._begin = 0.0
        self._base = ""
        self._more()
        self._link = _Link(self, self._base)
        self._clock = VirtualClock(
            loop, datetime.fromtimestamp(self._begin, local_timezone()), local_timezone()
        )

    def _read(self, journal: Path) -> Iterator[tuple[float, Message]]:
        """What the bridge published, with seconds since the first of it."""
        source = Replay(journal)
        last = 0.0
        while messages := source.messages(_BATCH):
            for time, topic, payload, stored in messages:
                if self._begin == 0:
                    self._begin = time / 1000
                last = max(last, time / 1000 - self._begin)
                yield last, (topic, payload, stored)

    def _more(self) -> None:
        for at, message in self._messages:
            if not self._base and message[0].endswith("/bridge/info"):
                self._base = message[0].removesuffix("/bridge/info")
            self._next.append((at, message))
            # All of one moment are given together.
            if self._base and self._next[-1][0] > self._next[0][0]:
                return
        self._ended = not self._next

    def advance(self, until: float) -> float:
        """Gives what is next, if it is before `until`."""
        if self._next and self._next[0][0] <= until:
            now = max(self._next[0][0], self._loop.time())
            while self._next and self._next[0][0] <= now:
                self._link.give(self._next.popleft()[1])
                if not self._next or self._next[0][0] > now:
                    self._more()
            return now
        return until if until < math.inf else self._loop.time()

    def note(self, topic: str, payload: bytes, retain: bool) -> None:
        """Writes down what an automation said."""
        self._records.clear()
        self._records.note(self._loop.time(), self._base, topic, payload, retain)
        if topic.startswith(f"{self._base}/bridge/"):
            return
        self.said += [*self._records.commands, *self._records.published]

    def shown(self, said: Command | Published, *, as_json: bool) -> str:
        """A line for a person or a program."""
        at = self._begin + said.at
        time = datetime.fromtimestamp(at, self._clock.timezone).isoformat(timespec="milliseconds")
        topic = f"{said.device}/{said.verb}" if isinstance(said, Command) else said.topic
        payload = json.dumps(said.payload, ensure_ascii=False)
        if as_json:
            record = {"time": time, "topic": topic, "payload": said.payload}
            return json.dumps(record, ensure_ascii=False)
        return f"{time} {topic} {payload}"

    async def live(self, files: list[Path]) -> None:
        """Runs the files to the end of the journal."""
        ledger = MemoryLedger(wall=lambda: self._clock.now().timestamp())
        home = Home(self._link, ledger, self._clock)
        runtime = Runtime(home, ledger, self._clock, watch=False)
        await runtime.open()
        for path in files:
            runtime.install(load(path, home))
        follow_place(runtime)
        self._loop.world = self
        pump = self._loop.create_task(home.run())
        try:
            await home.ready(timeout="1h")
        except FerrobeeError as error:
            print(f"ferrobee: {error}", file=sys.stderr)
        runtime.begin()
        # The loop lives on as long as somebody waits for a moment.
        while not self._ended:  # noqa: ASYNC110
            await asyncio.sleep(_STEP)
        for running in runtime.files.values():
            for slot in running.slots.values():
                if slot.errors:
                    text = f"{slot.name}: {slot.errors} errors, the last: {slot.last_error}"
                    print(text, file=sys.stderr)
        await runtime.close()
        home.close()
        await pump
