"""`Home`: what it keeps of what the house says, and whom it tells."""

from __future__ import annotations

import asyncio
import gc
from functools import partial
from typing import TYPE_CHECKING, Literal

import pytest
from tests.support.fake_link import FakeLink, device_entry, group_entry

from ferrobee._device import Device
from ferrobee._home import Home
from ferrobee._kinds import Numeric, NumericGet, Switch
from ferrobee.errors import CommandError, LinkClosed, ModelError, UnknownName, WaitTimeout
from ferrobee.testing._loop import VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ferrobee._update import HomeEvent, TopicMessage, Update

OnOff = Literal["ON", "OFF"]


class Relay(Device):
    MODEL = "RELAY"

    power = NumericGet("power", unit="W")
    state = Switch[OnOff]("state", on="ON", off="OFF", toggle="TOGGLE")
    linkquality = Numeric("linkquality", unit="lqi", category="diagnostic")


def play(scene: Callable[[FakeLink, Home], Awaitable[None]]) -> None:
    """Runs a scene with a home on a link that it plays, in virtual time."""

    async def main() -> None:
        link = FakeLink()
        async with Home(link) as home:
            await scene(link, home)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main())


async def settle() -> None:
    """Lets the home hear what was said."""
    for _ in range(5):
        await asyncio.sleep(0)


def now(value: object) -> object:
    """A value that changes, so that a type checker must not narrow it for good."""
    return value


def test_the_state_is_what_stored_and_live_messages_said() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        relay = home.device("relay", Relay)
        assert repr(relay.power) == "<NumericGet relay.power = unknown>"
        link.say("relay", {"power": 3.1, "state": "OFF"}, stored=True)
        await settle()
        assert relay.power.value == 3.1
        assert now(relay.power.updated) is None
        link.say("relay", {"power": 4})
        await settle()
        assert relay.power.value == 4
        assert relay.state.value == "OFF"
        assert relay.power.updated is not None
        assert relay.power.updated.tzinfo is not None
        assert relay.state.updated is None

    play(scene)


def test_an_observer_hears_its_device_only_and_knows_before_and_after() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        heard: list[Update] = []
        end = home.observe("relay", heard.append)
        link.say("relay", {"power": 1}, stored=True)
        link.say("other", {"power": 2})
        link.say("relay", {"power": 3, "action": "single"})
        await settle()
        assert [(u.before, u.after, u.live) for u in heard] == [
            ({}, {"power": 1}, False),
            ({"power": 1}, {"power": 3}, True),
        ]
        assert heard[1].message == {"power": 3, "action": "single"}
        end()
        link.say("relay", {"power": 4})
        await settle()
        assert len(heard) == 2

    play(scene)


def test_an_observer_that_raises_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        heard: list[Update] = []

        def broken(_update: Update) -> None:
            raise ZeroDivisionError

        home.observe("relay", broken)
        home.observe("relay", heard.append)
        link.say("relay", {"power": 1})
        await settle()
        assert len(heard) == 1

    play(scene)
    assert "a listener to 'relay' failed" in caplog.text


@pytest.mark.parametrize(
    ("topic", "payload"),
    [("relay", "{"), ("relay", "[1]"), ("bridge/devices", "{}"), ("bridge/event", "null")],
)
def test_a_foreign_message_ends_nothing(topic: str, payload: str) -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        relay = home.device("relay", Relay)
        link.say(topic, payload)
        link.say("relay", {"power": 1})
        await settle()
        assert relay.power.value == 1

    play(scene)


def test_a_state_that_comes_before_the_list_of_devices_is_kept() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        link.say("hall/relay", {"power": 3}, stored=True)
        link.say("hall/relay/set", {"power": 4}, stored=True)
        link.house(device_entry("hall/relay", "RELAY"))
        await home.ready()
        assert home.device("hall/relay", Relay).power.value == 3
        assert home.names == ["hall/relay"]

    play(scene)


def test_an_unknown_device_names_the_near_ones() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        link.house(device_entry("hall_relay", "RELAY"), device_entry("knob", "KNOB"))
        await home.ready()
        with pytest.raises(UnknownName, match=r"'hal_relay'. Did you mean 'hall_relay'\?"):
            home.device("hal_relay", Relay)

    play(scene)


