"""The link between automations and a virtual house, which writes down what they say."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ferrobee.errors import LinkClosed

if TYPE_CHECKING:
    from collections.abc import Callable

    from ferrobee._core import VirtualBridge
    from ferrobee._link import Message
    from ferrobee._update import Json

__all__ = ["Command", "Published", "Records", "VirtualLink", "payload_of"]

KEPT = 100_000


@dataclass(frozen=True, slots=True)
class Command:
    """Something that an automation told a device or group to do."""

    at: float
    """Seconds since the test began."""
    device: str
    """The name of the device or group."""
    verb: str
    """`set` or `get`."""
    payload: dict[str, Json]
    """What it says, by key."""


@dataclass(frozen=True, slots=True)
class Published:
    """A message of an automation that was no command."""

    at: float
    """Seconds since the test began."""
    topic: str
    """The whole topic."""
    payload: Json
    """As JSON where it is some, else as text."""
    retain: bool
    """Whether the broker is to keep it."""


class Records:
    """What automations said: commands, and other messages. The last 100,000 of each."""

    def __init__(self) -> None:
        self.commands: deque[Command] = deque(maxlen=KEPT)
        self.published: deque[Published] = deque(maxlen=KEPT)

    def note(self, at: float, base: str, topic: str, payload: bytes, retain: bool) -> None:
        """Writes a message down."""
        value = payload_of(payload)
        if topic.startswith(f"{base}/") and not topic.startswith(f"{base}/bridge/"):
            name, _, verb = topic[len(base) + 1 :].rpartition("/")
            if verb in ("set", "get") and isinstance(value, dict):
                self.commands.append(Command(at, name, verb, value))
                return
        self.published.append(Published(at, topic, value, retain))

    def clear(self) -> None:
        """Forgets everything."""
        self.commands.clear()
        self.published.clear()


def payload_of(payload: bytes) -> Json:
    """A payload as JSON where it is some, else as text."""
    try:
        value: Json = json.loads(payload)
    except ValueError:
        return payload.decode(errors="replace")
    return value


class VirtualLink:
    """A `Link` to the broker of a virtual house."""

    def __init__(
        self, bridge: VirtualBridge, records: Records, time: Callable[[], float], base: str
    ) -> None:
        self.base = base
        self._bridge = bridge
        self._records = records
        self._time = time
        self._filters: list[str] = []
        self._listening = False
        self._closed = False
        self._waiting: list[Message] = []
        self.sink: Callable[[list[Message]], None] | None = None
        """Who takes messages at once, rather than by `receive()`."""
        self._wake = asyncio.Event()

    def listen(self) -> None:
        """Begins to hear: what is, then what happens."""
        self._listening = True
        self._bridge.listen()
        for topic_filter in self._filters:
            self._bridge.subscribe(topic_filter)
        self.give()

    def give(self) -> bool:
        """Takes what the house has for it; true if there was something."""
        messages = self._bridge.take()
        if not messages or self._closed:
            return False
        if self.sink is not None and not self._waiting:
            self.sink(messages)
        else:
            self._waiting.extend(messages)
            self._wake.set()
        return True

    async def receive(self) -> list[Message]:
        while not self._waiting:
            if self._closed:
                raise LinkClosed("the link to the virtual house was closed")
            self._wake.clear()
            await self._wake.wait()
        messages, self._waiting = self._waiting, []
        return messages

    def publish(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> None:
        if qos not in (0, 1, 2):
            raise ValueError(f"qos is 0, 1 or 2, not {qos!r}")
        if self._closed or not self._listening:
            raise LinkClosed(f"nothing can be published on {topic}: the house has not begun")
        self._records.note(self._time(), self.base, topic, payload, retain)
        self._bridge.publish(topic, payload, retain=retain)

    def subscribe(self, topic_filter: str) -> None:
        if self._closed:
            raise LinkClosed("the link to the virtual house was closed")
        self._filters.append(topic_filter)
        if self._listening:
            self._bridge.subscribe(topic_filter)
            self.give()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._listening:
            self._bridge.unlisten()
        self._wake.set()
