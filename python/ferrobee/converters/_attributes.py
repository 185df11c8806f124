"""Where values come from: clusters, attributes, tags, and what is done to a number."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

__all__ = [
    "Attribute",
    "Bits",
    "Cluster",
    "Command",
    "DataType",
    "FlagSource",
    "Json",
    "LookupSource",
    "Member",
    "NumberSource",
    "Scaled",
    "Source",
    "Tag",
    "Versioned",
    "hexadecimal",
    "zone_status",
]

Json = Any
"""A JSON value."""


class DataType(Enum):
    """A ZCL data type. Its value is the name that definitions use."""

    BOOL = "bool"
    BITMAP8 = "bitmap8"
    BITMAP16 = "bitmap16"
    BITMAP24 = "bitmap24"
    BITMAP32 = "bitmap32"
    BITMAP48 = "bitmap48"
    BITMAP64 = "bitmap64"
    UINT8 = "uint8"
    UINT16 = "uint16"
    UINT24 = "uint24"
    UINT32 = "uint32"
    UINT48 = "uint48"
    UINT56 = "uint56"
    INT8 = "int8"
    INT16 = "int16"
    INT24 = "int24"
    INT32 = "int32"
    ENUM8 = "enum8"
    ENUM16 = "enum16"
    SINGLE = "single"
    OCTETS = "octets"
    TEXT = "text"
    OTHER = "other"
    """A type that is not written: arrays, structures, addresses, keys, times."""


def hexadecimal(number: int) -> str:
    """A protocol number as definitions write it: `0x0006`."""
    if not 0 <= number <= 0xFFFF:
        raise ValueError(f"{number} is not a protocol number (0 to 0xffff)")
    return f"0x{number:04x}"


class Source(ABC):
    """Something that a value can be taken from."""

    @abstractmethod
    def data(self) -> dict[str, Json]:
        """The source in the form of a definition."""


class _Number(Source):
    """A source whose number can be scaled with `*`, `/`, `+`, `-`."""

    def __mul__(self, factor: float) -> Scaled:
        return Scaled(self, multiply=factor)

    def __truediv__(self, divisor: float) -> Scaled:
        return Scaled(self, divide=divisor)

    def __add__(self, term: float) -> Scaled:
        return Scaled(self, add=term)

    def __sub__(self, term: float) -> Scaled:
        return Scaled(self, add=-term)


class _Word(Source):
    """A source whose bits and numbers can stand for something."""

    def bits(self, mask: int, *, absent_is_yes: bool = False) -> Bits:
        """Yes when any of these bits is set; `absent_is_yes`: also when a message of the cluster
        does not carry it."""
        return Bits(self, mask, absent_is_yes)

    def absent_is_yes(self) -> Bits:
        """Yes when it is 1, or when a message of the cluster does not carry it."""
        return Bits(self, absent_is_yes=True)

    def before(self, version: int) -> Versioned:
        """Only of devices whose application version is below this."""
        return Versioned(self, before_version=version)

    def since(self, version: int) -> Versioned:
        """Only of devices whose application version is this or above."""
        return Versioned(self, since_version=version)


@dataclass(frozen=True, slots=True)
class Attribute(_Number, _Word):
    """An attribute of a cluster: `clusters.AnalogInput.present_value`, or by numbers
    `Cluster(0xfcc0, manufacturer=0x115f).attr(0x0200, Uint8)`.

    `attribute @ 2` is the attribute of endpoint 2, where something is read or written;
    `attribute / 100` a source that is scaled.
    """

    cluster: int
    id: int
    type: DataType = DataType.OTHER
    manufacturer: int | None = None
    exact: bool = False
    """Only in messages with the manufacturer's code."""
    endpoint: int | None = None
    name: str = ""

    def __matmul__(self, endpoint: int) -> Attribute:
        if not 1 <= endpoint <= 240:
            raise ValueError(f"{endpoint} is not an endpoint (1 to 240)")
        return replace(self, endpoint=endpoint)

    def at(self) -> dict[str, Json]:
        """Where the attribute is, in the form of a definition."""
        place: dict[str, Json] = {
            "cluster": hexadecimal(self.cluster),
            "attribute": hexadecimal(self.id),
        }
        if self.manufacturer is not None:
            place["manufacturer"] = hexadecimal(self.manufacturer)
        if self.exact:
            place["exact"] = True
        return place

    def data(self) -> dict[str, Json]:
        if self.endpoint is not None:
            raise ValueError(
                "a source is heard from every endpoint: leave '@' out here, and give "
                "endpoint=... to the capability"
            )
        return {"at": self.at()}


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a cluster: `IasZone.notifications.status_change_notification`."""

    cluster: int
    id: int
    to_server: bool = True
    """True for commands that clients (remotes) send, false for those that servers send."""
    manufacturer: int | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster by its number, for those that the library does not have.

    `manufacturer` is the code that messages about it carry.
    """

    id: int
    manufacturer: int | None = None
    name: str = ""

    def attr(
        self,
        id: int,  # noqa: A002
        type: DataType = DataType.OTHER,  # noqa: A002
        *,
        exact: bool = False,
    ) -> Attribute:
        """An attribute; what is written needs its type. `exact`: only in messages with the
        manufacturer's code."""
        hexadecimal(id)
        return Attribute(self.id, id, type, self.manufacturer, exact)

    def command(self, id: int) -> Command:  # noqa: A002
        """A command from client to server."""
        return Command(self.id, id, to_server=True, manufacturer=self.manufacturer)

    def notification(self, id: int) -> Command:  # noqa: A002
        """A command from server to client."""
        return Command(self.id, id, to_server=False, manufacturer=self.manufacturer)


