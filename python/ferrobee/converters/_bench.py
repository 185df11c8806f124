"""Checks of definitions by running them: what the engine says of one, and whether what is set comes
back the same: `decode(encode(x)) == x`.

The device is one that takes every write and reports it.
"""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ferrobee._core import check_definition, decode, encode
from ferrobee.converters._calls import Calls
from ferrobee.converters._findings import Finding, at_capability

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ferrobee.converters._attributes import Json
    from ferrobee.converters._findings import Kind
    from ferrobee.converters.compile import CompiledDefinition

__all__ = ["engine", "round_trip"]

_SAMPLES = 24
"""How many numbers of a range are tried, beside its ends."""
_SHOWN = 3
"""How many values of one key are told."""


def engine(of: CompiledDefinition) -> Iterator[Finding]:
    """What the engine has against the definition."""
    for problem in check_definition(json.dumps(of.definition)):
        path, text = problem["path"], problem["text"]
        overlaps = any(word in text for word in ("already", "goes to", "for every device"))
        kind: Kind = "overlapping_key" if overlaps else "wrong_definition"
        text = re.sub(r"capabilities\[(\d+)\]", lambda found: _named(of, int(found[1])), text)
        if found := re.match(r"capabilities\[(\d+)\]\.?(.*)", path):
            index, rest = int(found[1]), found[2]
            yield at_capability(of, index, kind, f"{rest}: {text}" if rest else text)
        else:
            yield Finding(kind, "error", of.file, of.line, f"{of.name}: {path}: {text}")


def _named(of: CompiledDefinition, index: int) -> str:
    """A capability as its author calls it."""
    if index >= len(of.names):
        return f"capabilities[{index}]"
    file, line = of.places[index]
    return f"{of.name}.{of.names[index]} ({file}:{line})"


@dataclass(frozen=True, slots=True)
class _Key:
    """A key that can be set, with values to try."""

    index: int
    name: str
    values: list[Json]
    advice: str = ""


def round_trip(of: CompiledDefinition, calls: Calls) -> Iterator[Finding]:
    """Values that come back as something else when the device reports what was written.

    `calls` runs the functions of the definition.
    """
    for key in _keys(of):
        wrong: list[str] = []
        for value in key.values:
            told = _trip(of, key.name, value, calls)
            if told is not None and told not in wrong:
                wrong.append(told)
        if wrong:
            more = f" (and {len(wrong) - _SHOWN} more)" if len(wrong) > _SHOWN else ""
            text = f"'{key.name}': {'; '.join(wrong[:_SHOWN])}{more}"
            advice = key.advice if "comes back" in wrong[0] else ""
            yield at_capability(of, key.index, "round_trip", text, advice)


def _trip(of: CompiledDefinition, key: str, value: Json, calls: Calls) -> str | None:
    """What is wrong with a value; `None` if nothing is, or nothing can be said."""
    data = json.dumps(of.definition)
    setup: dict[str, Json] = {}
    request = json.dumps({"set": {key: value}})
    done = json.loads(encode(data, request))
    if done["calls"]:
        replies = [calls.run(of, call) for call in done["calls"]]
        if failed := _failed(replies):
            return f"{value!r} can't be set: {failed}"
        setup = {"replies": replies}
        done = json.loads(encode(data, request, json.dumps(setup)))
    if done["errors"]:
        return f"{value!r} can't be set: {done['errors'][0]}"
    if not done["echo"]:
        return None
    heard: dict[str, Json] = {}
    for decoded in json.loads(decode(data, json.dumps(done["echo"]))):
        heard.update(decoded.get("values", {}))
        for call in decoded.get("calls", []):
            reply = calls.run(of, call)
            if failed := _failed([reply]):
                return f"{value!r}, when the device reports it: {failed}"
            heard.update(reply.get("values", {}))
    if key not in heard or _same(heard[key], value):
        return None
    return f"{value!r} comes back as {heard[key]!r}"


def _failed(replies: list[dict[str, Json]]) -> str:
    for reply in replies:
        if error := reply.get("error"):
            where = f" in line {error['line']}" if error.get("line") else ""
            return f"{error['type']}: {error['text']}{where}"
    return ""


def _same(one: Json, other: Json) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return abs(one - other) <= 1e-9 * max(1.0, abs(one), abs(other))
    return bool(one == other)


def _keys(of: CompiledDefinition) -> Iterator[_Key]:
    for index, capability in enumerate(of.definition["capabilities"]):
        inside = capability["features"] if capability["type"] == "combined" else ()
        for one in (capability, *inside):
            yield from _of_capability(index, one)


def _of_capability(index: int, data: dict[str, Json]) -> Iterator[_Key]:
    if data.get("writable") is False or data.get("exposed") is False:
        return
    match data:
        case {"type": "setting", "name": name, "values": values}:
            words = _words(values)
            for key in [f"{name}_{one}" for one, _ in data.get("endpoints", ())] or [name]:
                yield _Key(index, key, words, "one number for each value, one value for each")
        case {"type": "number_setting", "name": name}:
            numbers = _numbers(data.get("accepts") or data.get("range"), data.get("step"))
            yield _Key(index, name, numbers, _finer(data.get("step"), "scale"))
        case {"type": "datapoint", "name": name, "as": {"lookup": {"values": values}}}:
            yield _Key(index, name, _words(values), "one number for each value, one value for each")
        case {"type": "datapoint", "name": name, "as": {"number": form}}:
            numbers = _numbers(data.get("range") or form.get("limits"), data.get("step"))
            yield _Key(index, name, numbers, _finer(data.get("step"), "divide"))
        case {"type": "datapoint", "name": name, "as": "text"}:
            yield _Key(index, name, ["", "x", "some words"])
        case {"type": "coded_setting", "name": name}:
            yield _Key(index, name, [True, False])
        case {"type": "python", "to": to, "exposes": exposes}:
            keys = {one["key"] for one in to}
            for expose in exposes:
                if expose.get("name") in keys:
                    yield _Key(index, expose["name"], _of_expose(expose))


def _words(values: list[list[Json]]) -> list[Json]:
    """Values of a choice. `null` and whole numbers are no words that somebody sets."""
    return [word for word, _ in values if isinstance(word, (str, bool))]


def _finer(step: float | None, parameter: str) -> str:
    if step is None or step >= 1:
        return f"the device holds whole numbers: {parameter}=10 for tenths"
    return f"the step is {step}: {parameter}={round(1 / step)} holds it"


def _of_expose(expose: dict[str, Json]) -> list[Json]:
    match expose:
        case {"type": "binary", "value_on": on, "value_off": off}:
            return [on, off]
        case {"type": "enum", "values": [*values]}:
            return values
        case {"type": "numeric"}:
            least, greatest = expose.get("value_min"), expose.get("value_max")
            span = None if least is None or greatest is None else [least, greatest]
            return _numbers(span, expose.get("value_step"))
        case {"type": "text"}:
            return ["x", "some words"]
        case _:
            return []


def _numbers(span: list[float] | None, step: float | None) -> list[Json]:
    """Numbers of a range, on its steps: both ends and some between, the same each time."""
    least, greatest = span or (0, 100)
    step = step or 1
    count = int((greatest - least) / step + 1e-9)
    chance = random.Random(count)  # noqa: S311 -- a sample, no secret
    places = {0, 1, count, *(chance.randint(0, count) for _ in range(_SAMPLES))}
    digits = max(0, len(f"{step:.6f}".rstrip("0").partition(".")[2]))
    numbers = [round(least + place * step, max(digits, 6)) for place in sorted(places)]
    return [int(one) if float(one).is_integer() else one for one in numbers if one <= greatest]
