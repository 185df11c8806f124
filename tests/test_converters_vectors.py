"""Devices rebuilt in Python decode what the shared vectors show, and send to the same clusters.

That their definitions are those of the catalogue, for which all vectors run byte for byte, is in
`test_converters.py`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.museum import MUSEUM

from ferrobee import _core
from ferrobee.converters.compile import compiled

if TYPE_CHECKING:
    from collections.abc import Iterator

VECTORS = Path(__file__).parent / "vectors"
DECIDED = {one["case"] for one in json.loads((VECTORS / "decisions.json").read_text())}
REBUILT = [
    # file of the museum, model, vectors, cases of messages and of settings at least
    ("aqara_relay", "LLKZMK11LM", "five", 36, 20),
    ("aqara_switches", "QBKG41LM", "five", 31, 12),
    ("aqara_switches", "QBKG40LM", "five", 33, 10),
    ("aqara_knob", "ZNXNKG02LM", "five", 41, 5),
    ("aqara_lock", "ZNMS11LM", "five", 3, 0),
    ("tuya_thermostat", "ZHT-S03", "breadth/Moes_", 8, 5),
]


def cases(model: str, folder: str, kind: str) -> Iterator[dict[str, Any]]:
    """Cases that a definition alone decides: no quirk, no options, nothing known before."""
    name = f"{folder}{model}" if folder.endswith("_") else f"{folder}/{model}"
    for line in (VECTORS / f"{name}.jsonl").read_text().splitlines():
        case = json.loads(line)
        beside = {"quirk", "options", "state", "setup", "attrs", "fresh"} & set(case)
        if case["kind"] == kind and not beside and case["id"] not in DECIDED:
            yield case


def definition(file: str, model: str) -> str:
    for one in compiled(MUSEUM / "v1_0" / f"{file}.py"):
        if one.definition["model"] == model:
            return json.dumps(one.definition)
    raise AssertionError(model)


@pytest.mark.parametrize(("file", "model", "folder", "least", "_"), REBUILT)
def test_messages_of_the_vectors_are_decoded(
    file: str, model: str, folder: str, least: int, _: int
) -> None:
    data = definition(file, model)
    ran = 0
    for case in cases(model, folder, "from_zigbee"):
        for step in case["steps"]:
            if "rx" not in step or "t_ms" in json.dumps(step.get("expect", [])):
                continue
            frame = {
                "endpoint": step["rx"]["ep"],
                "cluster": step["rx"]["cluster"],
                "zcl": step["rx"]["zcl"],
            }
            (decoded,) = json.loads(_core.decode(data, json.dumps([frame])))
            published = [one["mqtt"]["payload"] for one in step["expect"] if "mqtt" in one]
            if len(published) != 1 or len(case["steps"]) != 1:
                continue
            wanted = {key: value for key, value in published[0].items() if key != "linkquality"}
            got = {key: decoded["values"].get(key, "missing") for key in wanted}
            assert got == pytest.approx(wanted, abs=0.005), case["id"]
            ran += 1
    assert ran >= least


@pytest.mark.parametrize(("file", "model", "folder", "_", "least"), REBUILT)
def test_settings_of_the_vectors_are_written(
    file: str, model: str, folder: str, _: int, least: int
) -> None:
    data = definition(file, model)
    ran = 0
    for case in cases(model, folder, "to_zigbee_set"):
        (step,) = case["steps"][:1]
        sent = [one["tx"] for one in step.get("expect", []) if "tx" in one]
        payload = step.get("mqtt", {}).get("payload")
        if len(case["steps"]) != 1 or step["mqtt"]["topic"] != "zigbee2mqtt/dev/set":
            continue
        if not isinstance(payload, dict):
            continue
        done = json.loads(_core.encode(data, json.dumps({"set": payload})))
        kinds = [next(iter(one)) for one in done["operations"]]
        clusters = [int(next(iter(one.values()))["cluster"], 16) for one in done["operations"]]
        assert len(kinds) == len(sent), (case["id"], done)
        assert clusters == [one["cluster"] for one in sent], case["id"]
        ran += 1
    assert ran >= least
