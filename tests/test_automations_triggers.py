"""What fires, and when: conditions, properties, events, topics, and nothing else."""

from __future__ import annotations

import logging
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest
from tests.support.automations import House, virtually
from tests.support.fake_link import FakeLink, device_entry, group_entry

from ferrobee import Router, after, bridge, debounce, on, sun, topic
from ferrobee._automations.loader import LoadError
from ferrobee._home import Home
from ferrobee._scope import Scope, entered

if TYPE_CHECKING:
    from pathlib import Path

    from ferrobee._ledger import Loaded


OVERLOAD = """
@on(relay.power > 2000)
async def overload():
    await note("overload")
"""
HELD = """
@on(relay.power > 2000, hold="30s")
async def overload(moment):
    await note(["held", round(moment.late)])
"""


def test_a_condition_fires_when_it_begins_to_hold_and_not_while_it_holds(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin(OVERLOAD)
        for power in (1500, 2500, 2600, 1000, 3000):
            await house.say("relay", power=power)
        assert house.notes == ["overload", "overload"]
        await house.close()

    virtually(main)


def test_the_first_live_report_fires_and_a_stored_one_does_not(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin(OVERLOAD)
        await house.say("relay", power=2500)
        assert house.notes == ["overload"]
        await house.close()

        house = House(tmp_path, stored={"relay": {"power": 2500}})
        await house.begin(OVERLOAD)
        await house.say("relay", power=2600)
        assert house.notes == []
        await house.close()

    virtually(main)


def test_unknown_is_no_change(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin(OVERLOAD)
        await house.say("relay", power=2500)
        await house.say("relay", power=None)
        await house.say("relay", power=2500)
        assert house.notes == ["overload"]
        await house.close()

    virtually(main)


EITHER = """
@on((relay["power"] > 2000) | (knob["power"] > 2000), hold=HOLD)
async def either():
    await note("either")
"""


def test_what_was_never_known_keeps_no_condition_up(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin(EITHER.replace("HOLD", "None"))
        for power in (2500, 0, 2500, 2600, 0):
            await house.say("relay", power=power)
        assert house.notes == ["either", "either"]
        await house.close()

        house = House(tmp_path)
        await house.begin(EITHER.replace("HOLD", "'30s'"))
        await house.say("relay", power=2500)
        await house.wait(20)
        await house.say("relay", power=0)
        assert house.ledger.rows().timers == []
        await house.wait(60)
        assert house.notes == []
        # Also where the rows are of a process before this one.
        await house.say("relay", power=2500)
        rows = house.kill()
        house = House(tmp_path, rows, stored={"relay": {"power": 2500}})
        await house.begin(EITHER.replace("HOLD", "'30s'"))
        await house.say("relay", power=0)
        await house.wait(60)
        assert house.notes == []
        await house.close()

    virtually(main)


def test_what_has_become_unknown_is_what_it_was(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin(EITHER.replace("HOLD", "'30s'"))
        await house.say("knob", power=0)
        await house.say("relay", power=2500)
        await house.say("knob", power=None)
        await house.wait(10)
        # The other one did not hold when it was last heard of.
        await house.say("relay", power=0)
        await house.wait(60)
        assert house.notes == []
        await house.say("knob", power=2500)
        await house.say("knob", power=None)
        await house.say("relay", power=0)
        await house.wait(30)
        assert house.notes == ["either"]
        await house.close()

    virtually(main)


def test_a_hold_that_is_older_than_the_process_waits_until_it_is_known_to_have_ended(
    tmp_path: Path,
) -> None:
    text = """
        @on((relay["power"] > 10) & (knob["battery"] < 20), hold="30s")
        async def both():
            await note("both")
    """

    async def first() -> Loaded:
        house = House(tmp_path)
        await house.begin(text)
        await house.say("relay", power=20)
        await house.say("knob", battery=10)
        return house.kill()

    async def second(rows: Loaded) -> None:
        house = House(tmp_path, rows)
        await house.begin(text)
        # The relay has said nothing yet.
        await house.say("knob", battery=11)
        await house.wait(30)
        assert house.notes == ["both"]
        await house.close()

    rows = virtually(first)
    virtually(lambda: second(rows))


def test_a_condition_of_two_devices_fires_when_both_hold(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin("""
            @on((relay["power"] > 10) & (knob["battery"] < 20))
            async def both():
                await note("both")
        """)
        await house.say("relay", power=20)
        assert house.notes == []
        await house.say("knob", battery=10)
        await house.say("relay", power=30)
        assert house.notes == ["both"]
        await house.close()

    virtually(main)


def test_hold_fires_after_the_time_and_a_live_report_cancels_it(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin(HELD)
        await house.say("relay", power=2500)
        await house.wait(29)
        await house.say("relay", power=100)
        await house.wait(60)
        assert house.notes == []
        await house.say("relay", power=2500)
        await house.wait(20)
        await house.say("relay", power=2700)
        await house.wait(9)
        assert house.notes == []
        await house.wait(1)
        assert house.notes == [["held", 0]]
        await house.wait(300)
        assert house.notes == [["held", 0]]
        assert house.ledger.rows().timers == []
        await house.close()

    virtually(main)


def test_a_device_or_bridge_that_becomes_unavailable_changes_no_hold(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin(HELD)
        await house.say("relay", power=2500)
        house.link.say("relay/availability", {"state": "offline"})
        house.link.say("bridge/state", {"state": "offline"})
        await house.wait(10)
        # A broker that comes back says again what it has kept.
        house.link.say("relay", {"power": 0}, stored=True)
        house.link.say("bridge/state", {"state": "online"})
        await house.wait(20)
        assert house.notes == [["held", 0]]
        await house.close()

    virtually(main)


def test_a_hold_goes_on_after_a_kill_and_fires_late(tmp_path: Path) -> None:
    async def first() -> Loaded:
        house = House(tmp_path)
        await house.begin(HELD)
        await house.say("relay", power=2500)
        await house.wait(20)
        return house.kill()

    rows = virtually(first)

    async def second(seconds: float, expected: list[object]) -> None:
        house = House(tmp_path, rows, stored={"relay": {"power": 100}})
        house.clock.step(20 + seconds)
        await house.begin(HELD)
        await house.wait(9)
        assert house.notes == (expected if seconds > 10 else [])
        await house.wait(2)
        assert house.notes == expected
        await house.close()

    virtually(lambda: second(0, [["held", 0]]))
    virtually(lambda: second(600, [["held", 590]]))


def test_what_has_fired_does_not_fire_again_after_a_restart(tmp_path: Path) -> None:
    async def first() -> Loaded:
        house = House(tmp_path)
        await house.begin(OVERLOAD + HELD.replace("overload", "held"))
        await house.say("relay", power=2500)
        await house.wait(31)
        assert house.notes == ["overload", ["held", 0]]
        return house.kill()

    rows = virtually(first)

    async def second() -> None:
        house = House(tmp_path, rows)
        await house.begin(OVERLOAD + HELD.replace("overload", "held"))
        await house.say("relay", power=2600)
        await house.wait(100)
        assert house.notes == []
        await house.close()

    virtually(second)


def test_what_began_to_hold_while_nothing_ran_fires_at_the_first_live_report(
    tmp_path: Path,
) -> None:
    async def first() -> Loaded:
        house = House(tmp_path)
        await house.begin(OVERLOAD)
        await house.say("relay", power=10)
        return house.kill()

    rows = virtually(first)

    async def second() -> None:
        house = House(tmp_path, rows, stored={"relay": {"power": 2500}})
        await house.begin(OVERLOAD)
        assert house.notes == []
        await house.say("relay", power=2500)
        assert house.notes == ["overload"]
        await house.close()

    virtually(second)


def test_a_property_fires_at_live_changes_and_an_action_each_time(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path, stored={"relay": {"power": 5}})
        await house.begin("""
            @on(relay.power, policy="queued")
            async def changed(change):
                await note([change.old, change.new])

            @on(knob.action.single, policy="queued")
            async def pressed(event):
                await note(event.action)
        """)
        for power in (5, 6, 6, 7):
            await house.say("relay", power=power, linkquality=power)
        for action in ("single", "single", "double", ""):
            await house.say("knob", action=action)
        house.link.say("knob", {"action": "single"}, stored=True)
        await house.wait(1)
        assert house.notes == [[5, 6], [6, 7], "single", "single"]
        await house.close()

    virtually(main)


def test_topics_and_what_the_broker_kept_of_them(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin("""
            @on(topic("weather/+/rain"), policy="parallel")
            async def rain(message):
                await note(message.text)

            @on(topic("weather/#", stored=True), policy="parallel")
            async def all(message):
                await note(["all", message.stored])
        """)
        assert house.link.subscribed == ["weather/+/rain", "weather/#"]
        house.link.say_raw("weather/north/rain", "3", stored=True)
        house.link.say_raw("weather/north/rain", "4")
        house.link.say_raw("elsewhere", "5")
        await house.wait(1)
        assert sorted(map(str, house.notes)) == ["4", "['all', False]", "['all', True]"]
        await house.close()

    virtually(main)


def test_bridge_events_of_all_or_of_one_device(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin("""
            @on(bridge.joined)
            async def joined(event):
                await note(["joined", event.device])

            @on(bridge.left)
            async def left(event):
                await note(["left", event.device])

            @on(bridge.unavailable(relay))
            async def gone(event):
                await note(["gone", event.device])

            @on(bridge.available("relay"))
            async def back():
                await note("back")
        """)
        for kind in ("device_joined", "device_leave"):
            data = {"friendly_name": "new", "ieee_address": "0x1"}
            house.link.say("bridge/event", {"type": kind, "data": data})
        for name in ("knob", "relay"):
            house.link.say(f"{name}/availability", {"state": "offline"})
            house.link.say(f"{name}/availability", {"state": "online"})
        await house.wait(1)
        assert house.notes == [["joined", "new"], ["left", "new"], ["gone", "relay"], "back"]
        await house.close()

    virtually(main)


def test_start_and_stop(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path, stored={"relay": {"power": 7}})
        await house.begin("""
            @start
            async def begun(started):
                await note(["start", started.reloaded, relay.power.value])

            @stop
            async def ended():
                await asyncio.sleep(1)
                await note("stop")
        """)
        assert house.notes == [["start", False, 7]]
        house.load("""
            @start
            async def begun(started):
                await note(["again", started.reloaded])
            @stop
            async def ended():
                await asyncio.sleep(1)
                await note("stop")
        """)
        await house.wait(0)
        assert house.notes[1:] == [["again", True]]
        await house.close()
        assert house.notes[2:] == ["stop"]

    virtually(main)


def test_routers_nest_and_name_their_handlers(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        file = house.load("""
            lights, upstairs = Router("lights"), Router("upstairs")
            lights.include(upstairs)

            @upstairs.on(relay.power > 1)
            async def on_power():
                await note("nested")

            @lights.every("1h")
            async def hourly(): ...

            @every("1h")
            async def hourly(): ...

            @every("2h")
            async def hourly(): ...

            include(lights)
        """)
        assert list(file.handlers) == [
            "hourly",
            "hourly~2",
            "lights.hourly",
            "lights.upstairs.on_power",
        ]
        await house.begin()
        await house.say("relay", power=2)
        assert house.notes == ["nested"]
        with pytest.raises(ValueError, match=r"includes .* already"):
            _circle()
        await house.close()

    virtually(main)


def test_a_router_that_nothing_includes_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin("""
            empty, lights, upstairs = Router("empty"), Router("lights"), Router("upstairs")
            lights.include(upstairs)

            @upstairs.on(relay.power > 1)
            async def on_power(): ...
        """)
        assert caplog.messages == [
            "hall.py:17 on_power belongs to Router('lights'), which nothing includes: "
            "write include(...)"
        ]
        await house.close()

    with caplog.at_level(logging.WARNING):
        virtually(main)


def test_a_module_of_several_files_gives_each_a_router(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        (tmp_path / "shared_lights.py").write_text(
            textwrap.dedent("""
                from ferrobee import Router, home

                def lights(name):
                    router, device = Router(name), home.device(name)

                    @router.on(device["power"] > 5)
                    async def bright():
                        home.publish("note", name)

                    @router.after("10s")
                    async def dark():
                        home.publish("note", f"{name} dark")

                    @router.on(device["power"] < 5)
                    async def begin():
                        dark.start()

                    return router
            """)
        )
        sys.path.append(str(tmp_path))
        try:
            text = "from shared_lights import lights\ninclude(lights('NAME'))"
            await house.begin(text.replace("NAME", "relay"))
            file = house.load(text.replace("NAME", "knob"), "other")
        finally:
            sys.path.remove(str(tmp_path))
        assert list(file.handlers) == [
            "knob.lights.bright",
            "knob.lights.dark",
            "knob.lights.begin",
        ]
        for name in ("relay", "knob"):
            await house.say(name, power=6)
            await house.say(name, power=1)
        await house.wait(11)
        assert sorted(house.notes) == ["knob", "knob dark", "relay", "relay dark"]
        await house.close()

    virtually(main)


def _circle() -> None:
    one, two = Router("one"), Router("two")
    one.include(two)
    two.include(one)


def test_one_function_may_wait_for_several_things(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        file = house.load("""
            @on(relay.power > 1)
            @on(knob.action.single)
            @every("1h")
            async def many():
                await note("ran")
        """)
        assert list(file.handlers) == ["many"]
        await house.begin()
        await house.say("relay", power=2)
        await house.say("knob", action="single")
        await house.wait(3600)
        assert house.notes == ["ran"] * 3
        await house.close()

    virtually(main)


def test_handlers_stay_plain_functions() -> None:
    async def main() -> None:
        scope = Scope("test", Home(FakeLink()))
        with entered(scope):

            @on(topic("x"))
            async def handler() -> str:
                return "called"

            @after("1min")
            async def later() -> str:
                return "later"

        assert await handler() == "called"
        assert await later() == "later"

    virtually(main)


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("@on(relay.power > 5)\ndef plain(): ...", 13, "must be an async function"),
        ("@on(relay.power > 5)\nasync def two(a, b): ...", 13, "takes 2 parameters"),
        ("@on(42)\nasync def f(): ...", 13, "42 is none of these"),
        ("@on(knob.action.single, hold='3s')\nasync def f(): ...", 13, "hold= needs a condition"),
        ("@on(relay.power > 5, hold='soon')\nasync def f(): ...", 13, "'soon' is none; write"),
        ("@on(relay.power > 5, missed='skip')\nasync def f(): ...", 13, r"has none \(hold=\)"),
        ("@every('1h', missed='never')\nasync def f(): ...", 13, "run_if_within=10min"),
        ("@every('1ms')\nasync def f(): ...", 13, "at least 0.1 s"),
        ("@every('1h', policy='twice')\nasync def f(): ...", 13, "single, restart, queued"),
        ("@at('25:00')\nasync def f(): ...", 13, "no time of day"),
        ("@cron('* *')\nasync def f(): ...", 13, "no cron expression"),
        (
            "@on(relay.power > 5, policy='queued')\n@on(knob.action)\nasync def f(): ...",
            13,
            "one function has one policy",
        ),
        ("if relay.power > 5: ...", 13, "is a condition"),
        ("store.set('a', 1)", 13, "use it in handlers"),
        ("@after('1h')\nasync def f(): ...\nf.start()", 15, "does not run yet"),
    ],
)
def test_what_makes_no_sense_is_an_error_with_file_and_line(
    tmp_path: Path, text: str, line: int, reason: str
) -> None:
    async def main() -> None:
        house = House(tmp_path)
        with pytest.raises(LoadError, match=reason) as error:
            house.load(text)
        assert str(error.value).startswith(f"{tmp_path / 'hall.py'}, line {line}: ")

    virtually(main)


def test_an_unknown_device_names_the_near_ones(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin("""
            lamp = home.device("reley")

            @on(debounce((lamp["power"] > 5) & (relay["power"] > 3), "3s"))
            async def waits():
                await lamp["state"].set("ON")
        """)
        unknown = "no device or group is called 'reley'. Did you mean 'relay'?"
        assert f"hall.py:16 waits waits for what is not there: {unknown}" in caplog.text
        assert house.runtime.files["hall"].missing() == {"waits": unknown}
        # Once the house is known, the import fails where it is asked for.
        with pytest.raises(LoadError, match=r"line 13: UnknownName: .* Did you mean 'relay'"):
            house.load('lamp = home.device("reley")', "other")
        await house.close()

    with caplog.at_level(logging.ERROR):
        virtually(main)


def test_ten_thousand_handlers_that_do_not_match_are_not_asked(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin("""
            asked = []
            def make(number):
                @on(relay[f"key_{number}"] > 5)
                async def handler():
                    asked.append(number)
            for number in range(10_000):
                make(number)
        """)
        calls = 0
        device = next(iter(house.runtime.index._devices.values()))
        for key, listeners in device._keys.items():
            assert len(listeners) == 1, key

        def counting(_update: object) -> None:
            nonlocal calls
            calls += 1

        device._keys = dict.fromkeys(device._keys, (counting,))
        await house.say("relay", power=1, linkquality=5, state="ON")
        assert calls == 0
        await house.say("relay", key_77=6)
        assert calls == 1

    virtually(main)


def test_scenes_are_stored_and_recalled(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin("""
            @on(knob.action.single)
            async def evening():
                await home.scene(3, of="living").store("Evening")
                await home.scene("Night", of="living").recall()
                await home.scene("Night").store()
        """)
        night = {"id": 4, "name": "Night"}
        house.link.house(device_entry("knob"), groups=(group_entry("living", scenes=[night]),))
        await house.say("knob", action="single")
        assert house.link.published == [
            ("zigbee2mqtt/living/set", {"scene_store": {"ID": 3, "name": "Evening"}}),
            ("zigbee2mqtt/living/set", {"scene_recall": 4}),
            ("zigbee2mqtt/living/set", {"scene_store": {"ID": 4, "name": "Night"}}),
        ]
        await house.close()

    virtually(main)


def test_reprs_are_for_people() -> None:
    assert str(debounce(topic("a/b"), "300ms")) == "debounce(topic a/b, 0.3s)"
    assert repr(bridge) == "bridge"
    assert repr(sun) == "sun"
    assert str(bridge.left("relay")) == "bridge.left('relay')"
    assert repr(Router("hall")) == "Router('hall')"


def test_several_homes_in_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        links: dict[str, FakeLink] = {}

        def connect(url: str, base: str, _db: object) -> tuple[FakeLink, object]:
            links[url] = FakeLink(base)
            return links[url], None

        monkeypatch.setattr("ferrobee._connect.connect", connect)
        house = House(tmp_path)
        await house.begin("""
            from ferrobee import Home
            garage = Home.connect("mqtt://garage", base="garage")
            door = garage.device("door")

            @on((door["contact"] == True) & (relay["power"] > 5))
            async def both():
                await note("both")

            @on(bridge.joined(home=garage))
            async def joined(event):
                await note(event.device)
        """)
        garage = links["mqtt://garage"]
        await house.say("relay", power=10)
        garage.say("door", {"contact": True})
        garage.say("bridge/event", {"type": "device_joined", "data": {"friendly_name": "new"}})
        await house.wait(1)
        assert house.notes == ["both", "new"]
        # A swap closes the old connection and keeps the new one.
        old = garage
        house.load("")
        await house.wait(0)
        assert old.closed
        # One that fails leaves no connection behind.
        with pytest.raises(LoadError):
            house.load('from ferrobee import Home\nHome.connect("mqtt://bad")\n1 / 0')
        assert links["mqtt://bad"].closed
        await house.close()

    virtually(main)
