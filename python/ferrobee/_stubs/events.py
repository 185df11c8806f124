"""Which fields the messages of actions carry.

What is known of the standard's commands and of locks is written down here; the rest is what the
definition exposes as `action_*`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ferrobee._stubs.naming import attribute, camel

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

__all__ = ["EventClass", "Field", "event_classes"]

# Names of the base class that a field must not hide.
_TAKEN = frozenset({"device", "action", "at", "message", "of", "KEYS"})

_NUMBER = "float"
_LEVEL_MOVE = {"rate": _NUMBER}
_STEP = {"step_size": _NUMBER, "transition_time": _NUMBER}
_TIMED = {"transition_time": _NUMBER}
_USER = {"user": _NUMBER}
_ARM = {"code": "str", "transaction": _NUMBER, "zone": _NUMBER}

# What comes with an action: of the standard's commands (without the suffix of an endpoint), and of
# Aqara's locks, by patterns that match a whole value.
_COMPANIONS: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("brightness_move_to_level", {"level": _NUMBER, **_TIMED}),
    ("brightness_move_(up|down)", _LEVEL_MOVE),
    ("brightness_step_(up|down)", _STEP),
    (
        "color_temperature_move_(up|down|stop)",
        {"rate": _NUMBER, "minimum": _NUMBER, "maximum": _NUMBER},
    ),
    (
        "color_temperature_step_(up|down)",
        {**_STEP, "color_temperature_delta": _NUMBER},
    ),
    ("color_temperature_move", {"color_temperature": _NUMBER, **_TIMED}),
    ("color_move", {"color": "dict[str, float]", **_TIMED}),
    ("move_to_hue", {"hue": _NUMBER, "direction": "str", **_TIMED}),
    ("move_to_saturation", {"saturation": _NUMBER, **_TIMED}),
    (
        "(enhanced_)?move_to_hue_and_saturation",
        {"hue": _NUMBER, "saturation": _NUMBER, **_TIMED},
    ),
    ("color_(hue|saturation)_step_(up|down)", _STEP),
    ("(recall|store)_.*", {"group": _NUMBER}),
    ("disarm|arm_.*|exit_delay|entry_delay", _ARM),
    ("(finger|password)_open|door_closed", {**_USER, "user_type": "str"}),
    ("(finger|password)_(add|delete)|lock_opened_(inside|outside)", _USER),
    ("(finger|password)_not_match", {"repeat": _NUMBER}),
)


@dataclass(frozen=True)
class Field:
    """A field of an event."""

    name: str
    key: str
    """Its name on the wire."""
    type: str
    """As Python writes it."""
    always: bool
    """False where not every message carries it."""


@dataclass(frozen=True)
class EventClass:
    """An event dataclass, for one or several kinds of action."""

    name: str
    kinds: tuple[str, ...]
    fields: tuple[Field, ...]


def event_classes(
    model: str, actions: Sequence[str], exposed: Iterable[Mapping[str, Any]], endpoints: set[str]
) -> list[EventClass]:
    """The event classes of a model; a kind that carries nothing of its own is in none."""
    expose_fields = [expose for expose in exposed if expose["property"].startswith("action_")]
    by_fields: dict[tuple[Field, ...], list[str]] = {}
    for action in actions:
        if fields := _fields_of(action, actions, expose_fields, endpoints):
            by_fields.setdefault(fields, []).append(action)
    groups = {_group_of(expose["property"], actions) for expose in expose_fields}
    names: list[str] = []
    for fields, kinds in by_fields.items():
        name = f"{model}{_name_of(kinds, actions, groups, fields)}"
        while name in names:
            name = f"{name}_"
        names.append(name)
    return [
        EventClass(name, tuple(kinds), fields)
        for name, (fields, kinds) in zip(names, by_fields.items(), strict=True)
    ]


def _fields_of(
    action: str,
    actions: Sequence[str],
    exposes: Iterable[Mapping[str, Any]],
    endpoints: set[str],
) -> tuple[Field, ...]:
    fields: dict[str, Field] = {}
    base = action
    for endpoint in endpoints:
        base = base.removesuffix(f"_{endpoint}")
    for pattern, companions in _COMPANIONS:
        if re.fullmatch(pattern, base):
            for name, kind in companions.items():
                fields[name] = Field(name, f"action_{name}", kind, always=False)
    for expose in exposes:
        field = _exposed_field(expose, actions)
        group = _group_of(field.key, actions)
        if group is None:
            fields[field.name] = field
        elif _belongs(action, group):
            fields[field.name] = replace(field, always=True)
    return tuple(fields[name] for name in sorted(fields, key=lambda name: not fields[name].always))


def _exposed_field(expose: Mapping[str, Any], actions: Sequence[str]) -> Field:
    key = expose["property"]
    group = _group_of(key, actions)
    prefix = "action_" if group is None else f"action_{group}_"
    name = attribute(key.removeprefix(prefix), _TAKEN) or key
    kinds = {"numeric": _NUMBER, "binary": "bool", "text": "str"}
    kind = kinds.get(expose["type"], "object")
    if expose["type"] == "enum" and expose.get("values"):
        kind = f"Literal[{', '.join(map(repr, expose['values']))}]"
    return Field(name, key, kind, always=False)


def _group_of(key: str, actions: Sequence[str]) -> str | None:
    """The action that a key is named after, as `rotation` in `action_rotation_angle`."""
    return next((action for action in actions if key.startswith(f"action_{action}_")), None)


def _belongs(action: str, group: str) -> bool:
    """`start_rotating` and `rotation` are of one kind: their messages carry the same."""
    stem = group[: max(4, len(group) - 3)]
    return any(part.startswith(stem) for part in action.split("_"))


def _name_of(
    kinds: Sequence[str],
    actions: Sequence[str],
    groups: Container[str | None],
    fields: Sequence[Field],
) -> str:
    """What kinds are called together: by their group, their common beginning, or their fields."""
    for kind in kinds:
        if kind in groups:
            return camel(kind)
    if len(kinds) == len(actions) > 1:
        return "Event"
    parts = [kind.replace("*", "any").split("_") for kind in kinds]
    common: list[str] = []
    for column in zip(*parts, strict=False):
        if len(set(column)) > 1:
            break
        common.append(column[0])
    return camel("_".join(common)) or camel("_".join(field.name for field in fields)) + "Event"
