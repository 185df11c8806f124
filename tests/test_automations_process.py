"""Automations in the process of a bridge and in a script of their own, on real radio bytes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

from tests.support.program import environment

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from tests.support.house import House

RELAY = "0x00158d0001000001"
FILE = f"""
import logging
from ferrobee import Started, Update, home, on, run, start, stop, store, sun
from ferrobee.models.aqara import LLKZMK11LM

relay = home.device("{RELAY}", LLKZMK11LM)


def tell(**what):
    home.publish("zigbee2mqtt/told", what)


@start
async def begun(started: Started) -> None:
    starts = store.get("starts", 0) + 1
    store.set("starts", starts)
    tell(version="VERSION", starts=starts, reloaded=started.reloaded)
    logging.getLogger(__name__).info("written by hand")


@stop
async def ended() -> None:
    tell(ended=True)


@on(relay.power > 2000)
async def overload(update: Update) -> None:
    await relay.state_l1.set("OFF")
    tell(overload=update.after["power"])


@on(relay.power > 100, hold="HOLD")
async def held() -> None:
    tell(held=True)


@on(sun.set)
async def dusk() -> None: ...


if __name__ == "__main__":
    run("BROKER")
"""


def write(house: House, version: str = "1", hold: str = "1h") -> Path:
    folder = house.data / "automations"
    folder.mkdir(exist_ok=True)
    text = FILE.replace("VERSION", version).replace("HOLD", hold)
    path = folder / "hall.py"
    path.write_text(text.replace("BROKER", house.broker.url))
    return path


def told(house: House, since: int, **what: object) -> dict[str, object]:
    """Waits until the automation has told something."""
    message = house.client.wait(
        "told", lambda m: what.items() <= m.json.items(), since=since, seconds=30
    )
    found: dict[str, object] = message.json
    return found


def test_automations_run_in_the_bridge(house: House) -> None:
    configuration = house.data / "configuration.yaml"
    place = "ferrobee:\n  latitude: 52.52\n  longitude: 13.40\n"
    configuration.write_text(configuration.read_text() + place)
    path = write(house)
    bridge = house.start()
    told(house, 0, version="1", starts=1, reloaded=False)
    relay = house.join("LLKZMK11LM")
    assert relay.ieee == RELAY

    # From the wire to the handler, and from the handler to the wire.
    house.set(relay, "state_l1", "ON")
    since = house.client.mark()
    house.act(relay, "load", endpoint=1, watts=2500)
    told(house, since, overload=2500)
    house.client.wait(relay.name, lambda m: m.json["state_l1"] == "OFF", since=since)

    # What people see.
    report = house.client.wait(
        "bridge/automations",
        lambda m: len(m.json["files"][0]["handlers"]) == 5,
        seconds=30,
    ).json["files"][0]
    assert report["path"] == str(path)
    handlers = {handler["id"]: handler for handler in report["handlers"]}
    assert handlers["dusk"]["next"] is not None

    # Saved with a mistake, then without.
    path.write_text("def broken(:")
    house.client.wait(
        "bridge/automations", lambda m: "SyntaxError" in m.json["files"][0]["error"], since=since
    )
    house.client.wait(
        "bridge/logging",
        lambda m: m.json["level"] == "error" and "automations: /" in m.json["message"],
        since=since,
    )
    since = house.client.mark()
    write(house, "2")
    told(house, since, version="2", starts=2, reloaded=True)

    # Asked for a restart over MQTT, the bridge and its automations begin anew.
    since = house.client.mark()
    assert house.client.request("restart", {})["status"] == "ok"
    told(house, since, version="2", starts=3, reloaded=False)
    house.client.wait("bridge/devices", since=since)

    since = house.client.mark()
    house.stop()
    told(house, since, ended=True)
    assert "hall.py loaded: 5 handlers" in bridge.text
    assert "info: \tautomations:hall: written by hand" in bridge.text
    assert "host: " not in bridge.text
    assert "automations have stopped" not in bridge.text
    assert "SyntaxError" in bridge.text


def test_a_hold_in_the_bridge_survives_kill_9(house: House) -> None:
    write(house, hold="6s")
    bridge = house.start()
    told(house, 0, version="1")
    relay = house.join("LLKZMK11LM")
    house.set(relay, "state_l1", "ON")
    since = house.client.mark()
    house.act(relay, "load", endpoint=1, watts=150)
    house.client.wait(relay.name, lambda m: m.json.get("power") == 150, since=since)
    wait_for_row(house.data / "ferrobee.db", "held")
    bridge.kill()
    since = house.client.mark()
    house.start()
    told(house, since, held=True)
    house.stop()


def wait_for_row(path: Path, text: str) -> None:
    """Waits until something is written in a database (or in what belongs to it)."""
    import time

    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        files = path.parent.glob(f"{path.name}*")
        if any(text.encode() in file.read_bytes() for file in files):
            return
    raise TimeoutError(f"{text} is not in {path}")


def test_the_same_file_is_a_script(house: House) -> None:
    house.start()
    relay = house.join("LLKZMK11LM")
    house.set(relay, "state_l1", "ON")
    path = house.directory / "hall.py"
    path.write_text(write(house, hold="1s").read_text())
    since = house.client.mark()
    process = subprocess.Popen(
        [sys.executable, path], env=environment(), stderr=subprocess.PIPE, text=True
    )
    try:
        told(house, since, version="1", starts=1)
        house.act(relay, "load", endpoint=1, watts=150)
        told(house, since, held=True)
        house.act(relay, "load", endpoint=1, watts=2600)
        told(house, since, overload=2600)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    told(house, since, ended=True)
    assert (house.directory / "hall.db").is_file()
    house.stop()


def test_a_script_says_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "lost.py"
    for text, reason in (
        ("run()", 'write run("mqtt://localhost:1883")'),
        ("run('mqtt://127.0.0.1:1', latitude=100, longitude=0)", "latitude is from -90 to 90"),
        ("run('mqtt://127.0.0.1:1', db='/nowhere/x.db')", "/nowhere/x.db"),
        ("run('http://127.0.0.1:1')", "http"),
        ("on(topic('x'))(print)", "must be an async function"),
    ):
        path.write_text(f"from ferrobee import on, run, topic\n{text}")
        done = subprocess.run(
            [sys.executable, path], capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == 1
        assert reason in done.stderr


def test_sys_exit_in_a_task_and_a_message_of_somebody_else_below_the_base(house: House) -> None:
    folder = house.data / "automations"
    folder.mkdir()
    (folder / "asks.py").write_text(
        textwrap.dedent("""
            import asyncio, sys
            from ferrobee import home, on, start, topic

            @start
            async def begun():
                home.publish("zigbee2mqtt/told", {"begun": True})

            async def leave():
                sys.exit(3)

            @on(topic("zigbee2mqtt/leave"))
            async def leaves():
                await asyncio.gather(leave())

            @on(topic("zigbee2mqtt/ask"))
            async def answers():
                home.publish("zigbee2mqtt/told", {"answered": True})
        """)
    )
    bridge = house.start()
    told(house, 0, begun=True)
    house.client.publish("leave", "1")
    house.client.wait("bridge/logging", lambda line: "leaves failed" in line.json["message"])
    house.client.publish("ask", "1")
    told(house, 0, answered=True)
    assert bridge.stop() == 0
    house.bridge = None


def test_a_handler_that_never_ends_does_not_keep_the_bridge_from_ending(house: House) -> None:
    folder = house.data / "automations"
    folder.mkdir()
    (folder / "stubborn.py").write_text(
        textwrap.dedent("""
            import asyncio
            from ferrobee import home, start

            @start
            async def never():
                home.publish("zigbee2mqtt/told", {"begun": True})
                while True:
                    try:
                        await asyncio.sleep(3600)
                    except asyncio.CancelledError:
                        pass
        """)
    )
    bridge = house.start()
    told(house, 0, begun=True)
    assert bridge.stop() == 0
    assert "stubborn.py:5 never does not end, though cancelled; it is left behind" in bridge.text
    house.bridge = None


def test_a_handler_that_blocks_the_loop_for_ever_is_named_and_left_behind(house: House) -> None:
    folder = house.data / "automations"
    folder.mkdir()
    (folder / "blocking.py").write_text(
        textwrap.dedent("""
            import time
            from ferrobee import home, start

            @start
            async def blocks():
                home.publish("zigbee2mqtt/told", {"begun": True})
                time.sleep(3600)
        """)
    )
    code = "import sys, ferrobee._host as host; from ferrobee.cli import main\n"
    code += "host.STUCK_SECONDS = 0.5; sys.exit(main(['run', '--data', sys.argv[1]]))"
    process = subprocess.Popen(
        [sys.executable, "-c", code, house.data],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        told(house, 0, begun=True)
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        expected = "blocks has kept, and still keeps, everything waiting for "
        assert any(expected in line and "blocking.py:8;" in line for line in lines)
        since = house.client.mark()
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 1
    assert "An automation blocks the loop and is left behind." in said
    # The bridge itself has ended well.
    house.client.wait("bridge/state", lambda m: m.json["state"] == "offline", since=since)


def test_a_bridge_without_automations_does_not_import_their_runtime(tmp_path: Path) -> None:
    code = """
        import json, os, sys
        from pathlib import Path
        import ferrobee.cli
        from ferrobee import _run

        class Ended:
            def __init__(self, *_, **__):
                self.end, other = os.pipe()
                os.close(other)
            def fileno(self):
                return self.end
            def next_question(self):
                return None
            def result(self):
                return False

        _run.Bridge = Ended
        _run.run(Path(sys.argv[1]))
        print(json.dumps(sorted(sys.modules)))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), tmp_path],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=True,
    )
    modules = set(json.loads(done.stdout))
    assert not {"asyncio", "ferrobee._home", "ferrobee._host", "ferrobee._scope"} & modules


