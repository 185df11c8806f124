"""`ferrobee devices`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ferrobee._converters import converters_of
from ferrobee._core import devices as _read
from ferrobee._run import require

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["devices", "table"]


def devices(data: Path, *, as_json: bool) -> int:
    """Prints the devices of a data directory."""
    require(data)
    found: list[dict[str, Any]] = [
        device
        for device in json.loads(_read(data, converters_of(data)))
        if device["type"] != "Coordinator"
    ]
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return 0
    if not found:
        print("No devices. To let some join, publish this while ferrobee runs:")
        print("  mosquitto_pub -t zigbee2mqtt/bridge/request/permit_join -m '{\"time\":120}'")
        return 0
    head = ("NAME", "MODEL", "VENDOR", "ADDRESS", "TYPE", "STATE")
    print(table([head, *(_row(device) for device in found)]))
    return 0


def _row(device: dict[str, Any]) -> tuple[str, ...]:
    definition = device.get("definition") or {}
    if device.get("disabled"):
        state = "disabled"
    elif not device.get("interview_completed"):
        state = "interview not finished"
    elif not device.get("supported"):
        state = "not supported"
    else:
        state = "ok"
    return (
        str(device.get("friendly_name", "")),
        str(definition.get("model") or device.get("model_id") or "?"),
        str(definition.get("vendor") or device.get("manufacturer") or "?"),
        str(device.get("ieee_address", "")),
        str(device.get("type", "")),
        state,
    )


def table(rows: Iterable[tuple[str, ...]]) -> str:
    """Rows as text, their columns one below the other."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)
