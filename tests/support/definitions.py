"""Definitions of the built-in catalogue, as tests compare them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

CATALOGUE = Path(__file__).parents[2] / "rust/devices/catalogue"


def builtin() -> list[dict[str, Any]]:
    """All definitions of the catalogue, as their files have them."""
    return [
        definition
        for path in sorted(CATALOGUE.glob("*.json"))
        if path.name != "schema.json"
        for definition in json.loads(path.read_text())["definitions"]
    ]


def of_model(model: str) -> dict[str, Any]:
    """The definition of a model."""
    (found,) = [one for one in builtin() if one["model"] == model]
    return found


def plain(data: Any) -> Any:  # noqa: ANN401
    """The same with protocol numbers as numbers: both ways of writing them mean the same."""
    if isinstance(data, str) and re.fullmatch("0x[0-9a-f]{1,4}", data):
        return int(data, 16)
    if isinstance(data, list):
        return [plain(one) for one in data]
    return {key: plain(one) for key, one in data.items()} if isinstance(data, dict) else data
