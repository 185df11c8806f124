"""What is in recorded messages: attributes, tags of structures, datapoints, commands.

For drafts, where values are shown to a person; the bridge decodes with its own code.
"""

from __future__ import annotations

import json
import math
import struct
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ferrobee._core import Replay
from ferrobee.converters._source import number

if TYPE_CHECKING:
    from pathlib import Path

    from ferrobee.converters._attributes import Json

__all__ = ["Frame", "Seen", "journal", "parts", "read"]

TUYA = 0xEF00
_BATCH = 512
_FIXED = {
    0x10: ("bool", 1),
    **{0x18 + n: (f"bitmap{8 * (n + 1)}", n + 1) for n in range(8)},
    **{0x20 + n: (f"uint{8 * (n + 1)}", n + 1) for n in range(8)},
    **{0x28 + n: (f"int{8 * (n + 1)}", n + 1) for n in range(8)},
    **{0x08 + n: (f"data{8 * (n + 1)}", n + 1) for n in range(8)},
    0x30: ("enum8", 1),
    0x31: ("enum16", 2),
    0x38: ("semi", 2),
    0x39: ("single", 4),
    0x3A: ("double", 8),
    0xE0: ("time_of_day", 4),
    0xE1: ("date", 4),
    0xE2: ("utc", 4),
    0xE8: ("cluster_id", 2),
    0xE9: ("attribute_id", 2),
    0xF0: ("ieee", 8),
}
_DATAPOINTS = {0: "raw", 1: "bool", 2: "value", 3: "text", 4: "enum", 5: "bitmap"}


@dataclass(frozen=True, slots=True)
class Frame:
    """A recorded message of a device."""

    endpoint: int
    cluster: int
    zcl: bytes


@dataclass(frozen=True, slots=True)
class Seen:
    """Something that a message says."""

    kind: str
    """`attribute`, `tag`, `datapoint`, `command` or `bytes` (what could not be read)."""
    cluster: int
    number: int
    type: str
    value: Json
    manufacturer: int | None = None
    endpoint: int = 1
    attribute: int | None = None
    """Of a tag: the attribute that holds the structure."""


def read(path: Path) -> list[Frame]:
    """The messages of a recording: JSON lines with `cluster`, `endpoint` and `zcl` in base 16.

    Lines of other kinds are passed over.
    """
    frames = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.strip():
            continue
        if frame := _frame(json.loads(line)):
            frames.append(frame)
    return frames


def _frame(told: Json) -> Frame | None:
    told = told.get("rx", told) if isinstance(told, dict) else {}
    zcl = told.get("zcl") or told.get("zcl_hex")
    if not isinstance(zcl, str) or "cluster" not in told:
        return None
    endpoint = told.get("endpoint", told.get("ep", told.get("src_endpoint", 1)))
    return Frame(int(endpoint), number(told["cluster"]), bytes.fromhex(zcl))


def journal(data: Path, name: str, *, seconds: float = math.inf) -> list[Frame]:
    """The messages of a device that the journal of a data directory still has; the oldest of them
    if reading takes longer than `seconds`."""
    until = time.monotonic() + seconds
    if not any((data / "journal").glob("*.fbj")):
        return []
    replay = Replay(data)
    # The device may have joined on the way.
    while not replay.capture(name):
        if not replay.skip(1) or time.monotonic() > until:
            return []
    lines: list[str] = []
    while count := replay.skip(_BATCH):
        lines += replay.captures()
        if count < _BATCH or time.monotonic() > until:
            break
    return [frame for line in lines if (frame := _frame(json.loads(line)))]


def parts(frames: Iterable[Frame]) -> Iterator[Seen]:
    """All that the messages say, in order."""
    for frame in frames:
        try:
            yield from _of_frame(frame)
        except (IndexError, struct.error):
            yield Seen("bytes", frame.cluster, 0, "bytes", frame.zcl.hex(), None, frame.endpoint)


