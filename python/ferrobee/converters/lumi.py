"""Structures of tagged values, as Aqara's and Xiaomi's devices report them.

A definition lists which attributes hold them (`structures`); `tag(0x95)` is then a source.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from ferrobee.converters._attributes import Attribute, DataType, Member, Tag

if TYPE_CHECKING:
    from ferrobee.converters._attributes import Json

__all__ = ["F7", "FF01", "FF02", "MANUFACTURER", "Structure", "member", "tag"]

MANUFACTURER: Final = 0x115F
"""The code of Lumi, which makes Aqara's and Xiaomi's devices."""

tag = Tag
"""An entry of a structure, by its tag."""
member = Member
"""A member of an old structure (`FF02`), counted from 0."""


@dataclass(frozen=True, slots=True)
class Structure:
    """An attribute that holds a structure.

    `form`: `octets` (one that is cut off is not believed at all), `loose_string` (the length is
    often wrong: every whole entry counts) or `members` (a ZCL structure, whose members are tags).
    """

    at: Attribute
    form: Literal["octets", "loose_string", "members"]

    def data(self) -> dict[str, Json]:
        """The structure as definitions write it."""
        return {**self.at.at(), "form": self.form}


FF01: Final = Structure(Attribute(0x0000, 0xFF01, DataType.TEXT, MANUFACTURER), "loose_string")
"""0xff01 of genBasic, of Zigbee 1.2 devices."""
FF02: Final = Structure(Attribute(0x0000, 0xFF02, DataType.OTHER, MANUFACTURER), "members")
"""0xff02 of genBasic, of the oldest firmware."""
F7: Final = Structure(Attribute(0xFCC0, 0x00F7, DataType.OCTETS, MANUFACTURER), "octets")
"""0x00f7 of Lumi's own cluster, of Zigbee 3 devices."""
