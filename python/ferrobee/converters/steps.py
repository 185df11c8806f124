"""What is done once when a device joins: the steps of `configure`.

```python
configure = [
    steps.bind(TemperatureMeasurement),
    steps.report(TemperatureMeasurement.measured_value, minimum=10, maximum=3600, change=50),
    steps.read(TemperatureMeasurement.measured_value),
]
```
An attribute of another endpoint than the first is `attribute @ 2`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ferrobee.converters._attributes import Attribute, Cluster, Command, DataType, hexadecimal
from ferrobee.converters._capability import plain

if TYPE_CHECKING:
    from ferrobee.converters._attributes import Json

__all__ = ["Step", "bind", "bind_self", "command", "read", "report", "write", "write_time"]


@dataclass(frozen=True, slots=True)
class Step:
    """A step, made by the functions of this module."""

    kind: str
    fields: dict[str, Json]

    def data(self) -> dict[str, Json]:
        """The step as definitions write it."""
        return {self.kind: self.fields}


def _step(kind: str, **fields: Json) -> Step:
    return Step(kind, {key: value for key, value in fields.items() if value is not None})


def write(
    at: Attribute,
    value: int,
    *,
    data_type: DataType | None = None,
    wait: bool | None = None,
    verify_unlisted: bool | None = None,
) -> Step:
    """Writes a number. `wait=False`: does not wait for the device's answer."""
    return _step(
        "write",
        endpoint=at.endpoint,
        at=at.at(),
        data_type=plain(data_type or at.type),
        value=value,
        wait=wait,
        verify_unlisted=verify_unlisted,
    )


def read(at: Attribute, *more: Attribute, may_fail: bool | None = None) -> Step:
    """Reads attributes of one cluster. `may_fail`: not every variant of the device has them."""
    if any((other.cluster, other.endpoint) != (at.cluster, at.endpoint) for other in more):
        raise ValueError(
            "attributes of different clusters or endpoints are read by steps of their own"
        )
    others = [hexadecimal(other.id) for other in more] or None
    return _step("read", endpoint=at.endpoint, at=at.at(), more=others, may_fail=may_fail)


def report(
    at: Attribute,
    *,
    minimum: int,
    maximum: int,
    change: int | None = None,
    data_type: DataType | None = None,
) -> Step:
    """Has an attribute reported: least and greatest time between reports in seconds, and the least
    change as the device counts."""
    return _step(
        "report",
        endpoint=at.endpoint,
        at=at.at(),
        data_type=plain(data_type or at.type),
        minimum=minimum,
        maximum=maximum,
        change=change,
    )


def bind(
    cluster: Cluster | int, *, endpoint: int | None = None, if_present: bool | None = None
) -> Step:
    """Binds a cluster to the coordinator. `if_present`: not every variant has the endpoint."""
    return _step("bind", endpoint=endpoint, cluster=_cluster(cluster), if_present=if_present)


def bind_self(cluster: Cluster | int, *, endpoint: int | None = None) -> Step:
    """Binds a cluster of the device to the device itself."""
    return _step("bind_self", endpoint=endpoint, cluster=_cluster(cluster))


def command(
    cluster: Cluster | int,
    command: Command | int,
    payload: str | None = None,
    *,
    endpoint: int | None = None,
) -> Step:
    """Sends a command; `payload` is in base 16."""
    number = command.id if isinstance(command, Command) else command
    return _step(
        "command", endpoint=endpoint, cluster=_cluster(cluster), command=number, payload=payload
    )


def write_time(*, endpoint: int | None = None) -> Step:
    """Tells the device what time it is."""
    return _step("write_time", endpoint=endpoint)


def _cluster(cluster: Cluster | int) -> str:
    return hexadecimal(cluster.id if isinstance(cluster, Cluster) else cluster)
