"""Randomly generated automation files, and what their devices report.

Each handler says its id, which of its runs this is (the moment that it was for, milliseconds of
unix time; None where no row knows the run) and a word: `home.publish("said", [id, run, word])`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

__all__ = ["KINDS", "Report", "program", "story"]

HEAD = """
async def said(name, run, word):
    home.publish("said", [name, run and round(run.timestamp() * 1000), word])
"""

# What a run does. Between its words may be a step of its own that is persisted.
BODIES = [
    """
    await said("{name}", {run}, "only")
""",
    """
    await said("{name}", {run}, "first")
    await asyncio.sleep(0)
    await said("{name}", {run}, "second")
""",
    """
    await said("{name}", {run}, "first")
    store.set("{name}", {number})
    await said("{name}", {run}, "second")
""",
]
TIMED = {
    "hold": '@on(relay.power > {level}, hold="{span}min", policy="{policy}")',
    "hold of two": '@on((relay.power > {level}) | (knob["n"] > 80), hold="{span}min")',
    "every": '@every("{long}min", policy="{policy}")',
    "at": '@at("{hour:02}:{minute:02}", policy="{policy}")',
    "cron": '@cron("{minute} */{hours} * * *", policy="{policy}")',
}
PLAIN = """
@on((relay.power > {level}) & (knob["n"] > 40), policy="{policy}")
async def {name}():{body}"""
AFTER = """
@after("{span}min", policy="{policy}")
async def {name}(moment):{body}
@on(knob["n"] > {level}, hold="1s")
async def start_{name}():
    {name}.start()
"""
CANCELLED = (
    AFTER
    + """
@on(relay.power < 30, hold="{minutes}min")
async def cancel_{name}():
    {name}.cancel()
"""
)
MACHINE = """
class {name}(Machine):
    a = State(initial=True)
    b = State(max="{long}min")
    c = State()

    @a.to(b, when=relay.power > {level}, hold="10s")
    async def ab(self):
        await said("{name}", self.since, "ab")

    @b.to(c, after="{span}min")
    async def bc(self):
        await said("{name}", self.since, "bc")

    @b.enter
    async def in_b(self):
        store.set("{name}", {number})
        await said("{name}", self.since, "in b")

    @c.to(a, after="{minutes}min")
    async def ca(self):
        await said("{name}", self.since, "ca")

    @a.enter
    async def in_a(self):
        await said("{name}", self.since, "in a")

machine_{number} = {name}()
"""
KINDS = (*TIMED, "plain", "after", "cancelled", "machine")


def part(kind: str, number: int, chance: random.Random) -> str:
    """A handler of a kind, or what belongs together."""
    name = f"h{number}"
    body = chance.choice(BODIES)
    values = {
        "name": name,
        "number": number,
        "level": chance.randint(10, 90),
        "span": chance.randint(5, 90),
        "long": chance.randint(60, 300),
        "minutes": chance.randint(1, 60),
        "hour": chance.randint(0, 23),
        "minute": chance.randint(0, 59),
        "hours": chance.randint(1, 6),
        "policy": chance.choice(["single", "queued", "restart", "parallel"]),
    }
    run = "None" if kind == "plain" else "moment.due"
    values["body"] = body.format(name=name, run=run, number=number)
    texts = {"plain": PLAIN, "after": AFTER, "cancelled": CANCELLED, "machine": MACHINE}
    text = texts.get(kind) or f"\n{TIMED[kind]}\nasync def {{name}}(moment):{{body}}"
    return text.format(**values)


def program(seed: int) -> str:
    """A file of three to six parts; over some seeds all kinds come."""
    chance = random.Random(seed)
    kinds = [KINDS[seed % len(KINDS)], *chance.choices(KINDS, k=chance.randint(2, 5))]
    return HEAD + "".join(part(kind, number, chance) for number, kind in enumerate(kinds))


@dataclass(frozen=True)
class Report:
    """What a device says, and when: seconds since the story's beginning."""

    moment: float
    device: str
    state: dict[str, object]


def story(seed: int, length: float) -> list[Report]:
    """What the devices say within so many seconds."""
    chance = random.Random(seed + 1000)
    reports: list[Report] = []
    # Not whole seconds: no report comes in the very moment of a timer, where both orders are right.
    moment = 0.137
    while (moment := round(moment + chance.randint(60, 2700), 3)) < length:
        if chance.random() < 0.6:
            reports.append(Report(moment, "relay", {"power": chance.randint(0, 100)}))
        else:
            reports.append(Report(moment, "knob", {"n": chance.randint(0, 100)}))
    return reports
