"""Properties: reading, setting, getting."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

import pytest
from tests.support.fake_link import FakeLink, device_entry
from tests.support.thing import Thing, asked, begun, sent
from tests.test_home import play, settle

from ferrobee.errors import CommandError, GetTimeout, SetTimeout

if TYPE_CHECKING:
    from ferrobee._home import Home

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
