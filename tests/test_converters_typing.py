"""Wrong names and types in converters are errors of the type checker, each in its line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.museum import MUSEUM

MISTAKES = """\
from ferrobee.converters import (
    Action, Cluster, Commands, Contact, Definition, Electricity, Light, Message, Model, Motion,
    Numeric, OnOff, Operation, Request, Setting, Temperature, Uint8, Values, clusters, from_zigbee,
    lumi, operations, steps, to_zigbee, tuya,
)

OWN = Cluster(0xFC00, manufacture=0x1234)  # wrong
OTHER = Cluster("0xFC00")  # wrong


class Wrong(Definition):
    match = "acme.thing"  # wrong
    model = 5  # wrong
    vendor, description = "A", "B"
    ota = "yes"  # wrong
    endpoints = {"left": "1"}  # wrong
    structures = [0xF7]  # wrong
    configure = [clusters.OnOff.on_off]  # wrong

    a = Numeric(sources=[clusters.AnalogInput.present_valu])  # wrong
    b = Numeric(sources=[clusters.AnalogInputs.present_value])  # wrong
    c = Numeric("W")  # wrong
    d = Numeric("W", sources=["present_value"])  # wrong
    e = Numeric("W", sources=[lumi.tag("0x95")])  # wrong
    f = Numeric("W", sources=[lumi.tag(1)], catgory="config")  # wrong
    g = Numeric("W", sources=[lumi.tag(1)], category="setting")  # wrong
    h = Numeric("W", sources=[lumi.tag(1).bits(2)])  # wrong
    i = Numeric("W", sources=[lumi.tag(1)], range=(0, 1, 2))  # wrong
    j = Temperature(endpoint="left")  # wrong
    k = Contact(inverted=True)  # wrong
    m = OnOff(tag=5)  # wrong
    n = Setting(OWN.attr(1, Uint8))  # wrong
    o = Setting(OWN.attr(1, "uint8"), values={"a": 0})  # wrong
    p = Setting(OWN.attr(1, Uint8), values={"a": "0"})  # wrong
    q = Setting(clusters.OnOff, values={"a": 0})  # wrong
    r = Electricity(["powr"])  # wrong
    s = Electricity(["power"], report=[{"off": "power"}])  # wrong
    t = Light(color_temp={"range": (150, 500), "via": True})  # wrong
    u = Light(color={"modes": ["rgb"]})  # wrong
    v = Motion(name="motion", signal="timed_on")  # wrong
    w = Action(OWN.attr(1), values={"0": "hold"}, exposed=["hold"])  # wrong
    x = Commands(["on_of"], exposed=["on"])  # wrong
    y = tuya.datapoint("1", tuya.Number())  # wrong
    z = tuya.datapoint(1, tuya.Number(divid=10))  # wrong
    aa = tuya.datapoint(1, tuya.Lookup({"a": 0}, "number"))  # wrong
    bb = tuya.datapoint(1, "number")  # wrong
    cc = [steps.report(clusters.OnOff.on_off, minimum=0)]  # wrong
    dd = [steps.bind("genOnOff")]  # wrong

    @from_zigbee("genOnOff")  # wrong
    def heard(self, message: Message) -> Values:
        return {}

    @from_zigbee(clusters.OnOff.on_off)  # wrong
    def other(self, message: Message) -> int:
        return 5

    @to_zigbee("key", read="onOff")  # wrong
    def sets(self, value: int, request: Request) -> list[Operation]:
        return [operations.write(clusters.OnOff.on_time, [value])]  # wrong

    @from_zigbee(clusters.OnOff.commands.toggel)  # wrong
    def toggled(self, message: Message) -> Values:
        return {"a": message.valeu}  # wrong
"""


WRONG = {number for number, line in enumerate(MISTAKES.splitlines(), 1) if line.endswith("# wrong")}


def test_mypy_finds_mistakes_each_in_its_line(tmp_path: Path) -> None:
    file = tmp_path / "mistakes.py"
    file.write_text(MISTAKES)
    mypy = [sys.executable, "-m", "mypy", "--strict", "--no-pretty", str(file)]
    done = subprocess.run(mypy, capture_output=True, text=True, check=False)
    found = {int(line) for line in re.findall(r":(\d+): error:", done.stdout)}
    assert len(WRONG) > 40
    assert found == WRONG, done.stdout


def pyright(*files: str) -> list[dict[str, Any]]:
    """What pyright says of the files."""
    program = str(Path(sys.executable).with_name("pyright"))
    command = [program, "--pythonpath", sys.executable, "--outputjson", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    told: list[dict[str, Any]] = json.loads(done.stdout)["generalDiagnostics"]
    return [one for one in told if one["severity"] == "error"]


def test_pyright_finds_mistakes_each_in_its_line(tmp_path: Path) -> None:
    file = tmp_path / "mistakes.py"
    # One line more in front, and lines are counted from 0 there.
    file.write_text("# pyright: strict, reportUnusedImport=false\n" + MISTAKES)
    assert {one["range"]["start"]["line"] for one in pyright(str(file))} == WRONG


def test_the_museum_is_accepted() -> None:
    files = [str(path) for path in sorted(MUSEUM.glob("v*/*.py"))]
    mypy = [sys.executable, "-m", "mypy", "--strict", *files]
    done = subprocess.run(mypy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert pyright(*files) == []
