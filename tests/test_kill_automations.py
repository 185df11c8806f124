"""`kill -9` at each persisted step of randomly generated programs: what they command is what they
would have commanded anyway.

A program is an automation file, a story is what its devices report; both run in virtual time. Each
step is a commit, and a process is killed right after it and right before it (what the commit says
is lost). Commands do not wait for the disk: so it is also killed when the disk is behind, by each
number of the commits of that moment. The next process begins at once with the rows that are left
and what the broker kept; a report that was cut off is told again, as by a device that repeats it.

Equal means: the same commands at the same milliseconds, each run's in their order. A run that was
cut off is begun again, from its beginning: what it had said is said twice. So before comparing,
what such runs had said before the kill is taken away, and nothing else. Which runs these are is
read from the rows: those that no row on the disk knew of yet, or of which a row `run:ID:NUMBER` is
left. A handler of a condition without `hold` has no such row: its run was cut off if the row of the
condition does not say yet that it holds.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.automations import House, settle, virtually
from tests.support.programs import KINDS, Report, program, story

from ferrobee._ledger import Loaded

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ferrobee._ledger import Change


SEEDS = range(int(os.environ.get("FERROBEE_KILL_SEEDS", len(KINDS))))
"""At least one program of each kind of handlers; more of them where there is time."""
STEPS = 28
"""A story ends after so many."""
DAY = 24 * 3600.0
BEGIN = datetime(2026, 3, 28, 22, tzinfo=UTC)
"""In the night after it the clocks of Berlin go forward."""


@dataclass(frozen=True)
class Command:
    """What a handler said."""

    moment: int
    """Milliseconds since the beginning."""
    handler: str
    run: int | None
    word: str


@dataclass(frozen=True)
class Life:
    """What processes have left so far."""

    rows: Loaded = field(default_factory=Loaded)
    now: float = 0.0
    """Seconds since the beginning."""
    commands: tuple[Command, ...] = ()
    """Of runs that were not cut off."""
    repeated: int = 0
    """Commands of runs that were cut off."""


@dataclass(frozen=True)
class Kill:
    """When a process ends: at its `step`th commit."""

    step: int
    lost: int
    """How many commits up to this one are not on the disk; at most those of the same moment."""


class Process:
    """One process, until the end of the story or until it is killed."""

    def __init__(self, folder: Path, life: Life, reports: Sequence[Report], end: float) -> None:
        self._folder = folder
        self._life = life
        self._reports = reports
        self._end = end
        self.steps: list[float] = []
        """The moments of its commits."""
        self.killed = False

    def live(
        self, text: str, kill: Kill | None = None, reload: random.Random | None = None
    ) -> Life:
        """Gives what is left. With `reload`, the file is saved again every now and then."""
        return virtually(lambda: self._live(text, kill, reload))

    def behind(self, step: int) -> int:
        """By how many commits the disk may be behind at a step."""
        moment = self.steps[step - 1]
        return sum(1 for one in self.steps[:step] if one == moment)

    async def _live(self, text: str, kill: Kill | None, reload: random.Random | None) -> Life:
        life = self._life
        stored: dict[str, dict[str, object]] = defaultdict(dict)
        for report in self._reports:
            if report.moment < life.now:
                stored[report.device] |= report.state
        house = House(
            self._folder,
            life.rows,
            begin=BEGIN + timedelta(seconds=life.now),
            timezone="Europe/Berlin",
            stored=stored,
            grace=0,
        )
        over: asyncio.Future[Life] = asyncio.get_running_loop().create_future()
        said: list[Command] = []

        def now() -> float:
            return round((house.clock.now() - BEGIN).total_seconds(), 3)

        kept = [(life.rows, runs(life.rows))]
        """The rows after each commit, and the runs that had begun by then."""

        def ends(lost: int) -> None:
            if not over.done():
                over.set_result(left(life, *kept[len(kept) - 1 - lost], now(), said))

        def committing(changes: Sequence[Change]) -> None:
            # What a process that was killed would still have done does not happen.
            if over.done():
                return
            self.steps.append(now())
            commit(changes)
            rows = house.ledger.rows()
            kept.append((rows, kept[-1][1] | runs(rows)))
            if kill is not None and len(self.steps) == kill.step:
                self.killed = True
                ends(min(kill.lost, self.behind(kill.step)))

        def saying(topic: str, payload: bytes, **options: Any) -> None:  # noqa: ANN401
            if topic == "said" and not over.done():
                said.append(Command(round(now() * 1000), *json.loads(payload)))
            publish(topic, payload, **options)

        async def tell() -> None:
            await house.begin(text)
            for report in self._reports:
                if report.moment < life.now:
                    continue
                await asyncio.sleep(max(0.0, report.moment - now()))
                # What falls due at this very moment comes first, in every life.
                await settle()
                await house.say(report.device, **report.state)
                if reload is not None and reload.random() < 0.5:
                    house.load(text)
            await asyncio.sleep(self._end - now())
            await settle()
            ends(0)

        commit, house.ledger.commit = house.ledger.commit, committing  # type: ignore[method-assign]
        publish, house.link.publish = house.link.publish, saying  # type: ignore[method-assign]

        def told(done: asyncio.Task[None]) -> None:
            if not done.cancelled() and (error := done.exception()) and not over.done():
                over.set_exception(error)

        asyncio.ensure_future(tell()).add_done_callback(told)
        life = await over
        house.kill()
        return life


def runs(rows: Loaded) -> frozenset[tuple[str, int]]:
    """The runs that have begun and not ended, as rows say: handler and moment."""
    found = set()
    for key, value in rows.values.get("hall", {}).items():
        kind, _, rest = key.partition(":")
        if kind == "run":
            found.add((rest.rpartition(":")[0], round(json.loads(value)["due"] * 1000)))
    return frozenset(found)


def left(
    life: Life,
    rows: Loaded,
    begun: frozenset[tuple[str, int]],
    now: float,
    said: Sequence[Command],
) -> Life:
    """What a process leaves that said something more, and of which these rows are on the disk."""
    ended = begun - runs(rows)

    def is_cut_off(command: Command) -> bool:
        if command.run is not None:
            return (command.handler, command.run) not in ended
        holds = rows.values.get("hall", {}).get(f"level:{command.handler}") == "true"
        return command.moment == round(now * 1000) and not holds

    kept = [command for command in said if not is_cut_off(command)]
    repeated = life.repeated + len(said) - len(kept)
    return Life(rows, now, (*life.commands, *kept), repeated)


def in_order(commands: Sequence[Command]) -> dict[tuple[int, str, int | None], list[str]]:
    """The words of each run, by their moment: between runs of the same moment there is no order."""
    words = defaultdict(list)
    for one in commands:
        words[one.moment, one.handler, one.run].append(one.word)
    return dict(words)


def bounded(folder: Path, seed: int) -> tuple[str, list[Report], float, Life, Process]:
    """A program, its story with not many steps, and what is left of it uninterrupted."""
    text = program(seed)
    whole = Process(folder, Life(), story(seed, DAY), DAY)
    whole.live(text)
    # A little later: what the step has begun ends.
    end = whole.steps[STEPS - 1] + 0.5 if len(whole.steps) >= STEPS else DAY
    reports = story(seed, end)
    whole = Process(folder, Life(), reports, end)
    life = whole.live(text)
    assert life.repeated == 0
    return text, reports, end, life, whole


@pytest.mark.parametrize("seed", SEEDS)
def test_killed_at_each_step_the_commands_are_those_of_an_uninterrupted_run(
    tmp_path: Path, seed: int
) -> None:
    text, reports, end, whole, uninterrupted = bounded(tmp_path, seed)
    assert 10 <= len(uninterrupted.steps) <= STEPS + 10
    expected, repeated = in_order(whole.commands), 0
    for step in range(1, len(uninterrupted.steps) + 1):
        for lost in range(uninterrupted.behind(step) + 1):
            process = Process(tmp_path, Life(), reports, end)
            life = process.live(text, Kill(step, lost))
            assert process.killed
            life = Process(tmp_path, life, reports, end).live(text)
            assert in_order(life.commands) == expected, (step, lost)
            repeated += life.repeated
    # Else the kills have missed what they are for.
    assert repeated > 0 or not expected


@pytest.mark.parametrize("seed", SEEDS)
def test_killed_again_and_again_saved_again_and_again_the_commands_are_the_same(
    tmp_path: Path, seed: int
) -> None:
    """Also in the first steps of a process that has just begun anew, and between reloads."""
    text, reports, end, whole, _ = bounded(tmp_path, seed)
    chance = random.Random(seed)
    for _ in range(5):
        life, kills = Life(), 0
        # One that is killed again and again before its first commit never gets on.
        for _ in range(chance.randint(2, 30)):
            kill = Kill(chance.choice([1, 1, 2, 3, 5, 8]), chance.choice([0, 0, 0, 1, 2]))
            process = Process(tmp_path, life, reports, end)
            life = process.live(text, kill, chance)
            kills += process.killed
        if kills == 30:
            continue
        life = Process(tmp_path, life, reports, end).live(text, None, chance)
        assert in_order(life.commands) == in_order(whole.commands)


def test_all_kinds_of_handlers_act_in_some_program(tmp_path: Path) -> None:
    acting = set()
    for seed in SEEDS:
        *_, whole, _ = bounded(tmp_path, seed)
        if any(command.handler == "h0" for command in whole.commands):
            acting.add(KINDS[seed % len(KINDS)])
    assert acting == set(KINDS)
