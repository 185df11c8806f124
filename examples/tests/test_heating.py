"""The heating knows day, night and open windows."""

import pytest

from ferrobee.models.aqara import MCCGQ11LM
from ferrobee.models.bosch import BTH_RA
from ferrobee.testing import VirtualHome


@pytest.mark.ferrobee(begin="2026-01-05T21:00", timezone="Europe/Berlin")
async def test_it_is_cool_at_night_and_warm_by_day(home: VirtualHome) -> None:
    home.add(MCCGQ11LM, "bedroom_window")
    radiator = home.add(BTH_RA, "bedroom_radiator")
    home.load("heating.py")
    await home.advance("1h10s")
    assert radiator.device.occupied_heating_setpoint.value == 17
    await home.advance("8h30min")
    assert radiator.device.occupied_heating_setpoint.value == 21


async def test_an_open_window_stops_it_until_the_window_is_closed(home: VirtualHome) -> None:
    window = home.add(MCCGQ11LM, "bedroom_window")
    radiator = home.add(BTH_RA, "bedroom_radiator")
    home.load("heating.py")
    await window.report(contact=True)
    await window.report(contact=False)
    await home.advance("20s")
    assert home.sent(radiator) == []
    # The radiator sleeps: it asks for messages every five seconds.
    await home.advance("20s")
    assert radiator.device.occupied_heating_setpoint.value == 5
    await home.restart()
    await window.report(contact=True)
    await home.advance("10s")
    assert radiator.device.occupied_heating_setpoint.value == 21


async def test_a_window_that_is_forgotten_does_not_freeze_the_house(home: VirtualHome) -> None:
    window = home.add(MCCGQ11LM, "bedroom_window")
    radiator = home.add(BTH_RA, "bedroom_radiator")
    home.load("heating.py")
    await window.report(contact=True)
    await window.report(contact=False)
    await home.advance("1h1min")
    assert radiator.device.occupied_heating_setpoint.value == 21
