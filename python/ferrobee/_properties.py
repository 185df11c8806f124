"""What all properties have in common: reading, setting, getting, watching.

A property that is made by itself is a *declaration*, as in the classes of `ferrobee.models`; a
device binds copies of its class's declarations, and only those have values.
"""

from __future__ import annotations

import asyncio
import copy
from abc import abstractmethod
from collections import deque
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Self, TypeVar, cast

from ferrobee._commands import is_answer
from ferrobee._conditions import MYPY, Comparison, Condition, Operand
from ferrobee._node import TIMEOUT
from ferrobee._update import Change
from ferrobee._waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from ferrobee._device import Device
    from ferrobee._home import Home
    from ferrobee._node import Node
    from ferrobee._span import Span
    from ferrobee._update import Json, Update

__all__ = ["Gettable", "Property", "Readable", "Settable", "Source"]

T = TypeVar("T")
E_co = TypeVar("E_co", covariant=True)

_CHANGES_KEPT = 1000


class Bound:
    """Something that belongs to a device."""

    _bound: Device | None = None

    @property
    def device(self) -> Device:
        """The device or group that it belongs to."""
        if self._bound is None:
            raise TypeError(
                f"{type(self).__name__}: a declaration; only those of devices have values"
            )
        return self._bound

    def bind(self, device: Device) -> Self:
        """A copy that belongs to a device."""
        bound = copy.copy(self)
        bound._bound = device
        return bound

    @property
    def _node(self) -> Node:
        return self.device._node

    if not MYPY:

        def __bool__(self) -> NoReturn:
            raise TypeError(
                f"{self!r} is neither true nor false; compare its .value, or use it in a condition"
            )


class Source(Bound, Generic[E_co]):
    """Something that happens at a device, as `on(...)` takes it."""

    @property
    def watched(self) -> frozenset[tuple[Home, str]]:
        """The device or group that it is about, with its home."""
        node = self._node
        return frozenset(((node.home, node.name),))

    @property
    def devices(self) -> frozenset[str]:
        """The name of the device or group that it is about."""
        return frozenset((self._node.name,))

    @property
    def keys(self) -> frozenset[str]:
        """The keys of messages that may tell of it. A kind of action is told by `action`."""
        return frozenset(("action",))

    @abstractmethod
    def occurred(self, update: Update) -> E_co | None:
        """What happened, if this state message says so; None for stored messages."""


class Property(Bound):
    """A property that a device exposes."""

    def __init__(
        self,
        key: str,
        *,
        unit: str | None = None,
        category: str | None = None,
    ) -> None:
        self.key = key
        """Its name on the wire."""
        self.unit = unit
        """The unit of its value, like `W`; None for what has none."""
        self.category = category
        """`config` for a setting of the device, `diagnostic` for what is said of the device itself;
        None for what the device is there for."""

    def __str__(self) -> str:
        name = self._bound.name if self._bound is not None else "?"
        return f"{name}.{self.key}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self}>"

    def _wire(self, value: Any) -> Json:  # noqa: ANN401  (what each kind accepts, it says itself)
        """The JSON of a value. Raises `TypeError` or `ValueError` for one that makes no sense."""
        return cast("Json", value)

    def _confirms(self, asked: Json, _before: Json, now: Json) -> bool:
        """Whether a published value says that the one asked for was taken over."""
        return now == asked

    async def _set(self, wire: Json, timeout: Span) -> None:
        self.device._check()

        def confirms(before: Json, now: Json) -> bool:
            return self._confirms(wire, before, now)

        await self._node.command("set", {self.key: wire}, {self.key: confirms}, timeout)


