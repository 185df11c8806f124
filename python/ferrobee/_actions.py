"""Actions: what somebody does at a button, a knob or a lock, as events.

`knob.action.single` is one kind of action, `knob.action` is any; both are what `on(...)` takes, and
what happened arrives as a frozen dataclass with what the same message said.
"""

from __future__ import annotations

import dataclasses
import logging
import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, cast

from ferrobee._names import suggestion
from ferrobee._properties import Source
from ferrobee.errors import UnknownName

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Self

    from ferrobee._device import Device
    from ferrobee._update import Json, Update

__all__ = ["ActionEvent", "ActionSource", "Actions"]

A = TypeVar("A", bound=str)
E = TypeVar("E", bound="ActionEvent[Any]")
A_co = TypeVar("A_co", bound=str, covariant=True)

_log = logging.getLogger("ferrobee.home")

_NOTHING: Mapping[str, Json] = MappingProxyType({})
# Locks of Aqara say in the action itself who it was (`finger_open_user_id5`) or which language was
# chosen, unless their option `legacy` is false: the same kind of action, in a form of old.
_OF_OLD = re.compile(
    r"(?P<done>.+)_(?P<user_type>[a-z]+)_id(?P<user>[0-9]{1,3})|(?P<chosen>change_language_to)_[a-z]+"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionEvent(Generic[A_co]):
    """Something that somebody did at a device."""

    device: str
    """The name of the device."""
    action: A_co
    """Its kind: `action` on the wire, without the user that a lock may name there (`message` has
    it as it came)."""
    at: datetime
    """When the message was received, in the zone of the house."""
    message: Mapping[str, Json]
    """All that the message said."""

    KEYS: ClassVar[Mapping[str, str]] = {}
    """What the fields of a subclass are called on the wire."""

    @classmethod
    def of(
        cls, update: Update, kind: str | None = None, said: Mapping[str, Json] = _NOTHING
    ) -> Self | None:
        """The event that a state message tells; None if it lacks what belongs to the event.

        `kind` is the kind of action where that is not the value of `action`, `said` are fields that
        this value tells.
        """
        message = update.message
        values: dict[str, Any] = {}
        for field in dataclasses.fields(cls):
            if (key := cls.KEYS.get(field.name)) is None:
                continue
            value = message.get(key, said.get(field.name))
            if value is not None:
                values[field.name] = value
            elif field.default is dataclasses.MISSING:
                _log.warning(
                    "%s: action %r came without %s and is not counted",
                    update.device,
                    message.get("action"),
                    key,
                )
                return None
        return cls(
            device=update.device,
            action=cast("Any", message["action"] if kind is None else kind),
            at=update.at,
            message=message,
            **values,
        )


class ActionSource(Source[E]):
    """One kind of action. `*` in its value stands for anything, as in `region_*_enter`."""

    def __init__(self, value: str, event: type[E] | None = None) -> None:
        self.action = value
        """The value of `action` on the wire."""
        self._event: type[Any] = ActionEvent if event is None else event
        self._pattern = (
            re.compile(".*".join(map(re.escape, value.split("*"))), re.DOTALL)
            if "*" in value
            else None
        )

    def matches(self, action: Json) -> bool:
        """True for a value of `action` that is of this kind, also in the form of old in which locks
        name their users: `finger_open_user_id5` is a `finger_open`."""
        if self._pattern is None:
            return action == self.action or self._of_old(action) is not None
        return isinstance(action, str) and self._pattern.fullmatch(action) is not None

    def _of_old(self, action: Json) -> Mapping[str, Json] | None:
        """What a value in the form of old tells beside the kind; None for anything else."""
        if not isinstance(action, str) or not action.startswith(f"{self.action}_"):
            return None
        match = _OF_OLD.fullmatch(action)
        if match is None or self.action not in (match["done"], match["chosen"]):
            return None
        if match["done"] is None:
            return _NOTHING
        return {"user": int(match["user"]), "user_type": match["user_type"]}

    def occurred(self, update: Update) -> E | None:
        """The event that this message tells; None if it is stored or tells none of this kind."""
        if not update.live or not self.matches(action := update.message.get("action")):
            return None
        if (said := self._of_old(action)) is not None:
            return cast("E | None", self._event.of(update, self.action, said))
        return cast("E | None", self._event.of(update))

    def __str__(self) -> str:
        name = self._bound.name if self._bound is not None else "?"
        return f"{name}.action[{self.action!r}]"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self}>"


class Actions(Source[E], Generic[E, A]):
    """All actions of a device: any of them, or one as an attribute or by its value."""

    def bind(self, device: Device) -> Self:
        """A copy that belongs to a device."""
        bound = super().bind(device)
        for name, kind in _kinds(type(self)).items():
            bound.__dict__[name] = kind.bind(device)
        return bound

    def __getitem__(self, action: A) -> ActionSource[E]:
        """One kind of action by its value on the wire."""
        for kind in self._bound_kinds():
            if kind.action == action:
                return kind
        raise self._unknown(action)

    def occurred(self, update: Update) -> E | None:
        """The event that this message tells; None if it is stored or tells none."""
        action = update.message.get("action")
        if not update.live or not isinstance(action, str) or not action:
            return None
        for kind in self._bound_kinds():
            if kind.matches(action):
                return kind.occurred(update)
        # A device may do more than its definition says.
        return cast("E | None", ActionEvent.of(update))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            raise TypeError(f"{self}: an action is no value: write {self}.{other} instead of ==")
        return self is other

    __hash__ = Source.__hash__

    def _bound_kinds(self) -> list[ActionSource[E]]:
        return [self.__dict__[name] for name in _kinds(type(self))]

    def _unknown(self, action: str) -> UnknownName:
        known = [kind.action for kind in _kinds(type(self)).values()]
        return UnknownName(f"{self}: there is no action {action!r}.{suggestion(action, known)}")

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401
            if name.startswith("__"):
                raise AttributeError(name)
            raise self._unknown(name)

    def __str__(self) -> str:
        name = self._bound.name if self._bound is not None else "?"
        return f"{name}.action"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self}>"


def _kinds(cls: type[Any]) -> dict[str, ActionSource[Any]]:
    """The kinds that a class declares, by attribute."""
    if "_declared" not in cls.__dict__:
        cls._declared = {
            name: value
            for base in reversed(cls.__mro__)
            for name, value in vars(base).items()
            if isinstance(value, ActionSource)
        }
    declared: dict[str, ActionSource[Any]] = cls._declared
    return declared
