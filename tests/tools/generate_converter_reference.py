"""Writes python/docs/converters-reference.md from the docstrings of `ferrobee.converters`.

.venv/bin/python -m tests.tools.generate_converter_reference
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from itertools import pairwise
from pathlib import Path

from ferrobee import converters
from ferrobee.converters import clusters, common, functions, lumi, operations, steps, tuya
from ferrobee.converters.generated import primitives

FILE = Path(__file__).resolve().parents[2] / "python" / "docs" / "converters-reference.md"
_HEAD = """\
# Reference of converters

Generated from the docstrings by `tests/tools/generate_converter_reference.py`; not to be edited.
[Converters](converters.md) is the guide.
"""


def reference() -> str:
    """The whole page."""
    generated = [name for name in primitives.__all__ if hasattr(getattr(primitives, name), "type")]
    parts = [_HEAD, "## The definition\n", *map(_named, ("Definition", "Model", "Also"))]
    parts += ["## Ready to use\n", *(_entry(name, common) for name in common.__all__)]
    parts += ["## All capabilities\n", *(_entry(name, primitives) for name in sorted(generated))]
    values = ("NumericValue", "BinaryValue", "EnumValue", "TextValue")
    heard = ("from_zigbee", "to_zigbee", "on_configure", "dp", "Message", "Request", "Answer")
    parts += ["## Functions\n", *(_entry(name, functions) for name in heard)]
    parts += map(_named, values)
    for title, module, prefix in (
        ("What functions send", operations, "operations."),
        ("Steps of `configure`", steps, "steps."),
        ("Lumi", lumi, "lumi."),
        ("Tuya", tuya, "tuya."),
    ):
        parts.append(f"## {title}\n")
        parts += [
            _entry(name, module, prefix) for name in module.__all__ if _is_shown(module, name)
        ]
    parts += ["## Attributes and clusters\n", *map(_named, ("Attribute", "Cluster", "zone_status"))]
    parts.append(_clusters())
    return "\n".join(parts)


def _is_shown(module: object, name: str) -> bool:
    value = getattr(module, name)
    return inspect.isclass(value) or inspect.isfunction(value)


def _named(name: str) -> str:
    return _entry(name, converters)


def _entry(name: str, module: object, prefix: str = "") -> str:
    value = getattr(module, name)
    head = f"### `{prefix}{name}{_signature(value)}`"
    doc = textwrap.dedent(inspect.getdoc(value) or "").strip()
    # What a dataclass says of itself is its signature.
    doc = "" if doc.startswith(f"{name}(") else doc
    fields = [f"- **`{field}`**: {text}" for field, text in _fields(value)]
    return "\n\n".join(part for part in (head, doc, "\n".join(fields)) if part) + "\n"


def _signature(value: object) -> str:
    if value is converters.Definition or not callable(value):
        return ""
    signature = inspect.signature(value)
    shown = [
        parameter.replace(annotation=str(parameter.annotation).replace(" | None", ""))
        for parameter in signature.parameters.values()
    ]
    empty = inspect.Signature.empty
    text = str(signature.replace(parameters=shown, return_annotation=empty))
    # Annotations are text already, and are shown without quotes; what may be left out says so.
    return text.replace("'", "").replace(" = None", " = …")


def _fields(value: object) -> list[tuple[str, str]]:
    """Attributes of a class with the texts below them."""
    if not inspect.isclass(value):
        return []
    tree = ast.parse(textwrap.dedent(inspect.getsource(value))).body[0]
    found = []
    for statement, text in pairwise(getattr(tree, "body", [])):
        match statement, text:
            case ast.AnnAssign(target=ast.Name(name)), ast.Expr(ast.Constant(str(doc))):
                found.append((name, " ".join(doc.split())))
    return found


def _clusters() -> str:
    lines = ["### `clusters`\n", "| name | number | Zigbee2MQTT's name |", "|---|---|---|"]
    for name in clusters.__all__:
        cluster: converters.Cluster = getattr(clusters, name)
        code = "" if cluster.manufacturer is None else f" (0x{cluster.manufacturer:04x})"
        lines.append(f"| `clusters.{name}` | 0x{cluster.id:04x}{code} | {cluster.name} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    FILE.write_text(reference())
