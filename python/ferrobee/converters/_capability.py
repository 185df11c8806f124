"""What a device can do: the base of all capabilities, and how their parameters become data."""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ferrobee.converters._attributes import (
    Attribute,
    Cluster,
    Command,
    DataType,
    Source,
    hexadecimal,
)

if TYPE_CHECKING:
    from ferrobee.converters._attributes import Json

__all__ = ["Capability", "ConverterError", "Place", "here", "plain"]

_PACKAGE = str(Path(__file__).parent)


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a converter."""

    file: str
    line: int


class ConverterError(Exception):
    """A converter that cannot be used: what is wrong, where, and what to write instead."""

    def __init__(self, text: str, place: Place | None = None, suggestion: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.place = place
        self.suggestion = suggestion


def here() -> Place:
    """The line that is being carried out, outside of this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return Place(frame.f_code.co_filename, frame.f_lineno)


class Capability:
    """Something that a device can do, as an attribute of a `Definition`.

    The name of the attribute is the name on MQTT, unless `name` gives another.
    """

    type: ClassVar[str]
    named: ClassVar[bool] = False
    """True where it has a name."""
    pairs: ClassVar[frozenset[str]] = frozenset()
    """Parameters that definitions write as lists of pairs."""

    def __init__(self, *, on_endpoint: int | None = None, **parameters: object) -> None:
        self.place = here()
        self.on_endpoint = on_endpoint
        self.parameters: dict[str, Json] = {}
        if not self._derive_type(parameters):
            raise ConverterError(
                "the attribute's type is not known: give data_type, or the type in .attr(id, TYPE)",
                self.place,
            )
        try:
            for name, value in parameters.items():
                if value is not None:
                    key = name.removesuffix("_")
                    self.parameters[key] = plain(value, self.pairs, key)
        except (TypeError, ValueError) as error:
            raise ConverterError(f"{type(self).__name__}: {error}", self.place) from error

    @staticmethod
    def _derive_type(parameters: dict[str, object]) -> bool:
        """The type of what is written follows from the attribute."""
        if "data_type" not in parameters or parameters["data_type"] is not None:
            return True
        at = parameters.get("at")
        if not isinstance(at, Attribute) or at.type is DataType.OTHER:
            return False
        parameters["data_type"] = at.type
        return True

    def data(self, attribute: str | None = None) -> dict[str, Json]:
        """The capability in the form of a definition; `attribute`: what the class calls it."""
        data: dict[str, Json] = {"type": self.type}
        if self.named:
            name = self.parameters.get("name") or attribute
            if name is None:
                raise ConverterError(f"{type(self).__name__} needs name=... here", self.place)
            data["name"] = name
        data.update(copy.deepcopy(self.parameters))
        return data

    def expand(self, attribute: str) -> list[dict[str, Json]]:
        """The capabilities that it stands for, most often one."""
        return [self.data(attribute)]


def plain(value: object, pairs: frozenset[str] = frozenset(), path: str = "") -> Json:
    """A parameter in the form of a definition.

    `pairs` are the paths of mappings that are written as lists of pairs; `path` is the parameter's.
    """
    match value:
        case Attribute():
            return _attribute(value, path)
        case Source():
            return value.data()
        case DataType():
            if value in (DataType.OTHER, DataType.BITMAP24, DataType.BITMAP48, DataType.BITMAP64):
                raise ValueError(f"values of the type {value.value} are not written")
            return value.value
        case Cluster():
            return hexadecimal(value.id)
        case Command():
            return value.id
        case Capability():
            return value.data()
        case Mapping() if path in pairs:
            return [[key, plain(item, pairs, path)] for key, item in value.items()]
        case Mapping():
            return {key: plain(item, pairs, f"{path}.{key}") for key, item in value.items()}
        case str() | bool() | int() | float() | None:
            return value
        case Sequence():
            return [plain(item, pairs, path) for item in value]
        case _ if hasattr(value, "data"):
            return value.data()
        case _:
            raise TypeError(f"{value!r} can't be a parameter")


def _attribute(value: Attribute, path: str) -> Json:
    if path == "sources":
        return value.data()
    if path == "read":
        read: dict[str, Json] = {"at": value.at()}
        if value.endpoint is not None:
            read["endpoint"] = value.endpoint
        return read
    if value.endpoint is not None:
        raise ValueError("'@' has no meaning here: the capability says which endpoint it is on")
    return value.at()
