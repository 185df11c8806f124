"""Recordings that a definition names are tests of it: it has to say what was published then."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from ferrobee._core import decode
from ferrobee.converters._findings import Finding
from ferrobee.converters._source import number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ferrobee.converters._attributes import Json
    from ferrobee.converters._calls import Calls
    from ferrobee.converters.compile import CompiledDefinition

__all__ = ["recorded"]

_NOT_COMPARED = {"linkquality", "last_seen", "elapsed", "device"}


def recorded(of: CompiledDefinition, calls: Calls) -> Iterator[Finding]:
    """What is wrong with the recordings of a definition: not there, or published otherwise now.

    Lines are JSON with `cluster`, `endpoint`, `zcl` and the `payload` that was published.
    """
    for name in of.captures:
        path = Path(of.file).parent / name
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            text = f"{of.name}: the captures '{name}' are not there: {error.strerror}"
            yield Finding("missing_capture", "error", of.file, of.line, text)
            continue
        state: dict[str, Json] = {}
        for line, text in enumerate(lines, 1):
            if not text.strip():
                continue
            try:
                told = json.loads(text)
                wrong = _differs(of, told, state, calls)
            except (ValueError, KeyError, TypeError) as error:
                wrong = f"it can't be read: {error}"
                told = {}
            state.update(_published(told))
            if wrong:
                yield Finding("capture_differs", "error", str(path), line, f"{of.name}: {wrong}")


def _differs(
    of: CompiledDefinition, told: dict[str, Json], state: dict[str, Json], calls: Calls
) -> str:
    """What would be published otherwise."""
    if told.get("state"):
        state.clear()
        state.update(told["state"])
    device = {key: told[key] for key in ("manufacturer",) if told.get(key)}
    setup = {
        "device": {"model": told.get("zigbee_model"), **device},
        "options": told.get("options") or {},
        "state": state,
    }
    frame = {
        "endpoint": told.get("endpoint", 1),
        "cluster": number(told["cluster"]),
        "zcl": told["zcl"],
    }
    (decoded,) = json.loads(
        decode(json.dumps(of.definition), json.dumps([frame]), json.dumps(setup))
    )
    if "error" in decoded:
        return f"the frame can't be read: {decoded['error']}"
    values: dict[str, Json] = dict(decoded["values"])
    for call in decoded["calls"]:
        reply = calls.run(of, {**call, "state": state})
        if error := reply.get("error"):
            return f"{error['type']}: {error['text']}"
        values.update(reply.get("values", {}))
    published = _published(told)
    rows = [
        f"'{key}' is {value!r}, recorded {_was(key, published)}"
        for key, value in values.items()
        if key not in _NOT_COMPARED and not _alike(value, published.get(key))
    ]
    return "; ".join(rows)


def _published(told: dict[str, Json]) -> dict[str, Json]:
    """What was published: one message, several, or nothing."""
    payload = told.get("payload")
    messages = payload if isinstance(payload, list) else [payload]
    merged: dict[str, Json] = {}
    for one in messages:
        merged.update(one if isinstance(one, dict) else {})
    return merged


def _was(key: str, published: dict[str, Json]) -> str:
    return f"was {published[key]!r}" if key in published else "was nothing"


def _alike(now: Json, then: Json) -> bool:
    """The same, with as many decimals as the recorded value has: precision is an option."""
    if isinstance(now, (int, float)) and isinstance(then, (int, float)):
        if isinstance(now, bool) or isinstance(then, bool):
            return now is then
        digits = len(str(then).partition(".")[2])
        return bool(abs(now - then) <= 0.5 * 10**-digits + 1e-9)
    return json.dumps(now, sort_keys=True) == json.dumps(then, sort_keys=True)
