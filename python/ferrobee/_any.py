"""Devices of which no class says what they have: everything by name, nothing typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, cast

from ferrobee._actions import ActionEvent, Actions, ActionSource
from ferrobee._composed import Climate, Cover, Fan, Light, Lock
from ferrobee._device import Device
from ferrobee._kinds import Number, Ordered, step, toggle
from ferrobee._names import suggestion
from ferrobee._node import TIMEOUT
from ferrobee._properties import Gettable, Settable
from ferrobee.errors import UnknownName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ferrobee._composed import Composed
    from ferrobee._conditions import Condition
    from ferrobee._span import Span
    from ferrobee._update import Json

__all__ = ["AnyActions", "AnyDevice", "AnyProperty", "Group"]

_COMPOSED: Mapping[str, type[Composed]] = {
    "light": Light,
    "cover": Cover,
    "lock": Lock,
    "climate": Climate,
    "fan": Fan,
}


class AnyProperty(Number, Ordered[Any], Gettable, Settable[Any]):
    """A property that no class declares. It can do all that any kind can; the bridge says what of
    it makes sense."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.on_value: Any = "ON"
        self.off_value: Any = "OFF"
        self.toggle_value: str | None = "TOGGLE"
        self.is_published = True
        """False for what can only be sent: nothing will confirm it."""
        self._values: tuple[Any, ...] = ()

    def bind(self, device: Device) -> Self:
        """A copy that belongs to a device, and knows what the device's definition says of it."""
        bound = super().bind(device)
        exposed = device._node.exposes.get(self.key)
        if exposed is not None:
            bound.unit = exposed.get("unit")
            bound.minimum = exposed.get("value_min")
            bound.maximum = exposed.get("value_max")
            bound.resolution = exposed.get("value_step")
            bound.category = exposed.get("category")
            bound.is_published = bool(exposed.get("access", 1) & 1)
            bound._values = tuple(exposed.get("values", ()))
            if "value_on" in exposed:
                bound.on_value = exposed["value_on"]
                bound.off_value = exposed.get("value_off")
                bound.toggle_value = exposed.get("value_toggle")
        return bound

    @property
    def turned_on(self) -> Condition:
        """A condition: it is on."""
        condition: Condition = self == self.on_value
        return condition

    @property
    def turned_off(self) -> Condition:
        """A condition: it is off."""
        condition: Condition = self == self.off_value
        return condition

    async def on(self, *, timeout: Span = TIMEOUT) -> None:
        """Turns it on; see `set()`."""
        await self.set(self.on_value, timeout=timeout)

    async def off(self, *, timeout: Span = TIMEOUT) -> None:
        """Turns it off; see `set()`."""
        await self.set(self.off_value, timeout=timeout)

    async def toggle(self, *, timeout: Span = TIMEOUT) -> None:
        """Changes it to the other; see `BinarySet.toggle`."""
        await toggle(self, timeout)

    async def step(self, by: float, *, timeout: Span = TIMEOUT) -> None:
        """Moves it by so much, within its range; see `NumericSet.step`."""
        await step(self, by, timeout)

    async def _set(self, wire: Json, timeout: Span) -> None:
        if self.is_published:
            await super()._set(wire, timeout)
        else:
            await self._node.command("set", {self.key: wire}, {}, timeout)

    def _wire(self, value: Any) -> Json:  # noqa: ANN401
        return cast("Json", value)

    def _read(self, value: Json) -> Any:  # noqa: ANN401
        return value

    def _confirms(self, asked: Json, before: Json, now: Json) -> bool:
        if asked == self.toggle_value:
            return now != before
        if isinstance(asked, int | float) and not isinstance(asked, bool):
            return Number._confirms(self, asked, before, now)
        if isinstance(asked, dict):
            return True
        return now == asked

    def _shown(self) -> str:
        value = self._known()
        if isinstance(value, int | float) and not isinstance(value, bool):
            return f"{value:g} {self.unit}" if self.unit else f"{value:g}"
        return "unknown" if value is None else repr(value)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401
            # The values of an enum are attributes, as in the classes of models.
            if name.startswith("_") or "key" not in self.__dict__:
                raise AttributeError(name)
            if not self._values or name in self._values:
                return name
            raise UnknownName(f"{self} has no {name!r}.{suggestion(name, self._values)}")


class AnyActions(Actions["ActionEvent[str]", str]):
    """The actions of a device of which no class says which there are."""

    def __getitem__(self, action: str) -> ActionSource[ActionEvent[str]]:
        """One kind of action by its value on the wire; `*` stands for anything."""
        exposed = self._node.exposes.get("action")
        if exposed is not None and action not in (known := exposed.get("values", ())):
            raise UnknownName(f"{self}: there is no action {action!r}.{suggestion(action, known)}")
        return ActionSource[ActionEvent[str]](action).bind(self.device)

    def __getattr__(self, name: str) -> ActionSource[ActionEvent[str]]:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]


class AnyDevice(Device):
    """A device of any model: its properties are attributes and items, untyped."""

    action = AnyActions()

    async def set(self, *, timeout: Span = TIMEOUT, **values: Any) -> None:  # noqa: ANN401
        """Sets several keys in one message, and waits until all are confirmed.

        Raises `CommandError` with the bridge's words if one fails, `SetTimeout` if nothing confirms
        them within `timeout`.
        """
        for key in values:
            if key not in ("transition", "on_time", "off_wait_time"):
                self[key]
        await self._set(values, timeout)

    def _has(self, key: str) -> bool:
        return super()._has(key) or key in self._node.exposes

    def __getattr__(self, name: str) -> AnyProperty:
        if name.startswith("__") or "_node" not in self.__dict__:
            raise AttributeError(name)
        node = self._node
        kind, _, endpoint = name.partition("_")
        if kind in _COMPOSED and name not in node.exposes and name not in node.state:
            made: Any = _COMPOSED[kind](endpoint or None).bind(self)
            for key in list(node.exposes):
                if key != "action":
                    self[key]
            return cast("AnyProperty", made)
        if node.exposes and name not in node.exposes and name not in node.state:
            raise UnknownName(
                f"{node.model or 'group'} {node.name!r} has no {name!r}."
                f"{suggestion(name, [*node.exposes, *node.state])}"
            )
        return self[name]


class Group(AnyDevice):
    """A group: what is set is set for all members; its state is what they have in common."""