def test_a_device_of_another_model_is_an_error_as_soon_as_the_house_is_known(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        knob = home.device("knob", Relay)
        link.house(device_entry("knob", "KNOB"))
        with pytest.raises(ModelError, match="'knob' is of model 'KNOB', not 'RELAY'"):
            await home.ready()
        with pytest.raises(ModelError):
            _ = knob.power.value
        with pytest.raises(ModelError):
            home.device("knob", Relay)

    play(scene)
    assert "'knob' is of model 'KNOB'" in caplog.text


def test_what_was_asked_for_once_is_checked_when_the_house_is_known() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        home.device("nobody")
        gc.collect()
        link.house(device_entry("relay", "RELAY"))
        with pytest.raises(UnknownName, match="'nobody'"):
            await home.ready()

    play(scene)


def test_a_rename_takes_the_state_along_and_names_mean_who_has_them() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        old = home.device("old", Relay)
        link.house(device_entry("old", "RELAY", address="0x1"))
        link.say("old", {"power": 7})
        await home.ready()
        await settle()
        link.say("old", "")
        link.house(device_entry("new", "RELAY", address="0x1"))
        await settle()
        with pytest.raises(UnknownName):
            _ = old.power.value
        # The state that comes with the new name, as the bridge says it.
        link.say("new", {"power": 7})
        # Another device gets the old name.
        link.house(
            device_entry("new", "RELAY", address="0x1"), device_entry("old", "RELAY", address="0x2")
        )
        link.say("old", {"power": 1})
        await settle()
        assert home.device("new", Relay).power.value == 7
        assert old.power.value == 1

    play(scene)


def test_two_devices_can_swap_their_names() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        link.house(
            device_entry("a", "RELAY", address="0x1"), device_entry("b", "RELAY", address="0x2")
        )
        link.say("a", {"power": 1})
        link.say("b", {"power": 2})
        await home.ready()
        link.house(
            device_entry("b", "RELAY", address="0x1"), device_entry("a", "RELAY", address="0x2")
        )
        await settle()
        assert home.device("a", Relay).power.value == 2
        assert home.device("b", Relay).power.value == 1

    play(scene)


def test_availability_is_told_apart_from_state() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        relay = home.device("relay", Relay)
        events: list[HomeEvent] = []
        updates: list[Update] = []
        home.observe_event(events.append)
        home.observe("relay", updates.append)
        assert now(relay.available) is None
        link.say("relay/availability", {"state": "online"}, stored=True)
        await settle()
        assert now(relay.available) is True
        link.say("relay/availability", "offline")
        link.say("relay/availability", {"state": "offline"})
        await settle()
        assert now(relay.available) is False
        assert [(event.kind, event.device) for event in events] == [("unavailable", "relay")]
        assert updates == []

    play(scene)


def test_events_of_the_bridge_are_told() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        events: list[HomeEvent] = []
        end = home.observe_event(events.append)
        link.say("bridge/state", {"state": "online"}, stored=True)
        link.say("bridge/state", {"state": "offline"})
        data = {"friendly_name": "relay", "ieee_address": "0x1"}
        link.say("bridge/event", {"type": "device_joined", "data": data})
        link.say("bridge/event", {"type": "device_leave", "data": data})
        await settle()
        end()
        link.say("bridge/event", {"type": "device_leave", "data": data})
        await settle()
        assert [(event.kind, event.device) for event in events] == [
            ("offline", ""),
            ("joined", "relay"),
            ("left", "relay"),
        ]
        assert events[1].data == data

    play(scene)


def test_topics_are_heard_by_filter() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        heard: list[tuple[str, TopicMessage]] = []
        ends = []
        for wanted in ("door/bell", "door/+", "#", "zigbee2mqtt/+/set"):
            listener = partial(lambda wanted, message: heard.append((wanted, message)), wanted)
            ends.append(home.observe_topic(wanted, listener))
        assert link.subscribed == ["door/bell", "door/+", "#", "zigbee2mqtt/+/set"]
        link.say_raw("door/bell", "ding")
        link.say("relay/set", {"state": "ON"})
        link.say_raw("$SYS/uptime", "1")
        await settle()
        assert [(wanted, message.topic) for wanted, message in heard] == [
            ("door/bell", "door/bell"),
            ("door/+", "door/bell"),
            ("#", "door/bell"),
            ("#", "zigbee2mqtt/relay/set"),
            ("zigbee2mqtt/+/set", "zigbee2mqtt/relay/set"),
        ]
        assert heard[0][1].text == "ding"
        assert heard[4][1].json() == {"state": "ON"}
        for end in ends:
            end()
        link.say_raw("door/bell", "dong")
        await settle()
        assert len(heard) == 5

    play(scene)


@pytest.mark.parametrize("wrong", ["", "a/#/b", "a+", "a/b#"])
def test_what_is_no_topic_filter_is_refused(wrong: str) -> None:
    async def scene(_link: FakeLink, home: Home) -> None:
        with pytest.raises(ValueError, match="no topic filter"):
            home.observe_topic(wrong, lambda _message: None)

    play(scene)


def test_a_subscription_is_an_async_iterator() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        async def first() -> str:
            async for message in home.subscribe("door/+"):
                return message.text
            raise AssertionError

        waiting = asyncio.create_task(first())
        await settle()
        link.say_raw("door/bell", "ding")
        assert await waiting == "ding"

    play(scene)


def test_publishing_takes_text_bytes_and_json() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        home.publish("a", "text")
        home.publish("b", b"\x31")
        home.publish("c", {"ü": [1, None]})
        assert link.published == [("a", "text"), ("b", 1), ("c", {"ü": [1, None]})]

    play(scene)


def test_a_request_gives_the_data_of_its_answer() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        asked = asyncio.create_task(home.request("permit_join", {"time": 10}))
        refused = asyncio.create_task(home.request("permit_join", {"time": 999}))
        await settle()
        (_, first), (_, second) = link.published
        link.say(
            "bridge/response/permit_join",
            {"status": "error", "error": "too long", "transaction": second["transaction"]},
        )
        link.say(
            "bridge/response/permit_join",
            {"status": "ok", "data": {"time": 10}, "transaction": first["transaction"]},
        )
        assert await asked == {"time": 10}
        with pytest.raises(CommandError, match="too long"):
            await refused
        with pytest.raises(CommandError, match="no answer within 30 s"):
            await home.request("nothing")

    play(scene)


def test_scenes_are_found_by_name_and_number() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        movie = [{"id": 3, "name": "Movie"}]
        link.house(
            device_entry("lamp"),
            groups=(group_entry("lights", scenes=movie), group_entry("hall", 2)),
        )
        await home.ready()
        await home.scene("Movie").recall()
        await home.scene(3, of="lights").recall()
        assert link.published == [("zigbee2mqtt/lights/set", {"scene_recall": 3})] * 2
        with pytest.raises(UnknownName, match="Did you mean 'Movie'"):
            home.scene("movies")

    play(scene)


def test_a_group_is_set_and_confirmed_as_a_whole() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        link.house(device_entry("lamp"), groups=(group_entry("lights"),))
        await home.ready()
        lights = home.group("lights")
        command = asyncio.create_task(lights.set(state="ON", brightness=100))
        await settle()
        assert link.published == [("zigbee2mqtt/lights/set", {"state": "ON", "brightness": 100})]
        link.say("lights", {"state": "ON", "brightness": 100})
        await command
        assert lights.state.value == "ON"
        with pytest.raises(UnknownName, match="'lamp' is a device, not a group"):
            home.group("lamp")

    play(scene)


def test_ready_says_when_no_bridge_answers() -> None:
    async def scene(_link: FakeLink, home: Home) -> None:
        with pytest.raises(WaitTimeout, match="zigbee2mqtt/bridge/devices within 10 s"):
            await home.ready()

    play(scene)


def test_commands_of_a_home_that_ended_fail() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        relay = home.device("relay", Relay)
        waiting = asyncio.create_task(relay.state.on())
        await settle()
        home.close()
        with pytest.raises(LinkClosed):
            await waiting
        with pytest.raises(LinkClosed, match="closed"):
            await relay.state.on()
        assert len(link.published) == 1

    play(scene)


def test_the_repr_shows_what_matters() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        relay = home.device("relay", Relay)
        link.say("relay", {"power": 3.1, "state": "ON", "linkquality": 90}, stored=True)
        await settle()
        assert repr(relay) == "<RELAY 'relay' state='ON' power=3.1 W>"
        assert repr(relay.power) == "<NumericGet relay.power = 3.1 W>"
        assert repr((relay.power > 2000) & ~relay.state.turned_on) == (
            "(relay.power > 2000) & (~(relay.state == 'ON'))"
        )
        assert repr(home) == "<Home 'zigbee2mqtt' not known yet>"
        link.house(device_entry("relay"), groups=(group_entry("lights"),))
        await settle()
        assert repr(home) == "<Home 'zigbee2mqtt' 2 devices and groups>"

    play(scene)
