"""What a type checker must accept. `test_typing.py` puts `home.pyi` of the same house beside it."""

from __future__ import annotations

import asyncio

from home import OwnMyKnob, OwnMyKnobRotation, home

from ferrobee import Home, on
from ferrobee.models.aqara import LLKZMK11LM, QBKG41LM, ZNXNKG02LM, ZNXNKG02LMRotation
from ferrobee.models.ikea import LED1624G9
from ferrobee.properties import ActionEvent, AnyDevice, Change, NumericGet

knob: ZNXNKG02LM = home.study_knob
relay: LLKZMK11LM = home.device("hall_relay")
wall = home.device("kitchen wall", QBKG41LM)
lamp: LED1624G9 = home.lamp
lamps = home.group("all lamps")
own: AnyDevice = home.device("nameless")


@on(knob.action.single)
async def toggle() -> None:
    await relay.state_l1.toggle()


@on(knob.action.rotation)
async def dim(event: ZNXNKG02LMRotation) -> None:
    if event.button_state == "pressed":
        await lamp.light.set(color_temp=300, transition=1)
    else:
        await lamp.brightness.step(event.percent, timeout="3s")


desk: OwnMyKnob = home.desk_knob


@on(desk.action.rotation)
async def dim_by_own(event: OwnMyKnobRotation) -> None:
    if event.button_state == "released":
        await lamp.brightness.step(event.percent)


@on(knob.action)
async def any_action(event: ActionEvent[str]) -> None:
    print(event.action, event.at.hour)


@on(relay.power > 2000, hold="30s")
async def overload() -> None:
    await relay.state_l2.off()


@on((relay.power > 5) & ~relay.state_l1.turned_on | (wall.operation_mode_left == "decoupled"))
async def combined() -> None:
    await wall.operation_mode_left.set(wall.operation_mode_left.control_relay)
    await wall.operation_mode_right.set("decoupled")


@on(relay.power)
async def changed(change: Change[float]) -> None:
    print(change.new - (change.old or 0))


async def reading(power: NumericGet) -> float:
    if (watts := power.value) is None:
        await power.get(timeout="5s")
        watts = power.value
    assert power.unit == "W"
    return 0.0 if watts is None else watts


async def waiting() -> None:
    await relay.power.wait_until(relay.power < 5, timeout="3min")
    await relay.state_l1.wait_until("ON")
    async for watts in relay.power.changes():
        print(watts + 1)
    await asyncio.gather(relay.state_l1.on(), relay.state_l2.set("OFF"), lamp.light.on())
    if relay.power.updated is not None:
        print(relay.power.updated.isoformat())
    if (relay.power > 5).holds() and relay.state_l1.value == "ON":
        await lamp.color.set({"hue": 20, "saturation": 100})
        await lamp.light.set(state="ON", brightness=200, color={"x": 0.3, "y": 0.3})
    await lamps.set(state="ON", brightness=100)
    await own["anything"].set({"a": 1})
    print(own.whatever.value)


async def script() -> None:
    async with Home.connect("mqtt://localhost:1883") as house:
        await house.ready()
        await house.device("hall_relay", LLKZMK11LM).state_l1.on()
        print(house.device("hall_relay")["power"].value)