def test_one_file_has_devices_of_two_bridges(
    house: House, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = type(house)(tmp_path_factory.mktemp("garage"))
    folder = house.data / "automations"
    folder.mkdir()
    # The first device of each house has the same address.
    (folder / "both.py").write_text(
        textwrap.dedent(f"""
            from ferrobee import Home, home, on
            from ferrobee.models.aqara import LLKZMK11LM, ZNXNKG02LM

            garage = Home.connect("{other.broker.url}")
            knob = home.device("{RELAY}", ZNXNKG02LM)
            relay = garage.device("{RELAY}", LLKZMK11LM)

            @on(relay.state_l1)
            async def heard() -> None:
                home.publish("zigbee2mqtt/told", {{"relay": relay.state_l1.value}})

            @on(knob.action.single)
            async def toggle() -> None:
                await relay.state_l1.toggle()

            @on((relay.state_l1 == "ON") & (knob.sensitivity == "medium"))
            async def both() -> None:
                home.publish("zigbee2mqtt/told", {{"both": garage.names}})
        """)
    )
    try:
        house.start()
        other.start()
        knob, relay = house.join("ZNXNKG02LM"), other.join("LLKZMK11LM")
        assert (knob.ieee, relay.ieee) == (RELAY, RELAY)
        other.set(relay, "state_l1", "ON")
        told(house, 0, relay="ON")
        other.set(relay, "state_l1", "OFF")
        told(house, 0, relay="OFF")
        since = house.client.mark()
        house.act(knob, "press")
        told(house, since, both=[RELAY])
        since = other.client.mark()
        house.act(knob, "press")
        other.client.wait(relay.name, lambda m: m.json["state_l1"] == "OFF", since=since)
        house.stop()
        other.stop()
    finally:
        other.close()
