"""Devices as objects: what they have and refuse, with a class and without."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.fake_link import FakeLink, device_entry, group_entry
from tests.support.thing import Thing, begun, sent
from tests.test_home import now, play, settle

from ferrobee._home import Home
from ferrobee.errors import ModelError, UnknownName
from ferrobee.models.hampton_bay import M99432
from ferrobee.models.hive import SLR1
from ferrobee.models.ikea import LED1624G9
from ferrobee.models.kwikset import M99140_002
from ferrobee.models.schneider_electric import MEG5113_0300_MEG5165_0000
from ferrobee.properties import AnyDevice, Group
from ferrobee.testing._loop import VirtualLoop

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
