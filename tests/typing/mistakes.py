"""Mistakes that a type checker must find. The comment on a line names the mistake."""

from __future__ import annotations

from home import OwnMyKnobRotation, home

from ferrobee import Moment, Update, every, on, store, sun, topic
from ferrobee.models.aqara import LLKZMK11LM, QBKG41LM, ZNXNKG02LMRotation

knob = home.study_knob
relay = home.hall_relay
wall = home.device("kitchen wall")
lamp = home.lamp


# --- wrong names ----------------------------------------------------------------------------------

home.hal_relay  # a device that is not there, as an attribute
home.device("hal_relay")  # a device that is not there, by name
home.device("hal_relay", LLKZMK11LM)  # a device that is not there, with a class
home.group("all lamp")  # a group that is not there
relay.powr  # a property that is not there
knob.action.singel  # an action that is not there
knob.action["trippel"]  # an action that is not there, as an item
wall.operation_mode_left.decouple  # an enum value that is not there, as an attribute
other: QBKG41LM = home.hall_relay  # a device of another model


# --- wrong values ---------------------------------------------------------------------------------


async def values(event: ZNXNKG02LMRotation) -> None:
    await wall.operation_mode_left.set("decouple")  # an enum value that is not there
    await relay.state_l1.set("on")  # a binary value in lower case
    await relay.state_l1.set(True)  # a bool for ON
    await relay.interlock.set("ON")  # ON for a bool
    await lamp.brightness.set("100")  # text for a number
    await lamp.light.set(state="on")  # a wrong value among several
    await lamp.light.set(brightnes=100)  # a wrong name among several
    await lamp.color.set({"heu": 3})  # a wrong field of a composite
    await lamp.brightness.step(None)  # None for a number
    await relay.power.wait_until("ON")  # waiting for a value of another type
    await relay.power.wait_until(relay.power < 5, timeout=[3])  # a timeout that is none
    wall.operation_mode_left.is_in("event")  # a value of another enum


# --- what can't be set ----------------------------------------------------------------------------


async def access() -> None:
    await relay.power.set(3)  # setting a sensor
    await relay.energy.get()  # getting what the device can't be asked for
    await relay.power.toggle()  # toggling a number
    await relay.power.step(1)  # stepping a sensor
    relay.power.value = 3  # assigning a value
    relay.power = 3  # assigning to a property
    print(lamp.effect.value)  # reading what can only be set


# --- missing await --------------------------------------------------------------------------------


async def awaits() -> None:
    relay.state_l1.toggle()  # a command without await
    lamp.light.set(brightness=3)  # a command of several values without await
    relay.power.wait_until(3)  # waiting without await
    if relay.state_l1.on():  # a command in a condition, without await
        pass
    for _watts in relay.power.changes():  # changes without async
        pass


# --- conditions -----------------------------------------------------------------------------------


async def conditions() -> None:
    on(relay.power > "2000")  # comparing a number with text
    on(relay.state_l1 == "on")  # comparing with a value that is not there
    on(wall.operation_mode_left == "decouple")  # comparing an enum with a value that is not there
    on(relay.power == "3")  # a number that equals text
    if relay.state_l1:  # a property for true or false
        pass
    if relay.state_l1.turned_on:  # a condition for true or false
        pass
    while not (relay.power > 3):  # a condition in a loop
        pass
    print(relay.power + 1)  # counting with a property
    print(relay.power.value + 1)  # counting with a value that may be unknown
    on((relay.power > 3) & (relay.power.value or 0))  # a condition and a number
    on(relay.power > 3, hold=[30])  # a hold that is no length of time


# --- events ---------------------------------------------------------------------------------------


@on(knob.action.rotation)
async def field(event: ZNXNKG02LMRotation) -> None:
    print(event.angel)  # a field that is not there
    event.angle = 3  # assigning to an event
    if event.button_state == "press":  # comparing a field with a value that is not there
        pass


@on(knob.action.single)  # an event of another kind
async def other_event(event: ZNXNKG02LMRotation) -> None:
    print(event)


@on(knob.action.double)  # a handler that is not async
def not_async() -> None:
    pass


async def plain(event: ZNXNKG02LMRotation) -> int:
    return event.percent  # a float for an int


# --- automations ----------------------------------------------------------------------------------


@on(relay.power > 5)  # a moment where a condition gives an update
async def wrong_update(moment: Moment) -> None:
    print(moment)


@on(relay.power > 5, hold="3s")  # an update where a hold gives a moment
async def wrong_moment(update: Update) -> None:
    print(update)


@on(relay.power, policy="twice")  # a policy that is not there
async def wrong_policy() -> None: ...


@on(relay.power, hold="3s")  # a hold of what does not last
async def wrong_hold() -> None: ...


@on(42)  # waiting for a number
async def wrong_source() -> None: ...


@every("5min")  # a handler with two parameters
async def wrong_parameters(moment: Moment, other: int) -> None:
    print(moment, other)


@on(topic("x"))  # an event of a device for a message
async def wrong_message(event: ZNXNKG02LMRotation) -> None:
    print(event)


text: str = store.get("count", 0)  # a number of the store as text
sun.sett  # a moment of the sun that is not there
store.set("device", relay)  # a device in the store


@on(home.desk_knob.action.rotation)
async def own_field(event: OwnMyKnobRotation) -> None:
    print(event.angel)  # a field that a converter's device does not have
    if event.button_state == "press":  # comparing a converter's field with a value it does not have
        print(event)


@on(home.desk_knob.action.single)  # an event of another kind of a converter's device
async def own_other_event(event: OwnMyKnobRotation) -> None:
    print(event)
