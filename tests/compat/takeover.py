"""Zigbee2MQTT itself on a data directory that ferrobee left behind, and back.

    python -m tests.benchmarks --install   once: fetches Zigbee2MQTT and Node.js from npm
    python -m tests.compat.takeover

ferrobee founds a network on a simulated stick, lets five devices join, names them, makes groups, a
scene and a binding, sets options. Then Zigbee2MQTT starts on the same directory and the same stick;
then ferrobee again. Each time the same network, devices, groups, bindings and scenes have to be
there, without a new interview, and a relay has to switch. Zigbee2MQTT is only run, never linked,
copied or distributed (it is under the GPL).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from tests.benchmarks.__main__ import MODULES
from tests.support.house import FIVE, House

NAMES = {"LLKZMK11LM": "hall/relay", "QBKG41LM": "kitchen", "ZNXNKG02LM": "knob"}
START = 120


class Check:
    """Prints one line per check and counts what failed."""

    def __init__(self) -> None:
        self.failed = 0

    def equal(self, what: str, found: object, expected: object) -> None:
        if found == expected:
            print(f"ok    {what}")
        else:
            self.failed += 1
            print(f"FAIL  {what}\n      expected {expected}\n      found    {found}")


class Zigbee2Mqtt:
    """A running Zigbee2MQTT."""

    def __init__(self, data: Path) -> None:
        self._log = data.parent / "zigbee2mqtt.log"
        environment = {
            **os.environ,
            "ZIGBEE2MQTT_DATA": str(data),
            "Z2M_ONBOARD_NO_SERVER": "1",
            "NODE_ENV": "production",
            # It would take the repository around its package for its own and build anew.
            "GIT_DIR": os.devnull,
        }
        command = [
            str(MODULES / "node" / "bin" / "node"),
            str(MODULES / "zigbee2mqtt" / "index.js"),
        ]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    @property
    def text(self) -> str:
        return self._log.read_text(errors="replace")

    def stop(self) -> int:
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(60)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


def picture(house: House, since: int) -> dict[str, Any]:
    """What has to stay the same, from the retained topics."""
    client = house.client
    info = client.wait("bridge/info", since=since).json
    devices = client.wait(
        "bridge/devices", lambda m: len(m.json) == len(FIVE) + 1, since=since, seconds=START
    ).json
    groups = client.wait(
        "bridge/groups",
        lambda m: any(group["friendly_name"] == "downstairs" for group in m.json),
        since=since,
        seconds=START,
    ).json
    return {
        "network": info["network"],
        "coordinator": info["coordinator"]["ieee_address"],
        "devices": {
            device["ieee_address"]: {
                "friendly_name": device["friendly_name"],
                "type": device["type"],
                "network_address": device["network_address"],
                "interview_state": device["interview_state"],
                "model": (device.get("definition") or {}).get("model"),
                "bindings": {
                    number: sorted(str(binding) for binding in endpoint["bindings"])
                    for number, endpoint in device["endpoints"].items()
                },
                "scenes": {
                    number: endpoint["scenes"] for number, endpoint in device["endpoints"].items()
                },
            }
            for device in devices
        },
        "groups": {
            group["id"]: {
                "friendly_name": group["friendly_name"],
                "members": sorted(str(member) for member in group["members"]),
                "scenes": group["scenes"],
            }
            for group in groups
        },
    }


def options(house: House) -> dict[str, Any]:
    """Devices and groups of configuration.yaml."""
    document = yaml.safe_load((house.data / "configuration.yaml").read_text())
    return {"devices": document["devices"], "groups": document.get("groups")}


def compare(check: Check, who: str, found: dict[str, Any], expected: dict[str, Any]) -> None:
    for key in ("network", "coordinator"):
        check.equal(f"{who}: {key}", found[key], expected[key])
    check.equal(f"{who}: the devices", sorted(found["devices"]), sorted(expected["devices"]))
    for address, device in expected["devices"].items():
        for key, value in device.items():
            there = found["devices"].get(address, {}).get(key)
            check.equal(f"{who}: {device['friendly_name']}: {key}", there, value)
    check.equal(f"{who}: the groups", found["groups"], expected["groups"])


def furnish(house: House) -> None:
    """Five devices with names, groups, a scene, a binding, options."""
    client = house.client
    for model in FIVE:
        device = house.join(model)
        if name := NAMES.get(model):
            respond(client.request("device/rename", {"from": device.ieee, "to": name}))
    respond(client.request("group/add", {"friendly_name": "downstairs", "id": 7}))
    respond(client.request("group/add", {"friendly_name": "empty"}))
    for endpoint in ("l1", "l2"):
        member = {"group": "downstairs", "device": "hall/relay", "endpoint": endpoint}
        respond(client.request("group/members/add", member))
    respond(
        client.request(
            "device/options", {"id": "hall/relay", "options": {"power_calibration": 2, "qos": 1}}
        )
    )
    respond(client.request("device/bind", {"from": "knob", "to": "downstairs"}))
    since = client.mark()
    client.publish("downstairs/set", {"scene_store": {"ID": 3, "name": "Evening"}})
    client.wait("bridge/groups", lambda m: any(group["scenes"] for group in m.json), since=since)


def respond(response: dict[str, Any]) -> None:
    if response["status"] != "ok":
        raise RuntimeError(f"a request failed: {response}")


def switch(check: Check, house: House, who: str) -> None:
    """The relay is switched on and off, by itself and by its group."""
    for topic, key, value, state in (
        ("hall/relay/set", "state_l1", "ON", "hall/relay"),
        ("hall/relay/set", "state_l1", "OFF", "hall/relay"),
        ("downstairs/set", "state", "ON", "downstairs"),
        ("downstairs/set", "state", "OFF", "downstairs"),
    ):
        since = house.client.mark()
        house.client.publish(topic, {key: value})
        try:
            house.client.wait(state, lambda m, k=key, v=value: m.json.get(k) == v, since=since)
            found = value
        except TimeoutError:
            found = "nothing"
        check.equal(f"{who}: {topic} {key} {value}", found, value)


def main() -> int:
    if not (MODULES / "zigbee2mqtt").is_dir():
        sys.exit("Zigbee2MQTT is not installed: python -m tests.benchmarks --install")
    check = Check()
    with tempfile.TemporaryDirectory() as directory:
        house = House(Path(directory))
        try:
            since = house.client.mark()
            house.start()
            furnish(house)
            house.stop()
            since = house.client.mark()
            house.start()
            expected = picture(house, since)
            switch(check, house, "ferrobee")
            house.stop()
            settings = options(house)

            since = house.client.mark()
            theirs = Zigbee2Mqtt(house.data)
            try:
                house.client.wait(
                    "bridge/state",
                    lambda m: m.json["state"] == "online",
                    since=since,
                    seconds=START,
                )
                compare(check, "Zigbee2MQTT", picture(house, since), expected)
                switch(check, house, "Zigbee2MQTT")
                check.equal("Zigbee2MQTT: stops", theirs.stop(), 0)
            except TimeoutError as error:
                check.equal(f"Zigbee2MQTT: {error}", theirs.text[-3000:], "")
            finally:
                theirs.kill()
            check.equal("Zigbee2MQTT: names and options", options(house), settings)

            since = house.client.mark()
            house.start()
            compare(check, "ferrobee again", picture(house, since), expected)
            switch(check, house, "ferrobee again")
            events = [
                message.json
                for message in house.client.messages
                if message.topic.endswith("bridge/event")
                and message.json["type"] == "device_interview"
                and message.json["data"]["status"] == "started"
            ]
            check.equal("interviews since the beginning", len(events), len(FIVE))
            house.stop()
        finally:
            house.close()
    print(f"{check.failed} checks failed" if check.failed else "all passed")
    return 1 if check.failed else 0


if __name__ == "__main__":
    sys.exit(main())