def _of_frame(frame: Frame) -> Iterator[Seen]:
    control, rest = frame.zcl[0], frame.zcl[1:]
    manufacturer = None
    if control & 0x04:
        manufacturer, rest = int.from_bytes(rest[:2], "little"), rest[2:]
    command, payload = rest[1], rest[2:]
    if control & 0x03 == 1:
        yield from _of_command(frame, command, payload, manufacturer)
        return
    # Only reports and answers to reads carry values.
    if command not in (0x01, 0x0A):
        return
    while payload:
        attribute = int.from_bytes(payload[:2], "little")
        payload = payload[2:]
        if command == 0x01:
            status, payload = payload[0], payload[1:]
            if status != 0:
                continue
        kind, payload = payload[0], payload[1:]
        name, value, payload = _value(kind, payload, frame, attribute)
        seen = Seen(
            "attribute", frame.cluster, attribute, name, value, manufacturer, frame.endpoint
        )
        yield from _of_structure(seen) or [seen]


def _value(
    kind: int, data: bytes, frame: Frame | None = None, attribute: int = 0
) -> tuple[str, Json, bytes]:
    """A value of a type, and what is left behind it."""
    if kind in _FIXED:
        name, length = _FIXED[kind]
        if len(data) < length:
            raise IndexError(name)
        return name, _number(name, data[:length]), data[length:]
    if kind in (0x41, 0x42):
        length, data = data[0], data[1:]
        if frame is not None and (frame.cluster, attribute) in ((0, 0xFF01), (0x0101, 0xFF01)):
            # The length is often wrong: the structure goes on to the end.
            length = len(data)
        given = data[:length]
        printable = kind == 0x42 and all(0x20 <= one < 0x7F for one in given)
        value = given.decode() if printable else given.hex()
        return ("octets" if kind == 0x41 else "text"), value, data[length:]
    if kind == 0x4C:
        count, data = int.from_bytes(data[:2], "little"), data[2:]
        members = []
        for _ in range(count):
            name, value, data = _value(data[0], data[1:])
            members.append((name, value))
        return "structure", members, data
    raise IndexError(f"type 0x{kind:02x}")


def _number(name: str, data: bytes) -> Json:
    if name == "bool":
        return bool(data[0])
    if name in ("semi", "single", "double"):
        form = {"semi": "<e", "single": "<f", "double": "<d"}[name]
        return round(float(struct.unpack(form, data)[0]), 6)
    return int.from_bytes(data, "little", signed=name.startswith("int"))


def _of_structure(seen: Seen) -> list[Seen]:
    """The tags of a Lumi structure; nothing where it is none."""
    where = (seen.cluster, seen.number)

    def part(kind: str, number: int, name: str, value: Json) -> Seen:
        return replace(
            seen, kind=kind, number=number, type=name, value=value, attribute=seen.number
        )

    if where == (0, 0xFF02) and isinstance(seen.value, list):
        return [
            part("member", index, name, value) for index, (name, value) in enumerate(seen.value)
        ]
    if where not in ((0xFCC0, 0xF7), (0, 0xFF01), (0x0101, 0xFF01)):
        return []
    try:
        data = bytes.fromhex(seen.value)
    except (TypeError, ValueError):
        return []
    tags = []
    while len(data) > 1:
        tag = data[0]
        try:
            name, value, data = _value(data[1], data[2:])
        except (IndexError, struct.error):
            break
        tags.append(part("tag", tag, name, value))
    return tags


def _of_command(
    frame: Frame, command: int, payload: bytes, manufacturer: int | None
) -> Iterator[Seen]:
    if frame.cluster == TUYA and command in (0x01, 0x02, 0x05, 0x06):
        data = payload[2:]
        while len(data) >= 4:
            point, kind = data[0], _DATAPOINTS.get(data[1], "raw")
            length = int.from_bytes(data[2:4], "big")
            value = data[4 : 4 + length]
            data = data[4 + length :]
            shown: Json = value.hex()
            if kind in ("bool", "value", "enum", "bitmap"):
                shown = int.from_bytes(value, "big", signed=kind == "value")
            elif kind == "text":
                shown = value.decode(errors="replace")
            yield Seen("datapoint", TUYA, point, kind, shown, None, frame.endpoint)
        return
    yield Seen(
        "command", frame.cluster, command, "bytes", payload.hex(), manufacturer, frame.endpoint
    )
