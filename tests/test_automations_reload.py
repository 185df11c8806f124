"""Saving a file swaps it: what goes on, what ends, what is lost (nothing)."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
import textwrap
import threading
import tracemalloc
import weakref
from typing import TYPE_CHECKING

import pytest
from tests.support.automations import House, virtually
from tests.support.fake_link import FakeLink, device_entry

from ferrobee._automations.folder import Folder
from ferrobee._automations.loader import File, LoadError, find, load_aside
from ferrobee._automations.runtime import Runtime
from ferrobee._clock import SystemClock
from ferrobee._home import Home
from ferrobee._ledger import PutTimer, PutValue, Timer
from ferrobee._ledgers import MemoryLedger

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


COUNTS = """
@on(knob["count"], policy="parallel")
async def counted(change):
    # VERSION
    await note(change.new)

@on(relay.power > 5, hold="1h")
async def held():
    await note("held")

class Lamp(Machine):
    off = State(initial=True)
    lit = State()

    @off.to(lit, when=relay.power > 5)
    async def light(self):
        self.seen = True

    lit.to(off, after="1h")

lamp = Lamp()
"""


def test_a_thousand_swaps_under_500_messages_a_second_lose_nothing_and_leave_memory_flat(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin(COUNTS)
        await house.say("relay", power=10)
        sent, versions = 0, weakref.WeakSet[File]()
        before = 0
        for swap in range(1000):
            # Two messages on each side of every swap: at 500 a second, a swap every 8 ms.
            for _ in range(4):
                house.link.say("knob", {"count": sent})
                sent += 1
                await asyncio.sleep(0.002)
                if sent % 4 == 2:
                    versions.add(house.load(COUNTS.replace("VERSION", str(swap))))
            if swap == 199:
                gc.collect()
                tracemalloc.start()
                before = tracemalloc.get_traced_memory()[0]
            if swap % 100 == 99:
                assert [note for note in house.notes if note != "held"] == list(range(sent))
                house.link.published.clear()
                sent = 0
        await house.wait(0)
        gc.collect()
        after = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert len(versions) == 1
        assert after - before < 300_000
        assert sorted(timer.id for timer in house.ledger.rows().timers) == ["Lamp/lit>off", "held"]
        assert house.runtime.files["hall"].machines["Lamp"].state.name == "lit"
        assert house.runtime.files["hall"].slots["counted"].runs == 4000
        await house.wait(3600)
        assert house.notes.count("held") == 1
        await house.close()

    virtually(main)


def test_runs_of_the_old_version_end_by_themselves_or_are_cancelled_by_policy(
    tmp_path: Path,
) -> None:
    text = """
        @on(knob.action.single, policy="restart")
        async def restarts():
            try:
                await asyncio.sleep(10)
            finally:
                await note("restarts ended at " + str(asyncio.get_running_loop().time()))

        @on(knob.action.single)
        async def single():
            await asyncio.sleep(10)
            await note("OLD single")
    """

    async def main() -> None:
        house = House(tmp_path)
        await house.begin(text)
        await house.say("knob", action="single")
        await house.wait(5)
        house.load(text.replace("OLD", "new"))
        await house.wait(0)
        assert house.notes == ["restarts ended at 5.0"]
        # The new version does not wait for the old one.
        await house.say("knob", action="single")
        await house.wait(20)
        assert sorted(house.notes[1:]) == [
            "OLD single",
            "new single",
            "restarts ended at 15.0",
        ]
        await house.close()

    virtually(main)


def test_a_hold_goes_on_with_the_time_of_the_new_version(tmp_path: Path) -> None:
    text = """
        @on(relay.power > 5, hold="1h")
        async def held():
            await note("held")
    """

    async def main() -> None:
        house = House(tmp_path)
        await house.begin(text)
        await house.say("relay", power=10)
        await house.wait(1200)
        house.load(text)
        await house.wait(1199)
        house.load(text.replace("1h", "41min"))
        await house.wait(60)
        assert house.notes == []
        await house.wait(2)
        assert house.notes == ["held"]
        # Not again: it held before the swap.
        house.load(text)
        await house.say("relay", power=20)
        await house.wait(4000)
        assert house.notes == ["held"]
        await house.close()

    virtually(main)


def test_a_timer_that_runs_is_not_begun_again_by_a_swap(tmp_path: Path) -> None:
    text = """
        @every("1min")
        async def slow():
            await note("begin")
            await asyncio.sleep(30)
    """

    async def main() -> None:
        house = House(tmp_path)
        await house.begin(text)
        await house.wait(61)
        house.load(text)
        await house.wait(58)
        assert house.notes == ["begin"]
        await house.close()

    virtually(main)


def test_a_run_of_the_old_version_means_the_machine_that_is_there_now(tmp_path: Path) -> None:
    text = """
        class Lamp(Machine):
            off = State(initial=True)
            lit = State()

            @lit.enter
            async def light(self):
                await note("VERSION")

        lamp = Lamp()

        @on(knob.action.single)
        async def slow():
            await asyncio.sleep(10)
            await lamp.go("lit")
            await note(lamp.state.name)
    """

    async def main() -> None:
        house = House(tmp_path)
        await house.begin(text)
        await house.say("knob", action="single")
        house.load(text.replace("VERSION", "new"))
        await house.wait(11)
        assert house.notes == ["new", "lit"]
        assert house.runtime.files["hall"].machines["Lamp"].state.name == "lit"
        await house.close()

    virtually(main)


def test_a_failing_import_keeps_the_old_version_and_says_why(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin(COUNTS)
        module = sys.modules["automations.hall"]
        for text, line, reason in (
            ("def broken(:", 13, "SyntaxError: "),
            ("import there_is_none", 13, "ModuleNotFoundError: No module named 'there_is_none'"),
            ("x = 1\nraise SystemExit(1)", 14, "SystemExit: 1"),
            ("1 / 0", 13, "ZeroDivisionError: division by zero"),
        ):
            with pytest.raises(LoadError) as error:
                house.load(text)
            assert str(error.value).startswith(f"{tmp_path / 'hall.py'}, line {line}: {reason}")
        await house.say("knob", count=1)
        assert house.notes == [1]
        assert sys.modules["automations.hall"] is module
        await house.close()

    virtually(main)


def test_dataclasses_and_annotations_of_a_file_work(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        (tmp_path / "types.py").write_text(
            textwrap.dedent("""
                from __future__ import annotations
                from dataclasses import dataclass
                from typing import ClassVar, get_type_hints

                @dataclass
                class Scene:
                    name: str
                    count: ClassVar[int] = 0

                assert get_type_hints(Scene)["name"] is str
            """)
        )
        from ferrobee._automations.loader import load

        assert load(tmp_path / "types.py", house.home).id == "types"

    virtually(main)


def test_a_stop_while_a_file_is_loaded_is_quiet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, path = tmp_path / "gate", tmp_path / "slow.py"
    os.mkfifo(gate)
    path.write_text(f"open({str(gate)!r}).read()")
    failed: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", failed.append)

    async def main() -> None:
        async with asyncio.timeout(0.01):
            await asyncio.wrap_future(load_aside(path, None)[0])

    with pytest.raises(TimeoutError):
        asyncio.run(main())
    (loading,) = [one for one in threading.enumerate() if one.name == "ferrobee-load-slow"]
    gate.write_text("")
    loading.join(20)
    assert failed == []


def test_two_files_with_the_same_id_are_an_error_that_names_both(tmp_path: Path) -> None:
    for name in (
        "hall.py",
        "up/hall.py",
        "lib/hall.py",
        "_draft.py",
        ".trash/old.py",
        "up/bath.py",
        "test_hall.py",
        "conftest.py",
        "tests/helpers.py",
        "home.py",
        "home.pyi",
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    files, errors = find(tmp_path)
    assert files == {"hall": tmp_path / "hall.py", "bath": tmp_path / "up" / "bath.py"}
    (error,) = errors
    assert str(error) == (
        f"{tmp_path / 'up' / 'hall.py'}: its id would be 'hall', as that of "
        f"{tmp_path / 'hall.py'}; rename one of them"
    )


class Followed:
    """A folder on a fake link, in real time."""

    def __init__(self, path: Path) -> None:
        self.link = FakeLink()
        clock = SystemClock()
        ledger = MemoryLedger()
        self.home = Home(self.link, ledger, clock)
        self.runtime = Runtime(self.home, ledger, clock, grace=0.1, watch=False)
        self.folder = Folder(self.runtime, path)

    async def begin(self) -> None:
        await self.runtime.open()
        self.link.house(device_entry("relay"))
        await self.folder.open()
        self._pump = asyncio.get_running_loop().create_task(self.home.run())
        await self.home.ready()
        self.runtime.begin()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Waits for what the folder's watcher brings."""
        happened = asyncio.Event()
        changed = self.runtime.changed

        def look() -> None:
            changed()
            happened.set()

        self.runtime.changed = self.folder.changed = look
        async with asyncio.timeout(60):
            while not holds():
                happened.clear()
                await happened.wait()

    @property
    def told(self) -> list[object]:
        return [payload for topic, payload in self.link.published if topic == "told"]

    async def close(self) -> None:
        await self.runtime.close()
        self.folder.close()
        self.home.close()
        await self._pump