class Readable(Property, Source[Change[T]], Operand):
    """A property whose value is published."""

    __hash__ = object.__hash__

    is_published = True
    """False only for a property without a class that turns out to be one that is only sent."""

    @property
    def keys(self) -> frozenset[str]:
        """Its key on the wire."""
        return frozenset((self.key,))

    @property
    def value(self) -> T | None:
        """The last known value; None while there is none. Reads memory only."""
        self.device._check()
        return self._known()

    @property
    def updated(self) -> datetime | None:
        """When a live message last carried it, in the zone of the house; None if none did yet."""
        return self._node.times.get(self.key)

    def _known(self) -> T | None:
        return self._read(self._node.state.get(self.key))

    @abstractmethod
    def _read(self, value: Json) -> T | None:
        """The value of what was published; None if that makes no sense."""

    def occurred(self, update: Update) -> Change[T] | None:
        """The change that this message says; None if it is stored or says nothing new."""
        if not update.live:
            return None
        now = update.after.get(self.key)
        before = update.before.get(self.key)
        if now == before and type(now) is type(before):
            return None
        new = self._read(now)
        if new is None:
            return None
        return Change(update.device, self.key, self._read(before), new, update.at)

    async def changes(self) -> AsyncIterator[T]:
        """The new value of every live change from now on.

        A reader that falls behind by 1,000 changes loses the oldest.
        """
        seen: deque[T] = deque(maxlen=_CHANGES_KEPT)
        more = asyncio.Event()

        def heard(update: Update) -> None:
            if (change := self.occurred(update)) is not None:
                seen.append(change.new)
                more.set()

        unobserve = self._node.observe(heard)
        try:
            while True:
                await more.wait()
                more.clear()
                while seen:
                    yield seen.popleft()
        finally:
            unobserve()

    async def wait_until(self, wanted: T | Condition, *, timeout: Span | None = None) -> None:
        """Waits until it has a value, or until a condition holds; at once if that is so already.

        Raises `WaitTimeout` after `timeout` (like `"3min"`; a number is seconds).
        """
        condition = wanted if isinstance(wanted, Condition) else self == wanted
        await wait_until(condition, timeout)

    def is_in(self, *values: T) -> Condition:
        """A condition: the value is one of these."""
        known = tuple(self._wire(value) for value in values)
        return Comparison(self, "in", known, lambda value, among: value in among)

    def __eq__(self, other: T | Readable[T]) -> Condition:  # type: ignore[override]
        return self._compare("==", other, lambda value, than: bool(value == than))

    def __ne__(self, other: T | Readable[T]) -> Condition:  # type: ignore[override]
        return self._compare("!=", other, lambda value, than: bool(value != than))

    def _compare(self, sign: str, other: object, holds: Any) -> Condition:  # noqa: ANN401
        right = other if isinstance(other, Operand) else self._wire(other)
        return Comparison(self, sign, right, holds)

    def __repr__(self) -> str:
        if self._bound is None:
            return super().__repr__()
        return f"<{type(self).__name__} {self} = {self._shown()}>"

    def _shown(self) -> str:
        value = self._known()
        if value is None:
            return "unknown"
        return f"{value!r} {self.unit}" if self.unit else repr(value)


class Gettable(Property):
    """A property that the device can be asked for."""

    async def get(self, *, timeout: Span = TIMEOUT) -> None:
        """Asks the device, and waits until a message carries the value.

        Raises `CommandError` with the bridge's words if that fails, `GetTimeout` after `timeout`
        (like `"30s"`; a number is seconds).
        """
        self.device._check()
        await self._node.command("get", {self.key: ""}, {self.key: is_answer}, timeout)


class Settable(Property, Generic[T]):
    """A property that can be set, and whose value is published."""

    async def set(self, value: T, *, timeout: Span = TIMEOUT) -> None:
        """Sets it, and waits until a state message confirms that.

        When a newer set of the same property is on its way, that one counts and this one returns.
        Raises `TypeError` or `ValueError` for a value that makes no sense, `CommandError` with the
        bridge's words if it fails, `SetTimeout` if nothing confirms it within `timeout` (like
        `"30s"`; a number is seconds).
        """
        await self._set(self._wire(value), timeout)


class Commanded(Property, Generic[T]):
    """A property that can only be set: nothing is published about it."""

    async def set(self, value: T) -> None:
        """Sends it. Returns at once: no message will confirm it; a failure is in the log only.

        Raises `TypeError` or `ValueError` for a value that makes no sense.
        """
        wire = self._wire(value)
        self.device._check()
        await self._node.command("set", {self.key: wire}, {}, TIMEOUT)
