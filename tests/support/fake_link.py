"""A link to a bridge that a test plays."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from ferrobee.errors import LinkClosed

if TYPE_CHECKING:
    from ferrobee._link import Message

__all__ = ["FakeLink", "device_entry", "group_entry"]


class FakeLink:
    """Hands over what the test says, and keeps what was published."""

    def __init__(self, base: str = "zigbee2mqtt") -> None:
        self.base = base
        self.published: list[tuple[str, Any]] = []
        self.subscribed: list[str] = []
        self.closed = False
        self._waiting: list[Message] = []
        self._more = asyncio.Event()

    def say(self, topic: str, payload: object, *, stored: bool = False) -> None:
        """A message below the base topic; text goes as it is."""
        self.say_raw(f"{self.base}/{topic}", payload, stored=stored)

    def say_raw(self, topic: str, payload: object, *, stored: bool = False) -> None:
        """A message on any topic."""
        text = payload if isinstance(payload, str) else json.dumps(payload)
        self._waiting.append((topic, text.encode(), stored))
        self._more.set()

    def house(self, *devices: dict[str, Any], groups: tuple[dict[str, Any], ...] = ()) -> None:
        """What the bridge says of the house."""
        self.say("bridge/devices", list(devices), stored=True)
        self.say("bridge/groups", list(groups), stored=True)

    def error(self, text: str) -> None:
        """An error line on `bridge/logging`."""
        self.say("bridge/logging", {"level": "error", "message": f"z2m: {text}"})

    async def receive(self) -> list[Message]:
        while not self._waiting:
            if self.closed:
                raise LinkClosed("closed")
            self._more.clear()
            await self._more.wait()
        taken, self._waiting = self._waiting, []
        return taken

    def publish(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> None:
        del qos, retain
        if self.closed:
            raise LinkClosed("closed")
        text = payload.decode()
        try:
            self.published.append((topic, json.loads(text)))
        except ValueError:
            self.published.append((topic, text))

    def subscribe(self, topic_filter: str) -> None:
        self.subscribed.append(topic_filter)

    def close(self) -> None:
        self.closed = True
        self._more.set()


def device_entry(
    name: str,
    model: str | None = None,
    *,
    address: str | None = None,
    exposes: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """An entry of `bridge/devices`."""
    entry: dict[str, Any] = {
        "ieee_address": address or f"0x{abs(hash(name)) % 2**64:016x}",
        "type": "Router",
        "friendly_name": name,
        "endpoints": {},
    }
    if model is not None:
        entry["definition"] = {"model": model, "vendor": "Test", "exposes": exposes or []}
    return entry


def group_entry(
    name: str, number: int = 1, *, scenes: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    """An entry of `bridge/groups`."""
    return {"id": number, "friendly_name": name, "scenes": scenes or [], "members": []}
