"""The wall switch switches the bulb, and the relay where the bulb does not answer."""

from ferrobee.models.aqara import QBKG41LM
from ferrobee.models.innr import RB_285_C
from ferrobee.testing import VirtualHome


async def test_the_button_switches_the_bulb_and_leaves_the_relay_alone(home: VirtualHome) -> None:
    switch = home.add(QBKG41LM, "hall_switch")
    bulb = home.add(RB_285_C, "hall_bulb")
    home.load("decoupled_wall_switch.py")
    await home.advance("1s")
    assert home.sent(switch) == [{"state_left": "ON"}, {"operation_mode_left": "decoupled"}]
    await switch.press("single_left")
    assert home.sent(bulb) == [{"state": "TOGGLE"}]
    assert bulb.device.state.value == "ON"
    assert switch.device.state_left.value == "ON"


async def test_without_the_bulb_there_is_the_relay(home: VirtualHome) -> None:
    switch = home.add(QBKG41LM, "hall_switch")
    bulb = home.add(RB_285_C, "hall_bulb")
    home.load("decoupled_wall_switch.py")
    await home.advance("1s")
    await bulb.unplug()
    await switch.press("single_left")
    await home.advance("1min")
    assert switch.device.state_left.value == "OFF"
