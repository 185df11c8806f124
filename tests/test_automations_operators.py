"""The store, and the operators' truth table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.automations import House, virtually

if TYPE_CHECKING:
    from ferrobee._ledger import Loaded


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


def test_the_store_is_not_for_threads(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin("""
            @on(knob.action.single)
            async def asks():
                await run_blocking(store.set, "x", 1)
        """)
        await house.say("knob", action="single")
        await house.wait(1)
        slot = house.runtime.files["hall"].slots["asks"]
        assert "not in the threads of run_blocking()" in str(slot.last_error)
        await house.close()

    virtually(main)


GUIDE = Path(__file__).parents[1] / "python" / "docs" / "automations.md"
Row = tuple[str, float, list[float], list[tuple[float, int]]]


def table() -> dict[str, Row]:
    """The truth table of the guide: what is waited for, how many seconds the handler takes, when
    events come, and when it begins with which of them (counted from 1)."""
    section = GUIDE.read_text("utf-8").partition("### Operators")[2].partition("```")[0]
    found: dict[str, Row] = {}
    source, work = "", 0.0
    for what, events, runs in re.findall(r"^\| (.*?) ?\| ([\d., ]+) \| (.+) \|$", section, re.M):
        if operator := re.match(r"`(\w+)\(\.\.(.*?)\)`", what):
            source = f"{operator[1]}(knob.action{operator[2]})"
            takes = re.search(r"takes ([\d.]+) s", what)
            work = float(takes[1]) if takes else 0.0
        found[f"{source} {work:g}: {events}"] = (
            source,
            work,
            [float(event) for event in events.split(",")],
            [
                (float(moment), int(number))
                for moment, number in re.findall(r"([\d.]+) with (\d+)", runs)
            ],
        )
    return found


TABLE = table()


def test_the_guide_has_a_row_for_every_operator() -> None:
    assert {row[0].partition("(")[0] for row in TABLE.values()} == {
        "debounce",
        "throttle",
        "newest_wins",
    }
    assert len(TABLE) == 9


@pytest.mark.parametrize(("source", "work", "events", "runs"), TABLE.values(), ids=TABLE)
def test_operators_do_what_the_truth_table_of_the_guide_says(
    tmp_path: Path, source: str, work: float, events: list[float], runs: list[tuple[float, int]]
) -> None:
    assert begins(tmp_path, source, work, events) == runs


def test_operators_work_within_one_another(tmp_path: Path) -> None:
    source = 'newest_wins(debounce(knob.action, "1s"))'
    assert begins(tmp_path, source, 9, [0, 3, 6]) == [(1, 1), (10, 3)]


def begins(
    tmp_path: Path, source: str, work: float, events: list[float]
) -> list[tuple[float, int]]:
    """When the handler begins, with which event."""

    async def main() -> list[tuple[float, int]]:
        house = House(tmp_path)
        await house.begin(f"""
            @on({source}, policy="parallel")
            async def handler(event):
                await note([asyncio.get_running_loop().time(), int(event.action)])
                await asyncio.sleep({work})
        """)
        now = 0.0
        for number, moment in enumerate(events, 1):
            await house.wait(moment - now)
            now = moment
            await house.say("knob", action=str(number))
        await house.wait(30)
        await house.close()
        return [(round(at, 3), number) for at, number in house.notes]

    return virtually(main)


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
