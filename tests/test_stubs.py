"""`ferrobee stubs`: `home.pyi`, in which editors and type checkers find the house."""

from __future__ import annotations

import ast
import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.benchmarks.data import write
from tests.support.fake_link import device_entry
from tests.support.museum import MUSEUM
from tests.support.program import ferrobee

from ferrobee import _core
from ferrobee._automations.loader import find
from ferrobee._stubs.command import home_names, stubs, texts_for
from ferrobee._stubs.house import house_files
from ferrobee.errors import DataError

if TYPE_CHECKING:
    from tests.support.house import House

CATALOGUE: list[dict[str, Any]] = json.loads(_core.catalogue())
DEFINITIONS = {one["model"]: one for one in CATALOGUE}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with three relays."""
    directory = tmp_path / "data"
    write(directory, devices=3, mqtt_port=1883, serial="/dev/null")
    return directory


def device(name: str, model: str) -> dict[str, Any]:
    return {**device_entry(name), "definition": DEFINITIONS[model]}


def stub(*devices: dict[str, Any], groups: list[dict[str, Any]] | None = None) -> str:
    text, module = house_files(devices, groups or [], CATALOGUE, home_names())
    ast.parse(text)
    ast.parse(module)
    return text


def test_every_device_of_the_data_directory_is_in_it(data: Path) -> None:
    text = texts_for(data)[0]
    ast.parse(text)
    for name in ("relay_000", "relay_001", "relay_002"):
        assert f"    {name}: LLKZMK11LM\n" in text
    assert "from ferrobee.models.aqara import LLKZMK11LM\n" in text


def test_the_command_writes_the_types_and_the_module_beside_them(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stubs(data, None) == 0
    folder = data / "automations"
    assert sorted(file.name for file in folder.iterdir()) == ["home.py", "home.pyi"]
    assert "from home import home" in capsys.readouterr().err
    # Again, after something has changed.
    assert stubs(data, None) == 0
    assert stubs(data, folder / "other.pyi") == 0
    capsys.readouterr()
    assert stubs(data, Path("-")) == 0
    assert capsys.readouterr().out == (folder / "home.pyi").read_text("utf-8")


def test_two_hundred_devices_take_less_than_a_second(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    write(directory, devices=200, mqtt_port=1883, serial="/dev/null")
    # What the process itself computes: the machine may have other things to do.
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = ferrobee("stubs", "--data", directory, "--output", "-")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(": LLKZMK11LM\n") == 200
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1


def test_the_module_beside_the_types_is_no_automation(data: Path) -> None:
    stubs(data, None)
    (data / "automations" / "hall.py").write_text("")
    assert list(find(data / "automations")[0]) == ["hall"]


def test_a_file_of_the_owner_is_not_overwritten(data: Path) -> None:
    folder = data / "automations"
    folder.mkdir()
    (folder / "home.py").write_text("print('mine')\n")
    with pytest.raises(DataError, match=r"home\.py: there is a file that .* has not written"):
        stubs(data, None)
    assert (folder / "home.py").read_text() == "print('mine')\n"
    assert not (folder / "home.pyi").exists()
    with pytest.raises(DataError, match=r"ends in \.pyi"):
        stubs(data, data / "home.py")


def test_the_module_beside_the_types_gives_the_home_of_whoever_asks(data: Path) -> None:
    stubs(data, None)
    code = (
        "import ferrobee; from home import home\n"
        "print(home is ferrobee.home, home.device('relay_001').MODEL, home.relay_002.MODEL)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=data / "automations",
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "True LLKZMK11LM LLKZMK11LM\n"


def test_a_name_that_python_can_not_say_is_reached_by_device() -> None:
    text = stub(
        device("living room/lamp", "LED1624G9"),
        device("close", "LED1624G9"),
        device("class", "LED1624G9"),
        device("0x00158d0001000000", "LED1624G9"),
        device('it\'s "it"\n', "LED1624G9"),
        device("küche", "LED1624G9"),
    )
    assert "    close:" not in text
    assert "    class:" not in text
    assert "küche: LED1624G9" not in text
    names = (
        "'0x00158d0001000000', 'class', 'close', 'it\\'s \"it\"\\n', 'küche', 'living room/lamp'"
    )
    assert f"def device(self, name: Literal[{names}]) -> LED1624G9: ..." in text


def test_a_converter_of_the_owner_and_a_generated_definition_get_classes_of_their_own() -> None:
    relay = DEFINITIONS["LLKZMK11LM"]
    other = {**relay, "exposes": relay["exposes"][:2], "source": "external"}
    generated = {**other, "model": "?", "source": "generated"}
    text = stub(
        {**device_entry("a"), "definition": other},
        {**device_entry("b"), "definition": other},
        {**device_entry("unknown_plug"), "definition": generated},
        device_entry("nothing"),
    )
    assert text.count("class OwnLLKZMK11LM(Device):") == 1
    assert "    a: OwnLLKZMK11LM\n" in text
    assert "    b: OwnLLKZMK11LM\n" in text
    assert "    unknown_plug: OwnUnknownPlug\n" in text
    assert "    power: NumericGet\n" in text
    assert "    nothing: AnyDevice\n" in text


def test_a_converter_in_the_data_directory_counts(data: Path) -> None:
    folder = data / "converters"
    folder.mkdir()
    (folder / "relay.py").write_text(
        "from ferrobee.converters import Definition, Model, OnOff\n\n\n"
        "class Mine(Definition):\n"
        '    match = Model("lumi.relay.c2acn01")\n'
        '    model, vendor, description = "MINE", "Me", "My relay"\n'
        "    state = OnOff()\n"
    )
    (folder / "broken.py").write_text("import nothing_of_this_name\n")
    text = texts_for(data)[0]
    assert "    relay_000: OwnMINE\n" in text
    assert "    state: Switch[Literal['ON', 'OFF']]\n" in text


def test_a_group_of_one_model_has_its_properties() -> None:
    lamps = [device("a", "LED1624G9"), device("b", "LED1624G9")]
    members = [{"ieee_address": one["ieee_address"], "endpoint": 1} for one in lamps]
    relay = device("c", "LLKZMK11LM")
    mixed = [*members, {"ieee_address": relay["ieee_address"], "endpoint": 1}]
    text = stub(
        *lamps,
        relay,
        groups=[
            {"id": 1, "friendly_name": "lamps", "members": members},
            {"id": 2, "friendly_name": "mixed", "members": mixed},
            {"id": 3, "friendly_name": "empty", "members": []},
        ],
    )
    assert "    lamps: LED1624G9\n" in text
    assert "    mixed: Group\n" in text
    assert "    empty: Group\n" in text


def test_an_empty_house_has_types_too() -> None:
    assert "home: House\n" in stub()


def test_what_a_device_says_cannot_leave_its_quotes() -> None:
    nasty = 'x"""\nimport os  #\\'
    definition = {
        **DEFINITIONS["LLKZMK11LM"],
        "model": nasty,
        "vendor": nasty,
        "description": nasty,
    }
    text = stub(
        {**device_entry(nasty), "definition": definition},
        {**device_entry("plain_name"), "definition": definition},
    )
    assert not [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import)]


