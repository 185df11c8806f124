"""Light, cover, lock, climate, fan: several properties that are set in one message.

Each of their properties is also an attribute of the device, by its name on the wire. What `set()`
takes is declared by the class of the model, since it depends on what the device can do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ferrobee._node import TIMEOUT
from ferrobee._properties import Bound

if TYPE_CHECKING:
    from ferrobee._span import Span
    from ferrobee._update import Json

__all__ = ["Climate", "Composed", "Cover", "Fan", "Light", "Lock"]


class Composed(Bound):
    """Several properties that belong together."""

    def __init__(self, endpoint: str | None = None) -> None:
        self.endpoint = endpoint
        """The name of the endpoint, where the device has several of these."""

    if not TYPE_CHECKING:

        async def set(self, *, timeout: Span = TIMEOUT, **values: Any) -> None:  # noqa: ANN401
            """Sets several properties in one message, and waits until all are confirmed."""
            given = {self._key(name): value for name, value in values.items() if value is not None}
            await self.device._set(given, timeout)

    def _key(self, name: str) -> str:
        """The name on the wire; `transition` and the like belong to the message as a whole."""
        suffixed = name if self.endpoint is None else f"{name}_{self.endpoint}"
        return suffixed if self.device._has(suffixed) else name

    async def _say(self, state: str, timeout: Span, **more: Json) -> None:
        given = {self._key("state"): state, **{k: v for k, v in more.items() if v is not None}}
        await self.device._set(given, timeout)

    def __repr__(self) -> str:
        name = self._bound.name if self._bound is not None else "?"
        return f"<{type(self).__name__} {name}>"


class Light(Composed):
    """A light. Brightness is 0 to 254, color temperature in mired, `transition` in seconds."""

    async def on(self, *, transition: float | None = None, timeout: Span = TIMEOUT) -> None:
        """Turns it on. Raises as `Settable.set()` does."""
        await self._say("ON", timeout, transition=transition)

    async def off(self, *, transition: float | None = None, timeout: Span = TIMEOUT) -> None:
        """Turns it off. Raises as `Settable.set()` does."""
        await self._say("OFF", timeout, transition=transition)

    async def toggle(self, *, transition: float | None = None, timeout: Span = TIMEOUT) -> None:
        """Turns it on or off, whichever it is not. Raises as `Settable.set()` does."""
        await self._say("TOGGLE", timeout, transition=transition)


class Cover(Composed):
    """A blind, curtain or shutter. Positions are 0 (closed) to 100 (open)."""

    async def open(self) -> None:
        """Tells it to open. Returns at once: how far it is, `position` says."""
        await self._order("OPEN")

    async def close(self) -> None:
        """Tells it to close. Returns at once: how far it is, `position` says."""
        await self._order("CLOSE")

    async def stop(self) -> None:
        """Tells it to stop. Returns at once."""
        await self._order("STOP")

    async def _order(self, state: str) -> None:
        self.device._check()
        await self.device._node.command("set", {self._key("state"): state}, {}, TIMEOUT)


class Lock(Composed):
    """A lock."""

    async def lock(self, *, timeout: Span = TIMEOUT) -> None:
        """Locks it, and waits until it says so. Raises as `Settable.set()` does."""
        await self._say("LOCK", timeout)

    async def unlock(self, *, timeout: Span = TIMEOUT) -> None:
        """Unlocks it, and waits until it says so. Raises as `Settable.set()` does."""
        await self._say("UNLOCK", timeout)


class Climate(Composed):
    """A thermostat. Temperatures in the unit of their property, °C unless the owner chose °F."""


class Fan(Composed):
    """A fan."""
