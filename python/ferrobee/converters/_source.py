"""Python source of a definition: the way back from data to a class."""

from __future__ import annotations

import json
import keyword
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ferrobee.converters import clusters as library
from ferrobee.converters._attributes import Attribute, DataType
from ferrobee.converters._capability import Capability
from ferrobee.converters._definition import FIELDS
from ferrobee.converters.generated import primitives

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ferrobee.converters._attributes import Json

__all__ = ["Source", "identifier"]

WIDTH = 100
CLASSES: dict[str, type[Capability]] = {
    one.type: one
    for one in vars(primitives).values()
    if isinstance(one, type) and issubclass(one, Capability) and one is not Capability
}
POSITIONAL = {
    "numeric": ("unit",),
    "setting": ("at",),
    "number_setting": ("at",),
    "datapoint": ("dp", "as"),
    "thermostat": ("name",),
    "electricity": ("exposes",),
    "combined": ("as", "features"),
    "action": ("at",),
    "commands": ("hears",),
}
NAMES = {"on_off": "state"}
"""What a class calls capabilities that have no name of their own."""
MODULES = ("clusters", "lumi", "steps", "tuya")
"""What a class must not call its own, since it names them."""
REPEATED = ("readings.groups.values", "readings.poll.attributes")
"""Lists of pairs that are no mappings."""
SOURCED = ("numeric", "flag", "lookup")
_STRUCTURES: dict[tuple[int, int, int | None, str], str] = {
    (0x0000, 0xFF01, 0x115F, "loose_string"): "lumi.FF01",
    (0x0000, 0xFF02, 0x115F, "members"): "lumi.FF02",
    (0xFCC0, 0x00F7, 0x115F, "octets"): "lumi.F7",
}


@dataclass
class Group:
    """An expression in brackets, which may be broken into lines."""

    opening: str
    items: list[Group | str]
    closing: str
    prefix: str = ""

    def flat(self) -> str:
        inside = ", ".join(one if isinstance(one, str) else one.flat() for one in self.items)
        if self.opening == "(" and not self.prefix.rstrip().endswith(("=", ":")):
            one_tuple = len(self.items) == 1 and _is_bare(self.prefix)
            inside += "," if one_tuple else ""
        return f"{self.prefix}{self.opening}{inside}{self.closing}"

    def lines(self, indent: int, spare: int = 0) -> str:
        """The expression, broken where it does not fit."""
        flat = self.flat()
        if indent + len(flat) + spare <= WIDTH or not self.items:
            return flat
        pad = " " * (indent + 4)
        parts = [one if isinstance(one, str) else one.lines(indent + 4, 1) for one in self.items]
        body = "".join(f"{pad}{part},\n" for part in parts)
        return f"{self.prefix}{self.opening}\n{body}{' ' * indent}{self.closing}"


def _is_bare(prefix: str) -> bool:
    return prefix == ""


def _prefixed(prefix: str, value: Group | str) -> Group | str:
    if isinstance(value, str):
        return prefix + value
    return Group(value.opening, value.items, value.closing, prefix + value.prefix)


def identifier(text: str) -> str:
    """Text as a name of Python."""
    name = re.sub(r"\W+", "_", text).strip("_") or "device"
    return f"_{name}" if name[0].isdigit() or keyword.iskeyword(name) else name


def _library() -> tuple[dict[tuple[int, int, int | None], str], dict[int, str]]:
    """Attributes and clusters of the library by number."""
    attributes: dict[tuple[int, int, int | None], str] = {}
    known: dict[int, str] = {}
    for name in library.__all__:
        cluster = getattr(library, name)
        known.setdefault(cluster.id, name)
        for member, attribute in vars(type(cluster)).items():
            if isinstance(attribute, Attribute):
                key = (attribute.cluster, attribute.id, attribute.manufacturer)
                attributes.setdefault(key, f"{name}.{member}")
    return attributes, known


def number(text: str | int) -> int:
    """A protocol number, which may be text in base 16."""
    return int(text, 16) if isinstance(text, str) else text


def quoted(text: str) -> str:
    """Text in double quotes."""
    return json.dumps(text, ensure_ascii=False)


