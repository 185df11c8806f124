"""Devices in Python on the real bridge: its core, its driver, simulated devices, virtual time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from ferrobee.errors import CommandError, ModelError, UnknownName
from ferrobee.models.aqara import LLKZMK11LM, QBKG41LM, ZNXNKG02LM, ZNXNKG02LMRotation
from ferrobee.models.ikea import LED1624G9

if TYPE_CHECKING:
    from ferrobee.properties import HomeEvent, Update
    from ferrobee.testing import VirtualHome


async def test_commands_are_confirmed_by_the_state(home: VirtualHome) -> None:
    relay = home.add(LLKZMK11LM, "relay").device
    await home.begin()
    await home.home.ready()
    await relay.state_l1.on()
    assert relay.state_l1.value == "ON"
    await relay.state_l1.toggle()
    await asyncio.gather(relay.state_l2.set("ON"), relay.power_outage_memory.set(True))
    assert relay.known["state_l1"] == "OFF"
    assert (relay.state_l2.value, relay.power_outage_memory.value) == ("ON", True)
    await relay.state_l2.get()
    updated = relay.state_l2.updated
    assert updated is not None
    assert updated.tzinfo is not None


async def test_a_failure_is_a_command_error_with_the_bridges_words(home: VirtualHome) -> None:
    relay = home.add(LLKZMK11LM, "relay")
    await home.begin()
    await relay.unplug()
    with pytest.raises(CommandError, match=r"relay: set state_l1: ") as caught:
        await relay.device.state_l1.set("ON", timeout="5min")
    assert not isinstance(caught.value, TimeoutError)
    home.take_errors()


async def test_an_enum_and_its_two_gangs(home: VirtualHome) -> None:
    wall = home.add(QBKG41LM, "wall").device
    await home.begin()
    await wall.operation_mode_left.set(wall.operation_mode_left.decoupled)
    assert (wall.operation_mode_left == "decoupled").holds()
    assert (wall.operation_mode_right == "decoupled").holds() in (False, None)


async def test_a_turned_knob_gives_typed_events(home: VirtualHome) -> None:
    knob = home.add(ZNXNKG02LM, "knob")
    await home.begin()
    seen: list[ZNXNKG02LMRotation] = []

    def heard(update: Update) -> None:
        if (event := knob.device.action.rotation.occurred(update)) is not None:
            seen.append(event)

    home.home.observe("knob", heard)
    await knob.rotate(90)
    await home.advance("5s")
    assert seen
    assert sum(event.angle for event in seen) > 0
    assert {event.button_state for event in seen} == {"released"}


async def test_a_light_is_set_and_stepped(home: VirtualHome) -> None:
    lamp = home.add(LED1624G9, "lamp").device
    await home.begin()
    await lamp.light.set(state="ON", brightness=100, transition=1)
    assert (lamp.state.value, lamp.brightness.value) == ("ON", 100)
    await asyncio.gather(*(lamp.brightness.step(10) for _ in range(10)))
    assert lamp.brightness.value == 200
    await lamp.color.set({"x": 0.3, "y": 0.3})
    await lamp.light.set(state="OFF", brightness=3)
    assert lamp.state.value == "OFF"


async def test_groups_and_scenes(home: VirtualHome) -> None:
    first, second = home.add(LED1624G9, "first"), home.add(LED1624G9, "second")
    home.add_group("lights", first, second)
    await home.begin()
    lights = home.home.group("lights", LED1624G9)
    await lights.light.on()
    await lights.brightness.set(120)
    await home.advance("1s")
    assert first.device.brightness.value == second.device.brightness.value == 120
    home.home.publish("zigbee2mqtt/lights/set", {"scene_store": {"ID": 3, "name": "Evening"}})
    await home.advance("10s")
    await lights.brightness.set(10)
    await home.home.scene("Evening").recall()
    await first.device.brightness.wait_until(120, timeout="10s")


async def test_a_rename_while_it_runs(home: VirtualHome) -> None:
    relay = home.add(LLKZMK11LM, "relay")
    await home.begin()
    device = relay.device
    await device.state_l1.on()
    await home.home.request("device/rename", {"from": "relay", "to": "hall"})
    await home.settle()
    with pytest.raises(UnknownName, match="no device or group is called 'relay'"):
        await device.state_l1.off()
    hall = home.home.device("hall", LLKZMK11LM)
    assert hall.state_l1.value == "ON"
    await hall.state_l1.off()
    await home.home.request("device/rename", {"from": "hall", "to": "relay"})
    await home.settle()
    assert device.state_l1.value == "OFF"


async def test_a_device_of_another_model_is_refused(home: VirtualHome) -> None:
    home.add(LLKZMK11LM, "relay")
    await home.begin()
    await home.home.ready()
    with pytest.raises(ModelError, match="of model 'LLKZMK11LM', not 'QBKG41LM'"):
        home.home.device("relay", QBKG41LM)


async def test_what_happens_in_the_network_is_told(home: VirtualHome) -> None:
    await home.begin()
    events: list[HomeEvent] = []
    home.home.observe_event(events.append)
    relay = home.add(LLKZMK11LM, "relay")
    await home.advance("10s")
    await relay.leave()
    await home.advance("10s")
    kinds = [event.kind for event in events]
    assert kinds[0] == "joined"
    assert "interview" in kinds
    assert kinds[-1] == "left"
