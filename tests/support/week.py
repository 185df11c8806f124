"""A journal as a house would write it: devices that report, for days on end, in seconds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ferrobee._core import VirtualBridge

if TYPE_CHECKING:
    from pathlib import Path

    from ferrobee._update import Json

DAY = 86_400
BEGIN = 1_767_571_200_000
"""2026-01-05T00:00:00Z, a Monday."""

AUTOMATION = """
from ferrobee import home, on
from ferrobee.models.aqara import LLKZMK11LM, ZNXNKG02LM
from ferrobee.models.innr import RB_285_C

relay = home.device("relay_1", LLKZMK11LM)
knob = home.device("knob_1", ZNXNKG02LM)
bulb = home.device("bulb_1", RB_285_C)


@on(knob.action.single)
async def toggle() -> None:
    await bulb.light.toggle()


@on(relay.power > 2000, hold="5min")
async def overload() -> None:
    await relay.state_l1.off()
"""
"""What somebody may have written for this house."""


@dataclass(frozen=True)
class Fleet:
    """How many devices of each kind there are."""

    relays: int = 25
    bulbs: int = 10
    knobs: int = 15


@dataclass(frozen=True)
class Written:
    """What was written."""

    messages: int
    """That devices published."""
    size: int
    """Of the files of the journal, bytes."""


def write(
    data: Path, days: float, *, rate: float, fleet: Fleet | None = None, megabytes: int = 64
) -> Written:
    """Lets days pass in which devices say `rate` things each minute, all together."""
    fleet = fleet or Fleet()
    data.mkdir(parents=True, exist_ok=True)
    house = VirtualBridge(
        unix_ms=BEGIN,
        configuration=json.dumps(
            {
                "advanced": {"log_level": "info", "last_seen": "ISO_8601"},
                "availability": {"enabled": True},
                "ferrobee": {"journal": {"max_size": megabytes}},
            }
        ),
        journal=data,
    )
    relays = [f"relay_{number}" for number in range(fleet.relays)]
    bulbs = [f"bulb_{number}" for number in range(fleet.bulbs)]
    knobs = [f"knob_{number}" for number in range(fleet.knobs)]
    models = {**dict.fromkeys(relays, "LLKZMK11LM"), **dict.fromkeys(bulbs, "RB 285 C")}
    models |= dict.fromkeys(knobs, "ZNXNKG02LM")
    house.add([(name, model, "{}") for name, model in models.items()])
    house.listen()
    house.begin()
    for relay in relays:
        # What is off supplies nothing.
        press = {"cmd": "act", "device": relay, "action": "press", "endpoint": 1}
        house.control(json.dumps(press))
    house.live(round(60e6 / rate), json.dumps(_said(relays, knobs)))
    messages = 0
    for hour in range(round(days * 24)):
        # Somebody switches lamps while it is day.
        if hour % 24 >= 6:
            for bulb in bulbs:
                house.publish(f"zigbee2mqtt/{bulb}/set", b'{"state": "TOGGLE"}')
        end = (hour + 1) * 3600 * 1_000_000
        while house.now < end:
            house.advance(end)
            messages += sum(
                topic.removeprefix("zigbee2mqtt/") in models for topic, _, _ in house.take()
            )
    house.stop()
    files = (data / "journal").glob("*.fbj")
    return Written(messages, sum(path.stat().st_size for path in files))


def _said(relays: list[str], knobs: list[str]) -> list[Json]:
    """Relays measure; now and then somebody presses a knob."""
    said: list[Json] = []
    for turn in range(97):
        for number, relay in enumerate(relays):
            watts = 100 + (turn * 37 + number * 53) % 2400
            said.append({"cmd": "act", "device": relay, "action": "load", "watts": watts})
        knob = knobs[turn % len(knobs)]
        said.append({"cmd": "act", "device": knob, "action": "press", "count": 1})
    return said
