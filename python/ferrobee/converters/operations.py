"""What functions send to a device: `operations.write(attribute, 5)` and its sisters.

Endpoint 1, or the one that was addressed, unless the attribute says another: `attribute @ 2`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ferrobee.converters._attributes import Attribute, Cluster, Command, DataType, hexadecimal

if TYPE_CHECKING:
    from ferrobee.converters._attributes import Json

__all__ = ["Operation", "bind", "command", "datapoint", "read", "report", "sleep", "write"]


@dataclass(frozen=True, slots=True)
class Operation:
    """Something to send, made by the functions of this module."""

    kind: str
    fields: Json

    def data(self) -> dict[str, Json]:
        """The operation as the bridge understands it."""
        return {self.kind: self.fields}


def _operation(kind: str, **fields: Json) -> Operation:
    return Operation(kind, {key: value for key, value in fields.items() if value is not None})


def _where(at: Attribute) -> dict[str, Json]:
    code = None if at.manufacturer is None else hexadecimal(at.manufacturer)
    return {"cluster": hexadecimal(at.cluster), "manufacturer": code, "endpoint": at.endpoint}


def write(
    at: Attribute, value: int | float | bool | str | bytes, *, wait: bool = True
) -> Operation:
    """Writes an attribute. `wait=False`: does not wait for the device's answer."""
    given: Json = {"bytes": value.hex()} if isinstance(value, bytes) else value
    if at.type is not DataType.OTHER:
        given = {"type": _TYPES[at.type], "value": given}
    attributes = {hexadecimal(at.id): given}
    return _operation("write", **_where(at), attributes=attributes, wait=None if wait else False)


def read(at: Attribute, *more: Attribute) -> Operation:
    """Reads attributes of one cluster; what the device answers is decoded like a report."""
    if any(_where(other) != _where(at) for other in more):
        raise ValueError(
            "attributes of different clusters or endpoints are read one after the other"
        )
    return _operation("read", **_where(at), attributes=[hexadecimal(one.id) for one in (at, *more)])


def command(
    what: Command, payload: Mapping[str, Json] | bytes | None = None, *, endpoint: int | None = None
) -> Operation:
    """Sends a command; `payload`: its fields by the names of the cluster library, or bytes."""
    fields: Json = {"bytes": payload.hex()} if isinstance(payload, bytes) else payload
    return _operation(
        "command",
        cluster=hexadecimal(what.cluster),
        manufacturer=None if what.manufacturer is None else hexadecimal(what.manufacturer),
        endpoint=endpoint,
        command=what.id,
        payload=fields if isinstance(payload, bytes) else payload and dict(payload),
    )


def datapoint(
    dp: int,
    type: Literal["bool", "enum", "value", "bitmap", "string", "raw"],  # noqa: A002
    value: int | bool | str | bytes,
) -> Operation:
    """Sets one of Tuya's datapoints."""
    given: Json = {"bytes": value.hex()} if isinstance(value, bytes) else value
    return _operation("datapoint", dp=dp, type=type, value=given)


def bind(cluster: Cluster | int, *, endpoint: int | None = None) -> Operation:
    """Binds a cluster to the coordinator."""
    number = cluster.id if isinstance(cluster, Cluster) else cluster
    return _operation("bind", cluster=hexadecimal(number), endpoint=endpoint)


def report(at: Attribute, *, minimum: int, maximum: int, change: float | None = None) -> Operation:
    """Has an attribute reported: least and greatest time in seconds, least change."""
    return _operation(
        "report",
        **_where(at),
        attribute=hexadecimal(at.id),
        type=_TYPES.get(at.type),
        minimum=minimum,
        maximum=maximum,
        change=change,
    )


def sleep(seconds: float) -> Operation:
    """Waits before the next operation, 60 seconds at most."""
    return Operation("sleep", seconds)


# Numbers of the specification: the bridge knows all of them, definitions name only some.
_TYPES = {
    DataType.BOOL: 0x10,
    DataType.BITMAP8: 0x18,
    DataType.BITMAP16: 0x19,
    DataType.BITMAP24: 0x1A,
    DataType.BITMAP32: 0x1B,
    DataType.BITMAP48: 0x1D,
    DataType.BITMAP64: 0x1F,
    DataType.UINT8: 0x20,
    DataType.UINT16: 0x21,
    DataType.UINT24: 0x22,
    DataType.UINT32: 0x23,
    DataType.UINT48: 0x25,
    DataType.UINT56: 0x26,
    DataType.INT8: 0x28,
    DataType.INT16: 0x29,
    DataType.INT24: 0x2A,
    DataType.INT32: 0x2B,
    DataType.ENUM8: 0x30,
    DataType.ENUM16: 0x31,
    DataType.SINGLE: 0x39,
    DataType.OCTETS: 0x41,
    DataType.TEXT: 0x42,
}
