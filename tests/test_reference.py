"""python/docs/reference.md is what the docstrings say."""

from __future__ import annotations

import inspect
from dataclasses import fields, is_dataclass
from importlib import import_module

import pytest
from tests.tools import generate_reference


def test_the_reference_is_up_to_date() -> None:
    text = generate_reference.reference()
    assert generate_reference.FILE.read_text() == text, (
        "run: python -m tests.tools.generate_reference"
    )


@pytest.mark.parametrize("module", generate_reference.MODULES)
def test_every_public_name_is_in_it_and_says_what_it_is(module: str) -> None:
    text = generate_reference.FILE.read_text()
    for name in import_module(module).__all__:
        if name.startswith("_") or name == "home":
            continue
        value = getattr(import_module(module), name)
        assert f"### `{name}" in text, name
        if callable(value):
            assert value.__doc__, name


@pytest.mark.parametrize("module", generate_reference.MODULES)
def test_every_field_of_what_handlers_get_is_in_it(module: str) -> None:
    text = generate_reference.FILE.read_text()
    for name in import_module(module).__all__:
        value = getattr(import_module(module), name)
        if name != "home" and inspect.isclass(value) and is_dataclass(value):
            entry = text.split(f"### `{name}`", 1)[1].split("\n### ", 1)[0]
            assert [one.name for one in fields(value) if f"- **`{one.name}`**: " not in entry] == []
