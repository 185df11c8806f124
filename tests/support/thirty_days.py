"""A house of a hundred devices with automations, for days on end."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ferrobee import Change, Home, Moment, Router, Update
from ferrobee.models.aqara import LLKZMK11LM, ZNXNKG02LM
from ferrobee.models.innr import RB_285_C
from ferrobee.testing import VirtualHome, VirtualLoop

if TYPE_CHECKING:
    from ferrobee._update import Json

DAY = 86_400.0
EVENTS = 1_000_000 / 30 / DAY
"""Events per second of virtual time: a million in thirty days."""


@dataclass(frozen=True)
class Fleet:
    """How many devices of each kind there are."""

    relays: int = 60
    knobs: int = 20
    """And as many bulbs."""


HUNDRED = Fleet()


@dataclass(frozen=True)
class Days:
    """What the days gave."""

    digest: str
    """Of all that automations did and when."""
    events: int
    """Messages of devices that automations heard."""
    commands: int
    """Of automations."""
    seconds: float
    """Of real time, without setting up."""
    cpu: float
    """Seconds of the processor in that time."""
    setup: float
    """Seconds of the processor before."""


def automations(home: Home, fleet: Fleet) -> Router:
    """Overload protection for each relay, a knob for each bulb, records of the day."""
    router = Router("days")
    for number in range(fleet.relays):
        relay = home.device(f"relay_{number}", LLKZMK11LM)

        @router.on(relay.power > 2000, hold="20min")
        async def overload(moment: Moment, relay: LLKZMK11LM = relay) -> None:
            del moment
            home.publish("overload", relay.name)

        @router.on(relay.power > 2400)
        async def peak(update: Update) -> None:
            home.publish("peak", {update.device: update.message.get("power")})

    for number in range(fleet.knobs):
        knob = home.device(f"knob_{number}", ZNXNKG02LM)
        bulb = home.device(f"bulb_{number}", RB_285_C)

        @router.on(knob.action.single)
        async def toggle(_event: object, bulb: RB_285_C = bulb) -> None:
            await bulb.light.toggle()

        @router.on(bulb.state)
        async def switched(change: Change[str]) -> None:
            home.publish("switched", [change.device, change.new])

    @router.every("1h")
    async def hourly() -> None:
        home.publish("hour", round(home.clock.monotonic()))

    @router.at("07:30")
    async def morning() -> None:
        home.publish("morning", home.clock.now().isoformat())

    return router


def run(days: float, *, seed: int = 1, fleet: Fleet = HUNDRED) -> Days:
    """Lets days pass."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        return runner.run(_run(loop, days, seed, fleet))


async def _run(loop: VirtualLoop, days: float, seed: int, fleet: Fleet) -> Days:
    busy = time.process_time()
    home = VirtualHome(loop, seed=seed, configuration={"advanced": {"log_level": "warning"}})
    for number in range(fleet.relays):
        home.add(LLKZMK11LM, f"relay_{number}")
    for number in range(fleet.knobs):
        home.add(ZNXNKG02LM, f"knob_{number}")
    for number in range(fleet.knobs):
        home.add(RB_285_C, f"bulb_{number}")
    home.use(lambda real: automations(real, fleet))
    await home.begin()
    for number in range(fleet.relays):
        # What is off supplies nothing.
        home.bridge.control(
            json.dumps(
                {"cmd": "act", "device": f"relay_{number}", "action": "press", "endpoint": 1}
            )
        )
    await home.advance("10s")
    heard = 0
    digest = hashlib.sha256()

    def count(update: Update) -> None:
        nonlocal heard
        heard += 1
        digest.update(repr((loop.time(), update.device, update.message)).encode())

    for number in range(fleet.relays):
        home.home.observe(f"relay_{number}", count)
    for number in range(fleet.knobs):
        home.home.observe(f"knob_{number}", count)
    # Relays measure; now and then somebody presses a knob. Watts that come around, but not soon.
    commands: list[Json] = []
    for turn in range(97):
        for number in range(fleet.relays):
            watts = 100 + (turn * 37 + number * 53) % 2400
            device = f"relay_{number}"
            commands.append({"cmd": "act", "device": device, "action": "load", "watts": watts})
        device = f"knob_{turn % fleet.knobs}"
        commands.append({"cmd": "act", "device": device, "action": "press", "count": 1})
    home.bridge.live(round(1e6 / EVENTS), json.dumps(commands))
    setup = time.process_time() - busy
    began, busy = time.perf_counter(), time.process_time()
    for _ in range(round(days * 24)):
        await home.advance("1h")
    seconds, cpu = time.perf_counter() - began, time.process_time() - busy
    for command in home.commands:
        digest.update(repr(command).encode())
    for message in home.messages:
        digest.update(repr(message).encode())
    commands_sent = len(home.commands)
    errors = home.take_errors()
    assert errors == []
    await home.close()
    return Days(digest.hexdigest(), heard, commands_sent, seconds, cpu, setup)
