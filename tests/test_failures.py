"""What breaks around the bridge, and that nothing else does."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from tests.support.client import Client
from tests.support.cut import Cutter
from tests.support.program import Bridge

if TYPE_CHECKING:
    from tests.support.house import House


def test_the_broker_is_killed_and_comes_back(house: House) -> None:
    bridge = house.start()
    relay = house.join("LLKZMK11LM")
    house.set(relay, "state_l1", "ON")
    house.client.close()
    house.broker.kill()
    # While nobody listens, somebody presses the relay's button.
    house.act(relay, "set", endpoint=2, cluster=6, attribute=0, value=1)
    house.broker.start()

    # The new broker has forgotten everything: all of it is published again.
    house.client = client = Client(house.broker.port)
    client.wait("bridge/state", lambda m: m.json["state"] == "online", seconds=40)
    client.wait("bridge/info")
    client.wait(
        "bridge/devices", lambda m: any(entry["ieee_address"] == relay.ieee for entry in m.json)
    )
    house.set(relay, "state_l1", "OFF")
    client.wait(relay.name, lambda m: m.json["state_l2"] == "ON")
    assert bridge.running
    house.stop()


def test_the_stick_is_unplugged_and_comes_back(house: House) -> None:
    bridge = house.start()
    relay = house.join("LLKZMK11LM")
    house.set(relay, "state_l1", "ON")
    house.control("unplug")
    assert house.client.request("health_check", {})["status"] == "ok"
    house.control("plug")
    _set_again_and_again(house, relay.name, "OFF")
    assert bridge.running
    house.stop()


def test_the_stick_is_unplugged_at_random_bytes(house: House) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    generator = random.Random(seed)
    with Cutter(house.stick.serial) as cutter:
        house.configure(serial=cutter.serial)
        bridge = house.start()
        relay = house.join("LLKZMK11LM")
        # From within the first frame to far beyond the start-up dialogue.
        for _ in range(4):
            cutter.cut_after(int(10 ** generator.uniform(0, 3.5)))
        cutter.cut_now()
        cutter.wait_until_uncut(seconds=100)
        _set_again_and_again(house, relay.name, "ON")
        assert bridge.running
        house.stop()


def test_kill_9_leaves_nothing_half_written(house: House) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    generator = random.Random(seed)
    house.start()
    relay = house.join("LLKZMK11LM")
    knob = house.join("ZNXNKG02LM")
    house.stop()
    for turn in range(12):
        bridge = house.start()
        house.client.publish(
            "bridge/request/device/rename", {"from": relay.ieee, "to": f"relay{turn}"}
        )
        house.client.publish("bridge/request/options", {"options": {"advanced": {"elapsed": True}}})
        house.client.publish(f"{relay.ieee}/set", {"state_l1": "TOGGLE"})
        # A random moment is the point of this test.
        time.sleep(generator.uniform(0, 0.15))
        bridge.kill()
        house.bridge = None

        configuration = yaml.safe_load((house.data / "configuration.yaml").read_text())
        assert configuration["devices"][relay.ieee]["friendly_name"] in {
            relay.name,
            f"relay{turn}",
        }
        relay.name = configuration["devices"][relay.ieee]["friendly_name"]
        assert {relay.ieee, knob.ieee} <= {record["ieeeAddr"] for record in house.records()}
        for name in ("state.json", "coordinator_backup.json"):
            if (house.data / name).exists():
                json.loads((house.data / name).read_text())
    house.start()
    assert house.entry(relay)["definition"]["model"] == "LLKZMK11LM"
    house.set(relay, "state_l1", "ON")
    house.set(relay, "state_l1", "OFF")
    house.stop()


@pytest.mark.skipif(
    any(Path("/dev").glob("tty[UA][SC][BM]*")), reason="a real stick here must not be touched"
)
def test_without_a_stick_on_usb_the_bridge_waits_for_one_and_talks_mqtt(house: House) -> None:
    house.configure(serial="null")
    bridge = Bridge(house.data)
    house.bridge = bridge
    for _ in range(2):
        since = house.client.mark()
        house.client.wait(
            "bridge/logging",
            lambda m: "No link to the coordinator at USB" in m.json["message"],
            since=since,
        )
    assert "no coordinator found: set serial.port to " in bridge.text
    assert bridge.running
    house.stop()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mqtt: {server: 'mqtt://x'}\nadvanced:\n  channel: 99\n", ["line 3", "channel", "99"]),
        ("mqtt:\n  base_topic: zigbee2mqtt\n", ["mqtt", "'server'"]),
        ("mqtt: {server: 'mqtt://x'}\nadvanced: [\n", ["line"]),
        ("version: 99\nmqtt: {server: 'mqtt://x'}\n", ["version", "99"]),
        (
            "mqtt: {server: 'mqtt://x'}\ndevices:\n  '0x0000000000000001': {friendly_name: a}\n"
            "  '0x0000000000000002': {friendly_name: a}\n",
            ["friendly_name"],
        ),
        ("- a list\n", ["configuration.yaml"]),
        (
            "version: 5\nmqtt: {server: 'mqtt://x'}\nserial:\n  port: http://x\n",
            ["line 4", "serial.port"],
        ),
    ],
)
def test_a_wrong_configuration_is_status_2_and_says_where(
    house: House, text: str, expected: list[str]
) -> None:
    from tests.support.program import ferrobee

    (house.data / "configuration.yaml").write_text(text)
    result = ferrobee("run", "--data", house.data)
    assert result.returncode == 2, result
    assert "Traceback" not in result.stderr
    for part in ("configuration.yaml", *expected):
        assert part in result.stderr
    assert (house.data / "configuration.yaml").read_text() == text


def test_a_wrong_configuration_does_not_show_the_password(house: House) -> None:
    from tests.support.program import ferrobee

    (house.data / "configuration.yaml").write_text(
        "mqtt:\n  server: mqtt://x\n  password: [hunter2]\n  user: 5\n"
    )
    result = ferrobee("run", "--data", house.data)
    assert result.returncode == 2
    assert "hunter2" not in result.stderr + result.stdout


def test_patterns_mean_in_the_program_what_they_mean_in_its_tests(house: House) -> None:
    path = house.data / "configuration.yaml"
    settings = yaml.safe_load(path.read_text())
    settings["advanced"]["log_debug_namespace_ignore"] = r"(?i)^ZH:\w+|\p{L}+\b"
    settings["device_options"] = {"filtered_attributes": [r"(?i)POWER_\w+", r"\d+"]}
    path.write_text(yaml.safe_dump(settings))
    bridge = house.start()
    house.stop()
    assert " pattern" not in bridge.text


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("{name}/set", '{"state": 17}'),
        ("{name}/set", "{" * 10_000),
        ("{name}/set", "\x00\x01"),
        ("{name}/set", '{"state_l1": "' + "x" * 900_000 + '"}'),
        ("{name}/set", '{"state_l1": "' + "x" * 10_000_000 + '"}'),
        ("{name}/nowhere/set", '{"state": "ON"}'),
        ("nobody/set", '{"state": "ON"}'),
        ("bridge/request/device/rename", "[1,2"),
        ("bridge/request/no/such/thing", "{}"),
    ],
    ids=lambda value: value[:30],
)
def test_a_senseless_message_changes_nothing(house: House, topic: str, payload: str) -> None:
    bridge = house.start()
    relay = house.join("LLKZMK11LM")
    house.set(relay, "state_l1", "ON")
    client = house.client
    # The answer to a request that is published later comes later.
    client.request("health_check", {})
    since = client.mark()
    client.publish(topic.format(name=relay.name), payload)
    client.request("health_check", {})
    after = [m for m in client.messages[since:] if not m.topic.endswith("/health_check")]
    sent = topic.format(name=relay.name)
    answers = [m for m in after if m.topic != f"zigbee2mqtt/{sent}"]
    logged = [m for m in answers if m.topic == "zigbee2mqtt/bridge/logging"]
    # As in Zigbee2MQTT everything that is published has a line too.
    lines = [m.json for m in logged if "MQTT publish: " not in m.json["message"]]
    assert len(lines) == 1, answers
    assert lines[0]["level"] in {"error", "warning"}
    # Beside the line only a request is answered, and with an error.
    rest = [m for m in answers if m not in logged]
    assert all(
        m.topic.startswith("zigbee2mqtt/bridge/response/") and m.json["status"] == "error"
        for m in rest
    ), rest

    house.set(relay, "state_l1", "OFF")
    assert bridge.running
    assert "panicked" not in bridge.text
    house.stop()


def _set_again_and_again(house: House, name: str, value: str) -> None:
    """Sets until the state says so: commands sent while the stick was away may have expired."""
    deadline = time.monotonic() + 60
    while True:
        since = house.client.mark()
        house.client.publish(f"{name}/set", {"state_l1": value})
        try:
            house.client.wait(name, lambda m: m.json["state_l1"] == value, since=since, seconds=3)
        except TimeoutError:
            if time.monotonic() > deadline:
                raise
        else:
            return
