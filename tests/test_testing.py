"""`ferrobee.testing`: the real runtime on simulated devices, in virtual time."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

from ferrobee import Home, Router
from ferrobee.converters import Definition, Model, Pressure, Temperature
from ferrobee.errors import CommandError, UnknownName
from ferrobee.models.aqara import LLKZMK11LM, QBKG40LM, QBKG41LM, ZNXNKG02LM
from ferrobee.models.innr import RB_285_C

if TYPE_CHECKING:
    from pathlib import Path

    from ferrobee.properties import Device
    from ferrobee.testing import VirtualHome

pytest_plugins = ["pytester"]

HALL = """
from ferrobee import home, on, every, store
from ferrobee.models.aqara import LLKZMK11LM, QBKG40LM, ZNXNKG02LM

knob = home.device("knob", ZNXNKG02LM)
relay = home.device("relay", LLKZMK11LM)

@on(knob.action.single)
async def toggle() -> None:
    await relay.state_l1.toggle()

@on(relay.power > 2000, hold="30s")
async def overload() -> None:
    await relay.state_l1.set("OFF")
    home.publish("notify", {"text": "too much"})

@every("1h")
async def hourly() -> None:
    hours = store.get("hours", 0) + 1
    store.set("hours", hours)
    home.publish("hours", hours)
