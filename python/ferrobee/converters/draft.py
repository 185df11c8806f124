"""`ferrobee converter draft`: a converter from a device's interview and what was seen of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ferrobee._core import devices, drafts
from ferrobee._names import suggestion
from ferrobee.converters import _frames, lumi
from ferrobee.converters._capability import plain
from ferrobee.converters._source import Source, identifier, number, quoted
from ferrobee.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ferrobee.converters._attributes import Json
    from ferrobee.converters._frames import Frame, Seen

__all__ = ["device", "draft", "drafted"]

_SHOWN = 6
"""How many values of something are shown."""
_REMOTES = (0x0005, 0x0006, 0x0008, 0x0102, 0x0300, 0x0501)
_STRUCTURES = {(0xFCC0, 0xF7): lumi.F7, (0, 0xFF01): lumi.FF01, (0, 0xFF02): lumi.FF02}


def device(data: Path, name: str) -> dict[str, Any]:
    """The device of a data directory with this name or address, as `bridge/devices` tells it."""
    known: list[dict[str, Any]] = json.loads(devices(data))
    known = [one for one in known if one["type"] != "Coordinator"]
    for one in known:
        if name in (one["friendly_name"], one["ieee_address"]):
            return one
    names = [str(one["friendly_name"]) for one in known]
    raise DataError(f"there is no device {name!r} in {data}.{suggestion(name, names)}")


def draft(data: Path, name: str, frames: Iterable[Frame] = ()) -> str:
    """The source of a converter for a device of a data directory.

    It says in comments what was seen in `frames` and is not explained by its capabilities.
    """
    told = device(data, name)
    return drafted(told, json.loads(drafts(data)).get(told["ieee_address"]), frames)


def drafted(
    told: dict[str, Any], form: dict[str, Json] | None, frames: Iterable[Frame] = ()
) -> str:
    """The same for what `bridge/devices` tells of a device, and the definition that follows from
    its interview."""
    return _Draft(told, form, list(_frames.parts(frames))).text()


class _Draft:
    def __init__(
        self, told: dict[str, Any], form: dict[str, Json] | None, seen: list[Seen]
    ) -> None:
        self.told = told
        self.seen = seen
        model = str(told.get("model_id") or (form or {}).get("model") or "unknown")
        vendor = str(told.get("manufacturer") or "unknown")
        self.form: dict[str, Json] = form or {"capabilities": []}
        self.form = {
            **self.form,
            "match": [self.match(model, vendor)],
            "model": model,
            "vendor": vendor,
            "description": "What it is, in a few words",
        }
        # What is so without being said.
        for capability in self.form["capabilities"]:
            if capability.get("inverted") is False:
                del capability["inverted"]
        self.source = Source()

    def match(self, model: str, vendor: str) -> dict[str, Json]:
        # Tuya's modules share their identifiers; only the manufacturer's name tells them apart.
        shared = vendor.startswith("_T") or model.startswith("TS0")
        return {"model": model, **({"manufacturers": [vendor]} if shared else {})}

    def text(self) -> str:
        self.structures()
        comments = self.comments()
        self.own_capability()
        documentation = (
            f'"""{self.told.get("manufacturer") or "A device"} '
            f"{self.form['model']}: drafted from its interview.\n\n"
            f"Give it a description and the names that you want, then run\n"
            f'`ferrobee converter check` on this file.\n"""'
        ).replace("\\", "\\\\")
        name = identifier(str(self.form["model"]).title().replace("_", ""))
        body = self.source.definition(self.form, name[:1].upper() + name[1:], comments)
        return self.source.file([body], documentation)

    def structures(self) -> None:
        """Attributes that hold structures, as far as they were seen."""
        found = {(one.cluster, one.attribute) for one in self.seen if one.kind in ("tag", "member")}
        known = [plain(_STRUCTURES[key]) for key in _STRUCTURES if key in found]
        if known:
            self.form["structures"] = known

    def own_capability(self) -> None:
        """Without any capability a definition is none; every device can be found."""
        if not self.form["capabilities"]:
            if any(one.kind == "datapoint" for one in self.seen):
                self.form["capabilities"] = [{"type": "tuya"}]
            else:
                self.form["capabilities"] = [{"type": "identify"}]

    def comments(self) -> list[str]:
        """What was seen and is not explained, each with a line that would publish it."""
        explained = _explained(self.form)
        unexplained: dict[tuple[object, ...], list[Seen]] = {}
        for one in self.seen:
            if not _is_explained(one, explained, self.form):
                key = (one.kind, one.cluster, one.attribute, one.number, one.type, one.endpoint)
                unexplained.setdefault(key, []).append(one)
        if not unexplained:
            return ["Everything that was seen is explained."] if self.seen else []
        lines = ["Seen, but not explained by the capabilities above:"]
        for group in unexplained.values():
            lines += ["", *self.comment(group)]
        return ["", *lines]

    def comment(self, group: list[Seen]) -> list[str]:
        one = group[0]
        values = list(dict.fromkeys(json.dumps(each.value) for each in group))
        shown = ", ".join(values[:_SHOWN]) + (", ..." if len(values) > _SHOWN else "")
        code = "" if one.manufacturer is None else f", manufacturer 0x{one.manufacturer:04x}"
        where = f"endpoint {one.endpoint}, cluster 0x{one.cluster:04x}"
        match one.kind:
            case "tag":
                head = f"tag 0x{one.number:02x} of the structure, {one.type}: {shown}"
                name = f"tag_{one.number:02x}"
                return [head, f"{name} = {_kind(one)}(sources=[lumi.tag(0x{one.number:02X})])"]
            case "member":
                return [f"member {one.number} of the old structure, {one.type}: {shown}"]
            case "datapoint":
                return [
                    f"datapoint {one.number}, {one.type}: {shown}",
                    f"dp_{one.number} = tuya.datapoint({one.number}, {_form(one, group)})",
                ]
            case "command":
                return [f"{where}{code}: command 0x{one.number:02x}, payload: {shown}"]
            case "attribute":
                head = f"{where}, attribute 0x{one.number:04x}{code}, {one.type}: {shown}"
                line = self.attribute_line(one)
                return [head, line] if line else [head]
            case _:
                return [f"{where}: could not be read: {shown}"]

    def attribute_line(self, one: Seen) -> str:
        if not isinstance(one.value, (int, float)):
            return ""
        kind = _kind(one)
        at = {"cluster": one.cluster, "attribute": one.number}
        if one.manufacturer is not None:
            at["manufacturer"] = one.manufacturer
        scratch = Source()
        place = scratch.attribute(at)
        for (cluster, manufacturer), name in scratch.own.items():
            code = "" if manufacturer is None else f", manufacturer=0x{manufacturer:04X}"
            place = place.replace(name, f"Cluster(0x{cluster:04X}{code})")
        name = f"attribute_{one.cluster:04x}_{one.number:04x}"
        return f"{name} = {kind}(sources=[{place}])"


