"""What the data of one of Tuya's datapoints means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ferrobee.converters._attributes import Json

__all__ = ["Form", "Lookup", "Number", "Raw", "Text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number. `divide`: the datapoint counts so many for one; `map`: two ranges that lie on each
    other, ours and the datapoint's; `wrap`: negative numbers are sent with this added; `limits`:
    values outside are no readings.
    """

    divide: float | None = None
    map: tuple[tuple[float, float], tuple[float, float]] | None = None
    wrap: float | None = None
    limits: tuple[float, float] | None = None

    def data(self) -> dict[str, Json]:
        """The form as definitions write it."""
        given = {
            "divide": self.divide,
            "map": self.map and [list(part) for part in self.map],
            "wrap": self.wrap,
            "limits": self.limits and list(self.limits),
        }
        return {"number": {key: value for key, value in given.items() if value is not None}}


@dataclass(frozen=True, slots=True)
class Lookup:
    """A choice: `tuya.Lookup({"low": 0, "high": 1})`. `send`: the type of datapoint."""

    values: Mapping[str | bool | int, int]
    send: Literal["bool", "enum", "value", "bitmap"] = "enum"

    def data(self) -> dict[str, Json]:
        """The form as definitions write it."""
        values = [[key, number] for key, number in self.values.items()]
        return {"lookup": {"send": self.send, "values": values}}


@dataclass(frozen=True, slots=True)
class Text:
    """Text."""

    def data(self) -> str:
        """The form as definitions write it."""
        return "text"


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes as they are."""

    def data(self) -> str:
        """The form as definitions write it."""
        return "raw"


Form = Number | Lookup | Text | Raw
"""What a datapoint's data means."""
