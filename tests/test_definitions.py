"""Definitions on a bench: ferrobee._core.check_definition, decode, encode."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ferrobee import _core

DIMMER: dict[str, Any] = {
    "match": [{"model": "x"}],
    "model": "X",
    "vendor": "V",
    "description": "D",
    "capabilities": [
        {
            "type": "datapoint",
            "name": "minimum",
            "dp": 3,
            "as": {"number": {"divide": 10}},
        },
        {
            "type": "python",
            "exposes": [{"type": "numeric", "name": "speed", "access": 3, "unit": "rpm"}],
            "from": [{"cluster": "0x0402", "attribute": "0x0000", "function": "spin"}],
            "to": [{"key": "speed", "function": "set_speed"}],
        },
    ],
}


def test_nothing_is_wrong_with_a_definition_that_can_be_meant() -> None:
    assert _core.check_definition(json.dumps(DIMMER)) == []


def test_what_is_wrong_is_told_with_its_place() -> None:
    wrong = {**DIMMER, "capabilities": [{"type": "datapoint", "name": "x", "dp": 300}]}
    (problem,) = _core.check_definition(json.dumps(wrong))
    assert problem["path"] == "capabilities[0].dp"
    assert "300" in problem["text"]
    (problem,) = _core.check_definition("{")
    assert problem == {"path": "", "text": "EOF while parsing an object at line 1 column 1"}


def test_what_a_definition_writes_it_reads() -> None:
    text = json.dumps(DIMMER)
    done = json.loads(_core.encode(text, json.dumps({"set": {"minimum": 12.5}})))
    assert done["state"] == {"minimum": 12.5}
    assert done["errors"] == []
    (decoded,) = json.loads(_core.decode(text, json.dumps(done["echo"])))
    assert decoded["values"] == {"minimum": 12.5}


def test_functions_are_named_and_not_run() -> None:
    text = json.dumps(DIMMER)
    frame = {"cluster": "0x0402", "zcl": "18050a000029f6ff"}
    (decoded,) = json.loads(_core.decode(text, json.dumps([frame])))
    (call,) = decoded["calls"]
    assert (call["function"], call["message"]["attributes"]) == ("spin", {"0x0000": -10})
    setup = {"replies": [{"values": {"speed": 7}, "operations": [{"sleep": 0.1}]}]}
    done = json.loads(_core.encode(text, '{"set": {"speed": 7}}', json.dumps(setup)))
    assert (done["state"], done["operations"]) == ({"speed": 7}, [{"sleep": 0.1}])


@pytest.mark.parametrize(
    ("frames", "request_", "setup", "text"),
    [
        ("[{}]", None, "null", "frames: missing field"),
        ("[]", None, '{"x": 1}', "the setup: unknown field `x`"),
        (None, "{}", "null", "the request needs one of set, get, configure"),
    ],
)
def test_bad_input_is_refused(
    frames: str | None, request_: str | None, setup: str, text: str
) -> None:
    work, given = (_core.encode, request_) if frames is None else (_core.decode, frames)
    with pytest.raises(ValueError, match=text):
        work(json.dumps(DIMMER), given or "", setup)


def test_a_frame_that_is_none_spoils_only_itself() -> None:
    frames = [{"cluster": "zzz", "zcl": ""}, {"cluster": 6, "zcl": "1"}, {"cluster": 6, "zcl": ""}]
    decoded = json.loads(_core.decode(json.dumps(DIMMER), json.dumps(frames)))
    assert all(set(one) == {"error"} for one in decoded)
