"""Runs the functions of a converter: `python -m ferrobee.converters.worker FILE`.

JSON lines: a call on the input, its answer on the output, until the input ends. The bridge starts
one such process for each converter with functions, and ends it when a call takes too long. What
the converter prints goes to the error output.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ferrobee.converters._attributes import Attribute, Command, Tag
from ferrobee.converters._module import bounded, ended_with, failure, load
from ferrobee.converters.functions import Answer, DatapointNumber, From, Message, Request, marks
from ferrobee.converters.operations import Operation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ferrobee.converters._attributes import Json
    from ferrobee.converters._definition import Definition

__all__ = ["Worker", "main"]


CPU_SECONDS = 0.8
"""How long a call may compute. The bridge ends the program after a second."""
ORPHAN_SECONDS = 15
"""How long a call may take where nobody ends the program: not the bridge, which was killed, nor the
system, which can't say that the input has ended."""


class Worker:
    """The definitions of a file, and answers to calls of their functions."""

    def __init__(self, classes: Iterable[type[Definition]], file: str) -> None:
        self.file = file
        self.definitions = {cls.model: cls() for cls in classes}

    def answer(self, call: dict[str, Json]) -> dict[str, Json]:
        """Carries one call out. What the function raises is part of the answer."""
        number = call.get("id")
        try:
            definition = self.definitions[call["definition"]]
            function = getattr(definition, call["function"])
            answer = self.called(function, call)
            told = {
                "id": number,
                "values": answer.values,
                "operations": [operation.data() for operation in answer.operations],
            }
            json.dumps(told, allow_nan=False)
        except Exception as error:
            return {"id": number, "error": failure(error, self.file)}
        return told

    def called(self, function: Any, call: dict[str, Json]) -> Answer:  # noqa: ANN401
        match call["call"]:
            case "from_zigbee":
                given = function(_message(function, call))
                return given if isinstance(given, Answer) else Answer(_values(given))
            case "to_zigbee":
                value = _bytes(call.get("value"))
                return _to_send(function(value, _request(call)), {call["key"]: call.get("value")})
            case "configure":
                return _to_send(function(_request(call)), {})
            case other:
                raise ValueError(f"there is no call '{other}'")


def _values(given: object) -> Mapping[str, Json]:
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise TypeError(f"a function gives values by their names, or None; this gave {given!r}")
    return given


def _to_send(given: object, values: Mapping[str, Json]) -> Answer:
    match given:
        case Answer():
            return given
        case None:
            return Answer(values)
        case Operation():
            return Answer(values, [given])
        case Iterable() if not isinstance(given, (str, bytes, Mapping)):
            operations = list(given)
            for operation in operations:
                if not isinstance(operation, Operation):
                    raise TypeError(f"{operation!r} is no operation")
            return Answer(values, operations)
        case _:
            raise TypeError(f"a function gives operations; this gave {given!r}")


def _request(call: dict[str, Json]) -> Request:
    message = call.get("message") or {}
    return Request(
        key=call.get("key", ""),
        message=_bytes(message),
        state=call.get("state") or {},
        options=call.get("options") or {},
        endpoint=call.get("endpoint"),
    )


def _message(function: object, call: dict[str, Json]) -> Message:
    told = call["message"]
    command = told.get("command") or {}
    attributes = {int(key, 16): _bytes(one) for key, one in told.get("attributes", {}).items()}
    tags = {int(key, 16): _bytes(one) for key, one in told.get("tags", {}).items()}
    datapoints = {int(key): _bytes(one) for key, one in told.get("datapoints", {}).items()}
    payload = _bytes(command.get("payload"))
    message = Message(
        cluster=told["cluster"],
        endpoint=told["endpoint"],
        value=None,
        attributes=attributes,
        manufacturer=told.get("manufacturer"),
        tags=tags,
        datapoints=datapoints,
        payload=payload if isinstance(payload, bytes) else b"",
        state=call.get("state") or {},
        options=call.get("options") or {},
    )
    number = command.get("id")
    heard = None if number is None else int(number, 16) if isinstance(number, str) else number
    for mark in marks(function):
        if not isinstance(mark, From):
            continue
        match mark.what:
            case Attribute(cluster=message.cluster, id=one) if one in attributes:
                return _with(message, attributes[one])
            case Tag(number=one) if one in tags:
                return _with(message, tags[one])
            case DatapointNumber(number=one) if one in datapoints:
                return _with(message, datapoints[one])
            case Command(cluster=message.cluster, id=one) if one == heard:
                return _with(message, _bytes(command.get("fields") or {}))
    return message


def _with(message: Message, value: Json) -> Message:
    known = {one.name: getattr(message, one.name) for one in fields(message)}
    return Message(**{**known, "value": value})


def _bytes(value: Json) -> Json:
    """Octets are `{"bytes": "hexadecimal"}` on the way."""
    if isinstance(value, dict):
        if set(value) == {"bytes"} and isinstance(value["bytes"], str):
            return bytes.fromhex(value["bytes"])
        return {key: _bytes(one) for key, one in value.items()}
    return [_bytes(one) for one in value] if isinstance(value, list) else value


class _Endless(BaseException):
    """A call computes for too long. No `Exception`: converters catch those."""


def _endless(*_: object) -> None:
    raise _Endless(f"it did not end within {CPU_SECONDS:g} s of computing")


def _timed(worker: Worker, call: dict[str, Json]) -> dict[str, Json]:
    """An answer in time: the bridge would end us a moment later, and nobody would know the line."""
    signal.setitimer(signal.ITIMER_REAL, ORPHAN_SECONDS)
    try:
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        told = worker.answer(call)
        signal.setitimer(signal.ITIMER_PROF, 0)
    except _Endless as error:
        error_of = {**failure(error, worker.file), "type": "timeout"}
        told = {"id": call.get("id"), "error": error_of}
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return told


def main(arguments: Sequence[str] | None = None) -> int:
    """Answers calls until the input ends; gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m ferrobee.converters.worker")
    parser.add_argument("name", metavar="FILE")
    parser.add_argument("--module", action="store_true", help="FILE is an installed module")
    parser.add_argument("--text", type=Path, help="where the source is that stands for the file's")
    options = parser.parse_args(arguments)
    # Ctrl-C in a terminal reaches all processes of the group; it is the bridge that ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    calls = os.fdopen(os.dup(0), "r", encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    with Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    bounded()
    signal.signal(signal.SIGPROF, _endless)
    worker: Worker | None = None
    broken: dict[str, Json] = {}
    for line in calls:
        # The bridge waits for the answer: nothing else comes but the end, when it was killed.
        with ended_with(calls):
            if worker is None and not broken:
                try:
                    found = load(options.name, module=options.module, text=options.text)
                    worker = Worker(found, options.name)
                except BaseException as error:
                    broken = failure(error, options.name)
            call = json.loads(line)
            told = _timed(worker, call) if worker else {"id": call.get("id"), "error": broken}
        answers.write(json.dumps(told, ensure_ascii=False) + "\n")
        answers.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