"""


@pytest.fixture
def hall(tmp_path: Path) -> Path:
    """An automation file."""
    path = tmp_path / "hall.py"
    path.write_text(HALL)
    return path


async def test_a_press_at_the_knob_reaches_the_relay_by_way_of_automation_and_radio(
    home: VirtualHome, hall: Path
) -> None:
    knob = home.add(ZNXNKG02LM, "knob")
    relay = home.add(LLKZMK11LM, "relay")
    home.load(hall)
    await knob.press("single")
    assert home.sent(relay) == [{"state_l1": "TOGGLE"}]
    assert relay.device.state_l1.value == "ON"
    frames = await home.radio(relay)
    assert next(frame["payload"][-2:] for frame in frames if frame["cluster"] == 6) == "02"


async def test_what_a_device_reports_is_known_and_a_hold_takes_its_time(
    home: VirtualHome, hall: Path
) -> None:
    home.add(ZNXNKG02LM, "knob")
    relay = home.add(LLKZMK11LM, "relay")
    home.load(hall)
    await relay.report(power=2500)
    assert relay.device.power.value == 2500
    await home.advance("29s")
    assert home.sent(relay) == []
    await home.advance("1s")
    assert home.sent(relay) == [{"state_l1": "OFF"}]


async def test_a_hold_survives_a_kill_and_a_restart(home: VirtualHome, hall: Path) -> None:
    home.add(ZNXNKG02LM, "knob")
    relay = home.add(LLKZMK11LM, "relay")
    home.load(hall)
    await relay.report(power=2500)
    await home.advance("10s")
    await home.kill()
    await home.advance("5s")
    await home.restart()
    assert home.sent(relay) == []
    await home.advance("20s")
    assert home.sent(relay) == [{"state_l1": "OFF"}]


async def test_a_store_survives_a_kill(home: VirtualHome, hall: Path) -> None:
    home.add(ZNXNKG02LM, "knob")
    home.add(LLKZMK11LM, "relay")
    home.load(hall)
    await home.advance("2h30min")
    await home.kill()
    await home.advance("1h")
    assert home.published("hours") == [1, 2, 3]


async def test_a_knob_turns(home: VirtualHome) -> None:
    knob = home.add(ZNXNKG02LM, "knob")
    turned: list[float] = []

    def dimming(house: Home) -> Router:
        router = Router("dimming")
        device = house.device("knob", ZNXNKG02LM)

        @router.on(device.action_rotation_angle)
        async def turn() -> None:
            turned.append(device.action_rotation_angle.value or 0)

        return router

    home.use(dimming)
    await knob.rotate(90)
    assert turned
    assert max(turned) >= 72


async def test_a_device_that_is_gone_makes_a_command_fail(home: VirtualHome) -> None:
    lamp = home.add(RB_285_C, "lamp")
    await lamp.unplug()
    with pytest.raises(CommandError):
        await lamp.device.state.set("ON")
    await lamp.plug()
    await lamp.device.state.set("ON")
    assert lamp.device.state.value == "ON"


async def test_a_device_may_join_later(home: VirtualHome) -> None:
    home.add(LLKZMK11LM, "relay")
    await home.begin()
    lamp = home.add(RB_285_C, "lamp")
    await home.settle()
    await lamp.device.state.set("ON")
    assert lamp.device.state.value == "ON"


async def test_groups_are_switched_together(home: VirtualHome) -> None:
    one = home.add(RB_285_C, "one")
    two = home.add(RB_285_C, "two")
    home.add_group("both", one, two)
    await home.publish("zigbee2mqtt/both/set", {"state": "ON"})
    assert [one.device.state.value, two.device.state.value] == ["ON", "ON"]


@pytest.mark.ferrobee(begin="2026-06-21T21:00", timezone="Europe/Berlin")
async def test_the_mark_says_when_a_test_begins(home: VirtualHome) -> None:
    await home.begin()
    await home.advance("2h")
    assert home.clock.now().isoformat()[:16] == "2026-06-21T23:00"


async def test_mqtt_messages_of_others_reach_automations(home: VirtualHome) -> None:
    def echo(house: Home) -> Router:
        from ferrobee import TopicMessage, topic

        router = Router("echo")

        @router.on(topic("doorbell/#"))
        async def ring(message: TopicMessage) -> None:
            house.publish("echo", message.text)

        return router

    home.use(echo)
    await home.publish("doorbell/front", "ding")
    assert home.published("echo") == ["ding"]


class Barometer(Definition):
    """A device that nobody else supports."""

    match = Model("acme.air.1")
    model, vendor, description = "AB-1", "Acme", "Barometer"

    pressure = Pressure()
    temperature = Temperature()


async def test_a_converters_class_is_a_device(home: VirtualHome) -> None:
    barometer = home.add(Barometer, "barometer")
    await barometer.report(pressure=1013, temperature=-3.5)
    assert barometer.device["pressure"].value == 1013
    assert barometer.device["temperature"].value == -3.5


async def test_errors_of_handlers_can_be_expected(home: VirtualHome) -> None:
    def broken(house: Home) -> Router:
        router = Router("broken")

        @router.every("1s")
        async def fail() -> None:
            raise ValueError(house.base)

        return router

    home.use(broken)
    await home.advance("1s")
    (error,) = home.take_errors()
    assert "ValueError" in error


def test_a_test_with_errors_that_nobody_expected_fails(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        textwrap.dedent(
            """
            from ferrobee import Router

            def broken(house):
                router = Router("broken")

                @router.every("1s")
                async def fail():
                    raise ValueError("oh")

                return router

            async def test_it(home):
                home.use(broken)
                await home.advance("1s")
            """
        )
    )
    result = pytester.runpytest_subprocess("-p", "ferrobee.testing.plugin")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*ValueError: oh*"])


def test_a_test_that_waits_for_nothing_is_told(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "import asyncio\nasync def test_it(home):\n    await asyncio.Event().wait()\n"
    )
    result = pytester.runpytest_subprocess("-p", "ferrobee.testing.plugin")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*everyone waits for something that does not happen*"])


@pytest.mark.parametrize(
    ("model", "key"),
    [
        (QBKG40LM, "operation_mode"),
        (QBKG41LM, "operation_mode_left"),
        (QBKG41LM, "operation_mode_right"),
    ],
)
async def test_a_wall_switch_confirms_its_operation_mode(
    home: VirtualHome, model: type[Device], key: str
) -> None:
    switch = home.add(model, "switch")
    await home.begin()
    begin = home.time
    await switch.device[key].set("decoupled")
    assert switch.device[key].value == "decoupled"
    assert home.time - begin < 3


async def test_a_message_that_is_not_delivered_is_an_error(home: VirtualHome) -> None:
    lamp = home.add(RB_285_C, "lamp")
    await home.begin()
    await lamp.fail_next(*[0xE9] * 10)
    with pytest.raises(CommandError):
        await lamp.device.state.set("ON")


async def test_a_device_that_was_reset_is_gone(home: VirtualHome) -> None:
    lamp = home.add(RB_285_C, "lamp")
    await home.begin()
    left: list[str] = []
    home.home.observe_event(lambda event: left.append(event.kind))
    await lamp.leave()
    assert "left" in left


async def test_a_misspelt_name_in_a_test_says_which_are_close(home: VirtualHome) -> None:
    knob = home.add(ZNXNKG02LM, "knob")
    home.add_group("lights")
    await home.begin()
    assert home.sent("knob") == home.sent("lights") == []
    with pytest.raises(UnknownName, match=r"called 'knop'. Did you mean 'knob'"):
        home.sent("knop")
    with pytest.raises(ValueError, match=r'action "singel".* Did you mean \'single\''):
        await knob.press("singel")
    with pytest.raises(ValueError, match=r"makes batery 5.* Did you mean 'battery'"):
        await knob.report(batery=5)


def test_another_plugin_for_async_tests_does_not_take_them(pytester: pytest.Pytester) -> None:
    # What pytest-asyncio does in its mode `auto`.
    pytester.makeconftest("""
        import asyncio, functools, inspect
        import pytest

        @pytest.hookimpl(hookwrapper=True)
        def pytest_runtest_call(item):
            test = item.obj
            item.add_marker("asyncio")

            @functools.wraps(test)
            def run(*args, **options):
                asyncio.run(test(*args, **options))

            item.obj = run
            yield

        @pytest.fixture
        def warm(home):
            asyncio.run(home.advance("1h"))
    """)
    pytester.makepyfile("""
        async def test_time_is_virtual(home):
            await home.advance("1h")

        class TestIt:
            async def test_so_it_is_in_a_method(self, home):
                await home.advance("1h")

        async def test_a_fixture_can_not_wait(warm, home):
            pass
    """)
    result = pytester.runpytest_subprocess("-p", "ferrobee.testing.plugin")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*RuntimeError: the house has a loop of its own*"])
