"""Compares definitions with their schema: the words of JSON Schema that it uses, no more."""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ferrobee.converters._attributes import Json

__all__ = ["Violation", "close", "violations"]

_KINDS = {
    "object": "an object",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "True or False",
    "null": "None",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """What does not follow the schema, and where: `("capabilities", 2, "unit")`."""

    path: tuple[str | int, ...]
    text: str
    suggestion: str = ""


@cache
def _schema() -> dict[str, Any]:
    path = Path(__file__).with_name("generated") / "schema.json"
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return schema


def violations(definition: Json) -> list[Violation]:
    """Everything in a definition that does not follow the schema."""
    return list(_check(definition, _schema()["$defs"]["definition"], ()))


def close(word: str, words: list[str]) -> str:
    """The word that was probably meant."""
    found = difflib.get_close_matches(word, words, 1, 0.6)
    return f"did you mean {found[0]!r}?" if found else ""


def _check(value: Json, schema: dict[str, Any], path: tuple[str | int, ...]) -> Iterator[Violation]:
    if reference := schema.get("$ref"):
        yield from _check(value, _schema()["$defs"][reference.rsplit("/", 1)[-1]], path)
        return
    if "const" in schema and value != schema["const"]:
        yield Violation(path, f"must be {schema['const']!r}")
        return
    if "enum" in schema and value not in schema["enum"]:
        words = [str(word) for word in schema["enum"]]
        yield Violation(
            path, f"{value!r} is not one of {', '.join(words)}", close(str(value), words)
        )
        return
    if "oneOf" in schema:
        yield from _one_of(value, schema["oneOf"], path)
        return
    kinds = schema.get("type")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is(value, kind) for kind in kinds):
        wanted = " or ".join(_KINDS[kind] for kind in kinds)
        yield Violation(path, f"must be {wanted}, not {value!r}")
        return
    yield from _bounds(value, schema, path)
    if isinstance(value, dict):
        yield from _object(value, schema, path)
    if isinstance(value, list):
        yield from _list(value, schema, path)


def _one_of(
    value: Json, alternatives: list[dict[str, Any]], path: tuple[str | int, ...]
) -> Iterator[Violation]:
    kinds = [one.get("properties", {}).get("type", {}).get("const") for one in alternatives]
    if all(kinds) and isinstance(value, dict):
        if value.get("type") in kinds:
            yield from _check(value, alternatives[kinds.index(value["type"])], path)
        else:
            yield Violation(
                path, f"there is no capability {value.get('type')!r}", close(str(value), kinds)
            )
        return
    tried = [list(_check(value, one, path)) for one in alternatives]
    if all(tried):
        # The alternative that goes wrong deepest is the one that was meant.
        yield from max(tried, key=lambda found: max(len(one.path) for one in found))


def _bounds(
    value: Json, schema: dict[str, Any], path: tuple[str | int, ...]
) -> Iterator[Violation]:
    least, greatest = schema.get("minimum"), schema.get("maximum")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if least is not None and value < least:
            yield Violation(path, f"{value} is below {least}")
        if greatest is not None and value > greatest:
            yield Violation(path, f"{value} is above {greatest}")
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        what = schema.get("description", "hexadecimal digits, two for each byte")
        yield Violation(path, f"{value!r} is not {what[0].lower()}{what[1:].removesuffix('.')}")


def _object(
    value: dict[str, Json], schema: dict[str, Any], path: tuple[str | int, ...]
) -> Iterator[Violation]:
    properties = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            yield Violation(path, f"'{name}' is missing")
    for name, one in value.items():
        if name in properties:
            yield from _check(one, properties[name], (*path, name))
        elif schema.get("additionalProperties") is False:
            yield Violation(path, f"there is no '{name}' here", close(name, list(properties)))


def _list(
    value: list[Json], schema: dict[str, Any], path: tuple[str | int, ...]
) -> Iterator[Violation]:
    least, most = schema.get("minItems", 0), schema.get("maxItems", len(value))
    if not least <= len(value) <= most:
        number = f"{least}" if least == most else f"at least {least}"
        yield Violation(path, f"has {len(value)} entries, where {number} belong")
        return
    first = schema.get("prefixItems", [])
    for index, one in enumerate(value):
        item = first[index] if index < len(first) else schema.get("items", {})
        yield from _check(one, item, (*path, index))


def _is(value: Json, kind: str) -> bool:
    match kind:
        case "object":
            return isinstance(value, dict)
        case "array":
            return isinstance(value, list)
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "null":
            return value is None
        case "integer":
            whole = isinstance(value, float) and value.is_integer()
            return (isinstance(value, int) or whole) and not isinstance(value, bool)
        case _:
            return isinstance(value, (int, float)) and not isinstance(value, bool)
