"""A Zigbee2MQTT data directory with many relays that the simulated stick has, too."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# The network that the probe's stick is part of; probe/src/stick.rs has the same.
PAN_ID = 0x1A62
EXTENDED_PAN_ID = [0xDD] * 8
NETWORK_KEY = [1, 3, 5, 7, 9, 11, 13, 15, 0, 2, 4, 6, 8, 10, 12, 13]
CHANNEL = 11
COORDINATOR = 0x00124B0012345678
FIRST_IEEE = 0x00158D0001000000
FIRST_ADDRESS = 0x1000

# LLKZMK11LM as firmware 47 describes itself (tests/vectors/five/devices.json).
_ENDPOINTS = {
    1: ([0, 3, 4, 5, 1, 2, 10, 6, 16, 2820, 12], [25, 10]),
    2: ([6, 16, 4, 5], []),
}


# Every option that shapes a message without making more or fewer of them
# (facts: mqtt-api §5.3, §5.4, §5.6). The filters match nothing, so that each key is looked at; the
# power is left as it is, as it numbers the reports.
_OPTIONS = """
device_options:
  retain: true
  optimistic: true
  filtered_attributes: [nothing, no_.*]
  filtered_cache: [nothing]
  filtered_optimistic: [nothing]
  power_precision: 1
  voltage_calibration: 1
  current_calibration: 1
  device_temperature_calibration: 1
"""


def write(
    directory: Path,
    *,
    devices: int,
    mqtt_port: int,
    serial: str,
    options: bool = False,
    homeassistant: bool = False,
    journal: bool = True,
    models: Mapping[int, str] | None = None,
) -> None:
    """Makes the directory: configuration.yaml and database.db. `models` are other model ids."""
    directory.mkdir(parents=True)
    lines = [
        "version: 5",
        "mqtt:",
        "  base_topic: zigbee2mqtt",
        f"  server: mqtt://127.0.0.1:{mqtt_port}",
        f"  include_device_information: {str(options).lower()}",
        "serial:",
        f"  port: {serial}",
        "  adapter: zstack",
        "advanced:",
        "  log_level: warning",
        "  log_output: [console]",
        *(["  last_seen: ISO_8601", "  elapsed: true"] if options else []),
        f"  channel: {CHANNEL}",
        f"  pan_id: {PAN_ID}",
        f"  ext_pan_id: {EXTENDED_PAN_ID}",
        f"  network_key: {NETWORK_KEY}",
        "frontend:",
        "  enabled: false",
        "homeassistant:",
        f"  enabled: {str(homeassistant).lower()}",
        *(_OPTIONS.strip().split("\n") if options else []),
        *([] if journal else ["ferrobee:", "  journal:", "    enabled: false"]),
        "devices:",
    ]
    for number in range(devices):
        lines += [f"  '{_ieee(number)}':", f"    friendly_name: relay_{number:03}"]
    (directory / "configuration.yaml").write_text("\n".join(lines) + "\n")
    records = [_coordinator(), *(_relay(number) for number in range(devices))]
    for number, model in (models or {}).items():
        records[number + 1]["modelId"] = model
    text = "\n".join(json.dumps(record, separators=(",", ":")) for record in records)
    (directory / "database.db").write_text(text)


def _ieee(number: int) -> str:
    return f"0x{FIRST_IEEE + number:016x}"


def _coordinator() -> dict[str, Any]:
    return {
        "id": 1,
        "type": "Coordinator",
        "ieeeAddr": f"0x{COORDINATOR:016x}",
        "nwkAddr": 0,
        "manufId": 0,
        "epList": [1],
        "endpoints": {"1": _endpoint(1, 5, [], [])},
        "interviewCompleted": True,
        "interviewState": "SUCCESSFUL",
        "meta": {},
        "lastSeen": 1795207830104,
    }


def _relay(number: int) -> dict[str, Any]:
    return {
        "id": number + 2,
        "type": "Router",
        "ieeeAddr": _ieee(number),
        "nwkAddr": FIRST_ADDRESS + number,
        "manufId": 4151,
        "manufName": "LUMI",
        "powerSource": "Mains (single phase)",
        "modelId": "lumi.relay.c2acn01",
        "epList": list(_ENDPOINTS),
        "endpoints": {
            str(number): _endpoint(number, 257, inputs, outputs)
            for number, (inputs, outputs) in _ENDPOINTS.items()
        },
        "appVersion": 47,
        "stackVersion": 2,
        "hwVersion": 1,
        "dateCode": "09-22-2021",
        "zclVersion": 3,
        "interviewCompleted": True,
        "interviewState": "SUCCESSFUL",
        # Configured already: nobody has anything to ask of the devices at start.
        "meta": {"configured": "0.0.0"},
        "lastSeen": 1795207830104,
    }


def _endpoint(number: int, device: int, inputs: list[int], outputs: list[int]) -> dict[str, Any]:
    return {
        "profId": 260,
        "epId": number,
        "devId": device,
        "inClusterList": inputs,
        "outClusterList": outputs,
        "clusters": {},
        "binds": [],
        "configuredReportings": [],
        "meta": {},
    }
