"""State machines, the store, and the operators' truth table."""

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


def test_the_store_keeps_json_through_a_kill_and_a_reload(tmp_path: Path) -> None:
    text = """
        @on(knob.action.single)
        async def count():
            number = store.get("count", 0) + 1
            store.set("count", number)
            store.set("last", {"by": ["knob"], "number": number})
            await note([number, store.get("last"), "count" in store, "other" in store])

        @on(knob.action.double)
        async def forget():
            store.delete("count")
            await note(list(store))

        @on(knob.action.hold)
        async def wrong():
            store.get("last", 0)
    """

    async def first() -> Loaded:
        house = House(tmp_path)
        await house.begin(text)
        await house.say("knob", action="single")
        house.load(text)
        await house.say("knob", action="single")
        assert house.notes[-1] == [2, {"by": ["knob"], "number": 2}, True, False]
        return house.kill()

    rows = virtually(first)

    async def second() -> None:
        house = House(tmp_path, rows)
        await house.begin(text)
        house.load(text, "other")
        await house.say("knob", action="single")
        # Each file has its own.
        assert sorted(note[0] for note in house.notes) == [1, 3]
        await house.say("knob", action="double")
        assert house.notes[-1] == ["last"]
        await house.say("knob", action="hold")
        slot = house.runtime.files["hall"].slots["wrong"]
        assert "which is no int as its default" in str(slot.last_error)
        # What was stored outlives the file.
        await house.runtime.remove("hall")
        assert house.ledger.rows().values["hall"] == {"store:last": '{"by":["knob"],"number":3}'}
        await house.close()

    virtually(second)


def test_the_store_refuses_what_is_no_json_and_what_is_too_much(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin("""
            @on(knob.action.single)
            async def nan():
                store.set("x", float("nan"))
            @on(knob.action.single)
            async def object():
                store.set("x", relay)
            @on(knob.action.single)
            async def big():
                store.set("x", "y" * 2_000_000)
        """)
        await house.say("knob", action="single")
        slots = house.runtime.files["hall"].slots
        assert "TypeError" in str(slots["nan"].last_error)
        assert "TypeError" in str(slots["object"].last_error)
        assert "LedgerError" in str(slots["big"].last_error)
        await house.close()

    virtually(main)


# The truth table of python/docs/automations.md: seconds at which events come, seconds at which the
# handler (which takes `work` seconds) begins, and with which event.
TABLE = [
    ("debounce", 'debounce(knob.action, "3s")', 0, [0, 1, 2], [(5, 2)]),
    (
        "debounce: each gap is long enough",
        'debounce(knob.action, "3s")',
        0,
        [0, 4],
        [(3, 0), (7, 1)],
    ),
    ("throttle: one", 'throttle(knob.action, "3s")', 0, [0], [(0, 0)]),
    ("throttle: the newest", 'throttle(knob.action, "3s")', 0, [0, 1, 2], [(0, 0), (3, 2)]),
    ("throttle: goes on", 'throttle(knob.action, "3s")', 0, [0, 1, 4, 5], [(0, 0), (3, 1), (6, 3)]),
    ("throttle: after a pause", 'throttle(knob.action, "3s")', 0, [0, 7], [(0, 0), (7, 1)]),
    ("newest_wins: idle", "newest_wins(knob.action)", 5, [0, 6], [(0, 0), (6, 1)]),
    ("newest_wins: busy", "newest_wins(knob.action)", 5, [0, 1, 2, 3], [(0, 0), (5, 3)]),
    (
        "newest_wins: goes on",
        "newest_wins(knob.action)",
        2,
        [0, 1, 2.5, 3],
        [(0, 0), (2, 1), (4, 3)],
    ),
    (
        "within one another",
        'newest_wins(debounce(knob.action, "1s"))',
        9,
        [0, 3, 6],
        [(1, 0), (10, 2)],
    ),
]


@pytest.mark.parametrize(
    ("source", "work", "events", "runs"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_operators_do_what_the_truth_table_says(
    tmp_path: Path, source: str, work: float, events: list[float], runs: list[tuple[float, int]]
) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin(f"""
            @on({source}, policy="parallel")
            async def handler(event):
                await note([asyncio.get_running_loop().time(), int(event.action)])
                await asyncio.sleep({work})
        """)
        now = 0.0
        for number, moment in enumerate(events):
            await house.wait(moment - now)
            now = moment
            await house.say("knob", action=str(number))
        await house.wait(30)
        assert [tuple(note) for note in house.notes] == [(pytest.approx(at), n) for at, n in runs]
        await house.close()

    virtually(main)


def test_a_reload_loses_no_event_that_an_operator_keeps(tmp_path: Path) -> None:
    text = """
        @on(debounce(knob.action, "10s"))
        async def handler(event):
            await note(event.action)
    """

    async def main() -> None:
        house = House(tmp_path)
        await house.begin(text)
        await house.say("knob", action="1")
        house.load(text)
        await house.wait(0)
        assert house.notes == [1]
        await house.close()

    virtually(main)


def test_operators_on_conditions(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin("""
            @on(throttle(relay.power > 5, "1min"))
            async def handler(update):
                await note(update.after["power"])
        """)
        for power in (6, 1, 7, 2, 8):
            await house.say("relay", power=power)
        await house.wait(61)
        assert house.notes == [6, 8]
        await house.close()

    virtually(main)
