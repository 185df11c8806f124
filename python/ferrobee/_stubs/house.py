"""`home.pyi`: the devices and groups of a house by name, each with the class of its model."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any

from ferrobee._stubs.classes import Source, doc_text, model_class
from ferrobee._stubs.modules import imports
from ferrobee._stubs.naming import camel, is_name
from ferrobee.models._index import MODELS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["MARK", "house_files"]

MARK = "Written by `ferrobee stubs`"
"""What every file that is written begins with, so that no other is overwritten."""


def house_files(
    devices: Sequence[Mapping[str, Any]],
    groups: Sequence[Mapping[str, Any]],
    catalogue: Sequence[Mapping[str, Any]],
    taken: Iterable[str],
) -> tuple[str, str]:
    """The texts of `home.pyi` and `home.py`, for what `bridge/devices` and `bridge/groups` say and
    the built-in definitions. Names in `taken` are no attributes."""
    house = _House({str(one["model"]): one for one in catalogue}, set(taken))
    for device in devices:
        if device.get("type") != "Coordinator":
            house.device(device)
    for group in groups:
        house.group(group)
    return house.text(), house.module()


class _House:
    def __init__(self, builtin: Mapping[str, Mapping[str, Any]], taken: set[str]) -> None:
        self.builtin = builtin
        self.taken = taken
        self.source = Source(stub=True)
        self.modules: dict[str, set[str]] = {}
        """What is imported from `ferrobee.models`."""
        self.devices: dict[str, str] = {}
        """The class of every device, by name."""
        self.groups: dict[str, str] = {}
        self.docs: dict[str, str] = {}
        self.by_address: dict[str, str] = {}
        self.model_of: dict[str, str] = {}
        """The models of the classes that are imported."""
        self.own: dict[str, str] = {}
        """Classes that are written here, by their definitions."""
        self.running = Source(stub=False)
        """The same classes for the module that runs."""

    def device(self, device: Mapping[str, Any]) -> None:
        name = str(device["friendly_name"])
        definition = device.get("definition")
        self.devices[name] = self.class_of(name, definition)
        self.by_address[str(device["ieee_address"])] = self.devices[name]
        if definition:
            what = f"{definition.get('vendor', '')} {definition.get('model', '')}".strip()
            self.docs[name] = f"{definition.get('description', '')} ({what})".strip()

    def group(self, group: Mapping[str, Any]) -> None:
        """A group whose members are of one model has the properties of that."""
        classes = {self.by_address.get(str(one["ieee_address"])) for one in group["members"]}
        one_class = next(iter(classes)) if len(classes) == 1 else None
        if one_class in (None, "AnyDevice"):
            self.source.names.add("Group")
            one_class = "Group"
        self.groups[str(group["friendly_name"])] = str(one_class)

    def class_of(self, name: str, definition: Mapping[str, Any] | None) -> str:
        if not definition or not definition.get("exposes"):
            self.source.names.add("AnyDevice")
            return "AnyDevice"
        model = str(definition["model"])
        known = self.builtin.get(model)
        if known is not None and model in MODELS and known["exposes"] == definition["exposes"]:
            module, class_name = MODELS[model]
            self.modules.setdefault(module, set()).add(class_name)
            self.model_of[class_name] = model
            return class_name
        # A converter of the owner's, or what a device says of itself.
        text = json.dumps([model, definition["exposes"]], sort_keys=True)
        if text not in self.own:
            made = camel(model) if definition.get("source") != "generated" else camel(name)
            made = f"Own{made}"
            while made in self.own.values():
                made = f"{made}_"
            self.own[text] = model_class(definition, self.source, made)
            model_class(definition, self.running, made)
        return self.own[text]

    # --- text -------------------------------------------------------------------------------------

    def text(self) -> str:
        lines = [f'"""The devices and groups of this house, for type checkers. {MARK}.', ""]
        lines += ["Write it again when a device was paired, renamed or removed.", '"""', ""]
        # A house takes its own names only, where `Home` takes any.
        lines += ['# mypy: disable-error-code="override"']
        lines += ["# pyright: reportIncompatibleMethodOverride=false", ""]
        body = self.house()
        self.source.typing.update(("Literal", "TypeVar", "overload"))
        lines += imports(self.source)
        lines += ["", "from ferrobee import Home"]
        for module in sorted(self.modules):
            names = ", ".join(sorted(self.modules[module]))
            lines.append(f"from ferrobee.models.{module} import {names}")
        lines += ["", '_D = TypeVar("_D", bound=Device)', ""]
        lines += [*self.source.events, *self.source.lines, *body]
        return "\n".join(lines).rstrip() + "\n"

    def module(self) -> str:
        """What runs: the classes that are no model's, and the home of whoever asks, who is told
        which class is whose."""
        own = set(self.own.values())
        classes = {
            name: repr(self.model_of[kind]) if kind in self.model_of else kind
            for name, kind in sorted({**self.groups, **self.devices}.items())
            if kind in self.model_of or kind in own
        }
        lines = [f'"""The house. {MARK}; what is in it, the file beside this one says.', ""]
        lines += ["    from home import home", '"""', "", "from __future__ import annotations", ""]
        if own:
            lines += imports(self.running)
        lines += ["", "import ferrobee", "", "", *self.running.events, *self.running.lines]
        lines += ["_MODELS = {", *(f"    {name!r}: {kind}," for name, kind in classes.items())]
        lines += ["}", "", "", "def __getattr__(name):", '    if name != "home":']
        lines += ["        raise AttributeError(name)"]
        lines += ["    # Another one for each automation file: so it is looked up each time."]
        return "\n".join([*lines, "    return ferrobee.home.typed(_MODELS)"]) + "\n"

    def house(self) -> list[str]:
        self.source.names.add("Device")
        lines = ["class House(Home):"]
        lines.append('    """This house: its devices and groups by name."""')
        for name, kind in sorted({**self.groups, **self.devices}.items()):
            if is_name(name) and not name.startswith("_") and name not in self.taken:
                lines.append(f"    {name}: {kind}")
                if text := self.docs.get(name):
                    lines.append(f"    {_doc(text)}")
        lines += self.method("device", self.devices)
        lines += self.method("group", self.groups)
        return [*lines, "", "home: House"]

    def method(self, method: str, classes: Mapping[str, str]) -> list[str]:
        """`device` or `group`, which take the names that there are."""
        if not classes:
            return []
        by_class: dict[str, list[str]] = {}
        for name, kind in sorted(classes.items()):
            by_class.setdefault(kind, []).append(name)
        lines: list[str] = []
        every = ", ".join(map(repr, sorted(classes)))
        for kind, names in sorted(by_class.items()):
            known = ", ".join(map(repr, names))
            lines.append("    @overload")
            lines.append(f"    def {method}(self, name: Literal[{known}]) -> {kind}: ...")
        lines.append("    @overload")
        lines.append(f"    def {method}(self, name: Literal[{every}], model: type[_D]) -> _D: ...")
        return lines


def _doc(text: str) -> str:
    return f'"""{textwrap.shorten(doc_text(text), 200).rstrip(chr(34))}"""'
