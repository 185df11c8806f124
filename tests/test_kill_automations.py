"""Randomly generated automations, killed at their commits again and again, go on as if nothing had
been.

A program is a file of holds, delays, recurring timers and machines; a story is what its devices
report. Both run in virtual time. Each commit is a moment at which `kill -9` may come: the next
process has the rows of that commit, and what the broker kept of the devices.
"""

from __future__ import annotations

import asyncio
import json
import textwrap
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.support.automations import House, settle, virtually

from ferrobee._ledger import Loaded, MemoryLedger
from ferrobee.testing._loop import BEGIN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ferrobee._ledger import Change

AFTERWARDS = 900.0
"""Seconds for which a story goes on after its last report."""


@dataclass(frozen=True)
class Report:
    """What a device says, seconds after the one before."""

    wait: float
    power: int


@dataclass(frozen=True)
class Life:
    """What a process finds when it begins."""

    rows: Loaded = field(default_factory=Loaded)
    elapsed: float = 0.0
    """Of the story."""
    told: int = 0
    """Reports that were dealt with. One that was under way is news to the next process."""
    power: int | None = None
    """What the broker kept."""
    commands: tuple[Any, ...] = ()


class Watched(MemoryLedger):
    """A ledger that says when it has committed."""

    def __init__(self, loaded: Loaded, wall: Callable[[], float]) -> None:
        super().__init__(loaded, wall=wall)
        self.commits = 0
        self.committed: Callable[[], None] = lambda: None

    def commit(self, changes: Sequence[Change], /) -> None:
        super().commit(changes)
        self.commits += 1
        self.committed()


class WatchedHouse(House):
    """A house that is killed after one of its commits."""

    ledger: Watched

    def make_ledger(self, loaded: Loaded | None) -> MemoryLedger:
        return Watched(loaded or Loaded(), lambda: self.clock.now().timestamp())


def live(
    folder: Path, program: str, story: list[Report], life: Life, kill: int | None
) -> tuple[Life, int]:
    """A process, from its start to the end of the story or to its `kill`th commit.

    Gives what the next one finds, and how many commits there were.
    """

    async def main() -> tuple[Life, int]:
        begin = BEGIN + timedelta(seconds=life.elapsed)
        stored = {} if life.power is None else {"relay": {"power": life.power}}
        house = WatchedHouse(folder, life.rows, begin=begin, stored=stored)
        loop = asyncio.get_running_loop()
        now = life
        dead: asyncio.Future[Life] = loop.create_future()

        def snapshot() -> Life:
            return replace(
                now,
                rows=house.ledger.rows(),
                elapsed=life.elapsed + loop.time(),
                commands=(*life.commands, *map(json.dumps, house.notes)),
            )

        def committed() -> None:
            if house.ledger.commits == kill and not dead.done():
                dead.set_result(snapshot())

        house.ledger.committed = committed

        async def tell() -> Life:
            nonlocal now
            await house.begin(program)
            at = 0.0
            for number, report in enumerate(story):
                at += report.wait
                if number < life.told:
                    continue
                await asyncio.sleep(max(0.0, at - life.elapsed - loop.time()))
                await house.say("relay", power=report.power)
                now = replace(now, told=number + 1, power=report.power)
            await asyncio.sleep(at + AFTERWARDS - life.elapsed - loop.time())
            await settle()
            return snapshot()

        telling = loop.create_task(tell())
        await asyncio.wait([telling, dead], return_when=asyncio.FIRST_COMPLETED)
        end = dead.result() if dead.done() else telling.result()
        house.kill()
        return end, house.ledger.commits

    return virtually(main)


HOLD = """
@on(relay.power > {level}, hold="{seconds}s", policy="queued")
async def hold_{name}(moment):
    await say("hold {name}", moment)
"""
DELAY = """
@after("{seconds}s")
async def delay_{name}(moment):
    await say("delay {name}", moment)

@on(relay.power > {level}, hold="{other}s", policy="queued")
async def begin_{name}(moment):
    delay_{name}.start()
"""
EVERY = """
@every("{seconds}s", policy="queued")
async def every_{name}(moment):
    await say("every {name}", moment)
"""
CRON = """
@cron("*/{minutes} * * * *", policy="queued")
async def cron_{name}(moment):
    await say("cron {name}", moment)
"""
MACHINE = """
class Boiler_{name}(Machine):
    idle = State(initial=True)
    heating = State(max="{other}s")
    resting = State()

    @idle.to(heating, when=relay.power > {level}, hold="{seconds}s")
    async def began(self):
        await note(["machine {name}", "heating", self.since.isoformat(timespec="milliseconds")])

    @heating.to(resting, after="{after}s")
    async def rest(self):
        await note(["machine {name}", "resting", self.since.isoformat(timespec="milliseconds")])

    @resting.to(idle, after="{seconds}s")
    async def end(self):
        await note(["machine {name}", "idle", self.since.isoformat(timespec="milliseconds")])

boiler_{name} = Boiler_{name}()
"""
HELPER = """
async def say(what, moment):
    await note([what, moment.due.isoformat(timespec="milliseconds")])
"""


@st.composite
def programs(draw: st.DrawFn) -> str:
    seconds = st.integers(1, 240)
    parts = draw(st.lists(st.sampled_from([HOLD, DELAY, EVERY, CRON, MACHINE]), max_size=5))
    text = HELPER
    for number, part in enumerate(parts):
        text += part.format(
            name=number,
            level=draw(st.sampled_from([10, 50, 90])),
            seconds=draw(seconds if part is not EVERY else st.integers(20, 240)),
            other=draw(seconds),
            after=draw(seconds),
            minutes=draw(st.sampled_from([1, 2, 5])),
        )
    return text


stories = st.lists(
    st.builds(
        Report,
        # Not whole seconds: no report comes in the very moment of a timer, where both orders are
        # right.
        wait=st.integers(0, 400).map(lambda seconds: seconds + 0.137),
        power=st.sampled_from([0, 20, 60, 100]),
    ),
    max_size=8,
)
generated = settings(
    max_examples=40,
    # The same programs each time; what is found elsewhere becomes an @example.
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def once(commands: Sequence[Any]) -> list[Any]:
    """Without the commands that a run sent a second time: one that was killed before it could say
    that it had ended begins again."""
    return list(dict.fromkeys(commands))


@generated
@given(
    program=programs(),
    story=stories,
    kills=st.lists(st.integers(1, 30), min_size=1, max_size=12),
)
def test_killed_again_and_again_the_commands_are_those_of_an_uninterrupted_run(
    tmp_path: Path, program: str, story: list[Report], kills: list[int]
) -> None:
    whole, _ = live(tmp_path, program, story, Life(), None)
    life = Life()
    for kill in [*kills, None]:
        life, _ = live(tmp_path, program, story, life, kill)
    # At least once: each kill may have cut off a run, which was begun again.
    assert once(life.commands) == list(whole.commands)
    assert max(Counter(life.commands).values(), default=0) <= 1 + len(kills)


def test_the_programs_do_something(tmp_path: Path) -> None:
    """The generator's parts, each in a story in which it acts."""
    story = [Report(0.137, 100)]
    for part, expected in [(HOLD, 1), (DELAY, 1), (EVERY, 30), (CRON, 15), (MACHINE, 3)]:
        text = HELPER + part.format(name="x", level=10, seconds=30, other=20, after=10, minutes=1)
        whole, commits = live(tmp_path, textwrap.dedent(text), story, Life(), None)
        assert len(whole.commands) >= expected, (part, whole.commands)
        assert commits > expected
