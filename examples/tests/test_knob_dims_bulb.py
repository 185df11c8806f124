"""The knob dims the bulb."""

from ferrobee.models.aqara import ZNXNKG02LM
from ferrobee.models.innr import RB_285_C
from ferrobee.testing import VirtualHome


async def test_a_press_turns_the_bulb_on_and_off(home: VirtualHome) -> None:
    knob = home.add(ZNXNKG02LM, "study_knob")
    bulb = home.add(RB_285_C, "study_bulb")
    home.load("knob_dims_bulb.py")
    await knob.press("single")
    assert bulb.device.state.value == "ON"
    await home.advance("1s")
    await knob.press("single")
    assert home.sent(bulb) == [{"state": "TOGGLE"}, {"state": "TOGGLE"}]
    assert bulb.device.known["state"] == "OFF"


async def test_turning_it_changes_the_brightness(home: VirtualHome) -> None:
    knob = home.add(ZNXNKG02LM, "study_knob")
    bulb = home.add(RB_285_C, "study_bulb")
    home.load("knob_dims_bulb.py")
    await home.begin()
    await bulb.device.light.set(state="ON", brightness=100)
    home.clear()
    await knob.rotate(90)
    await home.advance("1s")
    assert (bulb.device.brightness.value or 0) > 100
    assert home.sent(bulb)
