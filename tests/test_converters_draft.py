"""`ferrobee converter draft` and `ferrobee devices --why`."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.support import records
from tests.support.program import ferrobee
from tests.support.records import Record

from ferrobee.converters.check import check
from ferrobee.converters.compile import compiled

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.house import House

RELAY = Record("hall_relay", "lumi.relay.c2acn01", "LUMI", {1: ([0, 6, 12], [10]), 2: ([6], [])})
SENSOR = Record(
    "sensor",
    "acme.th.1",
    "Acme",
    {1: ([0, 1, 3, 0x0402, 0x0405], [0x19]), 2: ([0x0402], [])},
    "0x00158d0000000002",
    router=False,
)
VALVE = Record(
    "valve",
    "TS0601",
    "_TZE200_abcdefgh",
    {1: ([0, 4, 5, 0xEF00], [10, 25])},
    "0x00158d0000000003",
    router=False,
)
DUMB = Record("dumb", "lumi.sensor.xyz", "LUMI", {1: ([0], [])}, "0x00158d0000000004")
FRAMES = [
    {"endpoint": 1, "cluster": "0x0402", "zcl": "18010a0000290a08"},
    {"endpoint": 1, "cluster": "0x0402", "zcl": "18020a10002105000100210700"},
    {"endpoint": 1, "cluster": "0xfc01", "zcl": "1534121503aabb"},
    {"endpoint": 1, "cluster": 0xEF00, "zcl": "09050200010202000400000105"},
    {"endpoint": 1, "cluster": 0xEF00, "zcl": "0906020002650400010a"},
    {"endpoint": 1, "cluster": 0xEF00, "zcl": "0907020003650400010b"},
    {"endpoint": 1, "cluster": "0x0000", "zcl": "1c5f11080a01ff420a03281c64100096399e0f0945"},
    {"endpoint": 1, "cluster": "0x000c", "zcl": "18090a5500"},
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return records.write(tmp_path / "data", [RELAY, SENSOR, VALVE, DUMB])


@pytest.fixture
def captures(tmp_path: Path) -> Path:
    file = tmp_path / "x.jsonl"
    file.write_text("\n".join(json.dumps(frame) for frame in FRAMES))
    return file


def drafted(data: Path, name: str, *more: str | Path) -> Path:
    """The file with the draft of a device."""
    done = ferrobee("converter", "draft", name, "--data", data, *more)
    assert done.returncode == 0, done.stderr
    file = data / f"{name}.py"
    file.write_text(done.stdout)
    return file


def test_a_draft_loads_and_passes_the_check_and_the_type_checker(
    data: Path, captures: Path
) -> None:
    files = []
    for record in (RELAY, SENSOR, VALVE, DUMB):
        for more in ((), ("--captures", captures)):
            file = drafted(data, record.name, *more)
            assert [str(one) for one in check(file) if one.level != "note"] == []
            (one,) = compiled(file)
            assert one.definition["match"][0]["model"] == record.model
        files.append(str(file))
    mypy = [sys.executable, "-m", "mypy", "--strict", *files]
    done = subprocess.run(mypy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_a_draft_has_what_the_standard_clusters_of_the_interview_offer(data: Path) -> None:
    (one,) = compiled(drafted(data, "sensor"))
    capabilities = {one["type"]: one for one in one.definition["capabilities"]}
    assert set(capabilities) == {"numeric", "identify"}
    text = (data / "sensor.py").read_text()
    for name in ("temperature", "humidity", "battery"):
        assert f"    {name} = Numeric(" in text
    assert "steps.report(" in text


def test_what_was_seen_and_is_not_explained_stands_in_comments(data: Path, captures: Path) -> None:
    text = drafted(data, "sensor", "--captures", captures).read_text()
    comments = [line.strip() for line in text.splitlines() if line.strip().startswith("#")]
    assert [line for line in comments if line != "#"] == [
        "# Seen, but not explained by the capabilities above:",
        "# endpoint 1, cluster 0x0402, attribute 0x0010, uint16: 5",
        "# attribute_0402_0010 = Numeric(sources=[Cluster(0x0402).attr(0x0010)])",
        "# endpoint 1, cluster 0x0402, attribute 0x0001, uint16: 7",
        "# attribute_0402_0001 = "
        "Numeric(sources=[clusters.TemperatureMeasurement.min_measured_value])",
        '# endpoint 1, cluster 0xfc01, manufacturer 0x1234: command 0x03, payload: "aabb"',
        "# datapoint 2, value: 261",
        "# dp_2 = tuya.datapoint(2, tuya.Number())",
        "# datapoint 101, enum: 10, 11",
        '# dp_101 = tuya.datapoint(101, tuya.Lookup({"value_10": 10, "value_11": 11}))',
        "# tag 0x03 of the structure, int8: 28",
        "# tag_03 = Numeric(sources=[lumi.tag(0x03)])",
        "# tag 0x64 of the structure, bool: false",
        "# tag_64 = Flag(sources=[lumi.tag(0x64)])",
        "# tag 0x96 of the structure, single: 2192.976074",
        "# tag_96 = Numeric(sources=[lumi.tag(0x96)])",
        '# endpoint 1, cluster 0x000c: could not be read: "18090a5500"',
    ]


def test_the_lines_in_the_comments_work_when_they_are_uncommented(
    data: Path, captures: Path
) -> None:
    file = drafted(data, "valve", "--captures", captures)
    lines = [
        line.replace("    # ", "    ") if " = " in line else line
        for line in file.read_text().splitlines()
    ]
    text = "\n".join(lines).replace("import Definition,", "import Cluster, Flag, Numeric,")
    text = text.replace("import Cluster,", "import clusters, Definition, Cluster,")
    file.write_text(text)
    (one,) = compiled(file)
    names = {one.get("name") for one in one.definition["capabilities"]}
    assert {"dp_2", "dp_101", "tag_03", "tag_64", "attribute_0402_0000"} <= names


def test_a_device_that_is_not_there_is_told_with_the_near_ones(data: Path) -> None:
    done = ferrobee("converter", "draft", "hall_rely", "--data", data)
    assert done.returncode == 1
    assert "there is no device 'hall_rely'" in done.stderr
    assert "Did you mean 'hall_relay'?" in done.stderr


def test_captures_that_are_none_are_told(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    file.write_text("{not json\n")
    done = ferrobee("converter", "draft", "sensor", "--data", data, "--captures", file)
    assert done.returncode == 1
    assert "not a recording" in done.stderr


def test_a_draft_has_what_the_journal_saw_of_the_device(house: House) -> None:
    house.start()
    relay = house.join("LLKZMK11LM")
    house.set(relay, "state_l1", "ON")
    house.act(relay, "load", watts=21)
    house.client.wait(relay.name, lambda one: one.json.get("power") == 21)
    house.stop()
    done = ferrobee("converter", "draft", relay.ieee, "--data", house.data)
    assert done.returncode == 0, done.stderr
    assert "# endpoint 1, cluster 0x000c, attribute 0x0055, single: 21.0" in done.stdout
    assert "    state = OnOff(" in done.stdout


CONVERTER = """
from ferrobee.converters import Definition, Model, OnOff, clusters


