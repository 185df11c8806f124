"""Runs of handlers: policies, errors, the loop that is blocked, the end."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from tests.support.automations import House, virtually
from tests.support.fake_link import device_entry

from ferrobee import run_blocking
from ferrobee._automations.blocking import Stepped, Watchdog
from ferrobee._automations.folder import Folder
from ferrobee._automations.report import Report, describe

if TYPE_CHECKING:
    from pathlib import Path


def slow(policy: str) -> str:
    return f"""
        @on(knob.action, policy={policy!r})
        async def slow(event):
            await note(["begin", event.action])
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                await note(["cancelled", event.action])
                raise
            await note(["end", event.action])
    """


async def press(house: House, *actions: str) -> None:
    for action in actions:
        await house.say("knob", action=action)
        await house.wait(1)


def told(house: House) -> list[str]:
    return [" ".join(note) for note in house.notes]


def counters(house: House, id: str = "slow") -> dict[str, object]:  # noqa: A002
    (file,) = describe(house.runtime, {})["files"]
    return next(handler for handler in file["handlers"] if handler["id"] == id)


def test_single_leaves_out_what_comes_while_it_runs(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin(slow("single"))
        await press(house, "a", "b")
        assert counters(house)["running"] == 1
        await house.wait(10)
        await press(house, "c")
        await house.wait(10)
        assert told(house) == ["begin a", "end a", "begin c", "end c"]
        assert counters(house) | {"runs": 2, "skipped": 1, "running": 0} == counters(house)
        await house.close()

    virtually(main)


def test_restart_cancels_what_runs(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin(slow("restart"))
        await press(house, "a", "b")
        await house.wait(10)
        assert told(house) == ["begin a", "cancelled a", "begin b", "end b"]
        assert counters(house)["errors"] == 0
        await house.close()

    virtually(main)


def test_queued_runs_one_after_the_other(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin(slow("queued"))
        await press(house, "a", "b", "c")
        await house.wait(30)
        expected = ["begin a", "end a", "begin b", "end b", "begin c", "end c"]
        assert told(house) == expected
        await house.close()

    virtually(main)


def test_parallel_runs_side_by_side(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin(slow("parallel"))
        await press(house, "a", "b")
        await house.wait(10)
        assert told(house) == ["begin a", "begin b", "end a", "end b"]
        await house.close()

    virtually(main)


def test_a_queue_has_an_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        house = House(tmp_path, grace=1)
        await house.begin(slow("queued"))
        for _ in range(1100):
            house.link.say("knob", {"action": "a"})
        await house.wait(1)
        assert counters(house)["skipped"] == 100
        assert caplog.text.count("1000 runs are waiting") == 1
        await house.close()

    virtually(main)


def test_an_error_is_logged_with_file_and_line_counted_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin("""
            def divide(by):
                return 1 / by

            @on(relay.power)
            async def fails():
                divide(0)

            @on(relay.power)
            async def works():
                await note("works")

            @on(knob.action.single)
            async def leaves():
                raise SystemExit(3)
        """)
        await house.say("relay", power=1)
        await house.say("knob", action="single")
        await house.say("relay", power=2)
        assert house.notes == ["works", "works"]
        assert "leaves failed: " in caplog.text
        assert counters(house, "leaves")["errors"] == 1
        path = tmp_path / "hall.py"
        expected = f"hall.py:17 fails failed: {path}:15: ZeroDivisionError: division by zero"
        assert caplog.text.count(expected) == 2
        # The stack is told once for each place.
        assert caplog.text.count("line 19, in fails") == 1
        found = counters(house, "fails")
        assert found["errors"] == 2
        assert found["last_error"] == f"{path}:15: ZeroDivisionError: division by zero"
        await house.close()

    with caplog.at_level(logging.ERROR):
        virtually(main)


def test_tasks_of_a_handler_work_as_usual(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin("""
            async def wait(seconds):
                await asyncio.sleep(seconds)
                store.set(f"after {seconds}", True)
                return seconds

            @on(knob.action.single)
            async def gathers():
                await note(await asyncio.gather(wait(3), wait(1), wait(2)))
                await note(list(store))
                await note(await run_blocking(sorted, [3, 1, 2]))
        """)
        await house.say("knob", action="single")
        await house.wait(5)
        expected = [[3, 1, 2], ["after 1", "after 2", "after 3"], [1, 2, 3]]
        assert house.notes == expected
        await house.close()

    virtually(main)


def test_run_blocking_gives_what_the_function_gives() -> None:
    async def main() -> None:
        assert await run_blocking(int, "ff", base=16) == 255
        with pytest.raises(ZeroDivisionError):
            await run_blocking(divmod, 1, 0)

    asyncio.run(main())


@pytest.mark.parametrize("where", ["handler", "helper", "task"])
def test_a_handler_that_blocks_the_loop_is_named_with_file_and_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    call = {"handler": "time.sleep(0.3)", "helper": "helper()", "task": "await task()"}[where]

    async def main() -> None:
        house = House(tmp_path, watch=True)
        await house.begin(f"""
            import time

            def helper():
                time.sleep(0.3)

            async def task():
                async def inner():
                    helper()
                await asyncio.gather(inner())

            @on(knob.action.single)
            async def blocks():
                await asyncio.sleep(0)
                {call}
        """)
        await house.say("knob", action="single")
        await house.wait(1)
        assert int(str(counters(house, "blocks")["blocked"])) >= 1
        lines = (tmp_path / "hall.py").read_text().splitlines()
        sleeps = [number for number, text in enumerate(lines, 1) if "time.sleep(0.3)" in text]
        line = sleeps[-1]
        assert f"at {tmp_path / 'hall.py'}:{line}; await instead" in caplog.text
        assert re.search(r"blocks kept everything waiting for \d{3,} ms", caplog.text)
        await house.close()

    virtually(main)


def test_watching_costs_little(tmp_path: Path) -> None:
    """Two clocks and a flag for each step; far below what the step itself costs."""

    async def steps(*, watch: bool) -> float:
        house = House(tmp_path, watch=watch)
        await house.begin("""
            @on(knob.action.single)
            async def many():
                for _ in range(20_000):
                    await asyncio.sleep(0)
                await note("done")
        """)
        began = time.process_time()
        await house.say("knob", action="single")
        await house.wait(1)
        assert house.notes == ["done"]
        took = time.process_time() - began
        await house.close()
        return took

    without = min(virtually(lambda: steps(watch=False)) for _ in range(3))
    watched = min(virtually(lambda: steps(watch=True)) for _ in range(3))
    assert watched < 3 * without + 0.05


def test_the_end_waits_for_handlers_then_cancels_them_and_names_those_that_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        house = House(tmp_path, grace=5)
        await house.begin("""
            @on(knob.action.single)
            async def soon():
                await asyncio.sleep(3)
                await note("soon")

            @on(knob.action.single)
            async def never():
                try:
                    await asyncio.sleep(3600)
                finally:
                    await note("cancelled")

            @on(knob.action.single)
            async def stubborn():
                while True:
                    try:
                        await asyncio.sleep(3600)
                    except asyncio.CancelledError:
                        pass
        """)
        await house.say("knob", action="single")
        began = asyncio.get_running_loop().time()
        await house.close()
        assert asyncio.get_running_loop().time() - began == 10
        assert house.notes == ["soon", "cancelled"]
        assert "never is still running; it is cancelled" in caplog.text
        assert "soon is still running" not in caplog.text
        assert "stubborn does not end, though cancelled; it is left behind" in caplog.text
        assert "never does not end" not in caplog.text
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.get_coro().close()

    with caplog.at_level(logging.WARNING):
        virtually(main)


def test_what_happens_before_the_house_is_known_is_handled_then(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.runtime.open()
        house.load("""
            @on(knob.action.single)
            async def pressed():
                await note("pressed")
        """)
        pump = asyncio.get_running_loop().create_task(house.home.run())
        await house.say("knob", action="single")
        assert house.notes == []
        house.runtime.begin()
        await house.wait(0)
        assert house.notes == ["pressed"]
        await house.close()
        await pump

    virtually(main)


def test_what_people_see_is_published_soon_after_an_error_and_else_seldom(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin("""
            @on(relay.power)
            async def maybe(change):
                if change.new > 5:
                    raise ValueError("too much")
            @every("1h")
            async def hourly(): ...
        """)
        report = Report(house.runtime, Folder(house.runtime, tmp_path))
        task = asyncio.get_running_loop().create_task(report.run())

        def said() -> list[object]:
            topic = "zigbee2mqtt/bridge/automations"
            return [payload for name, payload in house.link.published if name == topic]

        await house.wait(0)
        assert len(said()) == 1
        for power in range(5):
            await house.say("relay", power=power)
        await house.wait(30)
        assert len(said()) == 1
        for power in range(6, 9):
            await house.say("relay", power=power)
        await house.wait(2)
        assert len(said()) == 2
        (file,) = said()[1]["files"]  # type: ignore[index]
        assert file["id"] == "hall"
        assert file["error"] is None
        handler, hourly = file["handlers"]
        assert handler == {
            "id": "maybe",
            "line": 14,
            "triggers": ["relay.power"],
            "policy": "single",
            "next": None,
            "runs": 8,
            "running": 0,
            "skipped": 0,
            "errors": 3,
            "blocked": 0,
            "last_error": f"{tmp_path / 'hall.py'}:17: ValueError: too much",
        }
        assert hourly["next"] == "2026-01-05T13:00:00+00:00"
        await house.say("relay", power=1)
        await house.wait(301)
        assert len(said()) == 3
        await house.wait(1000)
        assert len(said()) == 3
        task.cancel()
        await house.close()

    virtually(main)


def test_a_device_that_has_come_is_missed_no_longer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin("""
            lamp = home.device("lamp")

            @on(lamp["state"] == "ON")
            async def lit(): ...
        """)
        report = Report(house.runtime, Folder(house.runtime, tmp_path))
        task = asyncio.get_running_loop().create_task(report.run())

        def error() -> object:
            told = [what for topic, what in house.link.published if topic.endswith("/automations")]
            return told[-1]["files"][0]["handlers"][0]["last_error"]

        await house.wait(0)
        assert str(error()).startswith("no device or group is called 'lamp'.")
        devices = [device_entry("relay"), device_entry("knob")]
        house.link.house(*devices, device_entry("other"))
        await house.wait(2)
        assert caplog.text.count("no device or group is called 'lamp'") == 2
        house.link.house(*devices, device_entry("lamp"))
        await house.wait(2)
        assert error() is None
        house.link.house(*devices)
        await house.wait(2)
        assert str(error()).startswith("no device or group is called 'lamp'.")
        assert caplog.text.count("no device or group is called 'lamp'") == 3
        task.cancel()
        await house.close()

    with caplog.at_level(logging.ERROR):
        virtually(main)


def test_a_step_of_more_than_50_ms_is_told_and_a_shorter_one_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    # Of its own: the machine that runs this test is as slow as it likes.
    clock = SimpleNamespace(perf_counter=lambda: now, sleep=time.sleep)
    monkeypatch.setattr("ferrobee._automations.blocking.time", clock)
    told: list[int] = []

    def report(took: float, place: str | None, *, ended: bool) -> None:
        # The line is there if the other thread has looked just then.
        del place
        assert ended
        told.append(round(took * 1000))

    async def steps() -> None:
        nonlocal now
        for took in (0.049, 0.051, 0.0, 0.06):
            now += took
            await asyncio.sleep(0)

    async def main() -> None:
        watchdog = Watchdog()
        await asyncio.create_task(Stepped(steps(), watchdog, report))
        watchdog.close()

    asyncio.run(main())
    assert told == [51, 60]
