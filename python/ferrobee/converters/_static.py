"""Checks of definitions as data: types, names of the cluster library, units, enums, matches."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from ferrobee._core import catalogue
from ferrobee.converters import clusters as library
from ferrobee.converters._attributes import Attribute, Cluster, DataType
from ferrobee.converters._findings import Finding, at_capability
from ferrobee.converters._schema import violations
from ferrobee.converters._source import number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ferrobee.converters._attributes import Json
    from ferrobee.converters._schema import Violation
    from ferrobee.converters.compile import CompiledDefinition

__all__ = ["against_library", "against_schema", "holes", "matches", "shadowed", "units"]

VENDORS = 0xFC00
"""From here on clusters are vendors' own."""
OWN = 0x5000
"""From here on attributes are no standard's; many vendors leave their code out."""
QUANTITIES = ("temperature", "humidity", "pressure", "power", "energy", "current", "voltage")
"""Last words of names whose unit is known whatever stands before them."""


def against_schema(of: CompiledDefinition) -> Iterator[Finding]:
    """What has a type that it must not have."""
    for violation in violations(of.definition):
        match violation.path:
            case ("capabilities", int() as index, *rest):
                text = _said(rest, violation)
                yield at_capability(of, index, "wrong_type", text, violation.suggestion)
            case path:
                text = f"{of.name}: {_said(list(path), violation)}"
                yield Finding("wrong_type", "error", of.file, of.line, text, violation.suggestion)
    if not of.definition["capabilities"]:
        yield Finding(
            "empty", "error", of.file, of.line, f"{of.name}: it can do nothing", "state = OnOff()"
        )


def _said(path: list[str | int], violation: Violation) -> str:
    names = [str(one) for one in path if isinstance(one, str)]
    return f"{'.'.join(names)}: {violation.text}" if names else violation.text


@cache
def _library() -> dict[int, dict[str, Attribute]]:
    """Attributes of the library's clusters by name."""
    known: dict[int, dict[str, Attribute]] = {}
    for name in library.__all__:
        cluster: Cluster = getattr(library, name)
        members = known.setdefault(cluster.id, {})
        for member, attribute in vars(type(cluster)).items():
            if isinstance(attribute, Attribute):
                members.setdefault(f"clusters.{name}.{member}", attribute)
    return known


@cache
def _clusters() -> dict[int, str]:
    """The library's clusters by number."""
    return {getattr(library, name).id: f"clusters.{name}" for name in library.__all__}


def against_library(of: CompiledDefinition) -> Iterator[Finding]:
    """Clusters and attributes that the library does not know, or knows with another type."""
    for index, capability in enumerate(of.definition["capabilities"]):
        seen = set()
        for place, typed in _places(capability):
            key = (place["cluster"], place.get("attribute"), typed)
            if key not in seen:
                seen.add(key)
                yield from _known(of, index, place, typed)


def _known(
    of: CompiledDefinition, index: int, place: dict[str, Json], typed: str | None
) -> Iterator[Finding]:
    cluster = number(place["cluster"])
    members = _library().get(cluster)
    if members is None:
        if cluster < VENDORS:
            near = sorted(_clusters().items(), key=lambda item: abs(item[0] - cluster))[:2]
            names = ", ".join(f"{name} (0x{one:04x})" for one, name in near)
            text = f"the standard has no cluster 0x{cluster:04x}"
            advice = f"near: {names}; vendors' own begin at 0xfc00"
            yield at_capability(of, index, "unknown_cluster", text, advice)
        return
    if "attribute" not in place or "manufacturer" in place:
        return
    attribute = number(place["attribute"])
    found = [
        (name, one)
        for name, one in members.items()
        if one.id == attribute and one.manufacturer is None
    ]
    if not found:
        if cluster < VENDORS:
            yield _unknown_attribute(of, index, cluster, attribute)
        return
    name, one = found[0]
    if typed is not None and one.type not in (DataType.OTHER, DataType(typed)):
        text = f"{name} is of the type {one.type.value}, not {typed}"
        yield at_capability(of, index, "wrong_type", text, name, level="warning")


def _unknown_attribute(of: CompiledDefinition, index: int, cluster: int, attribute: int) -> Finding:
    members = _library()[cluster]
    near = sorted(members.items(), key=lambda item: abs(item[1].id - attribute))[:2]
    names = ", ".join(f"{name} (0x{one.id:04x})" for name, one in near)
    text = f"the cluster 0x{cluster:04x} has no attribute 0x{attribute:04x} in the standard"
    advice = f"near: {names}; a vendor's own needs Cluster(..., manufacturer=...)"
    level: Literal["warning", "note"] = "warning" if attribute < OWN else "note"
    return at_capability(of, index, "unknown_attribute", text, advice, level=level)


def _places(data: Json, typed: str | None = None) -> Iterator[tuple[dict[str, Json], str | None]]:
    """All places of attributes in a capability, with the type that is written there."""
    if isinstance(data, dict):
        if "cluster" in data and not isinstance(data["cluster"], dict):
            yield data, typed
        for key, value in data.items():
            own = data.get("data_type") if key == "at" else None
            yield from _places(value, own)
    elif isinstance(data, list):
        for value in data:
            yield from _places(value)


