"""The class of a model, as lines of Python."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ferrobee._exposes import exposed_properties
from ferrobee._stubs.events import EventClass, event_classes
from ferrobee._stubs.naming import attribute, camel, class_name, is_name

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

__all__ = ["DEVICE_NAMES", "Source", "class_of", "doc_text", "model_class"]

DEVICE_NAMES = frozenset(
    {"name", "home", "available", "known", "info", "set", "MODEL", "VENDOR", "bind"}
)
"""What every device has itself; a property of this name gets a trailing underscore."""

_ACTIONS_NAMES = frozenset({"bind", "device", "devices", "occurred", "watched"})
_ENUM_NAMES = frozenset(
    {
        "VALUES",
        "bind",
        "category",
        "changes",
        "device",
        "devices",
        "get",
        "is_in",
        "key",
        "occurred",
        "set",
        "unit",
        "updated",
        "value",
        "wait_until",
        "watched",
    }
)
_COMPOSED = {"light", "cover", "lock", "climate", "fan"}
_WIDTH = 96


@dataclass
class Source:
    """Lines of a module, and what they need."""

    stub: bool
    """True for a `.pyi`, which says types only."""
    lines: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    """Lines of the classes that stand before those of the models: events and composites."""
    names: set[str] = field(default_factory=set)
    """What is used of `ferrobee.properties`."""
    typing: set[str] = field(default_factory=set)


def model_class(definition: Mapping[str, Any], source: Source, name: str | None = None) -> str:
    """Adds the class of a definition to a module; gives the class's name."""
    made = _ModelClass(definition, source, name or class_of(str(definition["model"])))
    made.write()
    return made.name


def class_of(model: str) -> str:
    """The name of a model's class."""
    return class_name(model, _IMPORTED)