def _kind(one: Seen) -> str:
    return "Flag" if isinstance(one.value, bool) else "Numeric"


def _form(one: Seen, group: list[Seen]) -> str:
    match one.type:
        case "bool":
            return "tuya.Switch"
        case "enum" | "bitmap":
            codes = sorted({int(each.value) for each in group})
            values = ", ".join(f"{quoted(f'value_{code}')}: {code}" for code in codes)
            send = "" if one.type == "enum" else ', "bitmap"'
            return f"tuya.Lookup({{{values}}}{send})"
        case "text":
            return "tuya.Text()"
        case "value":
            return "tuya.Number()"
        case _:
            return "tuya.Raw()"


def _explained(data: Json) -> set[tuple[int, int | None]]:
    """Clusters with attributes that the capabilities deal with."""
    found: set[tuple[int, int | None]] = set()
    if isinstance(data, dict):
        if "cluster" in data and "attribute" in data:
            found.add((number(data["cluster"]), number(data["attribute"])))
        for value in data.values():
            found |= _explained(value)
    elif isinstance(data, list):
        for value in data:
            found |= _explained(value)
    return found


# What capabilities without a place in their parameters listen to.
_CLUSTERS = {
    "on_off": (0x0006,),
    "light": (0x0006, 0x0008, 0x0300),
    "cover": (0x0102,),
    "lock": (0x0101,),
    "electricity": (0x0702, 0x0B04),
    "illuminance": (0x0400,),
    "thermostat": (0x0201,),
    "thermostat_state": (0x0201,),
    "fan": (0x0202,),
    "identify": (0x0003,),
    "warning": (0x0502,),
    "commands": _REMOTES,
    "flag": (0x0500,),
    "motion": (0x0406,),
}


def _is_explained(one: Seen, explained: set[tuple[int, int | None]], form: dict[str, Json]) -> bool:
    if one.kind in ("tag", "member", "datapoint", "bytes"):
        return False
    if one.kind == "attribute" and (one.cluster, one.number) in explained:
        return True
    # Attributes of genBasic are those of the interview.
    if one.kind == "attribute" and one.cluster == 0 and one.number < 0x4001:
        return True
    if one.manufacturer is not None:
        return False
    kinds = set()
    for capability in form["capabilities"]:
        kinds.add(capability["type"])
        kinds |= {feature["type"] for feature in capability.get("features", ())}
    return any(one.cluster in _CLUSTERS.get(kind, ()) for kind in kinds)