@dataclass
class Source:
    """The source of converters; `names` gathers what has to be imported."""

    names: set[str] = field(default_factory=set)
    own: dict[tuple[int, int | None], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.attributes, self.known = _library()

    def file(self, classes: Iterable[str], documentation: str) -> str:
        """A whole file."""
        names = sorted(self.names | {"Definition", "Model"} | ({"Cluster"} if self.own else set()))
        listed = Group("(", list(names), ")", "from ferrobee.converters import ")
        text = listed.flat().replace("(", "").replace(")", "").replace("import (", "import ")
        lines = [documentation, "", "from __future__ import annotations", ""]
        lines.append(text if len(text) <= WIDTH else listed.lines(0))
        if self.own:
            lines.append("")
        for (cluster, manufacturer), name in sorted(self.own.items(), key=lambda item: item[1]):
            code = "" if manufacturer is None else f", manufacturer=0x{manufacturer:04X}"
            lines.append(f"{name} = Cluster(0x{cluster:04X}{code})")
        return "\n".join(lines) + "\n\n\n" + "\n\n\n".join(classes).rstrip() + "\n"

    def definition(self, data: dict[str, Json], name: str, comments: Iterable[str] = ()) -> str:
        """The class of a definition."""
        lines = [f"class {name}(Definition):"]
        matches = [self.match(match) for match in data["match"]]
        one = matches[0] if len(matches) == 1 else Group("[", list(matches), "]")
        lines.append(self.assignment("match", one))
        for key in ("model", "vendor", "description"):
            lines.append(self.assignment(key, quoted(data[key])))
        if also := data.get("also"):
            self.names.add("Also")
            items: list[Group | str] = [
                f"Also({quoted(each['vendor'])}, {quoted(each['description'])})" for each in also
            ]
            lines.append(self.assignment("also", Group("[", items, "]")))
        for key in ("version", "ota", "no_default_response", "action_place"):
            if key in data:
                lines.append(self.assignment(key, self.value("", key, data[key])))
        if endpoints := data.get("endpoints"):
            named: list[Group | str] = [f"{quoted(each)}: {where}" for each, where in endpoints]
            lines.append(self.assignment("endpoints", Group("{", named, "}")))
        if structures := data.get("structures"):
            listed: list[Group | str] = [self.structure(each) for each in structures]
            lines.append(self.assignment("structures", Group("[", listed, "]")))
        lines.append("")
        taken = {*FIELDS, *MODULES}
        for capability in data["capabilities"]:
            lines.append(self.assignment(*self.member(capability, taken)))
        lines.extend(f"    # {comment}".rstrip() for comment in comments)
        if data.get("configure") is not None:
            steps: list[Group | str] = [self.step(step) for step in data["configure"]]
            lines += ["", self.assignment("configure", Group("[", steps, "]"))]
        return "\n".join(lines)

    @staticmethod
    def assignment(name: str, value: Group | str) -> str:
        text = _prefixed(f"{name} = ", value)
        return "    " + (text if isinstance(text, str) else text.lines(4))

    def match(self, match: dict[str, Json]) -> Group:
        items: list[Group | str] = [quoted(match["model"])]
        if names := match.get("manufacturers"):
            items.append(Group("[", [quoted(name) for name in names], "]", "manufacturers="))
        if inputs := match.get("inputs"):
            items.append(Group("[", [self.cluster(one) for one in inputs], "]", "inputs="))
        return Group("(", items, ")", "Model")

    def structure(self, data: dict[str, Json]) -> str:
        manufacturer = data.get("manufacturer")
        code = None if manufacturer is None else number(manufacturer)
        self.names.add("lumi")
        key = (number(data["cluster"]), number(data["attribute"]), code, data["form"])
        if known := _STRUCTURES.get(key):
            return known
        place = {key: value for key, value in data.items() if key != "form"}
        return f"lumi.Structure({self.attribute(place)}, {quoted(data['form'])})"

    def member(self, data: dict[str, Json], taken: set[str]) -> tuple[str, Group | str]:
        """A capability as an attribute of the class."""
        kind = data["type"]
        cls = CLASSES[kind]
        name = str(data.get("name", kind)) if cls.named else NAMES.get(str(kind), str(kind))
        variable = identifier(name)
        while variable in taken:
            variable = f"{variable}_{len(taken)}" if variable[-1] == "_" else f"{variable}_"
        taken.add(variable)
        keep = variable != name or kind == "thermostat"
        return variable, self.capability(data, named=keep)

    def capability(self, data: dict[str, Json], *, named: bool) -> Group:
        kind = data["type"]
        cls = CLASSES[kind]
        parameters = {key: value for key, value in data.items() if key != "type"}
        if cls.named and not named:
            parameters.pop("name", None)
        typed = parameters.pop("data_type", None)
        items: list[Group | str] = []
        first = POSITIONAL.get(kind, ())
        order = [key for key in first if key in parameters]
        complete = len(order) == len(first) or not first
        for key in [*order, *(key for key in parameters if key not in order)]:
            value = self.value(kind, key, parameters[key], typed)
            positional = complete and key in first
            variable = f"{key}_" if key in ("as", "and", "from") else key
            items.append(value if positional else _prefixed(f"{variable}=", value))
        if typed is not None and self.type_of(parameters.get("at")) not in (typed, None):
            items.append(f"data_type={self.type_name(typed)}")
        if kind in ("datapoint", "datapoint_program", "tuya"):
            short = {"datapoint": "datapoint", "datapoint_program": "program", "tuya": "gateway"}
            self.names.add("tuya")
            return Group("(", items, ")", f"tuya.{short[kind]}")
        self.names.add(cls.__name__)
        return Group("(", items, ")", cls.__name__)

    def value(self, kind: str, path: str, value: Json, typed: str | None = None) -> Group | str:
        """A parameter."""
        key = path.rsplit(".", 1)[-1]
        pairs = CLASSES[kind].pairs if kind else frozenset()
        if path == "sources" and kind in SOURCED:
            return Group("[", [self.source(one) for one in value], "]")
        if path == "read" and kind == "numeric" and "and" not in value:
            endpoint = f" @ {value['endpoint']}" if "endpoint" in value else ""
            return self.attribute(value["at"], typed) + endpoint
        if key == "as" and kind.startswith("datapoint"):
            return self.form(value)
        if key == "data_type":
            return self.type_name(value)
        if key in ("cluster", "plain_hue_with") and not isinstance(value, (dict, list)):
            return self.cluster(value) if key == "cluster" else hex(number(value))
        if isinstance(value, str) and re.fullmatch("0x[0-9a-f]{1,4}", value):
            return value
        if isinstance(value, dict):
            return self.mapping(kind, path, value, typed)
        if isinstance(value, list) and path in pairs:
            items = [
                _prefixed(f"{self.value('', '', one)}: ", self.value(kind, path + "[]", other))
                for one, other in value
            ]
            return Group("{", items, "}")
        if isinstance(value, list):
            return self.sequence(kind, path, value)
        return quoted(value) if isinstance(value, str) else repr(value)

    def mapping(
        self, kind: str, path: str, value: dict[str, Json], typed: str | None
    ) -> Group | str:
        if (
            {"cluster", "attribute"}
            <= set(value)
            <= {
                "cluster",
                "attribute",
                "manufacturer",
                "exact",
            }
        ):
            return self.attribute(value, typed)
        if kind == "combined" and "type" in value:
            return self.capability(value, named=True)
        items = [
            _prefixed(f"{quoted(key)}: ", self.value(kind, f"{path}.{key}", one))
            for key, one in value.items()
        ]
        return Group("{", items, "}")

    def sequence(self, kind: str, path: str, value: list[Json]) -> Group:
        items = [self.value(kind, path, one) for one in value]
        numbers = all(isinstance(one, (int, float)) for one in value)
        mixed = len(value) == 3 and isinstance(value[0], str) and isinstance(value[1], (int, float))
        listed = len(value) == 2 and f"{kind}.{path}" in REPEATED and not isinstance(value[0], list)
        if (len(value) == 2 and numbers) or mixed or listed:
            return Group("(", items, ")")
        return Group("[", items, "]")

    def source(self, data: dict[str, Json]) -> str:
        if "zone_status" in data:
            self.names.add("zone_status")
            return f"zone_status(0x{data['zone_status']:02X})"
        if "tag" in data:
            self.names.add("lumi")
            text = f"lumi.tag(0x{number(data['tag']):02X})"
        elif "member" in data:
            self.names.add("lumi")
            text = f"lumi.member({data['member']})"
        else:
            text = self.attribute(data["at"])
        if "mask" in data:
            absent = ", absent_is_yes=True" if data.get("absent_is_yes") else ""
            return f"{text}.bits(0x{data['mask']:02X}{absent})"
        if data.get("absent_is_yes"):
            return f"{text}.absent_is_yes()"
        for key, method in (("before_version", "before"), ("since_version", "since")):
            if key in data:
                return f"{text}.{method}({data[key]})"
        for key, sign in (("multiply", "*"), ("divide", "/")):
            if key in data:
                text = f"{text} {sign} {data[key]}"
        if (term := data.get("add")) is not None:
            text = f"{text} - {-term}" if term < 0 else f"{text} + {term}"
        return text

    def form(self, data: Json) -> Group | str:
        """What a datapoint's data means."""
        self.names.add("tuya")
        if isinstance(data, str):
            return f"tuya.{data.title()}()"
        if fields := data.get("lookup"):
            values: list[Group | str] = [
                f"{self.value('', '', one)}: {raw}" for one, raw in fields["values"]
            ]
            items: list[Group | str] = [Group("{", values, "}")]
            if fields["send"] != "enum":
                items.append(quoted(fields["send"]))
            return Group("(", items, ")", "tuya.Lookup")
        numbers: list[Group | str] = []
        for key, value in data["number"].items():
            text = repr(tuple(map(tuple, value))) if key == "map" else None
            text = text or (repr(tuple(value)) if isinstance(value, list) else repr(value))
            numbers.append(f"{key}={text}")
        return Group("(", numbers, ")", "tuya.Number")

    def attribute(self, at: dict[str, Json], typed: str | None = None) -> str:
        """An attribute: of the library by name, else of a cluster by numbers."""
        cluster, attribute = number(at["cluster"]), number(at["attribute"])
        manufacturer = None if "manufacturer" not in at else number(at["manufacturer"])
        known = self.attributes.get((cluster, attribute, manufacturer))
        if known and not at.get("exact"):
            self.names.add("clusters")
            return f"clusters.{known}"
        owner = self.own.setdefault((cluster, manufacturer), self.own_name(cluster, manufacturer))
        exact = ", exact=True" if at.get("exact") else ""
        kind = f", {self.type_name(typed)}" if typed else ""
        return f"{owner}.attr(0x{attribute:04X}{kind}{exact})"

    def own_name(self, cluster: int, manufacturer: int | None) -> str:
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", self.known.get(cluster, "cluster")).upper()
        name = name if cluster in self.known else f"CLUSTER_{cluster:04X}"
        return name if manufacturer is None else f"{name}_{manufacturer:04X}"

    def cluster(self, given: str | int) -> str:
        cluster = number(given)
        if name := self.known.get(cluster):
            self.names.add("clusters")
            return f"clusters.{name}"
        return f"0x{cluster:04X}"

    def type_of(self, at: dict[str, Json] | None) -> str | None:
        """The type that an attribute's expression gives; none where it will be given by us."""
        if at is None:
            return "none"
        manufacturer = None if "manufacturer" not in at else number(at["manufacturer"])
        key = (number(at["cluster"]), number(at["attribute"]), manufacturer)
        if at.get("exact") or key not in self.attributes:
            return None
        cluster, _, member = self.attributes[key].partition(".")
        found: Attribute = getattr(getattr(library, cluster), member)
        return found.type.value

    def type_name(self, typed: str) -> str:
        name = DataType(typed).value.title()
        self.names.add(name)
        return name

    def step(self, step: dict[str, Json]) -> Group:
        """A step of the configuration."""
        ((kind, fields),) = step.items()
        self.names.add("steps")
        items: list[Group | str] = []
        endpoint = fields.get("endpoint")
        typed = fields.get("data_type")
        if "at" in fields:
            at = self.attribute(fields["at"], typed)
            where = "" if endpoint is None else f" @ {endpoint}"
            items.append(f"{at}{where}")
            for more in fields.get("more", ()):
                items.append(self.attribute({**fields["at"], "attribute": more}) + where)
        else:
            if "cluster" in fields:
                items.append(self.cluster(fields["cluster"]))
            if "command" in fields:
                items.append(str(number(fields["command"])))
            if "payload" in fields:
                items.append(quoted(fields["payload"]))
            if endpoint is not None:
                items.append(f"endpoint={endpoint}")
        if kind == "write":
            items.append(repr(fields["value"]))
        for key in (
            "minimum",
            "maximum",
            "change",
            "wait",
            "verify_unlisted",
            "may_fail",
            "if_present",
        ):
            if key in fields:
                items.append(f"{key}={fields[key]!r}")
        if typed is not None and self.type_of(fields.get("at")) not in (typed, None):
            items.append(f"data_type={self.type_name(typed)}")
        return Group("(", items, ")", f"steps.{kind}")
