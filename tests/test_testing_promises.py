"""What `ferrobee.testing` promises, sentence by sentence."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

import pytest

from ferrobee import Home, Router
from ferrobee._core import VirtualBridge
from ferrobee.models.aqara import LLKZMK11LM, QBKG40LM, ZNXNKG02LM
from ferrobee.models.innr import RB_285_C

if TYPE_CHECKING:
    from pathlib import Path

    from ferrobee.testing import VirtualHome

HALL = """
import asyncio
from ferrobee import home, on, store
from ferrobee.models.aqara import LLKZMK11LM, ZNXNKG02LM

knob = home.device("knob", ZNXNKG02LM)
relay = home.device("relay", LLKZMK11LM)

@on(knob.action.single)
async def toggle() -> None:
    await relay.state_l1.toggle()

@on(knob.action.double)
async def slow() -> None:
    store.set("begun", store.get("begun", 0) + 1)
    try:
        await asyncio.sleep(60)
    finally:
        store.set("ended", store.get("ended", 0) + 1)

@on(relay.power > 2000, hold="30min")
async def overload() -> None:
    await relay.state_l1.set("OFF")
    home.publish("notify", {"text": "too much"})
"""


@pytest.fixture
def hall(tmp_path: Path) -> Path:
    """An automation file."""
    path = tmp_path / "hall.py"
    path.write_text(HALL)
    return path


# --- the real runtime on the simulator, through real serial bytes, in virtual time


async def test_the_bridge_hears_devices_through_the_bytes_of_a_serial_line(
    home: VirtualHome,
) -> None:
    relay = home.add(LLKZMK11LM, "relay")
    await relay.report(power=10)
    await home.control({"cmd": "serial", "lose": 1000})
    await relay.report(power=20)
    assert relay.device.power.value == 10
    await home.control({"cmd": "serial"})
    await relay.report(power=30)
    assert relay.device.power.value == 30


async def test_timers_and_values_are_rows_of_the_hub_and_on_its_disk(
    home: VirtualHome, hall: Path
) -> None:
    knob = home.add(ZNXNKG02LM, "knob")
    relay = home.add(LLKZMK11LM, "relay")
    home.load(hall)
    await relay.report(power=2500)
    await knob.press("double")
    # Nothing of Python is asked: this is what the next bridge finds.
    home.bridge.kill()
    home.bridge.start()
    timers, values = home.bridge.load_timers()
    (hold,) = (timer for timer in timers if timer[3] is not None)
    assert hold[0] == "hall"
    assert hold[3] == 30 * 60 * 1000
    assert ("hall", "store:begun", "1") in values


async def test_a_kill_drops_what_was_not_committed_and_what_was_begun_is_done_again(
    home: VirtualHome, hall: Path
) -> None:
    knob = home.add(ZNXNKG02LM, "knob")
    home.add(LLKZMK11LM, "relay")
    home.load(hall)
    await knob.press("double")
    await home.advance("10s")
    await home.kill()
    _, values = home.bridge.load_timers()
    stored = {key: value for _, key, value in values if key.startswith("store:")}
    assert "store:ended" not in stored, "what a dead process tears down is not written"
    assert stored["store:begun"] == "1"


async def test_a_restart_keeps_timers_and_values(home: VirtualHome, hall: Path) -> None:
    home.add(ZNXNKG02LM, "knob")
    relay = home.add(LLKZMK11LM, "relay")
    home.load(hall)
    await relay.report(power=2500)
    await home.advance("10min")
    await home.restart()
    await home.advance("19min50s")
    assert home.sent(relay) == []
    await home.advance("15s")
    assert home.sent(relay) == [{"state_l1": "OFF"}]


# --- home.add(), knob.press("single"), home.advance("30min"), home.sent(), home.published()


async def test_home_add_takes_a_model_and_a_name(home: VirtualHome) -> None:
    relay = home.add(LLKZMK11LM, "hall relay")
    await home.begin()
    assert isinstance(relay.device, LLKZMK11LM)
    assert home.home.device("hall relay", LLKZMK11LM) is relay.device


async def test_knob_press_single_reaches_handlers_and_home_sent_says_what_they_did(
    home: VirtualHome, hall: Path
) -> None:
    knob = home.add(ZNXNKG02LM, "knob")
    relay = home.add(LLKZMK11LM, "relay")
    home.load(hall)
    await knob.press("single")
    assert home.sent(relay) == home.sent("relay") == [{"state_l1": "TOGGLE"}]
    assert relay.device.state_l1.value == "ON"


async def test_home_advance_30min_does_what_is_due_at_its_moment_and_home_published_says_it(
    home: VirtualHome, hall: Path
) -> None:
    home.add(ZNXNKG02LM, "knob")
    relay = home.add(LLKZMK11LM, "relay")
    home.load(hall)
    await relay.report(power=2500)
    begun = relay.device.power.updated
    await home.advance("30min")
    assert home.published("notify") == [{"text": "too much"}]
    (message,) = home.messages
    assert begun is not None
    moment = begun.timestamp() - home.clock.now().timestamp() + home.time
    assert message.at == pytest.approx(moment + 30 * 60, abs=0.2)


async def test_what_is_due_at_the_very_end_of_an_advance_is_done(home: VirtualHome) -> None:
    relay = home.add(LLKZMK11LM, "relay")

    def ticking(house: Home) -> Router:
        router = Router("ticking")

        @router.at("13:00")
        async def one() -> None:
            house.publish("clock", house.clock.now().isoformat())

        return router

    home.use(ticking)
    await relay.report(power=1)
    await home.advance(3600 - home.time)
    assert home.published("clock") == ["2026-01-05T13:00:00+00:00"]


async def test_a_clock_that_is_set_moves_moments_but_no_span(home: VirtualHome, hall: Path) -> None:
    home.add(ZNXNKG02LM, "knob")
    relay = home.add(LLKZMK11LM, "relay")
    home.load(hall)

    def ticking(house: Home) -> Router:
        router = Router("ticking")

        @router.at("15:00")
        async def three() -> None:
            house.publish("clock", house.clock.now().strftime("%H:%M"))

        return router

    home.use(ticking)
    await relay.report(power=2500)
    home.step_clock(3 * 3600 - 60)
    await home.advance("1min")
    assert home.published("clock") == ["15:00"]
    await home.advance("28min50s")
    assert home.sent(relay) == []
    await home.advance("10s")
    assert home.sent(relay) == [{"state_l1": "OFF"}]


# --- faults: lose, delay, unplug, forget


async def test_lose_loses_messages_of_a_device_and_of_all(home: VirtualHome) -> None:
    relay = home.add(LLKZMK11LM, "relay")
    lamp = home.add(RB_285_C, "lamp")
    await relay.lose(1)
    await relay.report(power=20)
    await lamp.report(brightness=20)
    assert (relay.device.power.value, lamp.device.brightness.value) == (None, 20)
    await relay.lose(0)
    await home.lose(1)
    await lamp.report(brightness=30)
    assert lamp.device.brightness.value == 20
    await home.lose(0)
    await lamp.report(brightness=40)
    assert lamp.device.brightness.value == 40


async def test_delay_delays_messages_of_a_device_and_of_all(home: VirtualHome) -> None:
    relay = home.add(LLKZMK11LM, "relay")
    for delays in (relay.delay, home.delay):
        await delays(5)
        await relay.report(power=20)
        assert relay.device.power.value != 20
        await home.advance("5s")
        assert relay.device.power.value == 20
        await delays(0)
        await relay.report(power=30)
        assert relay.device.power.value == 30


async def test_unplug_takes_a_device_or_the_coordinator_away_until_plug(home: VirtualHome) -> None:
    relay = home.add(LLKZMK11LM, "relay")
    for unplug, plug in ((relay.unplug, relay.plug), (home.unplug, home.plug)):
        await relay.report(power=10)
        await unplug()
        await relay.report(power=20)
        assert relay.device.power.value == 10
        await plug()
        await relay.report(power=30)
        assert relay.device.power.value == 30


async def test_forget_makes_a_device_forget_and_the_bridge_tells_it_again(
    home: VirtualHome,
) -> None:
    switch = home.add(QBKG40LM, "switch")
    await home.publish("zigbee2mqtt/switch/set", {"operation_mode": "decoupled"})
    await home.advance("1s")
    await switch.forget()
    await home.advance("1min")
    await switch.device.operation_mode.get()
    assert switch.device.operation_mode.value == "decoupled"


async def test_forget_empties_the_coordinator_and_its_network_is_restored(
    home: VirtualHome, hall: Path
) -> None:
    knob = home.add(ZNXNKG02LM, "knob")
    relay = home.add(LLKZMK11LM, "relay")
    home.load(hall)
    await relay.report(power=10)
    before = await home.control({"cmd": "state"})
    events: list[str] = []
    home.home.observe_event(lambda event: events.append(event.kind))
    for _ in range(2):
        await home.forget()
        after = await home.control({"cmd": "state"})
        assert (after["pan_id"], after["channel"]) == (before["pan_id"], before["channel"])
        assert int(after["frame_counter"]) > int(before["frame_counter"])
        before = after
        home.clear()
        await knob.press("single")
        assert home.sent(relay) == [{"state_l1": "TOGGLE"}]
        await relay.report(power=20)
        await relay.report(power=30)
        assert relay.device.power.value == 30
        assert "joined" not in events, "no device noticed"
    assert relay.device.state_l1.value == "OFF", "toggled twice"


@pytest.mark.ferrobee(configuration={"advanced": {"pan_id": 4660}})
async def test_a_bridge_that_can_not_start_says_why(home: VirtualHome) -> None:
    home.add(LLKZMK11LM, "relay")
    with pytest.raises(ValueError, match="another network than the configuration says: PAN id"):
        await home.begin()
    (error,) = home.take_errors()
    assert "PAN id" in error


# --- "the same result each time" is in tests/test_thirty_days.py


def test_a_house_may_end_in_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's garbage collector runs in whichever thread it likes."""
    complaints: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", complaints.append)
    house = VirtualBridge()
    house.add([("relay", "LLKZMK11LM", "{}")])
    house.begin()
    held = [house]
    del house
    thread = threading.Thread(target=held.clear)
    thread.start()
    thread.join()
    assert held == []
    assert complaints == []
