"""Converters in a running bridge: saved, changed, broken, and removed, without a restart."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.house import Device, House

RELAY = """
from ferrobee.converters import (
    Definition, Message, Model, NumericValue, OnOff, Values, clusters, from_zigbee,
)

{before}

class Relay(Definition):
    match = Model("lumi.relay.c2acn01")
    model, vendor, description = "{model}", "Me", "My relay"
    state_l1 = OnOff(endpoint=1)
    state_l2 = OnOff(endpoint=2)
    double_power = NumericValue("W")

    @from_zigbee(clusters.AnalogInput.present_value)
    def heard(self, message: Message) -> Values:
        {body}
        return {{"double_power": message.value * 2}}
"""


def write(house: House, *, model: str = "MINE", before: str = "", body: str = "pass") -> Path:
    """Saves a converter for the relay."""
    folder = house.data / "converters"
    folder.mkdir(exist_ok=True)
    file = folder / "relay.py"
    file.write_text(textwrap.dedent(RELAY.format(model=model, before=before, body=body)))
    return file


def decoded_by(house: House, device: Device, model: str, *, since: int) -> dict[str, Any]:
    """Waits until `bridge/devices` says that the model's definition decodes the device."""

    def find(devices: list[dict[str, Any]]) -> dict[str, Any] | None:
        return next((one for one in devices if one["ieee_address"] == device.ieee), None)

    def is_it(devices: list[dict[str, Any]]) -> bool:
        found = find(devices)
        return found is not None and (found.get("definition") or {}).get("model") == model

    message = house.client.wait(
        "bridge/devices", lambda one: is_it(one.json), since=since, seconds=30
    )
    found = find(message.json)
    assert found is not None
    return found


def test_a_converter_of_the_owner_decodes_and_follows_each_save(house: House) -> None:
    file = write(house)
    house.start()
    relay = house.join("LLKZMK11LM")
    entry = decoded_by(house, relay, "MINE", since=0)
    assert entry["definition"]["source"] == "external"
    assert str(file) in json.dumps(entry)

    # Saved again: used at once, without an interview.
    since = house.client.mark()
    write(house, model="BETTER")
    decoded_by(house, relay, "BETTER", since=since)

    # Broken: what was there stays, and the reason is told.
    since = house.client.mark()
    write(house, before="raise ValueError('not yet')", model="BROKEN")
    house.client.wait(
        "bridge/logging", lambda one: "not yet" in one.json["message"], since=since, seconds=30
    )
    house.set(relay, "state_l1", "ON")

    # Gone: what is built in decodes again.
    since = house.client.mark()
    file.unlink()
    decoded_by(house, relay, "LLKZMK11LM", since=since)
    house.stop()


def test_a_function_of_a_converter_publishes(house: House) -> None:
    write(house)
    house.start()
    relay = house.join("LLKZMK11LM")
    decoded_by(house, relay, "MINE", since=0)
    house.set(relay, "state_l1", "ON")
    since = house.client.mark()
    house.act(relay, "load", watts=21)
    house.client.wait(relay.name, lambda one: one.json.get("double_power") == 42, since=since)
    house.stop()


def test_a_function_that_raises_or_never_ends_costs_its_messages_and_is_visible(
    house: House,
) -> None:
    file = write(house, body="raise ValueError('too much')")
    house.start()
    relay = house.join("LLKZMK11LM")
    decoded_by(house, relay, "MINE", since=0)
    house.set(relay, "state_l1", "ON")
    since = house.client.mark()
    house.act(relay, "load", watts=21)
    line = file.read_text().splitlines().index("        raise ValueError('too much')") + 1
    house.client.wait(
        "bridge/logging",
        lambda one: f"{file}:{line}" in one.json["message"] and "too much" in one.json["message"],
        since=since,
        seconds=30,
    )
    since = house.client.mark()
    write(house, body="while True: pass", model="SLOW")
    decoded_by(house, relay, "SLOW", since=since)
    house.act(relay, "load", watts=42)
    # Meanwhile and afterwards the device works.
    house.set(relay, "state_l2", "ON")
    house.client.wait(
        "bridge/logging", lambda one: "did not end within" in one.json["message"], since=since
    )
    house.set(relay, "state_l2", "OFF")
    house.stop()


def test_a_function_that_takes_all_memory_costs_its_messages_and_is_visible(house: House) -> None:
    body = "while message.value == 1: KEPT.append(bytearray(1 << 26))"
    file = write(house, before="KEPT = []", body=body)
    house.start()
    relay = house.join("LLKZMK11LM")
    decoded_by(house, relay, "MINE", since=0)
    house.set(relay, "state_l1", "ON")
    since = house.client.mark()
    house.act(relay, "load", watts=1)
    line = file.read_text().splitlines().index(f"        {body}") + 1
    told = house.client.wait(
        "bridge/logging", lambda one: "heard failed" in one.json["message"], since=since, seconds=30
    )
    assert f"{file}:{line}: MemoryError" in told.json["message"]
    entry = house.client.wait(
        "bridge/devices", lambda one: "MemoryError" in json.dumps(one.json), since=since
    )
    assert entry
    # The next message is converted.
    house.act(relay, "load", watts=21)
    house.client.wait(relay.name, lambda one: one.json.get("double_power") == 42, since=since)
    house.stop()
