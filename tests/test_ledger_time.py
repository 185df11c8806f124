"""Random programs over the ledger in memory: clocks that are set, restarts, nothing early or lost.

`rust/hub/src/durable/tests.rs` has the same for the native table.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ferrobee._ledger import Due, Loaded, PutTimer, RemoveTimer, Timer
from ferrobee._ledgers import MemoryLedger
from ferrobee.testing._loop import VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Sequence

EPOCH = 1_800_000_000.0
MILLISECOND = 0.001


@dataclass(frozen=True)
class Put:
    id: int
    wait: float
    span: bool


@dataclass(frozen=True)
class Remove:
    id: int


@dataclass(frozen=True)
class Pass:
    seconds: float


@dataclass(frozen=True)
class SetClock:
    seconds: float


@dataclass(frozen=True)
class Restart:
    down: float
    set: float
    """By how much the clock is set meanwhile."""


Step = Put | Remove | Pass | SetClock | Restart


def seconds(least: int, most: int) -> st.SearchStrategy[float]:
    return st.integers(least * 10, most * 10).map(lambda tenths: tenths / 10)


steps = st.lists(
    st.one_of(
        st.builds(Put, st.integers(0, 2), seconds(-1, 200), st.booleans()),
        st.builds(Put, st.integers(0, 2), seconds(-1, 200), st.booleans()),
        st.builds(Remove, st.integers(0, 2)),
        st.builds(Pass, seconds(0, 100)),
        # A smaller one may be the clocks' drift.
        st.builds(SetClock, seconds(-300, 300).filter(lambda by: abs(by) > 1.5)),
        st.builds(Restart, seconds(0, 100), st.just(0.0) | seconds(-300, 300)),
    ),
    max_size=30,
)


@dataclass
class Expected:
    """What whoever set a timer knows of it."""

    due: float
    span: float | None
    left: float
    """Of a span: time that has yet to pass."""
    told: bool = False


class World:
    """A process after the other, on a machine whose clock is set now and then."""

    def __init__(self) -> None:
        self.ahead = EPOCH
        self.rows = Loaded()
        self.told: list[Due] = []

    def wall(self) -> float:
        return asyncio.get_running_loop().time() + self.ahead

    async def begin(self) -> None:
        self.ledger = MemoryLedger(self.rows, wall=self.wall)
        await self.ledger.load()
        self.listening = asyncio.create_task(self._listen())
        await settle()

    async def _listen(self) -> None:
        while True:
            self.told += await self.ledger.due()

    async def end(self) -> None:
        self.rows = self.ledger.rows()
        self.listening.cancel()
        await settle()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def live(program: Sequence[Step]) -> None:
    world = World()
    await world.begin()
    expected: dict[str, Expected] = {}
    for step in program:
        world.told.clear()
        passed, is_set = 0.0, False
        match step:
            case Put(number, wait, span):
                due = round(world.wall() + wait, 3)
                expected[str(number)] = Expected(due, max(0.0, wait) if span else None, wait)
                timer = Timer("a", str(number), due, max(0.0, wait) if span else None)
                world.ledger.commit([PutTimer(timer)])
                await settle()
            case Remove(number):
                expected.pop(str(number), None)
                world.ledger.commit([RemoveTimer("a", str(number))])
            case Pass(passed):
                await asyncio.sleep(passed)
                await settle()
            case SetClock(by):
                is_set = True
                world.ahead += by
                # Found out by itself within this time.
                passed = 30.0
                await asyncio.sleep(passed)
                await settle()
            case Restart(passed, by):
                await world.end()
                await asyncio.sleep(passed)
                world.ahead += by
                for known in expected.values():
                    known.told = False
                    # What the wall clock says is all that is known of the time in between; `check`
                    # takes off what has passed.
                    left = known.left - passed - by
                    known.left = min(left, known.span or 0.0) + passed
                await world.begin()
        check(world, expected, passed, is_set=is_set)
    await world.end()


def check(world: World, expected: dict[str, Expected], passed: float, *, is_set: bool) -> None:
    for timer in expected.values():
        timer.left -= passed
    for due in world.told:
        timer = expected[due.timer.id]
        assert not timer.told, "told twice"
        timer.told = True
        if timer.span is None:
            assert timer.due <= world.wall() + MILLISECOND, "early"
        else:
            assert timer.left <= MILLISECOND, "early"
    for timer in expected.values():
        left = timer.due - world.wall() if timer.span is None else timer.left
        assert timer.told or left >= -MILLISECOND, "lost"
    if not is_set:
        places = [(due.timer.due, due.timer.id) for due in world.told]
        assert places == sorted(places)
    assert {timer.id for timer in world.ledger.rows().timers} == set(expected)


@settings(max_examples=400)
@given(steps)
@example([Put(1, 50.0, True), Restart(1.0, -200.0), Pass(90.0)])
@example([Put(1, 150.0, False), SetClock(250.0)])
@example([Put(1, 90.0, True), SetClock(200.0), Restart(1.0, 0.0), Pass(50.0)])
def test_no_timer_is_early_or_lost_whatever_happens(program: list[Step]) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(live(program))