@cache
def _units() -> dict[str, str]:
    """Units that all built-in definitions give a name."""
    units: dict[str, set[str | None]] = {}

    def gather(exposes: list[dict[str, Any]]) -> None:
        for expose in exposes:
            if expose["type"] == "numeric" and "name" in expose:
                units.setdefault(expose["name"], set()).add(expose.get("unit"))
            gather(expose.get("features", []))

    for definition in json.loads(catalogue()):
        gather(definition["exposes"])
    agreed = {name: next(iter(found)) for name, found in units.items() if len(found) == 1}
    several = {
        name: sorted(unit for unit in found if unit)[0]
        for name, found in units.items()
        if len(found) > 1 and None not in found
    }
    return {name: unit for name, unit in {**agreed, **several}.items() if unit}


def units(of: CompiledDefinition) -> Iterator[Finding]:
    """Numbers of a quantity without a unit."""
    for index, capability in enumerate(of.definition["capabilities"]):
        for one in _with_features(capability):
            if not _is_number(one) or one.get("unit") or one.get("exposed") is False:
                continue
            if unit := _unit_of(one["name"]):
                text = f"the number '{one['name']}' has no unit"
                yield at_capability(
                    of, index, "missing_unit", text, f'unit="{unit}"', level="warning"
                )


def _unit_of(name: str) -> str | None:
    last = name.rsplit("_", 1)[-1]
    return _units().get(name) or (_units().get(last) if last in QUANTITIES else None)


def _is_number(capability: dict[str, Json]) -> bool:
    match capability:
        case {"type": "numeric" | "number_setting" | "command_number", "name": str()}:
            return True
        case {"type": "datapoint", "as": {"number": _}, "name": str()}:
            return True
        case {"type": "numeric", "access": _}:
            return True
        case _:
            return False


def _with_features(capability: dict[str, Json]) -> Iterator[dict[str, Json]]:
    yield capability
    for feature in (*capability.get("features", ()), *capability.get("exposes", ())):
        if isinstance(feature, dict):
            yield feature


def holes(of: CompiledDefinition) -> Iterator[Finding]:
    """Numbers that devices may say and that have no meaning, between others that have one."""
    for index, capability in enumerate(of.definition["capabilities"]):
        for one in _with_features(capability):
            codes = _codes(one)
            missing = _missing(codes)
            if missing:
                numbers = ", ".join(str(code) for code in missing)
                name = one.get("name", one["type"])
                text = f"'{name}' has no meaning for {numbers}"
                advice = f"add {missing[0]} to the values, or say what others mean"
                yield at_capability(of, index, "enum_hole", text, advice, level="warning")


def _codes(capability: dict[str, Json]) -> list[int]:
    match capability:
        case {"otherwise": _} | {"others_ignored": True}:
            return []
        case {"otherwise_off": True} | {"otherwise_on": True}:
            return []
        case {"type": "setting" | "lookup", "values": [*values]}:
            return [code for _, code in values]
        case {"type": "action" | "vendor_button", "values": [*codes]}:
            return [code for code, _ in codes]
        case {"type": "datapoint", "as": {"lookup": {"values": [*values], "send": send}}}:
            return [] if send == "bitmap" else [code for _, code in values]
        case _:
            return []


def _missing(codes: list[int]) -> list[int]:
    """Holes in what counts up from 0 or 1. Codes that do not are taken as they are."""
    low = sorted({code for code in codes if 0 <= code < 64})
    if len(low) < 3 or low[0] > 1:
        return []
    missing = sorted(set(range(low[0], low[-1])) - set(low))
    return missing if len(missing) < len(low) / 2 else []


def matches(
    checked: list[CompiledDefinition], before: list[CompiledDefinition]
) -> Iterator[Finding]:
    """Matches that no device reaches, since an earlier one takes all of its devices."""
    earlier: list[tuple[dict[str, Json], CompiledDefinition]] = [
        (match, of) for of in before for match in of.definition["match"]
    ]
    for of in checked:
        for match in of.definition["match"]:
            taker = next((other for other in earlier if _takes(other[0], match)), None)
            if taker is not None:
                known, by = taker
                where = "" if by is of else f" by {by.name} ({by.file}:{by.line})"
                yield Finding(
                    "unreachable_match",
                    "error",
                    of.file,
                    of.line,
                    f"{of.name}: devices that say '{match['model']}' are taken already{where}",
                    f"known: {_shown(known)}",
                )
            earlier.append((match, of))


def _shown(match: dict[str, Json]) -> str:
    names = match.get("manufacturers")
    return f"Model({match['model']!r}{f', manufacturers={names}' if names else ''})"


def _takes(earlier: dict[str, Json], later: dict[str, Json]) -> bool:
    """True when every device of the later match is one of the earlier."""
    if earlier["model"] != later["model"]:
        return False
    own, theirs = set(later.get("manufacturers", ())), set(earlier.get("manufacturers", ()))
    if not (own <= theirs if own else not theirs):
        return False
    inputs = {number(one) for one in earlier.get("inputs", ())}
    return inputs <= {number(one) for one in later.get("inputs", ())}


def shadowed(of: CompiledDefinition) -> Iterator[Finding]:
    """Built-in definitions that are no longer used for these devices."""
    for match in of.definition["match"]:
        known = [one for one in json.loads(catalogue()) if match["model"] in one["model_ids"]]
        # Of an identifier that many products share nothing can be said.
        if len(known) == 1:
            names = f"{known[0]['vendor']} {known[0]['model']}"
            text = f"{of.name}: '{match['model']}' is built in as {names}; yours is used instead"
            yield Finding("shadowed_builtin", "note", of.file, of.line, text)
