"""Answers what the bridge asks Python: to take a converter that came over MQTT, to draft one.

A thread waits for questions. Each is dealt with by a program of its own
(`ferrobee.converters.requests`), so that neither the radio nor automations wait, and what it needs
of memory goes with it.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Protocol

    class Asking(Protocol):
        """A bridge."""

        def next_question(self) -> tuple[int, str] | None: ...

        def answer(
            self, number: int, answer: str | None = None, *, error: str | None = None
        ) -> None: ...


__all__ = ["answering"]

SECONDS = 120.0
"""The most time that an answer may take."""


@contextmanager
def answering(bridge: Asking, data: Path) -> Iterator[None]:
    """Answers the bridge's questions from when it is entered until the bridge has ended."""
    thread = threading.Thread(
        target=_answer, args=(bridge, data), name="ferrobee-questions", daemon=True
    )
    thread.start()
    yield
    # The bridge has ended, so that no question comes any more. One that takes long is left behind.
    thread.join(timeout=1.0)


def _answer(bridge: Asking, data: Path) -> None:
    while (asked := bridge.next_question()) is not None:
        number, question = asked
        try:
            bridge.answer(number, _asked(data, question))
        except Exception as error:
            bridge.answer(number, error=str(error) or type(error).__name__)


def _asked(data: Path, question: str) -> str:
    import json
    import subprocess
    import sys

    command = [sys.executable, "-P", "-m", "ferrobee.converters.requests", str(data)]
    try:
        done = subprocess.run(
            command,
            input=question.encode(),
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"no answer within {SECONDS:g} seconds") from None
    try:
        told = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        last = done.stderr.decode(errors="replace").strip().splitlines()
        raise RuntimeError(last[-1] if last else f"exit status {done.returncode}") from None
    if "error" in told:
        raise RuntimeError(told["error"])
    return json.dumps(told["answer"], ensure_ascii=False)
