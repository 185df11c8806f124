"""Durable time: every, at, cron, the sun and after, through restarts and clocks that are set."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from tests.support.automations import House, settle, virtually

from ferrobee._automations.calendar import Place

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from ferrobee._ledger import Due, Loaded

BERLIN = ZoneInfo("Europe/Berlin")

EVERY = """
@every("10min")
async def tick(moment):
    await note([moment.due.strftime("%H:%M:%S"), round(moment.late)])
"""
AT = """
@at("07:30", days="mon-fri")
async def morning(moment):
    await note([moment.due.strftime("%a %H:%M"), round(moment.late)])
"""


def test_every_comes_again_and_again_without_drift(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin(EVERY)
        await house.wait(1801)
        assert house.notes == [["12:10:00", 0], ["12:20:00", 0], ["12:30:00", 0]]
        await house.close()

    virtually(main)


def test_every_keeps_its_rhythm_over_a_restart(tmp_path: Path) -> None:
    async def first() -> Loaded:
        house = House(tmp_path)
        await house.begin(EVERY)
        await house.wait(601)
        return house.kill()

    rows = virtually(first)

    async def second() -> None:
        house = House(tmp_path, rows)
        house.clock.step(700)
        await house.begin(EVERY)
        await house.wait(499)
        assert house.notes == []
        await house.wait(2)
        assert house.notes == [["12:20:00", 0]]
        await house.close()

    virtually(second)

    async def third() -> None:
        house = House(tmp_path, rows)
        house.clock.step(7200)
        await house.begin(EVERY)
        # What was missed runs once, late; then the rhythm begins anew.
        assert house.notes == [["12:20:00", 6000]]
        await house.wait(601)
        assert house.notes[1:] == [["14:10:00", 0]]
        await house.close()

    virtually(third)


def test_every_does_not_notice_a_clock_that_is_set(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin(EVERY)
        await house.wait(300)
        house.clock.step(5000)
        await house.wait(299)
        assert house.notes == []
        await house.wait(2)
        house.clock.step(-9000)
        await house.wait(600)
        await house.wait(600)
        assert len(house.notes) == 3
        await house.close()

    virtually(main)


def test_at_a_time_on_days(tmp_path: Path) -> None:
    async def main() -> None:
        # A Friday.
        house = House(tmp_path, begin=datetime(2026, 1, 9, 6, tzinfo=BERLIN), timezone=BERLIN.key)
        await house.begin(AT)
        await house.wait(5 * 86400)
        assert house.notes == [["Fri 07:30", 0], ["Mon 07:30", 0], ["Tue 07:30", 0]]
        await house.close()

    virtually(main)


def test_at_through_daylight_saving(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path, begin=datetime(2026, 3, 28, 6, tzinfo=BERLIN), timezone=BERLIN.key)
        await house.begin("""
            @at("02:30")
            async def night(moment):
                await note(moment.due.isoformat())
        """)
        await house.wait(2 * 86400)
        assert house.notes == ["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"]
        await house.close()

    virtually(main)


def test_a_clock_that_is_set_back_does_not_repeat_and_one_set_forward_does_not_leave_out(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        begin = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
        house = House(tmp_path, begin=begin)
        await house.begin(AT)
        await house.wait(1801)
        assert house.notes == [["Mon 07:30", 0]]
        house.clock.step(-3600)
        await house.wait(7200)
        assert len(house.notes) == 1
        # From 08:30 to 07:35 of the next day; seen after half a minute at the latest.
        house.clock.step(23 * 3600 + 300)
        await house.wait(31)
        assert house.notes[1][0] == "Tue 07:30"
        await house.wait(86400)
        assert [day for day, _ in house.notes] == ["Mon 07:30", "Tue 07:30", "Wed 07:30"]
        await house.close()

    virtually(main)


def test_a_clock_that_is_set_back_while_a_timer_goes_off_does_not_repeat_it(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        house = House(tmp_path, begin=datetime(2026, 1, 5, 7, 0, tzinfo=UTC))
        due = house.ledger.due

        async def set_back() -> list[Due]:
            found = await due()
            house.clock.step(-60)
            return found

        house.ledger.due = set_back  # type: ignore[method-assign]
        await house.begin(AT)
        await house.wait(7200)
        assert house.notes == [["Mon 07:30", 0]]
        await house.close()

    virtually(main)


def test_being_late_does_not_add_up(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        due = house.ledger.due

        async def late() -> list[Due]:
            found = await due()
            await asyncio.sleep(5)
            return found

        house.ledger.due = late  # type: ignore[method-assign]
        await house.begin(EVERY)
        await house.wait(3610)
        assert [moment for moment, _ in house.notes] == [
            f"12:{m}:00" for m in range(10, 60, 10)
        ] + ["13:00:00"]
        await house.close()

    virtually(main)


def test_what_was_missed_runs_late_is_left_out_or_runs_within_its_time(tmp_path: Path) -> None:
    text = """
        @at("13:00", missed="run_late")
        async def late(moment):
            await note(["late", round(moment.late)])

        @at("13:00", missed="skip")
        async def skip():
            await note("skip")

        @at("13:00", missed="run_if_within=10min")
        async def within():
            await note("within")

        @at("13:00")
        async def default():
            await note("default")
    """

    async def first() -> Loaded:
        house = House(tmp_path)
        await house.begin(text)
        await house.wait(600)
        return house.kill()

    rows = virtually(first)

    async def second(seconds: float) -> list[object]:
        house = House(tmp_path, rows)
        house.clock.step(3600 + seconds)
        await house.begin(text)
        notes = [*house.notes]
        # All of them are set for the next day.
        await house.wait(86400 - seconds)
        assert len(house.notes) - len(notes) == 4
        await house.close()
        return sorted(notes, key=str)

    assert virtually(lambda: second(300)) == [["late", 300], "default", "within"]
    assert virtually(lambda: second(900)) == [["late", 900]]


def test_cron(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin("""
            @cron("*/20 12-13 * * mon")
            async def often(moment):
                await note(moment.due.strftime("%a %H:%M"))
        """)
        await house.wait(8 * 86400)
        assert house.notes[:4] == ["Mon 12:20", "Mon 12:40", "Mon 13:00", "Mon 13:20"]
        assert len(house.notes) == 5 + 6
        await house.close()

    virtually(main)


def test_the_sun_once_the_bridge_has_said_where_the_house_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from ferrobee._automations.place import follow_place

    async def main() -> None:
        begin = datetime(2026, 6, 20, 12, tzinfo=BERLIN)
        house = House(tmp_path, begin=begin, timezone=BERLIN.key)
        follow_place(house.runtime)
        await house.begin("""
            @on(sun.set - "20min")
            async def dusk(moment):
                await note(moment.due.strftime("%H:%M"))
        """)
        house.link.say("bridge/info", {"config": {}}, stored=True)
        await settle()
        assert "write latitude and longitude under ferrobee:" in caplog.text
        house.link.say("bridge/info", {"config": {"ferrobee": {"latitude": 999, "longitude": 0}}})
        await house.wait(86400)
        assert house.notes == []
        place = {"latitude": 52.52, "longitude": "13.4"}
        for _ in range(2):
            house.link.say("bridge/info", {"config": {"ferrobee": place}})
        await house.wait(86400)
        assert house.notes == ["21:12"]
        # The house moves to Madrid, where the sun sets later by the same clock.
        place = {"latitude": 40.42, "longitude": -3.7}
        house.link.say("bridge/info", {"config": {"ferrobee": place}})
        await house.wait(86400)
        assert house.notes == ["21:12", "21:28"]
        await house.close()

    virtually(main)


def test_a_polar_summer_has_no_sunset_until_it_is_over(tmp_path: Path) -> None:
    async def main() -> None:
        begin = datetime(2026, 7, 21, tzinfo=UTC)
        house = House(tmp_path, begin=begin, place=Place(69.65, 18.96))
        await house.begin("""
            @on(sun.set)
            async def sunset(moment):
                await note(moment.due.strftime("%m-%d"))
        """)
        await house.wait(10 * 86400)
        assert house.notes[0] == "07-26"
        assert len(house.notes) == 5
        await house.close()

    virtually(main)


def test_another_time_in_the_file_counts_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path, begin=datetime(2026, 1, 5, 6, tzinfo=UTC))
        await house.begin(AT)
        house.load(AT.replace("07:30", "06:30"))
        await house.wait(7200)
        assert house.notes == [["Mon 06:30", 0]]
        # The same time again keeps its row.
        before = house.ledger.rows().timers
        house.load(AT.replace("07:30", "06:30"))
        assert house.ledger.rows().timers == before
        await house.close()

    virtually(main)


AFTER = """
@after("10min")
async def off(moment):
    await note(["off", round(moment.late)])

