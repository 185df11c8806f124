"""Devices and groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from ferrobee._names import suggestion
from ferrobee._properties import Bound, Property, Readable
from ferrobee.errors import ModelError, UnknownName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ferrobee._any import AnyProperty
    from ferrobee._commands import Confirms
    from ferrobee._home import Home
    from ferrobee._node import Node
    from ferrobee._span import Span
    from ferrobee._update import Json

__all__ = ["Device"]

_SHOWN = 6


class Device:
    """A device or group, seen through what it exposes.

    The classes of `ferrobee.models` say what each model has: `relay.power`, `knob.action`. Keys
    that no class declares are reached as items, untyped: `relay["power"]`. Made by
    `Home.device()`; what it knows is kept up to date while the home runs.
    """

    MODEL: ClassVar[str] = ""
    """The model's name in `bridge/devices`; empty where any model will do."""
    VENDOR: ClassVar[str] = ""
    """Who sells it."""

    if TYPE_CHECKING:
        _node: Node
        _by_key: dict[str, Property]

    def __init__(self, node: Node) -> None:
        if not hasattr(node, "home"):
            raise TypeError(f"devices are asked for: home.device({node!r}, {type(self).__name__})")
        bound: dict[str, Any] = {"_node": node}
        by_key: dict[str, Property] = {}
        for name, declaration in _declarations(type(self)).items():
            mine = declaration.bind(self)
            bound[name] = mine
            if isinstance(mine, Property):
                by_key[mine.key] = mine
        bound["_by_key"] = by_key
        self.__dict__.update(bound)

    @property
    def name(self) -> str:
        """Its name in the house (`friendly_name`)."""
        return self._node.name

    @property
    def home(self) -> Home:
        """The house that it is in."""
        return self._node.home

    @property
    def available(self) -> bool | None:
        """Whether the bridge thinks that it can be reached; None while nobody said, as with
        availability turned off."""
        return self._node.available

    @property
    def known(self) -> Mapping[str, Json]:
        """The whole state as it is on MQTT."""
        return self._node.state

    @property
    def info(self) -> Mapping[str, Any]:
        """Its entry in `bridge/devices` or `bridge/groups`; empty while that is not known."""
        return self._node.entry or {}

    def __getitem__(self, key: str) -> AnyProperty:
        """Any property by its name on the wire, whether its class declares it or not; untyped."""
        from ferrobee._any import AnyProperty

        if not isinstance(key, str):
            # Also ends what Python would make of `for _ in device`.
            raise TypeError(f"{self.name}: the name of a property is text, not {key!r}")
        if key == "action":
            # It has no value that stays: as a property it would never change or hold.
            raise UnknownName(
                f"{self.name}: an action is an event, not a property: {self.name}.action is any, "
                f"{self.name}.action.single one"
            )
        known = self._by_key.get(key)
        if isinstance(known, AnyProperty):
            return known
        made = AnyProperty(key).bind(self)
        if known is None:
            self._by_key[key] = made
        return made

    async def _set(self, values: Mapping[str, Any], timeout: Span) -> None:
        """Sets several keys in one message; waits until those that are published are confirmed."""
        self._check()
        payload: dict[str, Json] = {}
        wanted: dict[str, Confirms] = {}
        for key, value in values.items():
            known = self._by_key.get(key)
            if known is None:
                payload[key] = value  # like `transition`: it goes along
                continue
            payload[key] = wire = known._wire(value)
            if isinstance(known, Readable) and known.is_published:
                wanted[key] = _confirmation(known, wire)
        if any(value == "OFF" for value in payload.values()):
            # Whatever else is asked of a light that is turned off is not published.
            wanted = {key: wanted[key] for key in wanted if payload[key] == "OFF"}
        await self._node.command("set", payload, wanted, timeout)

    def _has(self, key: str) -> bool:
        return key in self._by_key

    def _check(self) -> None:
        """Raises what is wrong with the device, if anything is known to be."""
        node = self._node
        if node.entry is None:
            if node.home.is_known:
                raise UnknownName(node.home.unknown(node.name))
        elif self.MODEL and node.model != self.MODEL and not node.is_group:
            what = f"of model {node.model!r}" if node.model else "without a definition"
            kind = type(self).__name__
            mine = repr(self.MODEL) if kind == self.MODEL else f"{self.MODEL!r} ({kind})"
            raise ModelError(
                f"{node.name!r} is {what}, not {mine}: ask for it with the class of its model, or "
                "with none"
            )

    def __repr__(self) -> str:
        shown = sorted(
            (known for known in self._by_key.values() if isinstance(known, Readable)),
            key=lambda known: (known.category is not None, not _is_settable(known)),
        )
        values = [
            f"{known.key}={known._shown()}"
            for known in shown
            if known.category is None and known._known() is not None
        ]
        more = " ..." if len(values) > _SHOWN else ""
        kind = self.MODEL or type(self).__name__
        text = " ".join([kind, repr(self.name), *values[:_SHOWN]])
        return f"<{text}{more}>"

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401
            if name.startswith("__") or "_node" not in self.__dict__:
                raise AttributeError(name)
            names = [name for name in _declarations(type(self)) if not name.startswith("_")]
            raise UnknownName(
                f"{self.MODEL or type(self).__name__} {self.name!r} has no {name!r}."
                f"{suggestion(name, names)}"
            )

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(
            f"{self.name}.{name} can't be assigned: to set it, `await DEVICE.{name}.set({value!r})`"
        )


def _is_settable(known: Property) -> bool:
    return hasattr(known, "set")


def _confirmation(known: Property, wire: Json) -> Confirms:
    return lambda before, now: known._confirms(wire, before, now)


def _declarations(cls: type[Device]) -> dict[str, Bound]:
    """What a class declares, by attribute; base classes first."""
    if "_declared" not in cls.__dict__:
        declared: dict[str, Bound] = {
            name: value
            for base in reversed(cls.__mro__)
            for name, value in vars(base).items()
            if isinstance(value, Bound)
        }
        cls._declared = declared  # type: ignore[attr-defined]
    return cast("dict[str, Bound]", cls._declared)  # type: ignore[attr-defined]
