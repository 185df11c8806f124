"""`ferrobee converter check`: what it finds, with file, line, reason and suggestion."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, get_args

import pytest
from tests.support.definitions import builtin
from tests.support.museum import MUSEUM
from tests.support.program import ferrobee

from ferrobee.converters._findings import Kind
from ferrobee.converters._schema import violations
from ferrobee.converters.check import check

if TYPE_CHECKING:
    from pathlib import Path

HEAD = """\
from ferrobee.converters import *


class Thing(Definition):
    match = Model("acme.thing")
    model, vendor, description = "AT", "Acme", "Thing"
"""
CASES: dict[str, tuple[str, list[str]]] = {
    "syntax": (
        "class Thing(:\n",
        ["FILE:1: error: SyntaxError: invalid syntax [does_not_load]"],
    ),
    "parameter": (
        HEAD + '    power = Power(sources=[lumi.tag(1)], catagory="config")\n',
        [
            "FILE:7: error: TypeError: there is no parameter 'catagory' [does_not_load]\n"
            "    did you mean 'category'?"
        ],
    ),
    "import": (
        "from ferrobee.converters import Definitoin\n",
        [
            "FILE:1: error: ImportError: ferrobee.converters has no 'Definitoin' [does_not_load]\n"
            "    did you mean 'Definition'?"
        ],
    ),
    "name": (
        "from ferrobee.converters import Definition\n\nmatch = Model('x')\n",
        [
            "FILE:3: error: NameError: name 'Model' is not defined [does_not_load]\n"
            "    from ferrobee.converters import Model"
        ],
    ),
    "unknown attribute by name": (
        HEAD + "    power = Power(sources=[clusters.AnalogInput.present_valu])\n",
        [
            "FILE:7: error: AttributeError: the cluster genAnalogInput has no 'present_valu' "
            "[does_not_load]\n    did you mean 'present_value'?"
        ],
    ),
    "unknown cluster by name": (
        HEAD + "    power = Power(sources=[clusters.AnalogInputs.present_value])\n",
        [
            "FILE:7: error: AttributeError: module 'ferrobee.converters.clusters' has no attribute "
            "'AnalogInputs' [does_not_load]\n    did you mean 'AnalogInput'?"
        ],
    ),
    "unknown cluster by number": (
        HEAD + "    power = Power(sources=[Cluster(0x00AA).attr(0)])\n",
        [
            "FILE:7: error: Thing.power: the standard has no cluster 0x00aa [unknown_cluster]\n"
            "    near: clusters.ShadeCfg (0x0100), clusters.DoorLock (0x0101); vendors' own begin "
            "at 0xfc00"
        ],
    ),
    "unknown attribute by number": (
        HEAD + "    power = Power(sources=[Cluster(0x000C).attr(0x0056)])\n",
        [
            "FILE:7: warning: Thing.power: the cluster 0x000c has no attribute 0x0056 in the "
            "standard [unknown_attribute]\n"
            "    near: clusters.AnalogInput.present_value (0x0055), "
            "clusters.AnalogInput.out_of_service (0x0051); a vendor's own needs "
            "Cluster(..., manufacturer=...)"
        ],
    ),
    "type of a parameter": (
        HEAD + "    power = Power(sources=[lumi.tag(1)], digits='two')\n",
        [
            "FILE:7: error: Thing.power: digits: must be a whole number, not 'two' [wrong_type]",
        ],
    ),
    "word of a parameter": (
        HEAD + "    power = Power(sources=[lumi.tag(1)], category='diagnostics')\n",
        [
            "FILE:7: error: Thing.power: category: 'diagnostics' is not one of config, diagnostic "
            "[wrong_type]\n    did you mean 'diagnostic'?"
        ],
    ),
    "type of a field": (
        HEAD + "    ota = 'yes'\n    state = OnOff()\n    version = 1\n",
        ["FILE:4: error: Thing: version: must be text, not 1 [wrong_type]"],
    ),
    "type of an attribute": (
        HEAD + "    time = NumberSetting(Cluster(6).attr(0x4001, Uint8), unit='s')\n",
        [
            "FILE:7: warning: Thing.time: clusters.OnOff.on_time is of the type uint16, not uint8 "
            "[wrong_type]\n    clusters.OnOff.on_time"
        ],
    ),
    "missing unit": (
        HEAD + "    floor_temperature = Numeric(sources=[lumi.tag(1)])\n",
        [
            "FILE:7: warning: Thing.floor_temperature: the number 'floor_temperature' has no unit "
            '[missing_unit]\n    unit="°C"'
        ],
    ),
    "hole in an enum": (
        HEAD
        + "    mode = Setting(Cluster(0xFC00).attr(1, Enum8), values={'a': 0, 'b': 1, 'c': 3})\n",
        [
            "FILE:7: warning: Thing.mode: 'mode' has no meaning for 2 [enum_hole]\n"
            "    add 2 to the values, or say what others mean"
        ],
    ),
    "hole in a datapoint": (
        HEAD + "    mode = tuya.datapoint(2, tuya.Lookup({'a': 0, 'b': 1, 'c': 2, 'd': 4}))\n",
        [
            "FILE:7: warning: Thing.mode: 'mode' has no meaning for 3 [enum_hole]\n"
            "    add 3 to the values, or say what others mean"
        ],
    ),
    "shadowed built-in": (
        HEAD.replace("acme.thing", "lumi.relay.c2acn01") + "    state = OnOff()\n",
        [
            "FILE:4: note: Thing: 'lumi.relay.c2acn01' is built in as Aqara LLKZMK11LM; yours is "
            "used instead [shadowed_builtin]"
        ],
    ),
    "unreachable match": (
        HEAD + "    state = OnOff()\n\n\nclass Other(Thing):\n    model = 'OT'\n"
        "    match = [Model('acme.thing'), Model('acme.other')]\n",
        [
            "FILE:10: error: Other: devices that say 'acme.thing' are taken already by Thing "
            "(FILE:4) [unreachable_match]\n    known: Model('acme.thing')"
        ],
    ),
    "missing captures": (
        HEAD + "    state = OnOff()\n    captures = 'nowhere.jsonl'\n",
        [
            "FILE:4: error: Thing: the captures 'nowhere.jsonl' are not there: No such file or "
            "directory [missing_capture]",
        ],
    ),
    "nothing in the file": (
        "x = 1\n",
        ["FILE: error: there is no definition in it [empty]\n    class Name(Definition): ..."],
    ),
    "nothing in the class": (
        HEAD,
        ["FILE:4: error: Thing: it can do nothing [empty]\n    state = OnOff()"],
    ),
    "overlapping properties": (
        HEAD + "    power = Power(sources=[lumi.tag(1)])\n"
        "    second = Power(sources=[lumi.tag(2)], name='power')\n",
        [
            "FILE:8: error: Thing.second: the property 'power' is shown by Thing.power (FILE:7) "
            "already [overlapping_key]"
        ],
    ),
    "overlapping keys": (
        HEAD + "    mode = Setting(Cluster(0xFC00).attr(1, Enum8), values={'a': 0, 'b': 1})\n"
        "    other = tuya.datapoint(1, tuya.Switch, name='mode', exposed=False)\n"
        "    third = tuya.datapoint(2, tuya.Switch, name='scene_recall')\n",
        [
            "FILE:9: error: Thing.third: the key 'scene_recall' has a meaning for every device "
            "[overlapping_key]"
        ],
    ),
    "a number that is rounded on its way": (
        HEAD
        + "    offset = NumberSetting(Cluster(0xFC00).attr(1, Int8), range=(-2, 2), step=0.5,\n"
        "        unit='°C')\n",
        [
            "FILE:7: error: Thing.offset: 'offset': -1.5 comes back as -1; -0.5 comes "
            "back as 0; 0.5 "
            "comes back as 1 (and 1 more) [round_trip]\n    the step is 0.5: scale=2 holds it"
        ],
    ),
    "a number that does not fit": (
        HEAD + "    limit = tuya.datapoint(1, tuya.Number(divide=10), unit='W', range=(0, 10),\n"
        "        step=0.25)\n",
        [
            "FILE:7: error: Thing.limit: 'limit': 0.25 comes back as 0.3; 0.75 comes back as 0.8; "
            "1.75 comes back as 1.8 (and 8 more) [round_trip]\n    the step is 0.25: "
            "divide=4 holds "
            "it"
        ],
    ),
    "two words for one number": (
        HEAD + "    mode = Setting(Cluster(0xFC00).attr(1, Enum8), values={'a': 0, 'b': 0})\n",
        [
            "FILE:7: error: Thing.mode: 'mode': 'b' comes back as 'a' [round_trip]\n"
            "    one number for each value, one value for each"
        ],
    ),
    "functions that are no inverse": (
        HEAD + "    level = NumericValue('%', range=(0, 4))\n"
        "    @from_zigbee(Cluster(0xFC00).attr(1, Uint8))\n"
        "    def heard(self, message: Message) -> Values:\n"
        "        return {'level': message.value / 3}\n"
        "    @to_zigbee('level')\n"
        "    def set_level(self, value: Json, request: Request) -> list[Operation]:\n"
        "        return [operations.write(Cluster(0xFC00).attr(1, Uint8), value * 2)]\n",
        [
            "FILE:8: error: Thing.functions: 'level': 1 comes back as 0.6666666666666666; 2 comes "
            "back as 1.3333333333333333; 3 comes back as 2.0 (and 1 more) [round_trip]"
        ],
    ),
    "a function that fails": (
        HEAD + "    level = NumericValue('%', range=(0, 1))\n"
        "    @to_zigbee('level')\n"
        "    def set_level(self, value: Json, request: Request) -> list[Operation]:\n"
        "        return [operations.write(LEVEL, value)]\n",
        [
            "FILE:8: error: Thing.functions: 'level': 0 can't be set: NameError: name "
            "'LEVEL' is not "
            "defined in line 10; 1 can't be set: NameError: name 'LEVEL' is not defined in line 10 "
            "[round_trip]"
        ],
    ),
    "a function that never ends": (
        HEAD + "    level = BinaryValue()\n"
        "    @to_zigbee('level')\n"
        "    def set_level(self, value: Json, request: Request) -> list[Operation]:\n"
        "        while value:\n            pass\n        return []\n",
        [
            "FILE:8: error: Thing.functions: 'level': True can't be set: timeout: it did not end "
            "within 0.8 s of computing in line 10 [round_trip]"
        ],
    ),
    "a function that waits for longer than the bridge": (
        HEAD + "    level = BinaryValue()\n"
        "    @to_zigbee('level')\n"
        "    def set_level(self, value: Json, request: Request) -> list[Operation]:\n"
        "        if value:\n            __import__('time').sleep(1.2)\n        return []\n",
        [
            "FILE:8: error: Thing.functions: 'level': True can't be set: timeout: it took longer "
            "than 1 second, the most that the bridge waits [round_trip]"
        ],
    ),
    "a function that ends its program": (
        HEAD + "    level = BinaryValue()\n"
        "    @to_zigbee('level')\n"
        "    def set_level(self, value: Json, request: Request) -> list[Operation]:\n"
        "        if value:\n            __import__('os')._exit(3)\n        return []\n",
        [
            "FILE:8: error: Thing.functions: 'level': True can't be set: timeout: it did not "
            "answer within 5 seconds, or ended [round_trip]"
        ],
    ),
    "a definition that the bridge refuses": (
        HEAD.replace("acme.thing", "") + "    state = OnOff()\n",
        [
            "FILE:4: error: Thing: match[0].model: the model is empty; devices have one "
            "[wrong_definition]"
        ],
    ),
    "an endpoint that cannot be": (
        HEAD + "    endpoints = {'a': 0}\n    state = OnOff()\n",
        ["FILE:4: error: Thing: endpoints: 0 is below 1 [wrong_type]"],
    ),
    "parameters of a function": (
        HEAD + "    @from_zigbee(clusters.OnOff.on_off)\n"
        "    def heard(self) -> Values:\n        return {}\n",
        [
            "FILE:7: error: ConverterError: Thing: the function 'heard' has the parameters (self) "
            "[does_not_load]\n    def heard(self, message)"
        ],
    ),
    "two models of one name with functions": (
        HEAD + "    state = OnOff()\n\n\nclass Other(Thing):\n    match = Model('acme.other')\n"
        "    @on_configure\n    def set_up(self, request: Request) -> list[Operation]:\n"
        "        return []\n",
        [
            "FILE:10: error: ConverterError: Other: the model 'AT' is that of Thing too "
            "[does_not_load]\n    definitions with functions need models apart"
        ],
    ),
    "a value that nobody publishes": (
        HEAD + "    speed = NumericValue('m/s')\n",
        [
            "FILE:7: error: ConverterError: Thing: no function publishes or sets 'speed' "
            "[does_not_load]"
        ],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_is_found_with_line_reason_and_suggestion(name: str, tmp_path: Path) -> None:
    text, wanted = CASES[name]
    file = tmp_path / "thing.py"
    file.write_text(text)
    assert [str(one).replace(str(file), "FILE") for one in check(file)] == wanted


RECORDED = """
    state = OnOff()
    temperature = Temperature()
    captures = "thing.jsonl"
    level = NumericValue()

    @from_zigbee(clusters.AnalogInput.present_value)
    def heard(self, message: Message) -> Values:
        return {"level": message.value * 2 + message.state.get("level", 0)}