def test_every_model_can_be_written_as_a_class_of_ones_own() -> None:
    own = [
        {**device_entry(one["model"]), "definition": {**one, "model": f"My {one['model']}"}}
        for one in CATALOGUE
    ]
    assert stub(*own).count("(Device):") == len(CATALOGUE)


def test_the_events_of_a_converter_of_ones_own_have_their_fields_when_it_runs(
    house: House,
) -> None:
    folder = house.data / "converters"
    folder.mkdir()
    text = (MUSEUM / "v1_0" / "aqara_knob.py").read_text("utf-8")
    (folder / "knob.py").write_text(text.replace('model = "ZNXNKG02LM"', 'model = "MyKnob"'))
    bridge = house.start()
    knob = house.join("ZNXNKG02LM")
    house.client.request("device/rename", {"from": knob.name, "to": "desk_knob"})
    assert house.entry(knob)["definition"]["model"] == "MyKnob"
    house.recorded(knob)
    ran = ferrobee("stubs", "--data", house.data)
    assert ran.returncode == 0, ran.stderr
    # The folder has just been made; the file in it runs with the classes beside it.
    (house.data / "automations" / "hall.py").write_text(
        "from ferrobee import on\n"
        "from home import OwnMyKnob, OwnMyKnobRotation, home\n\n"
        "knob = home.desk_knob\n"
        "assert isinstance(knob, OwnMyKnob)\n\n\n"
        "@on(knob.action.rotation)\n"
        "async def turned(event: OwnMyKnobRotation) -> None:\n"
        '    what = {"angle": event.angle, "percent": event.percent}\n'
        '    home.publish("zigbee2mqtt/told", what)\n'
    )
    house.client.wait("bridge/automations", lambda m: m.json["files"][0]["handlers"], seconds=30)
    house.act(knob, "turn", degrees=90, milliseconds=500)
    told = house.client.wait("told").json
    assert told["angle"] > 0
    assert told["percent"] > 0
    # Written again, the automations that import them are loaded again.
    since = house.client.mark()
    assert ferrobee("stubs", "--data", house.data).returncode == 0
    home = house.data / "automations" / "home.py"
    home.write_text(home.read_text("utf-8") + "\n# Another version.\n")
    house.client.wait(
        "bridge/logging", lambda m: "hall.py loaded again" in m.json["message"], since=since
    )
    assert bridge.running
    house.stop()
