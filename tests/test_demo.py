"""`ferrobee demo` and `ferrobee devices`, as a newcomer runs them."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import textwrap
from typing import TYPE_CHECKING

import pytest
from tests.support.broker import Broker, free_port
from tests.support.client import Client
from tests.support.house import FIVE
from tests.support.program import FERROBEE, environment, ferrobee

if TYPE_CHECKING:
    from pathlib import Path


def test_the_demo_shows_five_devices_and_ends_by_itself(tmp_path: Path) -> None:
    data = tmp_path / "demo"
    port = free_port()
    result = ferrobee("demo", "--seconds", "12", "--port", str(port), "--data", data)
    assert result.returncode == 0, result
    assert "Traceback" not in result.stderr
    for model in FIVE:
        assert f" {model} " in result.stdout
    assert f"mosquitto_sub -p {port} -v -t 'zigbee2mqtt/#'" in result.stdout
    assert "study_knob       action single" in result.stdout

    # Its data directory is one like any other.
    listed = ferrobee("devices", "--data", data)
    assert listed.returncode == 0
    assert "hall_relay" in listed.stdout
    as_json = json.loads(ferrobee("devices", "--data", data, "--json").stdout)
    assert {device["definition"]["model"] for device in as_json} == set(FIVE)

    # The stick of that demo is gone; another demo does not touch what it left.
    again = ferrobee("demo", "--seconds", "2", "--data", data)
    assert again.returncode == 2
    assert str(data) in again.stderr


def test_automations_and_converters_of_the_demo_run(tmp_path: Path) -> None:
    data = tmp_path / "demo"
    for folder, text in (
        (
            "automations",
            """
            from ferrobee import home, on
            from ferrobee.models.aqara import ZNXNKG02LM

            @on(home.device("study_knob", ZNXNKG02LM).action.single)
            async def pressed(event):
                home.publish("zigbee2mqtt/told", {"heard": event.action})
            """,
        ),
        (
            "converters",
            """
            from ferrobee.converters import Definition, Model, OnOff

            class Mine(Definition):
                match = Model("lumi.relay.c2acn01")
                model, vendor, description = "MINE", "Me", "Of my own"
                state = OnOff()
            """,
        ),
    ):
        (data / folder).mkdir(parents=True)
        (data / folder / "hall.py").write_text(textwrap.dedent(text))
    result = ferrobee("demo", "--seconds", "9", "--port", str(free_port()), "--data", data)
    assert result.returncode == 0, result
    assert "hall_relay       is interviewed: Me MINE Of my own" in result.stdout
    assert "told             heard single" in result.stdout


def test_the_demo_takes_the_next_port_and_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = ferrobee("demo", "--seconds", "2", "--port", str(port))
    assert result.returncode == 0
    assert f"Port {port} is in use; the demo's broker takes " in result.stdout


def test_the_demo_uses_a_given_broker_and_leaves_nothing_there(tmp_path: Path) -> None:
    broker = Broker(tmp_path)
    broker.start()
    keeper = Client(broker.port)
    keeper.publish("kept", "by somebody else", retain=True)
    result = ferrobee("demo", "--seconds", "6", "--broker", broker.url)
    keeper.wait("kept")
    keeper.close()
    assert result.returncode == 0, result
    assert "joins the network" in result.stdout

    late = Client(broker.port)
    late.publish("end", "")
    late.wait("end")
    late.close()
    broker.kill()
    assert [m.topic for m in late.messages if m.retained] == ["zigbee2mqtt/kept"]
    # It was there, so that there was something to clear.
    assert any(m.topic == "ferrobee_demo/bridge/devices" and m.text for m in keeper.messages)


def test_a_broker_that_is_not_there_is_status_1() -> None:
    result = ferrobee("demo", "--seconds", "2", "--broker", "mqtt://me:hunter2@127.0.0.1:1")
    assert result.returncode == 1
    assert "ferrobee: the demo never was online; it used the broker 127.0.0.1:1" in result.stderr
    assert "hunter2" not in result.stderr
    assert "Traceback" not in result.stderr


def test_the_demo_ends_quietly_when_nobody_reads_any_more() -> None:
    process = _demo("--seconds", "50")
    assert process.stdout is not None
    for line in process.stdout:
        if "joins the network" in line:
            break
    # As head does, in the middle of the story.
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait(30) == 0


def test_the_demo_goes_on_after_a_restart() -> None:
    port = free_port()
    process = _demo("--port", str(port))
    assert process.stdout is not None
    online = (line for line in process.stdout if line.rstrip().endswith(" online"))
    next(online)
    client = Client(port)
    client.publish("bridge/request/restart", "")
    next(online)
    client.close()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in errors


@pytest.mark.parametrize("name", ["a file", "a file/below", "/proc/ferrobee"])
def test_a_place_that_can_not_hold_the_data_is_status_2(tmp_path: Path, name: str) -> None:
    (tmp_path / "a file").write_text("")
    result = ferrobee("demo", "--seconds", "2", "--data", tmp_path / name)
    assert result.returncode == 2
    assert result.stderr.startswith("ferrobee: ")
    assert len(result.stderr.splitlines()) == 1
    assert name in result.stderr


def test_ctrl_c_ends_the_demo_with_status_0() -> None:
    process = _demo()
    assert process.stdout is not None
    for line in process.stdout:
        if "joins the network" in line:
            break
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in errors


def test_a_broker_that_is_none_is_said_clearly() -> None:
    result = ferrobee("demo", "--seconds", "2", "--broker", "nonsense")
    assert result.returncode == 2
    assert "nonsense" in result.stderr
    assert "Traceback" not in result.stderr


def test_devices_of_an_empty_directory(tmp_path: Path) -> None:
    result = ferrobee("devices", "--data", tmp_path)
    assert result.returncode == 0
    assert "permit_join" in result.stdout
    assert not list(tmp_path.iterdir())


def _demo(*arguments: str) -> subprocess.Popen[str]:
    """A demo in the background, on a port of its own."""
    port = () if "--port" in arguments else ("--port", str(free_port()))
    return subprocess.Popen(
        [FERROBEE, "demo", *port, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