"""
LINES = [
    {"cluster": 6, "zcl": "18210a00001001", "payload": {"state": "ON"}},
    {"cluster": 0x0402, "zcl": "18010a0000290a08", "payload": {"temperature": 20.58}},
    {"cluster": 0x000C, "zcl": "18010a5500390000803f", "payload": {"level": 2}},
    {"cluster": 0x000C, "zcl": "18010a5500390000803f", "payload": {"level": 4}},
]
"""Captures, with the least that one has to have."""


def captured(lines: list[dict[str, Any]]) -> str:
    """Captures of a device; what is published says what was known before too."""
    texts = []
    known: dict[str, Any] = {"linkquality": 0}
    for line in lines:
        known = {**known, **(line.get("payload") or {})}
        device = {"zigbee_model": "acme.thing", "endpoint": 1, "payload": known}
        texts.append(json.dumps({**line, **device}))
    return "\n".join(texts)


def test_recordings_that_a_definition_names_are_its_tests(tmp_path: Path) -> None:
    file, captures = tmp_path / "thing.py", tmp_path / "thing.jsonl"
    file.write_text(HEAD + RECORDED)
    captures.write_text(captured(LINES))
    assert [one for one in check(file) if one.kind == "capture_differs"] == []
    wrong: list[dict[str, Any]] = [
        {**LINES[0], "payload": {"state": "OFF"}},
        {**LINES[1], "payload": {"state": "ON"}},
        {"zcl": "00"},
    ]
    captures.write_text(captured(wrong))
    assert [str(one) for one in check(file) if one.kind == "capture_differs"] == [
        f'{captures}:1: error: Thing: \'state\' is "ON", recorded was "OFF" [capture_differs]',
        f"{captures}:2: error: Thing: 'temperature' is 20.58, recorded was nothing "
        "[capture_differs]",
        f"{captures}:3: error: Thing: it can't be read: missing field `cluster` at line 1 "
        "column 104 [capture_differs]",
    ]


def test_a_function_that_fails_in_a_recording_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "thing.py"
    file.write_text(HEAD + RECORDED.replace("message.value * 2", "1 / 0"))
    (tmp_path / "thing.jsonl").write_text(captured(LINES[2:3]))
    (found,) = (one for one in check(file) if one.kind == "capture_differs")
    assert "'level' is nothing, recorded was 2" in found.text
    assert f"heard failed: {file}:15: ZeroDivisionError: division by zero" in found.text


def test_there_is_an_example_of_every_kind_of_finding() -> None:
    shown = {re.findall(r"\[(\w+)\]", line)[-1] for _, lines in CASES.values() for line in lines}
    # That one has a test of its own below.
    assert set(get_args(Kind)) - {"capture_differs"} == shown


@pytest.mark.parametrize("converter", sorted(MUSEUM.glob("v*/*.py")), ids=lambda path: path.stem)
def test_nothing_is_wrong_with_the_converters_of_the_museum(converter: Path) -> None:
    assert [str(one) for one in check(converter) if one.level != "note"] == []


def test_the_catalogue_follows_its_schema_as_we_read_that() -> None:
    for definition in builtin():
        assert violations(definition) == [], definition["model"]


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        (("vendor",), 5, "must be text, not 5"),
        (("capabilities",), {}, "must be a list, not {}"),
        (("endpoints",), [["l1"]], "has 1 entries, where 2 belong"),
        (("endpoints",), [["l1", 300]], "300 is above 240"),
        (("match",), [], "has 0 entries, where at least 1 belong"),
        (("match", 0), {}, "'model' is missing"),
        (("colour",), 1, "there is no 'colour' here"),
        (("structures", 0, "cluster"), "0xG", "'0xG' is not"),
    ],
)
def test_what_does_not_follow_the_schema_is_told(
    path: tuple[str | int, ...], value: object, text: str
) -> None:
    definition = json.loads((MUSEUM / "v1_0" / "aqara_relay.json").read_text())[0]
    inside = definition
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    assert any(text in one.text for one in violations(definition)), violations(definition)


def test_other_converters_of_the_house_are_looked_at(tmp_path: Path) -> None:
    folder = tmp_path / "converters"
    folder.mkdir()
    (folder / "a.py").write_text(HEAD + "    state = OnOff()\n")
    (folder / "b.py").write_text(HEAD.replace("Thing(", "Late(") + "    state = OnOff()\n")
    assert check(folder / "b.py") == []
    (found,) = check(folder / "b.py", tmp_path)
    assert found.kind == "unreachable_match"
    assert str(folder / "a.py") in found.text
    assert check(folder / "a.py", tmp_path) == []


def test_the_command_line_tells_a_person_and_a_program(tmp_path: Path) -> None:
    file = tmp_path / "thing.py"
    file.write_text(CASES["missing unit"][0])
    told = ferrobee("converter", "check", str(file))
    assert told.returncode == 1
    assert told.stdout.startswith(f"{file}:7: warning: ")
    assert told.stderr == "1 found\n"
    (found,) = json.loads(ferrobee("converter", "check", str(file), "--json").stdout)
    assert found == {
        "kind": "missing_unit",
        "level": "warning",
        "file": str(file),
        "line": 7,
        "text": "Thing.floor_temperature: the number 'floor_temperature' has no unit",
        "suggestion": 'unit="°C"',
    }


def test_notes_alone_are_not_wrong(tmp_path: Path) -> None:
    file = tmp_path / "thing.py"
    file.write_text(CASES["shadowed built-in"][0])
    told = ferrobee("converter", "check", str(file))
    assert told.returncode == 0
    assert "note" in told.stdout


def test_a_file_that_is_not_there_is_wrong_use(tmp_path: Path) -> None:
    told = ferrobee("converter", "check", str(tmp_path / "nowhere.py"))
    assert told.returncode == 2
    assert "nowhere.py" in told.stderr
