"""Calls of a converter's functions in a worker, as the bridge makes them."""

from __future__ import annotations

import json
import selectors
import subprocess
import time
from typing import TYPE_CHECKING

from ferrobee.converters.compile import command

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from ferrobee.converters._attributes import Json
    from ferrobee.converters.compile import CompiledDefinition

__all__ = ["Calls"]

SECONDS = 1.0
"""The most time that a call may take, as in the bridge."""
PATIENCE = 5.0
"""How long an answer is waited for: the worker itself names the line where a call never ends."""
LOADING = 10.0


class Calls:
    """A worker for a file."""

    def __init__(self, file: Path, *, text: Path | None = None) -> None:
        self._file = file
        self._text = ["--text", str(text)] if text else []
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Calls:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def run(self, of: CompiledDefinition, call: dict[str, Json]) -> dict[str, Json]:
        """The answer to a call. A worker that takes too long is ended, and answers with that."""
        if self._process is None:
            self._process = subprocess.Popen(
                [*command("worker"), str(self._file), *self._text],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            # What loading takes is no part of the call: any answer says that it is over.
            self._asked(self._process, "{}", LOADING)
        asked = {"id": 1, "definition": of.definition["model"], "state": {}, "options": {}, **call}
        since = time.monotonic()
        line = self._asked(self._process, json.dumps(asked), PATIENCE)
        late = time.monotonic() - since > SECONDS
        if not line:
            self._end()
            text = f"it did not answer within {PATIENCE:g} seconds, or ended"
            return {"error": {"type": "timeout", "text": text}}
        answer: dict[str, Json] = json.loads(line)
        answer.pop("id", None)
        if late and "error" not in answer:
            text = f"it took longer than {SECONDS:g} second, the most that the bridge waits"
            return {"error": {"type": "timeout", "text": text}}
        return answer

    @staticmethod
    def _asked(process: subprocess.Popen[bytes], call: str, limit: float) -> bytes:
        if process.stdin is None or process.stdout is None:
            return b""
        try:
            process.stdin.write(call.encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            return b""
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            return process.stdout.readline() if selector.select(limit) else b""

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
