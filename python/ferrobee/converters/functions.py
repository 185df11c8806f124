"""Functions for what data can't say.

```python
class Anemometer(Definition):
    gust = NumericValue("m/s", description="The strongest wind of the last minute")

    @from_zigbee(Cluster(0xFC01).attr(0x0003, Uint16))
    def heard(self, message: Message) -> Values:
        return {"gust": round(message.value * 0.514, 1)}

    @to_zigbee("gust_alarm")
    def set_alarm(self, value: Json, request: Request) -> list[Operation]:
        return [operations.write(Cluster(0xFC01).attr(0x0004, Uint16), round(value / 0.514))]
```
They run in a process of their own, one for each file, with a limit of time and of memory. What they
raise costs that one message. `self` is one object for all devices of the model: what belongs to one
device is in `message.state`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from ferrobee.converters._attributes import Attribute, Command, Json, Tag
from ferrobee.converters.operations import Operation

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "Answer",
    "DatapointNumber",
    "From",
    "Message",
    "Request",
    "To",
    "Values",
    "dp",
    "from_zigbee",
    "marks",
    "on_configure",
    "to_zigbee",
]

Values = Mapping[str, Json]
"""What is published: values by the names of their properties."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a function wants: values to publish, and operations to carry out before that."""

    values: Values = field(default_factory=dict)
    operations: Sequence[Operation] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """What the device said, and what is known of it."""

    cluster: int
    endpoint: int
    value: Json
    """The value of the attribute, tag or datapoint that was asked for; of a command its fields by
    name. Octets are `bytes`."""
    attributes: Mapping[int, Json] = field(default_factory=dict)
    """All attributes of the message, by number."""
    tags: Mapping[int, Json] = field(default_factory=dict)
    """All tags of its structure, by number."""
    datapoints: Mapping[int, Json] = field(default_factory=dict)
    """All of its datapoints, by number."""
    payload: bytes = b""
    """The payload of a command."""
    manufacturer: int | None = None
    state: Mapping[str, Json] = field(default_factory=dict)
    """What was published last."""
    options: Mapping[str, Json] = field(default_factory=dict)
    """The options of the device in the configuration."""


@dataclass(frozen=True, slots=True)
class Request:
    """What goes with a value that is to be set, or with the configuration of a device."""

    key: str = ""
    """The key that is set, without the name of an endpoint."""
    message: Mapping[str, Json] = field(default_factory=dict)
    """All keys that are set together."""
    state: Mapping[str, Json] = field(default_factory=dict)
    options: Mapping[str, Json] = field(default_factory=dict)
    endpoint: int | None = None


@dataclass(frozen=True, slots=True)
class DatapointNumber:
    """One of Tuya's datapoints, for `@from_zigbee`."""

    number: int


def dp(number: int) -> DatapointNumber:
    """One of Tuya's datapoints: `@from_zigbee(dp(101))`."""
    if not 1 <= number <= 255:
        raise ValueError(f"{number} is not a datapoint (1 to 255)")
    return DatapointNumber(number)


@dataclass(frozen=True, slots=True)
class From:
    """What a function wants to hear."""

    what: Attribute | Command | Tag | DatapointNumber
    endpoint: int | None = None


@dataclass(frozen=True, slots=True)
class To:
    """A key that a function sets, and what is read when the key is asked for."""

    key: str
    read: Attribute | None = None


class Configure:
    """The mark of a function that configures."""


F = TypeVar("F", bound=Callable[..., object])
Heard = TypeVar("Heard", bound=Callable[..., "Values | Answer | None"])
Sets = TypeVar("Sets", bound=Callable[..., "Answer | Iterable[Operation] | None"])
_MARKS = "__ferrobee__"


def marks(function: object) -> list[From | To | Configure]:
    """What decorators of this module said of a function."""
    found: list[From | To | Configure] = getattr(function, _MARKS, [])
    return found


def _mark(function: F, mark: From | To | Configure) -> F:
    setattr(function, _MARKS, [*marks(function), mark])
    return function


def from_zigbee(
    what: Attribute | Command | Tag | DatapointNumber, *, endpoint: int | None = None
) -> Callable[[Heard], Heard]:
    """The method is called with each message that carries this, as `method(message)`.

    It returns the values to publish (`None`: none), or an `Answer` that also sends something.
    `endpoint`: only messages from it.
    """
    if isinstance(what, Attribute) and what.endpoint is not None:
        endpoint = what.endpoint
    return lambda function: _mark(function, From(what, endpoint))


def to_zigbee(key: str, *, read: Attribute | None = None) -> Callable[[Sets], Sets]:
    """The method is called as `method(value, request)` when somebody sets the key.

    It returns the operations that set it, after which the value is published; or an `Answer` that
    says itself what is. `read`: what is read when somebody asks for the key.
    """
    return lambda function: _mark(function, To(key, read))


def on_configure(function: Sets) -> Sets:
    """The method is called as `method(request)` when the device is configured.

    It returns the operations that configure it.
    """
    return _mark(function, Configure())
