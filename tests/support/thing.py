"""A device with one property of every kind, and what tests of it ask."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from tests.test_home import settle

from ferrobee.properties import (
    Binary,
    BinarySet,
    Color,
    CompositeGetSet,
    Device,
    EnumCommand,
    EnumGetSet,
    List,
    Numeric,
    NumericGet,
    NumericGetSet,
    Switch,
    TextGetSet,
)

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from tests.support.fake_link import FakeLink

OnOff = Literal["ON", "OFF"]


class Thing(Device):
    """One property of every kind."""

    MODEL = "THING"

    class Mode(EnumGetSet[Literal["slow", "fast"]]):
        VALUES: ClassVar[tuple[Any, ...]] = ("slow", "fast")
        slow: Final = "slow"
        fast: Final = "fast"

    class Effect(EnumCommand[Literal["blink", "breathe"]]):
        VALUES: ClassVar[tuple[Any, ...]] = ("blink", "breathe")

    state = Switch[OnOff]("state", on="ON", off="OFF", toggle="TOGGLE")
    state_l2 = Switch[OnOff]("state_l2", on="ON", off="OFF", toggle="TOGGLE")
    child_lock = BinarySet[bool]("child_lock", on=True, off=False)
    contact = Binary[bool]("contact", on=False, off=True)
    power = NumericGet("power", unit="W")
    level = NumericGetSet("level", minimum=0, maximum=254)
    setpoint = NumericGetSet("setpoint", unit="°C", minimum=5, maximum=30, resolution=0.5)
    temperature = Numeric("temperature", unit="°C")
    mode = Mode("mode")
    effect = Effect("effect")
    label = TextGetSet("label")
    color = CompositeGetSet[Color]("color")
    faults = List[str]("faults")


def sent(link: FakeLink) -> list[Any]:
    """What was set, as long as it was the thing's."""
    return [payload for topic, payload in link.published if topic == "zigbee2mqtt/thing/set"]


def asked(link: FakeLink) -> list[Any]:
    """What the thing was asked for."""
    return [payload for topic, payload in link.published if topic == "zigbee2mqtt/thing/get"]


async def begun(command: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """A command on its way."""
    task = asyncio.ensure_future(command)
    await settle()
    return task
