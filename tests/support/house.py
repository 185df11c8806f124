"""A house for a test: broker, simulated stick with devices, data directory, the program."""

from __future__ import annotations

import itertools
import json
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.support.broker import Broker
from tests.support.client import Client
from tests.support.program import Bridge

from ferrobee._core import Simulator

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FIVE = ("LLKZMK11LM", "ZNMS11LM", "ZNXNKG02LM", "QBKG41LM", "QBKG40LM")


@dataclass
class Device:
    """A simulated device and how the bridge calls it."""

    model: str
    ieee: str
    name: str


class House:
    """Everything; `close` ends it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.data = directory / "data"
        self.data.mkdir()
        self.broker = Broker(directory)
        self.broker.start()
        self.client = Client(self.broker.port)
        self.stick = Simulator()
        self.bridge: Bridge | None = None
        self._addresses = itertools.count(0x00158D0001000001)
        self.configure(serial=self.stick.serial)

    def configure(self, *, serial: str) -> None:
        """Writes the configuration that a new owner would write."""
        (self.data / "configuration.yaml").write_text(
            "version: 5\n"
            f"mqtt:\n  server: {self.broker.url}\n"
            f"serial:\n  port: {serial}\n  adapter: zstack\n"
            "advanced:\n"
            "  log_output: [console]\n"
            "  pan_id: GENERATE\n  ext_pan_id: GENERATE\n  network_key: GENERATE\n"
        )

    def start(self, *, seconds: float = 30, env: Mapping[str, str] | None = None) -> Bridge:
        """Starts the bridge and waits until it is online and has told its devices."""
        since = self.client.mark()
        self.bridge = Bridge(self.data, env)
        try:
            self.client.wait(
                "bridge/state", lambda m: m.json["state"] == "online", since=since, seconds=seconds
            )
            self.client.wait("bridge/devices", since=since)
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{self.bridge.text}") from None
        return self.bridge

    def stop(self) -> None:
        """Stops the bridge as a service manager does; it must end well."""
        assert self.bridge is not None
        assert self.bridge.stop() == 0, self.bridge.text
        assert "Traceback" not in self.bridge.text, self.bridge.text
        assert "panicked" not in self.bridge.text
        self.bridge = None

    def join(self, model: str) -> Device:
        """Lets a new device join and waits until its interview is over."""
        ieee = f"0x{next(self._addresses):016x}"
        since = self.client.mark()
        assert self.client.request("permit_join", {"time": 254})["status"] == "ok"
        self.control("add", device=ieee, model=model, join=True)
        self.client.wait(
            "bridge/event",
            lambda m: (
                m.json["type"] == "device_interview"
                and m.json["data"]["ieee_address"] == ieee
                and m.json["data"]["status"] == "successful"
            ),
            since=since,
        )
        return Device(model, ieee, ieee)

    def entry(self, device: Device, *, since: int = 0) -> dict[str, Any]:
        """What `bridge/devices` says about a device, once its interview is over."""

        def find(devices: list[dict[str, Any]]) -> dict[str, Any] | None:
            return next(
                (
                    entry
                    for entry in devices
                    if entry["ieee_address"] == device.ieee and entry["interview_completed"]
                ),
                None,
            )

        message = self.client.wait("bridge/devices", lambda m: bool(find(m.json)), since=since)
        found = find(message.json)
        assert found is not None
        return found

    def act(self, device: Device, action: str, **parameters: Any) -> None:  # noqa: ANN401
        """A person does something to a device."""
        self.control("act", device=device.ieee, action=action, **parameters)

    def control(self, command: str, **parameters: Any) -> Any:  # noqa: ANN401
        """Gives the simulator a command (rust/simulator/src/control.rs)."""
        return json.loads(self.stick.control(json.dumps({"cmd": command, **parameters})))

    def set(self, device: Device, key: str, value: str) -> None:
        """Sets a key and waits for the state that says so."""
        since = self.client.mark()
        self.client.publish(f"{device.name}/set", {key: value})
        self.client.wait(device.name, lambda m: m.json[key] == value, since=since)

    def records(self) -> list[dict[str, Any]]:
        """The records of database.db; fails on a line that is no JSON."""
        path = self.data / "database.db"
        return [json.loads(line) for line in path.read_text().split("\n")] if path.exists() else []

    def recorded(self, device: Device) -> None:
        """Waits until a device is in database.db, as other programs see it."""
        deadline = time.monotonic() + 20
        while not any(
            record.get("ieeeAddr") == device.ieee and record.get("interviewCompleted")
            for record in self.records()
        ):
            assert time.monotonic() < deadline, self.records()
            time.sleep(0.05)

    def network_key(self) -> list[int]:
        """The key in configuration.yaml."""
        text = (self.data / "configuration.yaml").read_text()
        after = text.split("network_key:", 1)[1]
        numbers = re.findall(r"\d+", after)[:16]
        return [int(number) for number in numbers]

    def close(self) -> None:
        if self.bridge is not None:
            self.bridge.kill()
        self.client.close()
        self.stick.close()
        self.broker.kill()
