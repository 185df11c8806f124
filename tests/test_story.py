"""The life of a house through the real program: real broker, real sockets, simulated stick."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from tests.support.house import FIVE

if TYPE_CHECKING:
    from tests.support.house import House


@pytest.mark.parametrize("model", FIVE)
def test_a_device_joins_and_is_known_as_its_model(house: House, model: str) -> None:
    bridge = house.start()
    device = house.join(model)
    entry = house.entry(device)
    assert entry["supported"]
    assert entry["definition"]["model"] == model
    # The relay needs no configuring: it reports by itself.
    if model != "LLKZMK11LM":
        house.client.wait(
            "bridge/logging",
            lambda m: m.json["message"].endswith(f"Successfully configured '{device.name}'"),
        )
    house.stop()
    assert "Failed to configure" not in bridge.text
    assert any(record["ieeeAddr"] == device.ieee for record in house.records())


def test_from_joining_to_removal(house: House) -> None:
    client = house.client
    house.start()
    relay = house.join("LLKZMK11LM")
    switch = house.join("QBKG41LM")

    # set, and what the wire says comes back
    house.set(relay, "state_l1", "ON")
    house.set(relay, "state_l2", "ON")
    house.set(switch, "state_left", "ON")

    # get
    since = client.mark()
    client.publish(f"{relay.name}/get", {"state_l1": ""})
    client.wait(relay.name, lambda m: m.json["state_l1"] == "ON", since=since)

    # rename: the old topic is cleared, the new one has the state
    since = client.mark()
    response = client.request("device/rename", {"from": relay.ieee, "to": "hall/relay"})
    assert response["status"] == "ok", response
    relay.name = "hall/relay"
    client.wait("hall/relay", lambda m: m.json["state_l1"] == "ON", since=since)
    house.set(relay, "state_l1", "OFF")

    # restart: everything is there again, without another interview
    house.stop()
    client.wait("bridge/state", lambda m: m.json["state"] == "offline", since=since)
    since = client.mark()
    house.start()
    assert house.entry(relay, since=since)["friendly_name"] == "hall/relay"
    assert house.entry(switch, since=since)["definition"]["model"] == "QBKG41LM"
    client.wait("hall/relay", lambda m: m.json["state_l2"] == "ON", since=since)
    house.set(relay, "state_l1", "ON")
    assert not [m for m in client.messages[since:] if m.topic == "zigbee2mqtt/bridge/event"]

    # remove
    since = client.mark()
    response = client.request("device/remove", {"id": "hall/relay"})
    assert response["status"] == "ok", response
    client.wait(
        "bridge/devices",
        lambda m: all(entry["ieee_address"] != relay.ieee for entry in m.json),
        since=since,
    )
    house.stop()
    assert all(record["ieeeAddr"] != relay.ieee for record in house.records())
    assert any(record["ieeeAddr"] == switch.ieee for record in house.records())


def test_the_network_is_formed_once(house: House) -> None:
    house.start()
    house.stop()
    key = house.network_key()
    assert len(key) == 16
    house.start()
    house.stop()
    assert house.network_key() == key


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_cleanly_and_saves_the_state(house: House, number: signal.Signals) -> None:
    bridge = house.start()
    relay = house.join("LLKZMK11LM")
    house.set(relay, "state_l1", "ON")
    since = house.client.mark()
    assert bridge.stop(number) == 0, bridge.text
    assert "Traceback" not in bridge.text
    house.client.wait("bridge/state", lambda m: m.json["state"] == "offline", since=since)
    assert relay.ieee in (house.data / "state.json").read_text()


def test_the_request_restart_starts_again_in_the_same_process(house: House) -> None:
    bridge = house.start()
    since = house.client.mark()
    house.client.publish("bridge/request/restart", "")
    house.client.wait("bridge/state", lambda m: m.json["state"] == "offline", since=since)
    house.client.wait("bridge/state", lambda m: m.json["state"] == "online", since=since)
    assert bridge.running
    house.stop()


def test_the_network_key_is_nowhere_but_in_its_files(house: House) -> None:
    bridge = house.start()
    house.join("LLKZMK11LM")
    house.client.request("coordinator_check", {})
    house.client.request("backup", {})
    house.stop()
    key = house.network_key()
    forms = (
        bytes(key).hex(),
        ",".join(map(str, key)),
        ", ".join(map(str, key)),
    )
    seen = [bridge.text, *(message.text for message in house.client.messages)]
    assert not [text for text in seen for form in forms if form in text.lower()]