SAYS = """
from ferrobee import home, start
from lib.words import WORD

@start
async def say():
    home.publish("told", f"NUMBER {WORD}")
"""


def test_a_folder_is_followed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    words = tmp_path / "lib" / "words.py"
    words.parent.mkdir()
    words.write_text("WORD = 'one'")
    hall = tmp_path / "hall.py"
    hall.write_text(SAYS.replace("NUMBER", "1"))
    (tmp_path / "bad.py").write_text("import nothing_like_this")

    async def main() -> None:
        house = Followed(tmp_path)
        await house.begin()
        folder = house.folder
        assert list(folder.errors) == ["bad"]
        assert "bad.py, line 1: ModuleNotFoundError" in caplog.text
        follow = asyncio.get_running_loop().create_task(folder.follow())
        await asyncio.sleep(0)
        assert house.told == ["1 one"]

        hall.write_text(SAYS.replace("NUMBER", "2"))
        await house.until(lambda: "2 one" in house.told)
        # A mistake keeps what runs; mending it swaps.
        hall.write_text("def broken(:")
        await house.until(lambda: "hall" in folder.errors)
        assert "the version before goes on" in caplog.text
        assert "hall" in house.runtime.files
        hall.write_text(SAYS.replace("NUMBER", "3"))
        await house.until(lambda: "3 one" in house.told)
        assert list(folder.errors) == ["bad"]
        # A module of lib: whoever might use it is loaded again.
        words.write_text("WORD = 'two'")
        await house.until(lambda: "3 two" in house.told)
        # A new file, and one that goes.
        (tmp_path / "new.py").write_text(SAYS.replace("NUMBER", "new"))
        await house.until(lambda: "new two" in house.told)
        hall.unlink()
        await house.until(lambda: "hall" not in house.runtime.files)
        assert "new" in house.runtime.files
        follow.cancel()
        await house.close()
        assert "lib.words" not in sys.modules

    with caplog.at_level(logging.INFO):
        asyncio.run(main())


