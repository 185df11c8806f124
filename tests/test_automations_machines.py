"""State machines that are still where they were after a restart."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from tests.support.automations import House, virtually
from tests.support.fake_link import FakeLink

from ferrobee import Machine, State
from ferrobee._automations.loader import LoadError
from ferrobee._home import Home
from ferrobee._ledger import Change, Loaded, PutTimer, PutValue
from ferrobee._scope import Scope, entered

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BOILER = """
class Boiler(Machine):
    idle = State(initial=True)
    heating = State(max="2h")
    broken = State()

    @idle.to(heating, when=relay.power > 100)
    async def began(self):
        await note("began")

    @heating.to(idle, after="40min")
    async def off(self):
        await note("off")

    @idle.to(broken)
    async def broke(self):
        await note("broke")

    @heating.enter
    async def enter(self):
        await note(["enter", self.state.name])

    @heating.exit
    async def leave(self):
        await note("leave")

boiler = Boiler()

@on(knob.action, policy="queued")
async def pressed(event):
    if event.action == "ask":
        await note([boiler.state.name, boiler.since.strftime("%H:%M")])
    else:
        await boiler.go(event.action)
        await note("gone")
"""


async def ask(house: House) -> object:
    await house.say("knob", action="ask")
    return house.notes[-1]


def test_a_machine_goes_by_conditions_and_times_and_runs_its_handlers_in_order(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin(BOILER)
        assert await ask(house) == ["idle", "12:00"]
        await house.wait(600)
        await house.say("relay", power=150)
        await house.say("relay", power=5)
        await house.say("relay", power=150)
        assert house.notes[1:] == ["began", ["enter", "heating"]]
        assert await ask(house) == ["heating", "12:10"]
        await house.wait(40 * 60)
        assert house.notes[4:] == ["leave", "off"]
        assert house.ledger.rows().timers == []
        # The power is above 100 still: that is no change.
        await house.wait(3600)
        assert await ask(house) == ["idle", "12:50"]
        await house.close()

    virtually(main)


def test_a_machine_goes_on_after_a_kill(tmp_path: Path) -> None:
    async def first() -> Loaded:
        house = House(tmp_path)
        await house.begin(BOILER)
        await house.say("relay", power=150)
        await house.wait(39 * 60)
        return house.kill()

    rows = virtually(first)

    async def second(seconds: float) -> list[object]:
        house = House(tmp_path, rows)
        house.clock.step(39 * 60 + seconds)
        await house.begin(BOILER)
        assert (await ask(house))[0] == ("heating" if seconds < 60 else "idle")  # type: ignore[index]
        await house.wait(61)
        notes = [note for note in house.notes if note in ("leave", "off")]
        await house.close()
        return notes

    assert virtually(lambda: second(0)) == ["leave", "off"]
    assert virtually(lambda: second(86400)) == ["leave", "off"]


def test_the_state_and_its_timers_are_one_commit(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin(BOILER)
        commits: list[list[object]] = []
        commit = house.ledger.commit

        def counting(changes: Sequence[Change]) -> None:
            commits.append([*changes])
            commit(changes)

        house.ledger.commit = counting  # type: ignore[method-assign]
        await house.say("relay", power=150)
        (together,) = [
            changes
            for changes in commits
            if any(isinstance(one, PutValue) and one.key == "machine:Boiler" for one in changes)
        ]
        timers = [one.timer.id for one in together if isinstance(one, PutTimer)]
        assert sorted(timers) == ["Boiler/heating.max", "Boiler/heating>idle"]
        await house.close()

    virtually(main)


def test_handlers_that_a_kill_cut_off_run_again(tmp_path: Path) -> None:
    text = """
        class Slow(Machine):
            a = State(initial=True)
            b = State()

            @a.to(b, after="1min")
            async def move(self):
                await note("begin")
                await asyncio.sleep(10)
                await note("end")

            @b.enter
            async def arrived(self):
                await note("arrived")

        slow = Slow()
    """

    async def first() -> Loaded:
        house = House(tmp_path)
        await house.begin(text)
        await house.wait(65)
        assert house.notes == ["begin"]
        return house.kill()

    rows = virtually(first)

    async def second() -> None:
        house = House(tmp_path, rows)
        house.clock.step(66)
        await house.begin(text)
        await house.wait(11)
        assert house.notes == ["begin", "end", "arrived"]
        await house.wait(600)
        assert len(house.notes) == 3
        await house.close()

    virtually(second)


def test_max_is_a_safety_net_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin("""
            class Pump(Machine):
                off = State(initial=True)
                cooling = State(max="1min")
                running = State(max="10min", then=cooling)
            pump = Pump("garden")

            @start
            async def begun():
                await pump.go(Pump.running)
        """)
        machine = house.runtime.files["hall"].machines["Pump(garden)"]
        assert machine.state.name == "running"
        await house.wait(601)
        assert machine.state.name == "cooling"
        assert "Pump(garden) was in running for 600 s, its max; it goes to cooling" in caplog.text
        await house.wait(60)
        assert machine.state.name == "off"
        await house.close()

    with caplog.at_level(logging.WARNING):
        virtually(main)


def test_go_waits_for_the_handlers_and_begins_the_times_of_the_same_state_anew(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin(BOILER)
        await house.say("knob", action="heating")
        assert house.notes == [["enter", "heating"], "gone"]
        await house.wait(1800)
        await house.say("knob", action="heating")
        assert house.notes[2:] == ["leave", ["enter", "heating"], "gone"]
        await house.wait(39 * 60)
        assert len(house.notes) == 5
        await house.wait(61)
        assert house.notes[5:] == ["leave", "off"]
        await house.say("knob", action="broken")
        assert house.notes[7:] == ["broke", "gone"]
        await house.close()

    virtually(main)


def test_go_within_a_handler_of_the_machine_does_not_wait_for_itself(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin("""
            class Chain(Machine):
                a = State(initial=True)
                b = State()
                c = State()

                @b.enter
                async def on(self):
                    await self.go(self.c)
                    await note("b")

                @c.enter
                async def end(self):
                    await note("c")

            chain = Chain()

            @start
            async def begun():
                await chain.go("b")
        """)
        await house.wait(1)
        assert house.notes == ["b", "c"]
        await house.close()

    virtually(main)


def test_a_failing_handler_of_a_machine_does_not_keep_the_others_from_running(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin("""
            class Odd(Machine):
                a = State(initial=True)
                b = State()

                @a.exit
                async def fails(self):
                    raise ValueError("no")

                @b.enter
                async def works(self):
                    await note("b")

                a.to(b, after="1min")

            odd = Odd()
        """)
        await house.wait(61)
        assert house.notes == ["b"]
        assert "ValueError: no" in caplog.text
        await house.close()

    virtually(main)


def test_a_transition_with_hold_and_one_that_asks_the_machine(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin("""
            class Washer(Machine):
                empty = State(initial=True)
                washing = State()

                def __init__(self, name, plug):
                    super().__init__(name)
                    self.plug = plug

                empty.to(washing, when=lambda self: self.plug["power"] > 5)

                @washing.to(empty, when=lambda self: self.plug["power"] < 5, hold="3min")
                async def done(self):
                    await note([self.name, "done"])

            one, two = Washer("one", relay), Washer("two", knob)
        """)
        await house.say("relay", power=2000)
        await house.say("knob", power=2000)
        await house.wait(600)
        await house.say("relay", power=1)
        await house.wait(170)
        await house.say("relay", power=100)
        await house.say("relay", power=1)
        await house.wait(170)
        assert house.notes == []
        await house.wait(11)
        assert house.notes == [["one", "done"]]
        await house.close()

    virtually(main)


def test_a_reload_keeps_the_state_and_measures_new_times_from_its_beginning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin(BOILER)
        await house.say("relay", power=150)
        await house.wait(600)
        house.load(BOILER.replace("40min", "20min"))
        await house.wait(599)
        assert "off" not in house.notes
        await house.wait(2)
        assert "off" in house.notes
        await house.say("knob", action="broken")
        house.load(BOILER.replace("broken", "defect"))
        assert "was in the state broken, which it no longer has" in caplog.text
        assert (await ask(house))[0] == "idle"  # type: ignore[index]
        await house.close()

    virtually(main)


def test_machines_that_make_no_sense(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        for text, reason in (
            ("class A(Machine):\n    a = State()", "one state is initial"),
            ("class A(Machine):\n    a = State(initial=True, max='soon')", "max: 'soon' is none"),
            (
                "class A(Machine):\n    a = State(initial=True)\n    a.to(State())",
                "another machine",
            ),
            ("Machine()", "write a subclass"),
            ("class A(Machine):\n    a = State(initial=True)\nA()\nA()", "give this one a name: A"),
            (
                "class A(Machine):\n    a = State(initial=True)\n"
                "    a.to(a, when=relay.power > 1, after='1s')",
                "write two for both",
            ),
            (
                "class A(Machine):\n    a = State(initial=True)\n    @a.exit\n    def f(self): ...",
                "must be an async method",
            ),
            ("class A(Machine):\n    a = State(initial=True)\nA().state", "does not run yet"),
        ):
            with pytest.raises(LoadError, match=reason):
                house.load(text)
        with entered(Scope("test", Home(FakeLink()))):

            class Lamp(Machine):
                off = State(initial=True)

            lamp = Lamp()
        with pytest.raises(ValueError, match="has no state 'of'; it has off"):
            await lamp.go("of")
        assert repr(lamp) == "<Lamp not running>"

    virtually(main)