class _ModelClass:
    def __init__(self, definition: Mapping[str, Any], source: Source, name: str) -> None:
        self.definition = definition
        self.source = source
        self.name = name
        self.exposes: Sequence[Mapping[str, Any]] = definition.get("exposes", [])
        self.properties = _merged(exposed_properties(self.exposes))
        self.endpoints = {
            str(expose["endpoint"]) for expose in self.exposes if expose.get("endpoint")
        }
        self.taken: set[str] = set(DEVICE_NAMES)
        self.lines: list[str] = []
        self.dicts: set[str] = set()
        self.enums: dict[str, str] = {}
        """Nested classes by what they say, so that two gangs share one."""

    def write(self) -> None:
        model, vendor = str(self.definition["model"]), str(self.definition.get("vendor", ""))
        self.use("Device")
        self.add(f"class {self.name}(Device):")
        self.doc(f"{vendor} {model}: {self.definition.get('description', '')}".strip(), 1)
        if not self.source.stub:
            self.add("")
            self.add(f"    MODEL = {model!r}")
            self.add(f"    VENDOR = {vendor!r}")
        self.taken.update(str(one["property"]) for one in self.properties)
        for one in self.properties:
            key = str(one["property"])
            name = attribute(key, DEVICE_NAMES | _IMPORTED)
            if name is None:
                continue  # reached as an item
            if key == "action" and one["type"] == "enum":
                self.actions(name, one)
            else:
                self.property(name, one)
        for expose in self.exposes:
            if expose["type"] in _COMPOSED:
                self.composed(expose)
        self.source.lines.extend([*self.lines, "", ""])

    def add(self, line: str) -> None:
        self.lines.append(line)

    def use(self, *names: str) -> None:
        self.source.names.update(names)

    def doc(self, text: str, depth: int) -> None:
        self.lines.extend(_docstring(text, depth))

    # --- properties -------------------------------------------------------------------------------

    def property(self, name: str, expose: Mapping[str, Any]) -> None:
        kind, access = str(expose["type"]), int(expose.get("access", 1))
        maker = {
            "numeric": self.numeric,
            "binary": self.binary,
            "enum": self.enum,
            "text": self.text,
            "composite": self.composite,
            "list": self.list,
        }.get(kind)
        if maker is not None:
            self.add("")
            maker(name, expose, _suffix(access))
            text = str(expose.get("description") or expose.get("label") or "").rstrip(". ")
            unit = f" ({expose['unit']})" if expose.get("unit") else ""
            if text and not self.source.stub:
                self.doc(f"{text}{unit}.", 1)

    def declare(self, name: str, annotation: str, made: str, arguments: Sequence[str]) -> None:
        if self.source.stub:
            self.add(f"    {name}: {annotation}")
        elif annotation == made:
            self.add(f"    {name} = {made}({', '.join(arguments)})")
        else:
            self.add(f"    {name}: {annotation} = {made}({', '.join(arguments)})")

    def numeric(self, name: str, expose: Mapping[str, Any], suffix: str) -> None:
        self.use(kind := f"Numeric{suffix}")
        arguments = [repr(expose["property"])]
        if expose.get("unit"):
            arguments.append(f"unit={expose['unit']!r}")
        for key, argument in (
            ("value_min", "minimum"),
            ("value_max", "maximum"),
            ("value_step", "resolution"),
        ):
            if expose.get(key) is not None:
                arguments.append(f"{argument}={expose[key]!r}")
        self.declare(name, kind, kind, [*arguments, *_category(expose)])

    def binary(self, name: str, expose: Mapping[str, Any], suffix: str) -> None:
        on, off = expose.get("value_on"), expose.get("value_off")
        switch = expose.get("within") == "switch" and suffix == "GetSet"
        kind = "Switch" if switch else f"Binary{suffix}"
        self.use(kind)
        annotation = f"{kind}[{_two(on, off, self.source.typing)}]"
        arguments = [repr(expose["property"]), f"on={on!r}", f"off={off!r}"]
        if expose.get("value_toggle") is not None and suffix != "Command":
            arguments.append(f"toggle={expose['value_toggle']!r}")
        self.declare(name, annotation, kind, [*arguments, *_category(expose)])

    def enum(self, name: str, expose: Mapping[str, Any], suffix: str) -> None:
        values = list(expose.get("values", []))
        if not values:
            return self.text(name, expose, suffix)
        self.use(kind := f"Enum{suffix}")
        self.source.typing.update(("Literal", "Final"))
        base = f"{kind}[Literal[{', '.join(map(repr, values))}]]"
        nested = self.enums.get(base)
        if nested is None:
            nested = self.nested(str(expose.get("name") or expose["property"]))
            self.enums[base] = nested
            self.add(f"    class {nested}({base}):")
            if not self.source.stub:
                self.doc(str(expose.get("description") or "One of several values."), 2)
                self.add("")
                self.add(f"        VALUES = ({', '.join(map(repr, values))},)")
            taken = set(_ENUM_NAMES)
            empty = self.source.stub
            for value in values:
                member = attribute(value, taken) if isinstance(value, str) else None
                if member is not None:
                    taken.add(member)
                    empty = False
                    self.add(f"        {member}: Final = {value!r}")
            if empty:
                self.add("        pass")
            self.add("")
        self.declare(name, nested, nested, [repr(expose["property"]), *_category(expose)])
        return None

    def text(self, name: str, expose: Mapping[str, Any], suffix: str) -> None:
        self.use(kind := f"Text{suffix}")
        self.declare(name, kind, kind, [repr(expose["property"]), *_category(expose)])

    def composite(self, name: str, expose: Mapping[str, Any], suffix: str) -> None:
        self.use(kind := f"Composite{suffix}")
        fields = self.fields(expose)
        self.declare(
            name, f"{kind}[{fields}]", kind, [repr(expose["property"]), *_category(expose)]
        )

    def list(self, name: str, expose: Mapping[str, Any], suffix: str) -> None:
        self.use(kind := f"List{suffix}")
        item = self.value(expose.get("item_type", {}), str(expose["property"]))
        self.declare(name, f"{kind}[{item}]", kind, [repr(expose["property"]), *_category(expose)])

    def fields(self, expose: Mapping[str, Any]) -> str:
        """The type of a composite's value: a `TypedDict`."""
        if expose.get("property") == "color":
            self.use("Color")
            return "Color"
        features = [feature for feature in expose.get("features", []) if feature.get("property")]
        if not features or not all(is_name(str(one["property"])) for one in features):
            self.use("Json")
            return "dict[str, Json]"
        # Before the class of the model, so that classes inside that see them.
        types = [(str(one["property"]), self.value(one, str(one["property"]))) for one in features]
        self.source.typing.add("TypedDict")
        name = f"{self.name}{camel(str(expose.get('property') or expose.get('name')))}"
        lines = [f"class {name}(TypedDict, total=False):"]
        if not self.source.stub:
            text = str(expose.get("description") or "Fields; each may be left out.")
            lines.extend([*_docstring(text, 1), ""])
        lines.extend([*(f"    {key}: {kind}" for key, kind in types), "", ""])
        if name not in self.dicts:
            self.dicts.add(name)
            self.source.events.extend(lines)
        return name

    def value(self, expose: Mapping[str, Any], key: str) -> str:
        """The type of a value inside a composite or list."""
        kind = expose.get("type")
        if kind == "numeric":
            return "float"
        if kind == "binary":
            return _two(expose.get("value_on"), expose.get("value_off"), self.source.typing)
        if kind == "enum" and expose.get("values"):
            self.source.typing.add("Literal")
            return f"Literal[{', '.join(map(repr, expose['values']))}]"
        if kind == "text":
            return "str"
        if kind == "composite":
            return self.fields({"property": key, **expose})
        if kind == "list":
            return f"list[{self.value(expose.get('item_type', {}), key)}]"
        self.use("Json")
        return "Json"

    def nested(self, key: str, ending: str = "") -> str:
        """A name for a nested class that hides nothing."""
        name = f"{camel(key) or 'Value'}{ending}"
        if name[0].isdigit():
            name = f"V{name}"
        while name in self.taken or name in _IMPORTED:
            name = f"{name}_"
        self.taken.add(name)
        return name

    # --- actions ----------------------------------------------------------------------------------

    def actions(self, name: str, expose: Mapping[str, Any]) -> None:
        actions = [str(value) for value in expose.get("values", [])]
        self.use("Actions", "ActionEvent", "ActionSource")
        self.source.typing.add("Literal")
        classes = event_classes(self.name, actions, self.properties, self.endpoints)
        for event in classes:
            self.event(event)
        class_of = {kind: event.name for event in classes for kind in event.kinds}
        plain = [action for action in actions if action not in class_of]
        union = [event.name for event in classes]
        if plain:
            union.insert(0, f"ActionEvent[Literal[{', '.join(map(repr, plain))}]]")
        values = f"Literal[{', '.join(map(repr, actions))}]" if actions else "str"
        either = " | ".join(union) or "ActionEvent[str]"
        self.add("")
        nested = self.nested("action")
        self.add(f"    class {nested}(Actions[{either}, {values}]):")
        if not self.source.stub:
            self.doc(str(expose.get("description") or "What somebody does at the device."), 2)
            self.add("")
        taken = set(_ACTIONS_NAMES)
        for action in actions:
            member = attribute(action.replace("*", "any"), taken) or _private(action, taken)
            taken.add(member)
            event_name = class_of.get(action)
            if event_name is None:
                kind, arguments = f"ActionEvent[Literal[{action!r}]]", [repr(action)]
            else:
                kind, arguments = event_name, [repr(action), event_name]
            annotation = f"ActionSource[{kind}]"
            if self.source.stub:
                self.add(f"        {member}: {annotation}")
            else:
                self.add(f"        {member}: {annotation} = ActionSource({', '.join(arguments)})")
        if not actions:
            self.add("        pass")
        self.add("")
        self.declare(name, nested, nested, [])

    def event(self, event: EventClass) -> None:
        self.source.typing.update(("ClassVar", "Literal"))
        self.source.names.add("Mapping")
        lines = self.source.events
        kinds = ", ".join(map(repr, event.kinds))
        lines.append("@dataclass(frozen=True, slots=True, kw_only=True)")
        lines.append(f"class {event.name}(ActionEvent[Literal[{kinds}]]):")
        shown = ", ".join(f"`{kind}`" for kind in event.kinds)
        lines.extend(_docstring(f"What comes with {shown}.", 1))
        lines.append("")
        keys = ", ".join(f"{one.name!r}: {one.key!r}" for one in event.fields)
        lines.append(f"    KEYS: ClassVar[Mapping[str, str]] = {{{keys}}}")
        lines.append("")
        for one in event.fields:
            missing = "" if one.always else " | None = None"
            lines.append(f"    {one.name}: {one.type}{missing}")
        lines.extend(["", ""])

    # --- composed ---------------------------------------------------------------------------------

    def composed(self, expose: Mapping[str, Any]) -> None:
        kind, endpoint = str(expose["type"]), expose.get("endpoint")
        base = camel(kind)
        suffix = f"_{endpoint}" if endpoint else ""
        self.use(base)
        parameters: dict[str, str] = {}
        for feature in _merged(expose.get("features", [])):
            key = str(feature.get("property", "")).removesuffix(suffix)
            settable = int(feature.get("access", 1)) & 2
            if settable and is_name(key) and key not in _PARAMETERS:
                parameters[key] = self.value(feature, str(feature["property"]))
        if kind == "light":
            parameters["transition"] = "float"
        name = f"{kind}{suffix}"
        if not is_name(name):
            return  # of an endpoint that Python can't say; its properties are there
        if attribute(name, self.taken) != name:
            name = f"{name}_all"
        nested = self.nested(name, "Controls")
        self.taken.add(name)
        self.add("")
        self.add(f"    class {nested}({base}):")
        self.source.names.update(("Span", "TIMEOUT"))
        if not self.source.stub:
            self.source.typing.add("TYPE_CHECKING")
            self.doc(f"The {kind} as a whole.", 2)
            self.add("")
            self.add("        if TYPE_CHECKING:")
            self.add("")
        indent = "        " if self.source.stub else "            "
        self.add(f"{indent}async def set(")
        self.add(f"{indent}    self,")
        self.add(f"{indent}    *,")
        for key, annotation in parameters.items():
            self.add(f"{indent}    {key}: {annotation} | None = None,")
        self.add(f"{indent}    timeout: Span = TIMEOUT,")
        self.add(f"{indent}) -> None:{' ...' if self.source.stub else ''}")
        if not self.source.stub:
            self.add(
                f'{indent}    """Sets several properties in one message, and waits until all are '
                'confirmed."""'
            )
        self.add("")
        self.declare(name, nested, nested, [repr(str(endpoint))] if endpoint else [])
        if not self.source.stub:
            self.doc(f"The {kind} as a whole: several properties in one message.", 1)


