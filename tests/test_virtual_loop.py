"""The event loop in virtual time."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

import pytest

from ferrobee.testing._loop import StuckError, VirtualClock, VirtualLoop, Watched

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")


def run(main: Callable[[VirtualLoop], Coroutine[Any, Any, T]]) -> T:
    loop = VirtualLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(main(loop))


def test_a_day_of_sleep_takes_no_time() -> None:
    async def main(loop: VirtualLoop) -> float:
        await asyncio.sleep(86_400)
        return loop.time()

    began = time.monotonic()
    assert run(main) == pytest.approx(86_400, abs=1e-6)
    assert time.monotonic() - began < 5


def test_timers_run_in_order_of_their_time() -> None:
    seen: list[tuple[float, str]] = []

    async def main(loop: VirtualLoop) -> None:
        async def wait(seconds: float, name: str) -> None:
            await asyncio.sleep(seconds)
            seen.append((loop.time(), name))

        await asyncio.gather(wait(3, "c"), wait(1, "a"), wait(2, "b"), wait(2, "b2"))

    run(main)
    assert seen == [(1, "a"), (2, "b"), (2, "b2"), (3, "c")]


def test_a_time_out_is_virtual() -> None:
    async def main(loop: VirtualLoop) -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(600):
                await asyncio.Event().wait()
        return loop.time()

    assert run(main) == 600


def test_time_stands_still_while_a_thread_works() -> None:
    async def main(loop: VirtualLoop) -> list[float]:
        timer = loop.call_later(1, lambda: None)
        await asyncio.to_thread(time.sleep, 0.02)
        timer.cancel()
        return [loop.time()]

    assert run(main) == [0]


def test_who_waits_for_nothing_is_told_where() -> None:
    async def main(_: VirtualLoop) -> None:
        await asyncio.Event().wait()

    with pytest.raises(StuckError, match=r"test_virtual_loop\.py:\d+"):
        run(main)


def test_time_does_not_pass_the_horizon() -> None:
    async def main(loop: VirtualLoop) -> None:
        loop.horizon = 10
        await asyncio.sleep(11)

    with pytest.raises(StuckError, match="at 10"):
        run(main)


def test_a_watched_test_may_wait_for_an_hour_and_no_longer() -> None:
    async def test() -> None:
        for _ in range(3):
            await asyncio.sleep(3000)
        await asyncio.sleep(3700)

    async def main(loop: VirtualLoop) -> None:
        await loop.create_task(Watched(loop, test()))

    with pytest.raises(StuckError, match="at 12600"):
        run(main)


class Bell:
    """A world that rings every ten seconds."""

    def __init__(self, loop: VirtualLoop, ring: Callable[[], None]) -> None:
        self.now = loop.time()
        self.loop = loop
        self.ring = ring

    def advance(self, until: float) -> float:
        following = self.now + 10
        if following > until:
            return until
        self.now = following
        self.loop.call_soon(self.ring)
        return self.now


def test_the_world_and_the_loop_share_one_time() -> None:
    rung: list[float] = []

    async def main(loop: VirtualLoop) -> None:
        loop.world = Bell(loop, lambda: rung.append(loop.time()))
        await asyncio.sleep(15)
        rung.append(-1)
        await asyncio.sleep(20)

    run(main)
    assert rung == [10, -1, 20, 30]


def test_the_wall_clock_follows_and_can_be_set() -> None:
    async def main(loop: VirtualLoop) -> list[datetime]:
        clock = VirtualClock(
            loop, datetime(2026, 3, 29, 0, 30, tzinfo=UTC), ZoneInfo("Europe/Berlin")
        )
        first = clock.now()
        await asyncio.sleep(3600)
        second = clock.now()
        clock.step(-60)
        return [first, second, clock.now()]

    times = [moment.isoformat() for moment in run(main)]
    assert times == [
        "2026-03-29T01:30:00+01:00",
        "2026-03-29T03:30:00+02:00",
        "2026-03-29T03:29:00+02:00",
    ]


def test_callbacks_of_threads_wake_the_loop() -> None:
    async def main(loop: VirtualLoop) -> float:
        future: asyncio.Future[float] = loop.create_future()

        def work() -> None:
            time.sleep(0.01)
            loop.call_soon_threadsafe(partial(future.set_result, 1.0))

        loop.run_in_executor(None, work)
        await future
        return loop.time()

    assert run(main) == 0
