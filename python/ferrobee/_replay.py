"""`ferrobee replay`."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ferrobee._core import Replay
from ferrobee.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["replay", "steps"]

_BATCH = 256


def steps(source: Replay) -> Iterator[dict[str, Any]]:
    """The steps of a replay, to the end of what there is."""
    while lines := source.read(_BATCH):
        for line in lines:
            yield json.loads(line)


@dataclass
class _Summary:
    inputs: int = 0
    same: int = 0
    outputs: int = 0
    wholes: int = 0
    partials: list[str] = field(default_factory=list)
    first_difference: str | None = None
    notes: list[str] = field(default_factory=list)
    # Inputs after a beginning within a run, where differences are expected.
    loose: int = 0
    loose_same: int = 0

    def add(self, step: dict[str, Any]) -> None:
        match step["step"]:
            case "begin" if step["whole"]:
                self.wholes += 1
            case "begin":
                self.partials.append(f"{step['file']} (input {step['first']} of its run)")
            case "skipped":
                self.notes.append(f"{step['file']}: {step['reason']}; what follows may differ")
            case "torn":
                self.notes.append(
                    f"{step['file']}: the last {step['bytes']} bytes were cut off or are still "
                    "being written; they are not read"
                )
            case "input":
                self._input(step)

    def _input(self, step: dict[str, Any]) -> None:
        self.inputs += 1
        self.outputs += len(step["outputs"])
        differs = step["differs"]
        if not step["exact"]:
            self.loose += 1
            self.loose_same += not differs
        elif not differs:
            self.same += 1
        elif self.first_difference is None:
            self.first_difference = (
                f"input {step['n']} of {_time(step['time'])} led to {step['hash']} "
                f"(recorded: {step['recorded']}): {json.dumps(step['input'], ensure_ascii=False)}"
            )

    def lines(self) -> Iterator[str]:
        yield from self.notes
        yield f"{self.inputs} inputs, {self.outputs} outputs"
        for partial in self.partials:
            yield (
                f"{partial} does not begin its run, whose beginning is not here: replayed from the "
                "settings, devices and states as they were then, without what was under way"
            )
        if self.loose:
            yield f"of {self.loose} inputs after that {self.loose_same} led to what was recorded"
        exact = self.inputs - self.loose
        if self.first_difference is not None:
            yield f"{self.same} of {exact} inputs led to what was recorded. The first that did not:"
            yield self.first_difference
        elif exact:
            yield f"all {exact} inputs from the beginning of a run led to what was recorded"


def replay(path: Path, *, as_json: bool, quiet: bool) -> int:
    """Prints what the inputs of a journal lead to; 1 if it is not what they led to then."""
    if not path.exists():
        raise DataError(f"{path} does not exist; give a file of a journal or a data directory")
    summary = _Summary()
    for step in steps(Replay(path)):
        summary.add(step)
        if as_json:
            print(json.dumps(step, ensure_ascii=False, separators=(",", ":")))
        elif not quiet:
            for line in _shown(step):
                print(line)
    for line in summary.lines():
        print(line, file=sys.stderr)
    return 0 if summary.first_difference is None else 1


def _time(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00") + "Z"


def _shown(step: dict[str, Any]) -> Iterator[str]:
    match step["step"]:
        case "begin":
            yield f"# {_time(step['time'])} run {step['run']}, ferrobee {step['version']}"
        case "input":
            mark = "!" if step["differs"] and step["exact"] else " "
            given = json.dumps(step["input"], ensure_ascii=False)
            yield f"{mark}{step['n']:>7} {_time(step['time'])} {given}"
            for output in step["outputs"]:
                yield f"          -> {_output(output)}"


def _output(output: dict[str, Any]) -> str:
    match output:
        case {"publish": {"topic": topic, "payload": payload, "retain": retain}}:
            text = payload if isinstance(payload, str) else json.dumps(payload)
            return f"publish {topic} {text}{' (retained)' if retain else ''}"
        case {"log": {"level": level, "text": text}}:
            return f"log {level}: {text}"
        case _:
            return json.dumps(output, ensure_ascii=False)