_PARAMETERS = frozenset({"self", "timeout"})
"""What `set` of a light and the like has itself."""

# Names that the lines of a class use.
_IMPORTED = frozenset(
    {"bool", "dict", "float", "list", "object", "str"}
    | {"Actions", "ActionEvent", "ActionSource", "Color", "Device", "Span", "TIMEOUT", "Json"}
    | {"Literal", "Final", "TypedDict", "ClassVar", "TYPE_CHECKING", "Mapping", "Switch"}
    | {camel(kind) for kind in _COMPOSED}
    | {
        f"{kind}{suffix}"
        for kind in ("Numeric", "Binary", "Enum", "Text", "Composite", "List")
        for suffix in ("", "Get", "Set", "GetSet", "Command")
    }
)


def _suffix(access: int) -> str:
    """The ending of a kind's class for the bits of `access`: 1 published, 2 set, 4 get."""
    if not access & 1:
        return "Command" if access & 2 else ""
    return ("Get" if access & 4 else "") + ("Set" if access & 2 else "")


def _merged(exposes: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Exposes by property: one that is described twice, as a color is, is one property."""
    by_key: dict[str, dict[str, Any]] = {}
    for expose in exposes:
        known = by_key.get(expose["property"])
        if known is None:
            by_key[expose["property"]] = dict(expose)
        else:
            known["access"] = int(known.get("access", 1)) | int(expose.get("access", 1))
            known["features"] = [*known.get("features", []), *expose.get("features", [])]
    return list(by_key.values())


def _category(expose: Mapping[str, Any]) -> list[str]:
    return [f"category={expose['category']!r}"] if expose.get("category") else []


def _two(on: object, off: object, typing: set[str]) -> str:
    """The type of a value that is one of two."""
    if isinstance(on, bool) and isinstance(off, bool):
        return "bool"
    typing.add("Literal")
    return f"Literal[{on!r}, {off!r}]"


def _private(action: str, taken: Container[str]) -> str:
    """An attribute for an action that Python can't say; it is reached as an item."""
    name = re.sub(r"[^0-9A-Za-z]", "_", f"_{action}")
    while name in taken:
        name = f"{name}_"
    return name


def doc_text(text: str) -> str:
    """Text of a definition, on one line and as a docstring may have it."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(printable.split()).replace("\\", "\\\\").replace('"""', "'''")


def _docstring(text: str, depth: int) -> list[str]:
    indent = "    " * depth
    clean = doc_text(text)
    if clean.endswith('"'):
        clean += " "
    if clean and clean[-1] not in ".!?":
        clean += "."
    if len(indent) + len(clean) + 6 <= _WIDTH:
        return [f'{indent}"""{clean}"""']
    lines = textwrap.wrap(clean, _WIDTH - len(indent), break_long_words=False)
    return [f'{indent}"""{lines[0]}', *(f"{indent}{line}" for line in lines[1:]), f'{indent}"""']
