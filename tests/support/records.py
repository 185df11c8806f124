"""A data directory with devices that were interviewed, without running anything."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

COORDINATOR = "0x00124b0000000001"


@dataclass
class Record:
    """A device as its interview left it: endpoint → server clusters, client clusters."""

    name: str
    model: str
    manufacturer: str
    endpoints: dict[int, tuple[list[int], list[int]]]
    ieee: str = "0x00158d0000000001"
    router: bool = True
    attributes: dict[str, dict[str, Any]] = field(default_factory=dict)


def write(directory: Path, records: list[Record]) -> Path:
    """Writes configuration.yaml and database.db; gives the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    names = "".join(f"  '{one.ieee}':\n    friendly_name: {one.name}\n" for one in records)
    (directory / "configuration.yaml").write_text(
        "version: 5\nmqtt:\n  server: mqtt://127.0.0.1:1\nserial:\n  port: /dev/null\n"
        f"advanced:\n  log_output: [console]\ndevices:\n{names}"
    )
    lines = [_coordinator(), *(_device(number, one) for number, one in enumerate(records, 2))]
    (directory / "database.db").write_text("\n".join(json.dumps(line) for line in lines))
    return directory


def _coordinator() -> dict[str, Any]:
    return {
        "id": 1,
        "type": "Coordinator",
        "ieeeAddr": COORDINATOR,
        "nwkAddr": 0,
        "manufId": 0,
        "epList": [1],
        "endpoints": {"1": _endpoint(1, [], [])},
        "interviewCompleted": True,
        "interviewState": "SUCCESSFUL",
        "meta": {},
    }


def _device(number: int, record: Record) -> dict[str, Any]:
    endpoints = {
        str(one): _endpoint(one, inputs, outputs)
        for one, (inputs, outputs) in record.endpoints.items()
    }
    return {
        "id": number,
        "type": "Router" if record.router else "EndDevice",
        "ieeeAddr": record.ieee,
        "nwkAddr": 0x1000 + number,
        "manufId": 0x1234,
        "manufName": record.manufacturer,
        "powerSource": "Mains (single phase)" if record.router else "Battery",
        "modelId": record.model,
        "epList": list(record.endpoints),
        "endpoints": endpoints,
        "interviewCompleted": True,
        "interviewState": "SUCCESSFUL",
        "meta": {},
    }


def _endpoint(number: int, inputs: list[int], outputs: list[int]) -> dict[str, Any]:
    return {
        "profId": 260,
        "epId": number,
        "devId": 0,
        "inClusterList": inputs,
        "outClusterList": outputs,
        "clusters": {},
        "binds": [],
        "configuredReportings": [],
        "meta": {},
    }
