"""Writes python/docs/reference.md from the docstrings of the public names.

.venv/bin/python -m tests.tools.generate_reference
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from importlib import import_module
from itertools import pairwise
from pathlib import Path

FILE = Path(__file__).resolve().parent.parent.parent / "python" / "docs" / "reference.md"
MODULES = {
    "ferrobee": "Automations and the house",
    "ferrobee.properties": "Properties of devices",
    "ferrobee.testing": "Tests",
}
# What the runtime calls. No leading underscore, as other modules of the package use it.
_INTERNAL = {
    "Home": "steps attach nodes node_count node check_views prune unknown hear require_running",
    "Router": "handlers machines routers add_machine",
    "Condition": "watched keys",
    "Source": "watched keys",
    "ActionEvent": "KEYS of",
}
_INTERNAL_EVERYWHERE = {"bind", "occurred", "is_published"}

_HEAD = """\
# Reference

Generated from the docstrings by `tests/tools/generate_reference.py`; not to be edited. The classes
of models are in `ferrobee.models`, one module for each vendor; [converters](converters.md) have a
page of their own.
"""


def reference() -> str:
    """The whole page."""
    parts = [_HEAD]
    shown: set[object] = set()
    for module, title in MODULES.items():
        parts.append(f"## {title}: `{module}`\n")
        namespace = import_module(module)
        for name in sorted(namespace.__all__, key=str.lower):
            if name.startswith("_") or name == "home":
                continue
            value = getattr(namespace, name)
            if inspect.isclass(value) or inspect.isfunction(value):
                if value in shown:
                    continue
                shown.add(value)
            parts.append(_entry(name, value))
    return "\n".join(parts)


def _entry(name: str, value: object) -> str:
    if inspect.isclass(value):
        bases = [
            base.__name__ for base in value.__bases__ if base.__module__.startswith("ferrobee")
        ]
        base = f" ({', '.join(f'`{one}`' for one in bases)})" if bases else ""
        return "\n".join([f"### `{name}`{base}\n", _text(value), *_made(value), *_members(value)])
    if inspect.isfunction(value):
        return f"### `{name}{_signature(value)}`\n\n{_text(value)}"
    if type(value).__module__.startswith("ferrobee"):
        return "\n".join([f"### `{name}`\n", _text(value), *_members(type(value))])
    return f"### `{name}`\n\n"


def _made(owner: type[object]) -> list[str]:
    """How one is made, if its constructor says anything about that."""
    doc = getattr(vars(owner).get("__init__"), "__doc__", None)
    if not doc:
        return []
    return [f"- **`{owner.__name__}{_signature(owner.__init__)}`**: {_line(doc)}"]


def _members(owner: type[object]) -> list[str]:
    left_out = {*_INTERNAL.get(owner.__name__, "").split(), *_INTERNAL_EVERYWHERE}
    lines = [
        f"- **`{name}`**: {_line(doc)}" for name, doc in _attributes(owner) if name not in left_out
    ]
    for name, value in vars(owner).items():
        if name.startswith("_") or name in left_out:
            continue
        plain = value.__func__ if isinstance(value, staticmethod | classmethod) else value
        if isinstance(plain, property):
            if doc := inspect.getdoc(plain):
                lines.append(f"- **`{name}`**: {_line(doc)}")
        elif inspect.isfunction(plain):
            wait = "await " if inspect.iscoroutinefunction(plain) else ""
            doc = inspect.getdoc(plain) or ""
            lines.append(f"- **`{wait}{name}{_signature(plain)}`**: {_line(doc)}")
    return [*lines, ""] if lines else []


def _attributes(owner: type[object]) -> list[tuple[str, str]]:
    """Attributes and the texts below them, in the class or in its `__init__`."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0]
    if not isinstance(tree, ast.ClassDef):
        return []
    bodies = [tree.body]
    bodies += [
        inner.body
        for inner in tree.body
        if isinstance(inner, ast.FunctionDef) and inner.name == "__init__"
    ]
    found = []
    for body in bodies:
        for statement, text in pairwise(body):
            target = (
                statement.targets[0]
                if isinstance(statement, ast.Assign)
                else statement.target
                if isinstance(statement, ast.AnnAssign)
                else None
            )
            name = target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "_")
            match text:
                case ast.Expr(ast.Constant(str(doc))) if not name.startswith("_"):
                    found.append((name, inspect.cleandoc(doc)))
    return found


def _signature(function: object) -> str:
    if not callable(function):
        return ""
    signature = inspect.signature(function)
    parameters = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in signature.parameters.values()
        if parameter.name not in ("self", "cls")
    ]
    return str(signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty))


def _text(value: object) -> str:
    doc = inspect.getdoc(value) or ""
    # What a dataclass says of itself is its signature.
    if re.match(r"\w+\(.*\)( -> None)?$", doc):
        doc = ""
    return textwrap.dedent(doc).strip() + "\n"


def _line(doc: str) -> str:
    return " ".join(doc.split())


if __name__ == "__main__":
    FILE.write_text(reference())
