"""`ferrobee automations`: what files wait for, and what is wrong, before the bridge runs them."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest
from tests.support import records
from tests.support.automations import House, virtually
from tests.support.records import Record

from ferrobee._automations.loader import LoadError
from ferrobee.cli import main as main_of_cli

if TYPE_CHECKING:
    from pathlib import Path

RELAY = Record("hall_relay", "lumi.relay.c2acn01", "LUMI", {1: ([0, 6, 12], [10]), 2: ([6], [])})


def test_the_command_lists_what_files_wait_for_and_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main_of_cli(["automations", "--data", str(tmp_path)]) == 0
    assert "Write the first one to" in capsys.readouterr().out
    folder = tmp_path / "automations"
    folder.mkdir()
    (folder / "hall.py").write_text(
        textwrap.dedent("""
            from ferrobee import Machine, State, at, home, on
            relay = home.device("relay")

            @at("07:30", days="mon")
            async def morning(): ...

            @on(relay["power"] > 5, hold="3min", policy="restart")
            async def overload(): ...

            class Lamp(Machine):
                off = State(initial=True)
            lamp = Lamp()
        """)
    )
    assert main_of_cli(["automations", "--data", str(tmp_path)]) == 0
    head, *rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert head == ["FILE", "LINE", "HANDLER", "WAITS", "FOR", "POLICY", "NEXT"]
    assert rows[0][:7] == ["hall.py", "5", "morning", "at", "07:30:00", "mon", "single"]
    assert rows[0][-1] == "07:30:00"
    assert rows[1][2:] == ["overload", "relay.power", ">", "5", "for", "180s", "restart"]
    assert rows[2][2:] == ["Lamp", "machine", "queued"]
    (folder / "bad.py").write_text("import nothing_like_this")
    assert main_of_cli(["automations", "--data", str(tmp_path)]) == 1
    shown = capsys.readouterr()
    assert "bad.py, line 1: ModuleNotFoundError" in shown.err
    assert "overload" in shown.out


def listed(data: Path, text: str, capsys: pytest.CaptureFixture[str]) -> tuple[str, list[str]]:
    """What the command prints for one file, and what it says is wrong, without the file's path."""
    folder = data / "automations"
    folder.mkdir(exist_ok=True)
    (folder / "hall.py").write_text(textwrap.dedent(text).lstrip())
    status = main_of_cli(["automations", "--data", str(data)])
    shown = capsys.readouterr()
    wrong = shown.err.replace(f"ferrobee: {folder / 'hall.py'}, ", "").splitlines()
    assert status == (1 if wrong else 0)
    return shown.out, wrong


def test_the_command_knows_the_devices_of_the_data_directory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = records.write(tmp_path / "data", [RELAY])
    head = """
        from ferrobee import home, on
        from ferrobee.models.aqara import LLKZMK11LM, ZNXNKG02LM
    """
    good = """
        relay = home.device("hall_relay", LLKZMK11LM)
        @on(relay.power > 5)
        async def f(): ...
    """
    assert listed(data, head + good, capsys)[1] == []
    for line, reason in (
        (
            'home.device("hall_rely")',
            "UnknownName: no device or group is called 'hall_rely'. Did you mean 'hall_relay'?",
        ),
        (
            'home.device("hall_relay").powr',
            "UnknownName: LLKZMK11LM 'hall_relay' has no 'powr'. Did you mean 'power'?",
        ),
        (
            'home.device("hall_relay", ZNXNKG02LM)',
            "ModelError: 'hall_relay' is of model 'LLKZMK11LM', not 'ZNXNKG02LM': ask for it with "
            "the class of its model, or with none",
        ),
    ):
        assert listed(data, f"{head.rstrip()}\n        {line}", capsys)[1] == [f"line 3: {reason}"]


def test_the_command_knows_where_the_house_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = records.write(tmp_path / "data", [RELAY])
    dusk = """
        from ferrobee import on, sun
        @on(sun.set)
        async def dusk(): ...
    """
    shown, wrong = listed(data, dusk, capsys)
    assert shown.splitlines()[1].split() == ["hall.py", "2", "dusk", "sun.set", "single"]
    assert len(wrong) == 1
    assert "write latitude and longitude under ferrobee: in configuration.yaml" in wrong[0]
    with (data / "configuration.yaml").open("a") as file:
        file.write("ferrobee:\n  latitude: 52.52\n  longitude: 13.4\n")
    shown, wrong = listed(data, dusk, capsys)
    assert wrong == []
    assert shown.splitlines()[1].split()[5].startswith("20")


def refused(tmp_path: Path, text: str) -> str:
    """Why a file is not loaded."""
    reasons = []

    async def main() -> None:
        house = House(tmp_path)
        await house.begin("")
        with pytest.raises(LoadError) as error:
            house.load(text, "other")
        reasons.append(str(error.value))
        await house.close()

    virtually(main)
    return reasons[0]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("from ferrobee.models.aqara import ZNXNKG02LMM", "Did you mean 'ZNXNKG02LM' or"),
        ("from ferrobee.models.xiaomi import LLKZMK11LM", "It is in ferrobee.models.aqara."),
        ("from ferrobee.models.aquara import LLKZMK11LM", "Did you mean 'aqara'?"),
        ("from ferrobee import evry", "Did you mean 'every'?"),
        ("@evry('5s')\nasync def f(): ...", "Did you mean 'every'?"),
        ("import ferrobee\nrun('mqtt://x')", "Write `from ferrobee import run`."),
        ("on(bridge.joind)", "Did you mean 'joined'?"),
        ("on(sun.sett)", "Did you mean 'set'?"),
        ("on(relay.power > 5, holds='30s')", "Did you mean 'hold'?"),
        ("State(inital=True)", "Did you mean 'initial'?"),
        ("home.device(nme='relay')", "Did you mean 'name'?"),
        ("home.device('reley')", "Did you mean 'relay'?"),
        ("home.group('reley')", "Did you mean 'relay'?"),
        ("store.gett('x')", "Did you mean 'get'?"),
    ],
)
def test_a_name_that_does_not_exist_says_which_are_close(
    tmp_path: Path, text: str, hint: str
) -> None:
    assert hint in refused(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("@every\nasync def f(): ...", "every: <function f"),
        ("@after\nasync def f(): ...", "after: <function f"),
        ("@on(relay)\nasync def f(): ...", "on() takes a condition, a property"),
        ("topic('a/#/b')", "is no topic filter: # stands alone, at the end"),
        ("on(knob.action == 'single')", "write knob.action.single instead of =="),
        ("on(knob['action'] == 'single')", "knob.action is any, knob.action.single one"),
        ("on(knob['action'])", "knob.action is any, knob.action.single one"),
        (
            "class M(Machine):\n    a = State(initial=True)\n    a.to(a, when='ON')",
            "on() takes a condition",
        ),
        (
            "from ferrobee.models.aqara import LLKZMK11LM\nLLKZMK11LM('relay')",
            "home.device('relay', LLKZMK11LM)",
        ),
    ],
)
def test_what_can_never_happen_is_an_error_with_the_way_out(
    tmp_path: Path, text: str, reason: str
) -> None:
    assert reason in refused(tmp_path, text)


def test_a_name_that_does_not_exist_says_in_a_handler_too_which_are_close(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin("""
            @on(knob.action.single)
            async def wrong():
                store.gett("x")
        """)
        await house.say("knob", action="single")
        assert "Did you mean 'get'?" in str(house.runtime.files["hall"].slots["wrong"].last_error)
        await house.close()

    virtually(main)
