"""What a house says: state messages, changes of a property, messages on topics, bridge events."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Literal, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

__all__ = ["Change", "EventKind", "HomeEvent", "Json", "TopicMessage", "Update"]

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""What JSON can say."""

T_co = TypeVar("T_co", covariant=True)


@dataclass(slots=True)
class Update:
    """A state message of a device or group. Shared by all who hear it: nobody changes it."""

    device: str
    """The name of the device or group."""
    message: Mapping[str, Json]
    """What was published, with `action` and all."""
    before: Mapping[str, Json]
    """The state that was known before; without `action`, which is no state."""
    after: Mapping[str, Json]
    """The state that is known now."""
    live: bool
    """False for a stored message: it tells what is, not that something happened."""
    at: datetime
    """When it was received, in the zone of the house."""


@dataclass(frozen=True, slots=True)
class Change(Generic[T_co]):
    """A live change of a property."""

    device: str
    """The name of the device or group."""
    key: str
    """The property's name on the wire."""
    old: T_co | None
    """None if it was not known."""
    new: T_co
    """The value now."""
    at: datetime
    """When the message was received, in the zone of the house."""


@dataclass(frozen=True, slots=True)
class TopicMessage:
    """A message on an MQTT topic."""

    topic: str
    """The whole topic."""
    payload: bytes
    """As it came."""
    stored: bool
    """True if it was retained: it tells what is, not that something happened."""

    @property
    def text(self) -> str:
        """The payload as text; what is no UTF-8 is replaced."""
        return self.payload.decode(errors="replace")

    def json(self) -> Json:
        """The payload as JSON. Raises `ValueError` if it is none."""
        value: Json = json.loads(self.payload)
        return value


EventKind: TypeAlias = Literal[
    "joined", "announced", "interview", "left", "available", "unavailable", "online", "offline"
]
"""`online` and `offline` are the bridge itself, `available` and `unavailable` a device or group."""


@dataclass(frozen=True, slots=True)
class HomeEvent:
    """Something that happened to the bridge or to a device's place in the network."""

    kind: EventKind
    """`joined`, `announced`, `interview`, `left`; `available` and `unavailable` of a device or a
    group; `online` and `offline` of the bridge itself."""
    device: str
    """The name of the device; empty for the bridge itself."""
    data: Mapping[str, Json]
    """The `data` of `bridge/event`; empty for availability."""
    at: datetime
    """When it was received, in the zone of the house."""
