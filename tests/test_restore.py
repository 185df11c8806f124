"""A stick dies: its network goes onto another one, and the devices do not notice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ferrobee.models.aqara import LLKZMK11LM, ZNXNKG02LM
from ferrobee.models.innr import RB_285_C

if TYPE_CHECKING:
    from tests.support.house import House

    from ferrobee.testing import VirtualHome

_NEW_STICK = "0x00124b00ffff0001"


def _counter(house: House) -> int:
    return int(house.control("state")["frame_counter"])


def test_the_network_goes_onto_an_empty_stick_and_no_frame_counter_goes_back(house: House) -> None:
    house.start()
    relay = house.join("LLKZMK11LM")
    switch = house.join("QBKG41LM")
    house.set(relay, "state_l1", "ON")
    before = house.control("state")
    house.stop()
    # Whatever was sent after the backup must be left behind as well.
    highest = _counter(house)
    house.control("replace", device=_NEW_STICK)
    assert house.control("state")["pan_id"] is None

    since = house.client.mark()
    house.start()
    after = house.control("state")
    assert (after["pan_id"], after["channel"]) == (before["pan_id"], before["channel"])
    assert _counter(house) > highest
    # The simulated devices drop frames of another network and those with an old counter.
    house.set(relay, "state_l1", "OFF")
    house.set(switch, "state_left", "ON")
    house.act(switch, "press", button="left")
    house.client.wait(switch.name, lambda m: m.json["state_left"] == "OFF", since=since)
    assert not [
        m for m in house.client.messages[since:] if m.topic == "zigbee2mqtt/bridge/event"
    ], "nobody joined anew"

    # And once more, from the stick that was restored: counters only grow.
    highest = _counter(house)
    house.stop()
    house.control("replace", device="0x00124b00ffff0002")
    house.start()
    assert _counter(house) > highest
    house.set(relay, "state_l1", "ON")


def test_a_new_network_is_not_that_of_the_devices(house: House) -> None:
    """The check above can fail: without the backup nobody answers."""
    house.start()
    relay = house.join("LLKZMK11LM")
    house.stop()
    (house.data / "coordinator_backup.json").unlink()
    (house.data / "database.db").unlink()
    house.configure(serial=house.stick.serial)
    house.control("replace", device=_NEW_STICK)
    house.start()
    since = house.client.mark()
    house.act(relay, "press", endpoint=1)
    house.client.request("health_check", {})
    assert not [m for m in house.client.messages[since:] if relay.ieee in m.topic]


async def test_a_stick_that_dies_while_the_bridge_runs_is_replaced_by_one_ahead_of_it(
    home: VirtualHome,
) -> None:
    """The backup is hours old, and has not seen the frames since."""
    relay = home.add(LLKZMK11LM, "relay")
    await home.begin()
    backed_up = int((await home.control({"cmd": "state"}))["frame_counter"])
    for _ in range(2600):
        home.bridge.publish("zigbee2mqtt/relay/set", b'{"state_l1": "TOGGLE"}')
        await home.advance(1)
    before = int((await home.control({"cmd": "state"}))["frame_counter"])
    assert before > backed_up + 2500, "more than Zigbee2MQTT sets counters forward"
    # The second one has nothing but the backup that was made of the first.
    for _ in range(2):
        await home.forget()
        after = int((await home.control({"cmd": "state"}))["frame_counter"])
        assert after > before
        await relay.device.state_l1.set("ON")
        await relay.device.state_l1.set("OFF")
        before = after


async def test_devices_that_joined_since_the_backup_are_there_on_the_new_stick(
    home: VirtualHome,
) -> None:
    home.add(LLKZMK11LM, "relay")
    await home.begin()
    lamp = home.add(RB_285_C, "lamp")
    knob = home.add(ZNXNKG02LM, "knob")
    await home.forget()
    await lamp.device.state.set("ON")
    assert lamp.device.state.value == "ON"
    actions: list[object] = []
    home.home.observe("knob", lambda update: actions.append(update.message.get("action")))
    await knob.press("single")
    assert "single" in actions