def test_rows_of_files_that_are_gone_are_removed_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def broken(:")

    async def main() -> None:
        house = Followed(tmp_path)
        ledger = house.home.ledger
        for owner in ("gone", "broken"):
            timer = Timer(owner, "tick", 4e9, None, "run_late", '{"n":1}')
            ledger.commit([PutTimer(timer), PutValue(owner, "store:x", "1")])
        await house.begin()
        rows = await ledger.load()
        assert [timer.owner for timer in rows.timers] == ["broken"]
        assert sorted(rows.values) == ["broken", "gone"]
        await house.close()

    asyncio.run(main())


def test_what_was_saved_without_a_change_is_not_loaded_again(tmp_path: Path) -> None:
    hall = tmp_path / "hall.py"
    hall.write_text("")

    async def main() -> None:
        house = Followed(tmp_path)
        await house.begin()
        before = house.runtime.files["hall"]
        hall.touch()
        await house.folder.refresh()
        assert house.runtime.files["hall"] is before
        # The same length in the same second: no cache may think that it is the same.
        hall.write_text("x = 1")
        await house.folder.refresh()
        hall.write_text("x = 2")
        await house.folder.refresh()
        assert vars(house.runtime.files["hall"].file.module)["x"] == 2
        await house.close()

    asyncio.run(main())


def test_a_file_whose_import_does_not_end_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ferrobee._automations.folder.LOAD_SECONDS", 0.2)
    (tmp_path / "a_endless.py").write_text("import threading\nthreading.Event().wait()")
    (tmp_path / "hall.py").write_text("")

    async def main() -> None:
        house = Followed(tmp_path)
        await house.begin()
        assert list(house.runtime.files) == ["hall"]
        assert "has not ended within 0.2 s" in str(house.folder.errors["a_endless"])
        await house.close()

    asyncio.run(main())


def test_fifty_files_are_loaded_in_under_a_second(tmp_path: Path) -> None:
    import time

    for number in range(50):
        handlers = "".join(
            textwrap.dedent(f"""
                @on(relay["power"] > {line}, hold="30s")
                async def handler_{line}():
                    await relay["state"].set("ON")
            """)
            for line in range(10)
        )
        head = 'from ferrobee import home, on\nrelay = home.device("relay")\n'
        (tmp_path / f"file_{number}.py").write_text(head + handlers)

    async def main() -> float:
        house = Followed(tmp_path)
        began = time.process_time()
        await house.begin()
        took = time.process_time() - began
        assert len(house.runtime.files) == 50
        await house.close()
        return took

    assert min(asyncio.run(main()) for _ in range(2)) < 1
