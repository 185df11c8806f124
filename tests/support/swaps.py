"""An automation file that is saved again and again while its device reports hundreds of times a
second, in `ferrobee run` on the simulated stick."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paho.mqtt.client import Client as Paho
from paho.mqtt.client import MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from ferrobee._ledgers import FileLedger

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.house import House

    from ferrobee._ledger import Loaded

__all__ = ["Result", "run"]

RATE = 500
"""Reports a second."""
STEP = 0.02
"""Seconds between two portions of reports."""

# Says each value that it hears, and which version of it has begun.
_FILE = """
from ferrobee import Machine, State, home, on, start
from ferrobee.models.aqara import LLKZMK11LM

relay = home.device("relay", LLKZMK11LM)


@on(relay.power, policy="parallel")
async def heard(change):
    home.publish("heard", str(round(change.new)))


@on(relay.power > 0, hold="3h")
async def held():
    home.publish("held", "")


class Lamp(Machine):
    off = State(initial=True)
    lit = State()

    @off.to(lit, when=relay.power > 0)
    async def light(self):
        home.publish("lit", "")

    lit.to(off, after="4h")


lamp = Lamp()


@start
async def begun():
    home.publish("begun", "VERSION")
"""


@dataclass(frozen=True)
class Result:
    """What came of it."""

    swaps: int
    seconds: float
    reports: int
    """That the stick gave to the bridge."""
    heard: list[int]
    """The values that handlers heard, in order."""
    lit: int
    """How often the machine changed its state."""
    memory: dict[int, int]
    """What the program used after so many swaps, kB."""
    rows: Loaded
    """What the ledger holds at the end."""

    @property
    def rate(self) -> float:
        """Reports a second."""
        return self.reports / self.seconds


class _Listener:
    """What the automation says; nothing else, of which there is too much to keep."""

    def __init__(self, port: int) -> None:
        self.heard: list[int] = []
        self.lit = 0
        self._begun = ""
        self._changed = threading.Condition()
        subscribed = threading.Event()
        self._paho = Paho(CallbackAPIVersion.VERSION2)
        self._paho.on_message = self._on_message
        self._paho.on_subscribe = lambda *_: subscribed.set()
        self._paho.connect("127.0.0.1", port)
        self._paho.loop_start()
        self._paho.subscribe([("heard", 0), ("begun", 0), ("lit", 0)])
        assert subscribed.wait(10)

    def _on_message(self, _: Paho, __: object, message: MQTTMessage) -> None:
        with self._changed:
            match message.topic:
                case "heard":
                    self.heard.append(int(message.payload))
                case "begun":
                    self._begun = message.payload.decode()
                case "lit":
                    self.lit += 1
            self._changed.notify_all()

    def until(self, holds: Callable[[], bool], seconds: float = 60) -> None:
        with self._changed:
            if not self._changed.wait_for(holds, seconds):
                last = self.heard[-3:]
                raise TimeoutError(f"{len(self.heard)} values were heard, the last are {last}")

    def begun(self, version: str) -> None:
        """Waits until a version has begun."""
        self.until(lambda: self._begun == version)

    def close(self) -> None:
        self._paho.disconnect()
        self._paho.loop_stop()


class _Load:
    """Reports at an even rate, on a thread."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._portion = round(RATE * STEP)
        # As many as a second's may be late on a busy machine, and are caught up with.
        self._house.control("load", count=10**9, window=RATE)
        self._thread.start()

    def _run(self) -> None:
        next_one = time.monotonic() + STEP
        while not self._over.wait(max(0.0, next_one - time.monotonic())):
            next_one += STEP
            self._house.control("credit", count=self._portion)

    def end(self) -> int:
        """Gives how many there were."""
        self._over.set()
        self._thread.join()
        return self._emitted()

    def _emitted(self) -> int:
        # What the last credit allowed may still be on its way.
        emitted, before = 0, -1
        while emitted != before:
            before = emitted
            time.sleep(2 * STEP)
            emitted = self._house.control("progress")["emitted"]
        return emitted


def run(house: House, swaps: int, *, look_at: tuple[int, ...] = ()) -> Result:
    """Saves a file so many times under load; `look_at`: after which swaps memory is looked at."""
    configuration = house.data / "configuration.yaml"
    text = configuration.read_text()
    # A line of the log for each message is for people.
    configuration.write_text(text.replace("advanced:\n", "advanced:\n  log_level: warning\n"))
    folder = house.data / "automations"
    folder.mkdir()
    listener = _Listener(house.broker.port)
    try:
        bridge = house.start()
        relay = house.join("LLKZMK11LM")
        answer = house.client.request("device/rename", {"from": relay.ieee, "to": "relay"})
        assert answer["status"] == "ok"
        house.client.publish("relay/set", {"state_l1": "ON"})
        house.client.wait("relay", lambda m: m.json.get("state_l1") == "ON")
        # From now on there is too much to remember.
        house.client.close()
        _save(folder, "0")
        listener.begun("0")
        begin, load = time.monotonic(), _Load(house)
        memory: dict[int, int] = {}
        try:
            for swap in range(1, swaps + 1):
                _save(folder, str(swap))
                listener.begun(str(swap))
                if swap in look_at:
                    memory[swap] = bridge.memory()
        finally:
            seconds = time.monotonic() - begin
            reports = load.end()
        listener.until(lambda: len(listener.heard) >= reports)
        house.stop()
    finally:
        listener.close()
    rows = asyncio.run(_rows(house.data / "ferrobee.db"))
    return Result(swaps, seconds, reports, listener.heard, listener.lit, memory, rows)


def _save(folder: Path, version: str) -> None:
    """As editors do: beside it, and over it."""
    beside = folder / "hall.py.new"
    beside.write_text(_FILE.replace("VERSION", version))
    beside.rename(folder / "hall.py")


async def _rows(path: Path) -> Loaded:
    ledger = FileLedger(path)
    try:
        return await ledger.load()
    finally:
        ledger.close()