@dataclass(frozen=True, slots=True)
class Tag(_Number, _Word):
    """An entry of a structure of tagged values: `lumi.tag(0x95)`."""

    number: int

    def __post_init__(self) -> None:
        if not 0 <= self.number <= 255:
            raise ValueError(f"{self.number} is not a tag (0 to 255)")

    def data(self) -> dict[str, Json]:
        return {"tag": self.number}


@dataclass(frozen=True, slots=True)
class Member(_Number):
    """A member of a ZCL structure, counted from 0."""

    number: int

    def data(self) -> dict[str, Json]:
        return {"member": self.number}


@dataclass(frozen=True, slots=True)
class Scaled(Source):
    """A number times `multiply`, over `divide`, plus `add`, in this order."""

    of: Attribute | Tag | Member | _Number
    multiply: float | None = None
    divide: float | None = None
    add: float | None = None

    def _unused(self, *names: str) -> None:
        if any(getattr(self, name) is not None for name in names):
            raise ValueError("a source is scaled in the order * / +, each at most once")

    def __truediv__(self, divisor: float) -> Scaled:
        self._unused("divide", "add")
        return replace(self, divide=divisor)

    def __add__(self, term: float) -> Scaled:
        self._unused("add")
        return replace(self, add=term)

    def __sub__(self, term: float) -> Scaled:
        return self + -term

    def data(self) -> dict[str, Json]:
        data = self.of.data()
        for name in ("multiply", "divide", "add"):
            value = getattr(self, name)
            if value is not None:
                data[name] = value
        return data


@dataclass(frozen=True, slots=True)
class Bits(Source):
    """Bits of a number, or of the status of an IAS zone (`of=None`); any of them means yes."""

    of: _Word | None
    mask: int | None = None
    absent_is_yes: bool = False
    """Other attributes of the cluster mean yes."""

    def data(self) -> dict[str, Json]:
        if self.of is None:
            return {"zone_status": self.mask}
        data = self.of.data()
        if self.mask is not None:
            data["mask"] = self.mask
        if self.absent_is_yes:
            data["absent_is_yes"] = True
        return data


@dataclass(frozen=True, slots=True)
class Versioned(Source):
    """A source of devices with certain versions of their application."""

    of: _Word
    before_version: int | None = None
    since_version: int | None = None

    def data(self) -> dict[str, Json]:
        data = self.of.data()
        for name in ("before_version", "since_version"):
            value = getattr(self, name)
            if value is not None:
                data[name] = value
        return data


def zone_status(mask: int) -> Bits:
    """Bits of the status that an IAS zone tells of when it changes."""
    return Bits(None, mask)


NumberSource = Attribute | Tag | Member | Scaled
"""Where a `Numeric` comes from."""
FlagSource = Attribute | Tag | Bits
"""Where a `Flag` comes from."""
LookupSource = Attribute | Tag | Versioned
"""Where a `Lookup` comes from."""
