"""Durable timers and values: the same promises in memory, in a file and in a bridge."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import pytest

from ferrobee import LedgerError, _core
from ferrobee._ledger import (
    Due,
    Ledger,
    Loaded,
    PutTimer,
    PutValue,
    RemoveTimer,
    RemoveValue,
    Timer,
)
from ferrobee._ledgers import BridgeLedger, FileLedger, MemoryLedger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from pathlib import Path

T = TypeVar("T")

TIMERS_PER_OWNER = 10_000
BYTES_PER_OWNER = 1024 * 1024

# Nobody is there: timers need neither broker nor coordinator.
CONFIGURATION = """
version: 5
mqtt:
  server: mqtt://127.0.0.1:1
serial:
  adapter: zstack
  port: tcp://127.0.0.1:1
"""


class Kept(Protocol):
    """Where a process keeps its rows, and the next one finds them."""

    async def open(self) -> Ledger: ...
    async def close(self) -> None: ...


class InMemory:
    def __init__(self, _folder: Path) -> None:
        self.rows = Loaded()

    async def open(self) -> Ledger:
        self.ledger = MemoryLedger(self.rows)
        return self.ledger

    async def close(self) -> None:
        self.rows = self.ledger.rows()


class InFile:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "script.db"

    async def open(self) -> Ledger:
        self.ledger = FileLedger(self.path)
        return self.ledger

    async def close(self) -> None:
        self.ledger.close()


class InBridge:
    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.data.mkdir()
        (self.data / "configuration.yaml").write_text(CONFIGURATION)

    async def open(self) -> Ledger:
        self.bridge = _core.Bridge(self.data, console=False)
        return BridgeLedger(self.bridge)

    async def close(self) -> None:
        self.bridge.stop()
        await asyncio.to_thread(self.bridge.result)


@pytest.fixture(params=[InMemory, InFile, InBridge])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    kind: Callable[[Path], Kept] = request.param
    return kind(tmp_path)


def run(main: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(main)


async def during(kept: Kept, work: Callable[[Ledger, Loaded], Awaitable[T]]) -> T:
    """What a process does from its start to its end."""
    ledger = await kept.open()
    try:
        return await work(ledger, await ledger.load())
    finally:
        await kept.close()


def soon(milliseconds: int) -> float:
    """A moment of the wall clock, in whole milliseconds."""
    return (time.time_ns() // 1_000_000 + milliseconds) / 1000


def timer(id_: str, due: float, span: float | None = None, **other: str) -> Timer:
    return Timer("hall.py", id_, due, span, **other)


async def next_due(ledger: Ledger, count: int) -> list[Due]:
    due: list[Due] = []
    async with asyncio.timeout(20):
        while len(due) < count:
            due += await ledger.due()
    return due


def test_what_is_committed_is_loaded_after_a_restart(kept: Kept) -> None:
    far = soon(3_600_000)
    timers = [
        timer("a", far, missed="run_if_within:600", data='{"text": "ü\\u0000"}'),
        timer("b", far, missed="skip"),
        Timer("attic.py", "z", far),
    ]

    async def first(ledger: Ledger, loaded: Loaded) -> None:
        assert loaded == Loaded()
        ledger.commit([PutTimer(timer("gone", far)), PutTimer(timer("a", 0))])
        ledger.commit([PutValue("hall.py", "k", "1"), PutValue("hall.py", "l", "[]")])
        ledger.commit([RemoveTimer("hall.py", "gone"), RemoveTimer("hall.py", "never")])
        ledger.commit([PutTimer(timer) for timer in timers])
        ledger.commit([PutValue("hall.py", "k", "2"), RemoveValue("hall.py", "l")])
        ledger.commit([PutValue("attic.py", "m", "0"), RemoveValue("attic.py", "m")])
        await ledger.saved()

    async def second(_: Ledger, loaded: Loaded) -> None:
        assert loaded.timers == [timers[2], timers[0], timers[1]]
        assert loaded.values == {"hall.py": {"k": "2"}}

    run(during(kept, first))
    run(during(kept, second))


def test_timers_are_told_in_order_once_and_never_early(kept: Kept) -> None:
    async def work(ledger: Ledger, _: Loaded) -> None:
        begin = soon(0)
        ledger.commit(
            [
                PutTimer(timer("c", begin + 0.12)),
                PutTimer(timer("b", begin + 0.08, 0.08)),
                PutTimer(timer("a", begin + 0.08)),
                PutTimer(timer("never", begin + 3600)),
            ]
        )
        told: list[Due] = []
        for _n in range(3):
            if len(told) < 3:
                told += await ledger.due()
                assert time.time() >= told[-1].timer.due - 0.001
        # Moments and spans are measured by two clocks: which of these is first is not said.
        assert sorted(due.timer.id for due in told[:2]) == ["a", "b"]
        assert told[2].timer.id == "c"
        assert not any(due.missed for due in told)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ledger.due(), 0.1)

    run(during(kept, work))


def test_a_timer_is_told_again_after_a_restart_until_it_is_removed(kept: Kept) -> None:
    async def told(ledger: Ledger, _: Loaded) -> list[str]:
        due = await next_due(ledger, 2)
        return [due.timer.id for due in due]

    async def first(ledger: Ledger, loaded: Loaded) -> list[str]:
        ledger.commit([PutTimer(timer("a", soon(-10))), PutTimer(timer("b", soon(-5), 60))])
        await ledger.saved()
        return await told(ledger, loaded)

    async def last(ledger: Ledger, loaded: Loaded) -> None:
        assert len(loaded.timers) == 2
        ledger.commit([RemoveTimer("hall.py", "a"), RemoveTimer("hall.py", "b")])
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ledger.due(), 0.1)

    assert run(during(kept, first)) == ["a", "b"]
    assert run(during(kept, told)) == ["a", "b"]
    run(during(kept, last))
    assert run(during(kept, loaded_timers)) == []


async def loaded_timers(_: Ledger, loaded: Loaded) -> list[Timer]:
    return loaded.timers


def test_the_policy_says_what_was_missed_while_nothing_ran(kept: Kept) -> None:
    policies = {
        "run_late": False,
        "skip": True,
        "run_if_within:10": True,
        "run_if_within:600": False,
    }

    async def first(ledger: Ledger, _: Loaded) -> None:
        ledger.commit([PutTimer(timer(name, soon(-60_000), missed=name)) for name in policies])
        await ledger.saved()

    async def second(ledger: Ledger, _: Loaded) -> None:
        due = await next_due(ledger, len(policies))
        assert {due.timer.id: due.missed for due in due} == policies
        assert all(60 <= due.late < 120 for due in due)

    run(during(kept, first))
    run(during(kept, second))


def test_what_remains_of_a_span_is_within_it(kept: Kept) -> None:
    """A clock that was wrong, or is."""

    async def first(ledger: Ledger, _: Loaded) -> None:
        ledger.commit([PutTimer(timer("a", soon(3_600_000), 0.05))])
        await ledger.saved()

    async def second(ledger: Ledger, loaded: Loaded) -> None:
        assert loaded.timers[0].due <= soon(51)
        assert [due.timer.id for due in await next_due(ledger, 1)] == ["a"]

    run(during(kept, first))
    run(during(kept, second))


def test_a_commit_that_is_refused_changes_nothing(kept: Kept) -> None:
    far = soon(3_600_000)

    async def work(ledger: Ledger, _: Loaded) -> None:
        ledger.commit([PutTimer(timer(str(n), far)) for n in range(TIMERS_PER_OWNER)])
        with pytest.raises(LedgerError, match=r"hall\.py would have more than 10000 timers"):
            ledger.commit([PutValue("hall.py", "k", "1"), PutTimer(timer("more", far))])
        with pytest.raises(LedgerError, match=r"attic\.py would keep more than 1048576 bytes"):
            ledger.commit([PutValue("attic.py", "k", "x" * BYTES_PER_OWNER)])
        with pytest.raises(LedgerError, match="'sometimes' is no policy"):
            ledger.commit(
                [RemoveTimer("hall.py", "0"), PutTimer(timer("0", 0, missed="sometimes"))]
            )
        # One that goes makes room for one that comes.
        ledger.commit([RemoveTimer("hall.py", "1"), PutTimer(timer("more", far))])
        ledger.commit([PutValue("attic.py", "k", "x" * (BYTES_PER_OWNER - 1))])
        await ledger.saved()

    async def after(_: Ledger, loaded: Loaded) -> None:
        ids = {timer.id for timer in loaded.timers}
        assert ids == {*map(str, range(TIMERS_PER_OWNER)), "more"} - {"1"}
        assert set(loaded.values) == {"attic.py"}

    run(during(kept, work))
    run(during(kept, after))


def test_a_timer_that_was_removed_or_put_anew_is_not_told_as_it_was(kept: Kept) -> None:
    async def work(ledger: Ledger, _: Loaded) -> None:
        for number in range(50):
            ledger.commit(
                [PutTimer(timer("a", soon(-1))), PutTimer(timer("b", soon(-1), data=str(number)))]
            )
            # Whether or not they are on their way by now.
            for _n in range(number % 5):
                await asyncio.sleep(0)
            ledger.commit([RemoveTimer("hall.py", "a")])
            ledger.commit([PutTimer(timer("b", soon(-1), data=f'"{number} anew"'))])
            due = await next_due(ledger, 1)
            assert [(due.timer.id, due.timer.data) for due in due] == [("b", f'"{number} anew"')]

    run(during(kept, work))


def test_who_is_cancelled_while_waiting_loses_nothing(kept: Kept) -> None:
    async def work(ledger: Ledger, _: Loaded) -> None:
        for number in range(20):
            ledger.commit([PutTimer(timer(str(number), soon(number % 4)))])
            waiting = asyncio.create_task(ledger.due())
            for _n in range(number % 7):
                await asyncio.sleep(0)
            cancelled = waiting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await waiting
            if cancelled and waiting.cancelled():
                due = await next_due(ledger, 1)
            else:
                due = waiting.result()
            assert [due.timer.id for due in due] == [str(number)]

    run(during(kept, work))


def test_moments_of_all_kinds_of_numbers_are_kept_to_the_millisecond(kept: Kept) -> None:
    async def first(ledger: Ledger, _: Loaded) -> None:
        ledger.commit([PutTimer(timer("a", 4_000_000_000.123456, None))])
        ledger.commit([PutTimer(timer("b", 4_000_000_000.5, 10_000_000_000.0006))])
        await ledger.saved()

    async def second(_: Ledger, loaded: Loaded) -> None:
        assert [(timer.due, timer.span) for timer in loaded.timers] == [
            (4_000_000_000.123, None),
            (4_000_000_000.5, 10_000_000_000.001),
        ]

    run(during(kept, first))
    run(during(kept, second))


def test_a_stepped_wall_clock_moves_moments_and_no_spans() -> None:
    """In memory, where the clock can be set; the native table has this in Rust."""
    ahead = 0.0

    async def main() -> None:
        nonlocal ahead
        ledger = MemoryLedger(wall=lambda: time.time() + ahead)
        await ledger.load()
        begin = soon(0)
        ledger.commit(
            [
                PutTimer(timer("moment", begin + 1800)),
                PutTimer(timer("span", begin + 0.1, 0.1)),
            ]
        )
        ahead = -7200
        assert ledger.rows().timers[1].due == pytest.approx(begin + 0.1 - 7200, abs=0.05)
        assert [due.timer.id for due in await next_due(ledger, 1)] == ["span"]
        ahead = 3600
        ledger.commit([])
        due = await next_due(ledger, 1)
        assert due[0].timer.id == "moment"
        assert due[0].late == pytest.approx(1800, abs=5)

    run(main())


def test_a_second_process_on_a_file_is_refused_with_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "script.db"
    script = f"from ferrobee._ledgers import FileLedger; FileLedger({str(path)!r})"

    async def main() -> None:
        ledger = FileLedger(path)
        await ledger.load()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, stderr=asyncio.subprocess.PIPE
        )
        _, error = await process.communicate()
        assert process.returncode == 1
        assert f"LedgerError: {path}: another process uses it" in error.decode()
        # And the first goes on.
        ledger.commit([PutValue("a", "k", "1")])
        await ledger.saved()
        ledger.close()
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", script)
        assert await process.wait() == 0

    run(main())


def test_a_damaged_file_is_set_aside_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "script.db"
    path.write_bytes(b"no database, " * 1000)
    ledger = FileLedger(path)
    ledger.close()
    assert "script.db.damaged-1" in caplog.text
    assert (tmp_path / "script.db.damaged-1").read_bytes() == b"no database, " * 1000


def test_a_file_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="nowhere"):
        FileLedger(tmp_path / "nowhere" / "script.db")


def test_a_script_that_ends_without_closing_keeps_what_it_committed(tmp_path: Path) -> None:
    path = tmp_path / "script.db"
    script = f"""
import asyncio
from ferrobee._ledgers import FileLedger
from ferrobee._ledger import PutValue
async def main():
    ledger = FileLedger({str(path)!r})
    await ledger.load()
    for number in range(200):
        ledger.commit([PutValue("a", str(number), "1")])
asyncio.run(main())
"""

    async def main() -> Loaded:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", script)
        assert await process.wait() == 0
        ledger = FileLedger(path)
        try:
            return await ledger.load()
        finally:
            ledger.close()

    assert len(run(main()).values["a"]) == 200


def test_a_ledger_that_is_closed_says_so(tmp_path: Path) -> None:
    async def main() -> None:
        ledger = FileLedger(tmp_path / "script.db")
        await ledger.load()
        waiting = asyncio.create_task(ledger.due())
        await asyncio.sleep(0)
        await asyncio.to_thread(ledger.close)
        with pytest.raises(LedgerError, match="closed"):
            await waiting
        with pytest.raises(LedgerError, match="closed"):
            ledger.commit([])
        with pytest.raises(LedgerError, match="closed"):
            await ledger.saved()

    run(main())
