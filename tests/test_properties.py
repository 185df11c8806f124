"""Properties: reading, setting, getting, watching; and conditions."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.fake_link import FakeLink, device_entry, group_entry
from tests.test_home import now, play, settle

from ferrobee._conditions import Condition
from ferrobee._home import Home
from ferrobee.errors import (
    CommandError,
    GetTimeout,
    ModelError,
    SetTimeout,
    UnknownName,
    WaitTimeout,
)
from ferrobee.models.hampton_bay import M99432
from ferrobee.models.hive import SLR1
from ferrobee.models.ikea import LED1624G9
from ferrobee.models.kwikset import M99140_002
from ferrobee.models.schneider_electric import MEG5113_0300_MEG5165_0000
from ferrobee.properties import (
    AnyDevice,
    Binary,
    BinarySet,
    Color,
    CompositeGetSet,
    Device,
    EnumCommand,
    EnumGetSet,
    Group,
    List,
    Numeric,
    NumericGet,
    NumericGetSet,
    Switch,
    TextGetSet,
)
from ferrobee.testing._loop import VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Coroutine

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


# --- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "published", "value"),
    [
        ("power", 3, 3),
        ("power", 3.5, 3.5),
        ("power", "3", None),
        ("power", True, None),
        ("power", None, None),
        ("state", "ON", "ON"),
        ("state", "on", None),
        ("child_lock", True, True),
        ("child_lock", 1, None),
        ("contact", False, False),
        ("mode", "fast", "fast"),
        ("mode", "newer", "newer"),
        ("mode", [1], None),
        ("label", "x", "x"),
        ("label", 3, None),
        ("color", {"x": 1}, {"x": 1}),
        ("color", [1], None),
        ("faults", ["a"], ["a"]),
        ("faults", "a", None),
    ],
)
def test_a_value_is_of_its_kind_or_unknown(key: str, published: object, value: object) -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        thing = home.device("thing", Thing)
        link.say("thing", {key: published})
        await settle()
        found = getattr(thing, key).value
        assert found == value
        assert type(found) is type(value)

    play(scene)


# --- set ------------------------------------------------------------------------------------------


def test_a_set_waits_for_the_state_message_that_confirms_it() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        thing = home.device("thing", Thing)
        link.say("thing", {"state": "OFF"}, stored=True)
        task = await begun(thing.state.on())
        assert sent(link) == [{"state": "ON"}]
        link.say("thing", {"state": "ON"}, stored=True)
        link.say("thing", {"state": "OFF", "power": 3})
        link.say("thing", {"power": 4})
        await settle()
        assert not task.done()
        link.say("thing", {"state": "ON"})
        await task

    play(scene)


def test_a_set_without_confirmation_is_a_set_timeout() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        thing = home.device("thing", Thing)
        link.say("thing/availability", {"state": "offline"})
        begin = asyncio.get_running_loop().time()
        with pytest.raises(
            SetTimeout, match=r"set state to 'ON': nothing confirmed it within 10 s; .* unavailable"
        ) as caught:
            await thing.state.on()
        assert isinstance(caught.value, TimeoutError)
        assert isinstance(caught.value, CommandError)
        with pytest.raises(SetTimeout, match="within 3 s"):
            await thing.state.on(timeout="3s")
        assert asyncio.get_running_loop().time() - begin == pytest.approx(13)

    play(scene)


def test_a_set_that_nothing_confirms_is_asked_for_once_where_the_definition_allows() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        thing = home.device("thing", Thing)
        exposes = [
            {"type": "enum", "name": "mode", "property": "mode", "access": 7},
            {"type": "text", "name": "label", "property": "label", "access": 3},
        ]
        link.house(device_entry("thing", "THING", exposes=exposes))
        await settle()
        task = await begun(thing.mode.set("fast"))
        await asyncio.sleep(0.9)
        assert sent(link) == [{"mode": "fast"}]
        assert asked(link) == []
        await asyncio.sleep(0.2)
        assert asked(link) == [{"mode": ""}]
        link.say("thing", {"mode": "slow"})
        await asyncio.sleep(5)
        assert not task.done()
        link.say("thing", {"mode": "fast"})
        await task
        with pytest.raises(SetTimeout):
            await thing.label.set("x")
        with pytest.raises(SetTimeout):
            await thing.mode.set("slow", timeout="1s")
        assert asked(link) == [{"mode": ""}] * 2

    play(scene)


def test_a_set_that_is_confirmed_in_time_is_not_asked_for() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        thing = home.device("thing", Thing)
        exposes = [{"type": "enum", "name": "mode", "property": "mode", "access": 7}]
        link.house(device_entry("thing", "THING", exposes=exposes))
        await settle()
        task = await begun(thing.mode.set("fast"))
        link.say("thing", {"mode": "fast"})
        await task
        await asyncio.sleep(20)
        assert asked(link) == []

    play(scene)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("Publish 'set' 'state' to 'thing' failed: 'Error: no route (205)'", "no route"),
        ("No converter available for 'state' on 'thing': (ON)", "No converter available"),
        ("No converter available for 'set' 'state' (ON)", "No converter available"),
        ("Entity 'thing' is unknown", "is unknown"),
        ("Cannot publish to unsupported device 'thing'", "unsupported"),
    ],
)
def test_an_error_line_of_the_bridge_ends_the_command_with_its_words(line: str, text: str) -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        task = await begun(home.device("thing", Thing).state.on())
        link.error(line)
        with pytest.raises(CommandError, match=text) as caught:
            await task
        assert not isinstance(caught.value, TimeoutError)

    play(scene)


@pytest.mark.parametrize(
    "line",
    [
        "Publish 'set' 'level' to 'thing' failed: 'Error: no route'",
        "Publish 'get' 'state' to 'thing' failed: 'Error: no route'",
        "Publish 'set' 'state' to 'other' failed: 'Error: no route'",
        "Publish 'set' 'stat' to 'thing' failed: 'Error: no route'",
        "Entity 'other' is unknown",
        "Failed to configure 'thing', attempt 1 (no route)",
    ],
)
def test_an_error_line_about_something_else_ends_nothing(line: str) -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        task = await begun(home.device("thing", Thing).state.on())
        link.error(line)
        await settle()
        assert not task.done()
        link.say("thing", {"state": "ON"})
        await task

    play(scene)


def test_the_bridge_names_a_key_without_its_endpoint() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        task = await begun(home.device("thing", Thing).state_l2.on())
        link.error("Publish 'set' 'state' to 'thing' failed: 'Error: it is 'away' (x)'")
        with pytest.raises(CommandError, match=r"thing: set state_l2: it is 'away' \(x\)"):
            await task

    play(scene)


def test_concurrent_sets_each_find_their_confirmation() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        thing = home.device("thing", Thing)
        both = asyncio.gather(thing.state.on(), thing.level.set(100), thing.child_lock.on())
        await settle()
        assert sent(link) == [{"state": "ON"}, {"level": 100}, {"child_lock": True}]
        link.say("thing", {"level": 100})
        link.say("thing", {"child_lock": True})
        await settle()
        assert not both.done()
        link.say("thing", {"state": "ON"})
        await both

    play(scene)


def test_of_several_sets_of_one_key_the_newest_counts_and_the_others_return() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        thing = home.device("thing", Thing)
        first = await begun(thing.state.on())
        second = await begun(thing.state.off())
        await settle()
        assert first.done()
        assert first.exception() is None
        link.say("thing", {"state": "ON"})
        await settle()
        assert not second.done()
        link.say("thing", {"state": "OFF"})
        await second

    play(scene)


def test_a_cancelled_set_leaves_nothing_behind() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        thing = home.device("thing", Thing)
        task = await begun(thing.state.on())
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert home.node("thing").pending == []
        link.say("thing", {"state": "ON"})
        await settle()

    play(scene)


@pytest.mark.parametrize(
    ("key", "before", "asked", "answer"),
    [
        ("level", 10, 255, 254),  # clamped to what the device can
        ("level", 254, 255, 254),  # clamped, and nothing changed
        ("level", 10, 100, 90),  # another value, which has just changed
        ("setpoint", 20, 21.3, 21.5),  # rounded by the device
        ("setpoint", 21.5, 21.3, 21.5),  # rounded, and nothing changed
        ("color", {"x": 1}, {"hex": "#ff0000"}, {"x": 0.7, "y": 0.3}),
        ("mode", "slow", "fast", "fast"),
    ],
)
def test_what_the_device_makes_of_a_value_confirms_it(
    key: str, before: object, asked: object, answer: object
) -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        link.say("thing", {key: before})
        await settle()
        task = await begun(getattr(home.device("thing", Thing), key).set(asked))
        link.say("thing", {key: answer})
        await task

    play(scene)


@pytest.mark.parametrize(
    ("key", "wrong", "error"),
    [
        ("level", "3", TypeError),
        ("level", True, TypeError),
        ("level", math.nan, ValueError),
        ("state", "on", ValueError),
        ("state", True, TypeError),
        ("child_lock", 1, TypeError),
        ("mode", "fats", ValueError),
        ("mode", None, TypeError),
        ("label", 3, TypeError),
        ("color", "red", TypeError),
        ("effect", "blnk", ValueError),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_before_anything_is_sent(
    key: str, wrong: object, error: type[Exception]
) -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        with pytest.raises(error, match=f"thing.{key}"):
            await getattr(home.device("thing", Thing), key).set(wrong)
        assert link.published == []

    play(scene)


def test_a_wrong_enum_value_names_the_near_one() -> None:
    async def scene(_link: FakeLink, home: Home) -> None:
        with pytest.raises(ValueError, match="Did you mean 'fast'"):
            await home.device("thing", Thing).mode.set("fats")  # type: ignore[arg-type]

    play(scene)


def test_what_can_only_be_set_is_sent_and_not_waited_for() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        await home.device("thing", Thing).effect.set("blink")
        assert sent(link) == [{"effect": "blink"}]

    play(scene)


# --- toggle ---------------------------------------------------------------------------------------


def test_a_toggle_is_confirmed_by_the_other_value() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        thing = home.device("thing", Thing)
        link.say("thing", {"state": "ON"}, stored=True)
        await settle()
        task = await begun(thing.state.toggle())
        assert sent(link) == [{"state": "TOGGLE"}]
        link.say("thing", {"state": "ON", "power": 3})
        await settle()
        assert not task.done()
        link.say("thing", {"state": "OFF"})
        await task

    play(scene)


def test_what_the_device_can_not_toggle_itself_must_be_known() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        thing = home.device("thing", Thing)
        with pytest.raises(CommandError, match="not known yet"):
            await thing.child_lock.toggle()
        link.say("thing", {"child_lock": True})
        await settle()
        task = await begun(thing.child_lock.toggle())
        assert sent(link) == [{"child_lock": False}]
        link.say("thing", {"child_lock": False})
        await task

    play(scene)


# --- step -----------------------------------------------------------------------------------------


def test_steps_add_up_and_the_newest_wins() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        thing = home.device("thing", Thing)
        link.say("thing", {"level": 100}, stored=True)
        await settle()
        first = await begun(thing.level.step(10))
        # The knob turns on while the first step is on its way.
        for _ in range(5):
            await thing.level.step(10)
        assert sent(link) == [{"level": 110}]
        link.say("thing", {"level": 110})
        await settle()
        assert sent(link) == [{"level": 110}, {"level": 160}]
        link.say("thing", {"level": 160})
        await first
        assert home.steps == {}

    play(scene)


def test_a_step_stays_in_range_and_needs_a_known_value() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        thing = home.device("thing", Thing)
        with pytest.raises(CommandError, match="nothing to step from"):
            await thing.level.step(1)
        link.say("thing", {"level": 250})
        await settle()
        task = await begun(thing.level.step(100))
        assert sent(link) == [{"level": 254}]
        link.say("thing", {"level": 254})
        await task

    play(scene)


def test_a_step_that_fails_leaves_no_goal_behind() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        thing = home.device("thing", Thing)
        link.say("thing", {"level": 100})
        await settle()
        with pytest.raises(SetTimeout):
            await thing.level.step(10)
        assert home.steps == {}

    play(scene)


# --- get ------------------------------------------------------------------------------------------


def test_a_get_asks_and_waits_for_the_value() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        thing = home.device("thing", Thing)
        task = await begun(thing.power.get())
        assert link.published == [("zigbee2mqtt/thing/get", {"power": ""})]
        link.say("thing", {"state": "ON"})
        link.say("thing", {"power": None})
        await settle()
        assert not task.done()
        link.say("thing", {"power": 4})
        await task
        assert thing.power.value == 4
        with pytest.raises(GetTimeout, match="get power"):
            await thing.power.get()
        task = await begun(thing.power.get())
        link.error("Publish 'get' 'power' to 'thing' failed: 'Error: asleep'")
        with pytest.raises(CommandError, match="asleep"):
            await task

    play(scene)


# --- watching -------------------------------------------------------------------------------------


def test_changes_are_live_and_new() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        thing = home.device("thing", Thing)
        seen: list[float] = []

        async def watch() -> None:
            async for power in thing.power.changes():
                seen.append(power)
                if len(seen) == 3:
                    break

        task = await begun(watch())
        link.say("thing", {"power": 1}, stored=True)
        link.say("thing", {"power": 2})
        link.say("thing", {"power": 2})
        link.say("thing", {"power": "?"})
        link.say("thing", {"state": "ON"})
        link.say("thing", {"power": 3})
        link.say("thing", {"power": 4})
        await task
        await settle()
        assert seen == [2, 3, 4]
        assert home.node("thing").observers == ()

    play(scene)


def test_one_is_not_true() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        thing = home.device("thing", Thing)
        updates: list[Any] = []
        home.observe("thing", lambda update: updates.append(thing.child_lock.occurred(update)))
        link.say("thing", {"child_lock": 1})
        link.say("thing", {"child_lock": True})
        await settle()
        assert [change and change.new for change in updates] == [None, True]

    play(scene)


def test_waiting_ends_when_the_condition_holds() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        thing = home.device("thing", Thing)
        other = home.device("other", Thing)
        link.say("thing", {"power": 3})
        await settle()
        await thing.power.wait_until(3)
        task = await begun(thing.power.wait_until((thing.power < 2) & other.state.turned_on))
        link.say("thing", {"power": 1})
        await settle()
        assert not task.done()
        link.say("other", {"state": "ON"})
        await task
        with pytest.raises(WaitTimeout, match=r"thing\.power == 9 did not hold within 180 s"):
            await thing.power.wait_until(9, timeout="3min")
        assert home.node("thing").observers == ()

    play(scene)


# --- conditions -----------------------------------------------------------------------------------


def test_a_condition_compares_what_is_known() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        thing = home.device("thing", Thing)
        conditions = {
            "thing.power > 3": thing.power > 3,
            "thing.power >= 3": thing.power >= 3,
            "thing.power < 3": thing.power < 3,
            "thing.power <= 3": thing.power <= 3,
            "thing.power == 3": thing.power == 3,
            "thing.power != 3": thing.power != 3,
            "thing.power in (3, 4)": thing.power.is_in(3, 4),
            "thing.power > thing.temperature": thing.power > thing.temperature,
            "thing.contact == False": thing.contact.turned_on,
            "thing.mode == 'fast'": thing.mode == "fast",
        }
        assert [repr(condition) for condition in conditions.values()] == list(conditions)
        assert {condition.holds() for condition in conditions.values()} == {None}
        link.say("thing", {"power": 3, "temperature": 2, "contact": False, "mode": "fast"})
        await settle()
        assert [condition.holds() for condition in conditions.values()] == [
            False,
            True,
            False,
            True,
            True,
            False,
            True,
            True,
            True,
            True,
        ]

    play(scene)


class Given(Condition):
    """A condition that holds as it is told."""

    def __init__(self, value: bool | None) -> None:
        self.value = value

    watched = frozenset()
    keys = frozenset()

    def holds(self) -> bool | None:
        return self.value


@given(st.sampled_from([True, False, None]), st.sampled_from([True, False, None]))
def test_combinations_follow_the_truth_table_of_what_may_be_unknown(
    left: bool | None, right: bool | None
) -> None:
    def possible(value: bool | None) -> set[bool]:
        return {True, False} if value is None else {value}

    def certain(values: set[bool]) -> bool | None:
        return values.pop() if len(values) == 1 else None

    pairs = [(a, b) for a in possible(left) for b in possible(right)]
    assert (Given(left) & Given(right)).holds() is certain({a and b for a, b in pairs})
    assert (Given(left) | Given(right)).holds() is certain({a or b for a, b in pairs})
    assert (~Given(left)).holds() is certain({not a for a in possible(left)})


def test_a_condition_knows_its_devices() -> None:
    async def scene(_link: FakeLink, home: Home) -> None:
        thing, other = home.device("thing", Thing), home.device("other", Thing)
        condition = (thing.power > 3) & ~(other.state == "ON") | (thing.power < other.power)
        assert condition.devices == {"thing", "other"}
        assert condition.watched == {(home, "thing"), (home, "other")}

    play(scene)


def test_neither_conditions_nor_properties_are_true_or_false() -> None:
    async def scene(_link: FakeLink, home: Home) -> None:
        thing = home.device("thing", Thing)
        with pytest.raises(TypeError, match=r"combine them with & \| ~ instead of and, or, not"):
            bool(thing.power > 3)
        with pytest.raises(TypeError, match=r"compare its \.value"):
            bool(thing.power)
        with pytest.raises(TypeError):
            bool(thing.effect)

    play(scene)


def test_comparing_with_what_can_not_be_is_refused() -> None:
    async def scene(_link: FakeLink, home: Home) -> None:
        thing = home.device("thing", Thing)
        with pytest.raises(TypeError, match="no number"):
            _ = thing.power == "3"
        with pytest.raises(ValueError, match="none of its values"):
            _ = thing.state == "on"
        with pytest.raises(ValueError, match="Did you mean 'fast'"):
            thing.mode.is_in("fsat")  # type: ignore[arg-type]

    play(scene)


def test_properties_are_themselves_in_sets_and_dicts() -> None:
    async def scene(_link: FakeLink, home: Home) -> None:
        thing = home.device("thing", Thing)
        assert len({thing.power, thing.level, thing.power}) == 2
        assert {thing.power: 1}[thing.power] == 1
        assert home.device("thing", Thing) is thing

    play(scene)


# --- devices --------------------------------------------------------------------------------------


def test_a_property_that_is_not_there_names_the_near_ones() -> None:
    async def scene(_link: FakeLink, home: Home) -> None:
        thing = home.device("thing", Thing)
        with pytest.raises(
            UnknownName, match=r"THING 'thing' has no 'powr'\. Did you mean 'power'"
        ):
            _ = thing.powr  # type: ignore[attr-defined]
        assert not hasattr(thing, "nothing")

    play(scene)


def test_a_property_can_not_be_assigned() -> None:
    async def scene(_link: FakeLink, home: Home) -> None:
        with pytest.raises(AttributeError, match=r"await DEVICE.power.set\(3\)"):
            home.device("thing", Thing).power = 3  # type: ignore[assignment]

    play(scene)


def test_a_light_is_set_in_one_message() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        lamp = home.device("thing", LED1624G9)
        task = await begun(lamp.light.set(state="ON", brightness=100, transition=2))
        assert sent(link) == [{"state": "ON", "brightness": 100, "transition": 2}]
        link.say("thing", {"state": "ON", "brightness": 50})
        await settle()
        assert not task.done()
        link.say("thing", {"state": "ON", "brightness": 100})
        await task
        task = await begun(lamp.light.set(state="OFF", brightness=30))
        link.say("thing", {"state": "OFF", "brightness": 100})
        await task
        task = await begun(lamp.light.toggle(transition=1))
        assert sent(link)[-1] == {"state": "TOGGLE", "transition": 1}
        link.say("thing", {"state": "ON"})
        await task
        with pytest.raises(TypeError, match="no number"):
            await lamp.light.set(brightness="x")  # type: ignore[arg-type]

    play(scene)


def test_covers_locks_thermostats_and_fans_are_one_thing_each() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        cover = home.device("thing", MEG5113_0300_MEG5165_0000).cover
        await cover.open()
        await cover.stop()
        await cover.close()
        task = await begun(cover.set(position=40, tilt=10))
        assert sent(link) == [
            {"state": "OPEN"},
            {"state": "STOP"},
            {"state": "CLOSE"},
            {"position": 40, "tilt": 10},
        ]
        link.say("thing", {"position": 40, "tilt": 10})
        await task

        lock = home.device("thing", M99140_002).lock
        task = await begun(lock.unlock())
        assert sent(link)[-1] == {"state": "UNLOCK"}
        link.say("thing", {"state": "UNLOCK"})
        await task
        task = await begun(lock.lock())
        link.say("thing", {"state": "LOCK"})
        await task

        climate = home.device("thing", SLR1).climate
        task = await begun(climate.set(occupied_heating_setpoint=21.3, system_mode="heat"))
        assert sent(link)[-1] == {"occupied_heating_setpoint": 21.3, "system_mode": "heat"}
        link.say("thing", {"occupied_heating_setpoint": 21.5, "system_mode": "heat"})
        await task

        fan = home.device("thing", M99432).fan
        task = await begun(fan.set(fan_mode="low"))
        assert sent(link)[-1] == {"fan_mode": "low"}
        link.say("thing", {"fan_mode": "low"})
        await task

    play(scene)


# --- without a class ------------------------------------------------------------------------------

EXPOSES: list[dict[str, Any]] = [
    {
        "type": "light",
        "features": [
            {
                "type": "binary",
                "name": "state",
                "property": "state",
                "access": 7,
                "value_on": "ON",
                "value_off": "OFF",
                "value_toggle": "TOGGLE",
            },
            {
                "type": "numeric",
                "name": "brightness",
                "property": "brightness",
                "access": 7,
                "unit": "x",
                "value_max": 254,
            },
        ],
    },
    {"type": "enum", "name": "mode", "property": "mode", "access": 7, "values": ["slow", "fast"]},
    {"type": "enum", "name": "effect", "property": "effect", "access": 2, "values": ["blink"]},
    {"type": "enum", "name": "action", "property": "action", "access": 1, "values": ["single"]},
]


def test_a_device_without_a_class_has_what_its_definition_says() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        early = home.device("thing")
        link.house(device_entry("thing", "NEW", exposes=EXPOSES))
        link.say("thing", {"state": "OFF", "brightness": 7, "extra": [1]})
        await home.ready()
        await settle()
        thing = home.device("thing")
        assert (thing.state.value, thing["extra"].value) == ("OFF", [1])
        assert repr(thing.brightness) == "<AnyProperty thing.brightness = 7 x>"
        assert getattr(thing.mode, "fast") == "fast"  # noqa: B009  (untyped, as with stubs)
        assert (thing.brightness > 6).holds()
        assert thing.state.turned_off.holds()
        with pytest.raises(UnknownName, match=r"NEW 'thing' has no 'stat'\. Did you mean 'state'"):
            _ = thing.stat
        with pytest.raises(UnknownName, match="no action 'singel'"):
            _ = thing.action.singel
        assert thing.action.single.action == "single"
        light: Any = thing.light
        task = await begun(light.set(state="ON", brightness=9))
        assert sent(link) == [{"state": "ON", "brightness": 9}]
        link.say("thing", {"state": "ON", "brightness": 9})
        await task
        task = await begun(early.set(brightness=300))
        link.say("thing", {"brightness": 254})
        await task
        await thing.effect.set("blink")
        await home.device("thing").set(effect="blink")
        assert sent(link)[-2:] == [{"effect": "blink"}] * 2

    play(scene)


def test_a_device_without_a_class_takes_any_name_until_the_house_is_known() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        thing = home.device("thing")
        condition = thing.power > 3
        assert getattr(thing.mode, "decoupled") == "decoupled"  # noqa: B009
        single = thing.action.single
        assert single.action == "single"
        assert single.devices == {"thing"}
        task = await begun(thing.state.toggle())
        assert sent(link) == [{"state": "TOGGLE"}]
        link.say("thing", {"state": "ON", "power": 4})
        await task
        assert condition.holds()

    play(scene)


def test_a_name_of_the_house_is_an_attribute() -> None:
    async def scene(link: FakeLink, home: Any) -> None:  # noqa: ANN401  (as with `ferrobee stubs`)
        link.house(device_entry("lamp", "NEW", exposes=EXPOSES), groups=(group_entry("lights"),))
        await home.ready()
        assert type(home.lamp) is AnyDevice
        assert type(home.lights) is Group
        with pytest.raises(UnknownName, match="Did you mean 'lamp'"):
            _ = home.lmap

    play(scene)


def test_a_home_that_knows_the_models_gives_their_classes() -> None:
    async def scene(link: FakeLink, home: Any) -> None:  # noqa: ANN401  (as with `ferrobee stubs`)
        assert home.typed({"lamp": "LED1624G9", "lights": "LED1624G9", "gone": "NONE"}) is home
        assert type(home.device("lamp")) is type(home.lamp) is LED1624G9
        assert type(home.group("lights")) is LED1624G9
        assert type(home.gone) is AnyDevice
        gone = device_entry("gone")
        link.house(device_entry("lamp", "NEW"), gone, groups=(group_entry("lights"),))
        with pytest.raises(ModelError, match="'lamp' is of model 'NEW', not 'LED1624G9'"):
            await home.ready()

    play(scene)


# --- robustness -----------------------------------------------------------------------------------

plain = st.sampled_from([None, True, False, 0, -1, 3.5, 1e300, "", "ON", "OFF", "fast", "x"])
json_values = plain | st.lists(plain, max_size=2) | st.dictionaries(st.text(max_size=2), plain)
KEYS = ["state", "child_lock", "contact", "power", "level", "mode", "label", "color", "faults"]


@given(st.lists(st.dictionaries(st.sampled_from([*KEYS, "action"]), json_values), max_size=5))
def test_no_message_breaks_a_device(messages: list[dict[str, Any]]) -> None:
    async def main() -> None:
        link = FakeLink()
        async with Home(link) as home:
            thing = home.device("thing", Thing)
            conditions = [getattr(thing, key) == getattr(thing, key) for key in KEYS]
            heard: list[Any] = []
            home.observe("thing", lambda update: heard.append(thing.level.occurred(update)))
            for message in messages:
                link.say("thing", message)
            await settle()
            assert len(heard) == len(messages)
            assert repr(thing).startswith("<THING 'thing'")
            for key, condition in zip(KEYS, conditions, strict=True):
                value = getattr(thing, key).value
                assert now(condition.holds()) is (None if value is None else True)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main())
