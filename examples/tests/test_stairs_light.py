"""The stairs are lit as long as somebody is there, and two minutes more."""

import pytest

from ferrobee.models.ikea import LED1624G9
from ferrobee.models.trust import ZPIR_8000
from ferrobee.testing import VirtualHome


async def test_light_comes_with_motion_and_goes_two_minutes_after_it(home: VirtualHome) -> None:
    motion = home.add(ZPIR_8000, "stairs_motion")
    light = home.add(LED1624G9, "stairs_light")
    home.load("stairs_light.py")
    await motion.report(occupancy=True)
    assert (light.device.state.value, light.device.brightness.value) == ("ON", 200)
    await motion.report(occupancy=False)
    await home.advance("1min")
    await motion.report(occupancy=True)
    await motion.report(occupancy=False)
    await home.advance("1min59s")
    assert home.sent(light)[-1] != {"state": "OFF", "transition": 3}
    await home.advance("1s")
    assert home.sent(light)[-1] == {"state": "OFF", "transition": 3}


@pytest.mark.ferrobee(
    begin="2026-06-21T02:00", timezone="Europe/Berlin", latitude=52.52, longitude=13.40
)
async def test_at_sunrise_it_goes_off_in_any_case(home: VirtualHome) -> None:
    home.add(ZPIR_8000, "stairs_motion")
    light = home.add(LED1624G9, "stairs_light")
    home.load("stairs_light.py")
    await home.advance("2h40min")
    assert home.sent(light) == []
    await home.advance("10min")
    assert home.sent(light) == [{"state": "OFF"}]
