"""What python/docs/converters.md shows loads, passes the check and the type checker, and works."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
import typing
from pathlib import Path
from typing import get_args

import pytest
from tests.support import records
from tests.support.program import ferrobee
from tests.support.records import Record
from tests.tools import generate_converter_reference

from ferrobee import converters
from ferrobee.converters._calls import Calls
from ferrobee.converters._findings import Kind
from ferrobee.converters.check import check
from ferrobee.converters.compile import compiled

TEXT = (Path(__file__).parent.parent / "python" / "docs" / "converters.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.M | re.S)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("shown")
    written = []
    for number, block in enumerate(BLOCKS):
        written.append(folder / f"shown_{number}.py")
        written[-1].write_text(block)
    return written


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_each_converter_passes_the_check(files: list[Path], number: int) -> None:
    assert [str(one) for one in check(files[number]) if one.level != "note"] == []


def test_the_type_checker_accepts_them(files: list[Path]) -> None:
    mypy = [sys.executable, "-m", "mypy", "--strict", *map(str, files)]
    done = subprocess.run(mypy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_endpoints_of_the_strip_are_named_after_its_attributes(files: list[Path]) -> None:
    strip = next(one for one in files if "class Strip" in one.read_text())
    (one,) = compiled(strip)
    assert one.definition["endpoints"] == [["left", 1], ["right", 2]]


def test_the_functions_of_the_anemometer_work(files: list[Path]) -> None:
    file = next(one for one in files if "class Anemometer" in one.read_text())
    (one,) = compiled(file)
    message = {"cluster": 0xFC01, "endpoint": 1, "attributes": {"0x0003": 120}}
    with Calls(file) as calls:
        told = calls.run(one, {"call": "from_zigbee", "function": "speed", "message": message})
    assert told["values"] == {"beaufort": 6}


def test_every_finding_is_explained() -> None:
    table = TEXT.partition("## What the check finds")[2].partition("## Sharing")[0]
    shown = set(re.findall(r"`([a-z_]+)`", table))
    assert set(get_args(Kind)) - {"empty"} <= shown


def test_the_names_that_are_listed_exist_and_the_version_is_the_one() -> None:
    section = TEXT.partition("## What a device can do")[2].partition("```python")[0]
    names = [name for name in re.findall(r"`([A-Z]\w+)[`(]", section) if name != "MQTT"]
    assert names
    assert [name for name in names if name not in converters.__all__] == []
    assert f"now {converters.API}." in TEXT


def test_the_comments_that_a_draft_is_shown_with_are_those_that_it_writes() -> None:
    drafts = (Path(__file__).parent / "test_converters_draft.py").read_text()
    for line in re.findall(r"^    (# .*)$", TEXT, re.M):
        assert json.dumps(line, ensure_ascii=False).strip('"') in drafts


def test_the_reference_is_what_the_docstrings_say() -> None:
    file = generate_converter_reference.FILE
    text = generate_converter_reference.reference()
    assert file.read_text() == text, "run: python -m tests.tools.generate_converter_reference"


def test_every_public_class_and_function_is_in_the_reference_and_says_what_it_is() -> None:
    text = generate_converter_reference.FILE.read_text()
    for name in converters.__all__:
        value = getattr(converters, name)
        apart = name in ("Capability", "Command", "ConverterError", "DataType", "Json", "Operation")
        if inspect.isclass(value) and not typing.is_typeddict(value) and not apart:
            assert f"### `{name}" in text, name
            assert value.__doc__, name


def test_the_first_converter_follows_from_its_draft(tmp_path: Path) -> None:
    text = (Path(__file__).parent.parent / "python" / "docs" / "first-converter.md").read_text()
    clusters = [0, 1, 3, 0x0402, 0x0408, 0xFC01]
    sensor = Record("tomato_bed", "acme.soil.2", "Acme", {1: (clusters, [])}, router=False)
    data = records.write(tmp_path / "data", [sensor])
    heard = tmp_path / "x.jsonl"
    heard.write_text('{"endpoint": 1, "cluster": "0xfc01", "zcl": "1c3412030a0100213901"}')
    draft = ferrobee("converter", "draft", "tomato_bed", "--data", data, "--captures", heard).stdout
    comments = text.split("```\n    # endpoint", 1)[1].split("```", 1)[0]
    assert comments in draft
    # It says what the draft says, and passes the check.
    (block,) = [
        one for one in re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S) if "class" in one
    ]
    file = tmp_path / "soil_sensor.py"
    file.write_text(block)
    assert [str(one) for one in check(file, data)] == []
    (one,) = compiled(file)
    for name in ("temperature", "soil_moisture", "battery"):
        assert f"    {name} = " in draft
        assert any(found.get("name") == name for found in one.definition["capabilities"])
