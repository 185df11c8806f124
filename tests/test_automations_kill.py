"""`kill -9` at each persisted step of randomly generated programs.

A program is killed right after each of its commits, and right before, when what the commit would
have said is lost. It is then begun again at once; the devices repeat what they said last. What the
two lives have commanded together, and when, is what one uninterrupted life commands.
"""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.automations import House, settle

from ferrobee.testing._loop import VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from pathlib import Path

    from ferrobee._ledger import Change, Loaded

BEGIN = datetime(2026, 3, 28, 22, tzinfo=UTC)
LENGTH = 5 * 3600.0

Event = tuple[float, str, dict[str, object]]
Command = tuple[float, str]


SAID = """
async def said(what):
    home.publish("said", what)
"""


def program(seed: int) -> str:
    """An automation file of every durable kind, with random times and policies."""
    chance = random.Random(seed)
    parts = []
    for number in range(chance.randint(4, 7)):
        threshold = chance.randint(10, 90)
        span = f"{chance.randint(5, 90)}min"
        policy = chance.choice(["single", "queued", "restart", "parallel"])
        name = f"h{number}"
        body = f"""
async def {name}():
    await said("{name}")
"""
        kind = chance.choice(["hold", "hold", "plain", "every", "at", "after", "cron", "machine"])
        decorated = {
            "hold": f'@on(relay.power > {threshold}, hold="{span}", policy="{policy}")',
            "plain": f'@on((relay.power > {threshold}) & (knob["n"] > 50), policy="{policy}")',
            "every": f'@every("{chance.randint(20, 200)}min", policy="{policy}")',
            "at": f'@at("{chance.randint(0, 7):02}:{chance.randint(0, 59):02}")',
            "cron": f'@cron("{chance.randint(0, 59)} */{chance.randint(1, 4)} * * *")',
        }
        if kind in decorated:
            parts.append(f"{decorated[kind]}{body}")
        elif kind == "after":
            parts.append(f"""
@after("{span}", policy="{policy}"){body}
@on(knob["n"] > {threshold}, hold="1s")
async def s{number}():
    {name}.start()
""")
        else:
            parts.append(f"""
class M{number}(Machine):
    a = State(initial=True)
    b = State(max="{chance.randint(60, 300)}min")
    c = State()

    @a.to(b, when=relay.power > {threshold}, hold="10s")
    async def ab(self):
        await said("{name} ab")

    @b.to(c, after="{span}")
    async def bc(self):
        await said("{name} bc")

    @b.enter
    async def in_b(self):
        await said("{name} in b")

    @c.to(a, after="{chance.randint(1, 60)}min")
    async def ca(self):
        await said("{name} ca")

m{number} = M{number}()
""")
    return SAID + "".join(parts)


def script(seed: int) -> list[Event]:
    """What the devices report, and when."""
    chance = random.Random(seed + 1000)
    moment = 0.0
    events: list[Event] = []
    while moment < LENGTH:
        moment += chance.randint(60, 2700)
        if chance.random() < 0.6:
            events.append((moment, "relay", {"power": chance.randint(0, 100)}))
        else:
            events.append((moment, "knob", {"n": chance.randint(0, 100)}))
    return events


class Life:
    """One life of a program, until its end or until it is killed."""

    def __init__(self, folder: Path, text: str, rows: Loaded | None, now: float) -> None:
        self.folder = folder
        self.text = text
        self.rows = rows
        self.now = now
        self.commands: list[Command] = []
        self.commits = 0
        self.dead = self.killed = False

    def live(self, events: list[Event], repeated: list[Event], kill: int, *, after: bool) -> bool:
        """Lives until the end (True) or until commit number `kill`, before or after it is made."""
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(self._until_dead(self._main(events, repeated, kill, after=after)))
        return not self.killed

    async def _until_dead(self, main: Coroutine[Any, Any, None]) -> None:
        """What goes on after the kill has no effect any more; the loop ends soon."""
        self._over = asyncio.Event()
        tasks = {asyncio.ensure_future(main), asyncio.ensure_future(self._over.wait())}
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        self.dead = True
        for task in done:
            task.result()

    async def _main(
        self, events: list[Event], repeated: list[Event], kill: int, *, after: bool
    ) -> None:
        begin = BEGIN + timedelta(seconds=self.now)
        house = House(self.folder, self.rows, begin=begin, timezone="Europe/Berlin", grace=0)
        commit = house.ledger.commit
        publish = house.link.publish

        def counted(changes: Sequence[Change]) -> None:
            if self.dead:
                return None
            self.commits += 1
            if self.commits == kill and not after:
                return self._die(house)
            commit(changes)
            if self.commits == kill:
                self._die(house)
            return None

        def said(topic: str, payload: bytes, **options: Any) -> None:  # noqa: ANN401
            if not self.dead and topic == "said":
                self.commands.append((self._now(house), payload.decode()))
            publish(topic, payload, **options)

        house.ledger.commit = counted  # type: ignore[method-assign]
        house.link.publish = said  # type: ignore[method-assign]
        await house.begin(self.text)
        for _, name, state in repeated:
            await house.say(name, **state)
        for moment, name, state in events:
            await asyncio.sleep(max(0.0, moment - self._now(house)))
            # What falls due at this very moment comes first, in every life.
            await settle()
            self.now = moment
            await house.say(name, **state)
        await asyncio.sleep(LENGTH + 18000 - self._now(house))

    def _die(self, house: House) -> None:
        self.rows = house.ledger.rows()
        self.now = self._now(house)
        self.dead = self.killed = True
        self._over.set()

    def _now(self, house: House) -> float:
        return round((house.clock.now() - BEGIN).total_seconds(), 3)


def last_of_each(events: list[Event], now: float) -> list[Event]:
    """What the devices said last."""
    last: dict[str, Event] = {}
    for event in events:
        if event[0] <= now:
            last[event[1]] = event
    return sorted(last.values(), key=lambda event: event[0])


def collapsed(commands: list[Command]) -> list[Command]:
    """Each command of a moment once: a run that was cut off is begun again."""
    return sorted({(round(moment, 1), what) for moment, what in commands})


@pytest.mark.parametrize("seed", range(6))
def test_a_kill_at_each_persisted_step_changes_no_command(tmp_path: Path, seed: int) -> None:
    text, events = program(seed), script(seed)
    whole = Life(tmp_path, text, None, 0.0)
    assert whole.live(events, [], 0, after=True)
    assert whole.commits > 10
    steps = range(1, whole.commits + 1)
    if len(steps) > 20:
        steps = sorted(random.Random(seed).sample(steps, 20))  # type: ignore[assignment]
    for kill in steps:
        for after in (True, False):
            first = Life(tmp_path, text, None, 0.0)
            assert not first.live(events, [], kill, after=after)
            second = Life(tmp_path, text, first.rows, first.now)
            left = [event for event in events if event[0] > first.now]
            assert second.live(left, last_of_each(events, first.now), 0, after=True)
            together = collapsed(first.commands + second.commands)
            assert together == collapsed(whole.commands), (kill, after)