@on(knob.action)
async def pressed(event):
    match event.action:
        case "single": off.start()
        case "double": off.start("1h")
        case "hold": off.cancel()
        case "ask": await note(off.due and off.due.strftime("%H:%M"))
"""


def test_after_is_started_started_again_and_cancelled(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin(AFTER)
        await house.wait(3600)
        assert house.notes == []
        await house.say("knob", action="single")
        await house.wait(599)
        await house.say("knob", action="single")
        await house.wait(599)
        assert house.notes == []
        await house.wait(2)
        assert house.notes == [["off", 0]]
        await house.say("knob", action="ask")
        await house.say("knob", action="double")
        await house.say("knob", action="ask")
        assert house.notes[1:] == [None, "14:20"]
        await house.say("knob", action="hold")
        await house.wait(7200)
        assert len(house.notes) == 3
        await house.close()

    virtually(main)


def test_after_survives_a_kill_and_a_reload(tmp_path: Path) -> None:
    async def first() -> Loaded:
        house = House(tmp_path)
        await house.begin(AFTER)
        await house.say("knob", action="single")
        await house.wait(300)
        house.load(AFTER.replace('["off"', '["new"'))
        return house.kill()

    rows = virtually(first)

    async def second() -> None:
        house = House(tmp_path, rows)
        house.clock.step(420)
        await house.begin(AFTER)
        await house.wait(181)
        assert house.notes == [["off", 0]]
        await house.close()

    virtually(second)


def test_a_run_that_a_kill_cut_off_is_begun_again(tmp_path: Path) -> None:
    text = """
        @every("10min")
        async def slow(moment):
            await note(["begin", moment.due.strftime("%H:%M")])
            await asyncio.sleep(60)
            await note("end")
    """

    async def first() -> Loaded:
        house = House(tmp_path)
        await house.begin(text)
        await house.wait(630)
        assert house.notes == [["begin", "12:10"]]
        return house.kill()

    rows = virtually(first)

    async def second() -> Loaded:
        house = House(tmp_path, rows)
        house.clock.step(640)
        await house.begin(text)
        await house.wait(61)
        assert house.notes == [["begin", "12:10"], "end"]
        return house.kill()

    rows = virtually(second)

    async def third() -> None:
        house = House(tmp_path, rows)
        house.clock.step(710)
        await house.begin(text)
        await house.wait(1)
        assert house.notes == []
        await house.close()

    virtually(third)


def test_a_run_that_the_end_of_the_program_cancels_is_begun_again(tmp_path: Path) -> None:
    text = """
        @every("10min", policy="restart")
        async def slow():
            await note("begin")
            await asyncio.sleep(3600)
    """

    async def first() -> Loaded:
        house = House(tmp_path, grace=1)
        await house.begin(text)
        await house.wait(601)
        await house.close()
        return house.ledger.rows()

    rows = virtually(first)

    async def second() -> None:
        house = House(tmp_path, rows, grace=1)
        house.clock.step(610)
        await house.begin(text)
        assert house.notes == ["begin"]
        await house.close()

    virtually(second)


def test_rows_of_handlers_that_vanished_are_removed_and_those_of_a_broken_file_are_kept(
    tmp_path: Path,
) -> None:
    async def first() -> Loaded:
        house = House(tmp_path)
        await house.begin(AFTER + EVERY)
        await house.say("knob", action="single")
        assert {timer.id for timer in house.ledger.rows().timers} == {"off", "tick"}
        house.load(AFTER)
        assert {timer.id for timer in house.ledger.rows().timers} == {"off"}
        return house.kill()

    rows = virtually(first)

    async def second() -> Loaded:
        # The file can't be loaded today; its timer falls due meanwhile.
        house = House(tmp_path, rows)
        await house.begin()
        await house.wait(1200)
        # Its owner mends it.
        house.load(AFTER)
        await house.wait(1)
        assert house.notes == [["off", 600]]
        await house.runtime.remove("hall")
        assert house.ledger.rows().timers == []
        return house.kill()

    virtually(second)
