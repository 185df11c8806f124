"""The washing machine is done once, three minutes after it stopped."""

from ferrobee.models.innr import SP_240
from ferrobee.testing import VirtualHome


async def test_done_is_said_once_three_minutes_after_the_power_is_low(home: VirtualHome) -> None:
    plug = home.add(SP_240, "washing_machine")
    home.load("washing_machine.py")
    await plug.report(power=1800)
    await home.advance("1h")
    await plug.report(power=2)
    await home.advance("2min59s")
    assert home.published("notify/phone") == []
    await home.advance("1s")
    assert home.published("notify/phone") == ["The washing is done."]
    await plug.report(power=1)
    await home.advance("1h")
    assert len(home.published("notify/phone")) == 1


async def test_a_pause_of_a_minute_is_not_the_end(home: VirtualHome) -> None:
    plug = home.add(SP_240, "washing_machine")
    home.load("washing_machine.py")
    await plug.report(power=1800)
    await plug.report(power=2)
    await home.advance("1min")
    await plug.report(power=400)
    await home.advance("10min")
    assert home.published("notify/phone") == []


async def test_a_power_cut_of_the_bridge_in_between_loses_nothing(home: VirtualHome) -> None:
    plug = home.add(SP_240, "washing_machine")
    home.load("washing_machine.py")
    await plug.report(power=1800)
    await plug.report(power=2)
    await home.advance("1min")
    await home.kill(down="30s")
    await home.advance("2min")
    assert home.published("notify/phone") == ["The washing is done."]