class Own(Definition):
    match = {match}
    model, vendor, description = "{model}", "Me", "Mine"
    state = OnOff()
"""


def own(data: Path, name: str, match: str, model: str = "MINE") -> str:
    """Writes a converter; gives where its definition is."""
    folder = data / "converters"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(CONVERTER.format(match=match, model=model))
    return f"{folder / name}:5"


def test_why_a_built_in_definition_decodes(data: Path) -> None:
    done = ferrobee("devices", "--why", "hall_relay", "--data", data)
    assert done.returncode == 0
    assert done.stdout == (
        "hall_relay (0x00158d0000000001, lumi.relay.c2acn01 of LUMI)\n"
        "  decoded by   Aqara LLKZMK11LM (built in)\n"
        "  because      no converter fits, and the model is built in\n"
    )


def test_why_an_interview_decodes(data: Path) -> None:
    done = ferrobee("devices", "--why", "sensor", "--data", data)
    assert "decoded by   Acme acme.th.1 (generic, interview)" in done.stdout
    assert "nothing describes the model" in done.stdout


def test_why_a_converter_of_the_owner_decodes_and_what_else_fits_or_does_not(data: Path) -> None:
    mine = own(data, "b.py", 'Model("lumi.relay.c2acn01", manufacturers=["LUMI"])')
    later = own(data, "a.py", 'Model("lumi.relay.c2acn01")', "SECOND")
    other = own(data, "c.py", 'Model("lumi.relay.c2acn01", manufacturers=["X"])', "THIRD")
    wants = own(data, "d.py", 'Model("lumi.relay.c2acn01", inputs=[clusters.DoorLock])', "FOURTH")
    (data / "converters" / "e.py").write_text("broken (\n")
    done = ferrobee("devices", "--why", "hall_relay", "--data", data)
    lines = done.stdout.splitlines()
    assert lines[1:] == [
        f"  decoded by   Me MINE (user, {mine})",
        "  because      a converter of yours comes before packages and what is built in",
        f"  also fits    Me SECOND (user, {later})",
        "  also fits    Aqara LLKZMK11LM (built in)",
        f"  fits not     Me THIRD (user, {other}): is for the manufacturers X",
        f"  fits not     Me FOURTH (user, {wants}): wants the cluster 0x0101",
        f"  loads not    {data}/converters/e.py:1: SyntaxError: '(' was never closed",
    ]
    # The bridge decides so, too.
    listed = json.loads(ferrobee("devices", "--data", data, "--json").stdout)
    (relay,) = [one for one in listed if one["friendly_name"] == "hall_relay"]
    assert (relay["definition"]["model"], relay["definition"]["source"]) == ("MINE", "external")
    told = json.loads(ferrobee("devices", "--why", "hall_relay", "--data", data, "--json").stdout)
    assert told["decoded_by"] == {"kind": "user", "name": "Me MINE", "where": mine, "text": ""}
    assert [one["name"] for one in told["also_fit"]] == ["Me SECOND", "Aqara LLKZMK11LM"]
