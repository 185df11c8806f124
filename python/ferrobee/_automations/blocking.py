"""Finds the line that keeps the loop from running.

Each step of a handler's coroutine is timed; that costs two reads of a clock. While handlers run, a
thread looks every 20 ms where a step is that has taken too long, so that the line is known even if
it never ends. When none has run for a second, the thread sleeps until one does.
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Coroutine, Generator
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from types import CodeType, FrameType, TracebackType

__all__ = ["LIMIT", "Stepped", "Watchdog"]

LIMIT = 0.05
"""Seconds that one step of a handler may take."""
_LOOK = 0.02
_IDLE_LOOKS = 50
_TELL = 1.0
"""A step that takes so many seconds may never end: it is told of before it does."""

T = TypeVar("T")


class Report(Protocol):
    """Hears of a step that takes too long."""

    def __call__(self, took: float, place: str | None, *, ended: bool) -> None:
        """`took` seconds at `place`; called in the watchdog's thread if it has not ended."""


class Watchdog:
    """Watches the steps of one loop's thread."""

    def __init__(self, *, limit: float = LIMIT) -> None:
        self.limit = limit
        # The step that runs: when it began. Written by the loop's thread, read by the other one.
        self._step: _Step | None = None
        self._steps = 0
        self._loop_thread = threading.get_ident()
        self._sleeping = False
        self._wake = threading.Event()
        self._over = False
        self._thread: threading.Thread | None = None

    def begin(self, report: Report) -> _Step:
        """A step begins on the loop's thread."""
        step = _Step(time.perf_counter(), report, self._step)
        self._step = step
        self._steps += 1
        if self._sleeping or self._thread is None:
            self._rouse()
        return step

    def end(self, step: _Step) -> None:
        """The step has ended; it is reported if it took too long."""
        self._step = step.outer
        took = time.perf_counter() - step.began
        if took > self.limit:
            step.report(took, step.place, ended=True)

    def close(self) -> None:
        """Ends the thread."""
        self._over = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _rouse(self) -> None:
        if self._thread is None and not self._over:
            self._thread = threading.Thread(
                target=self._look, name="ferrobee-watchdog", daemon=True
            )
            self._thread.start()
        self._sleeping = False
        self._wake.set()

    def _look(self) -> None:
        seen, idle = -1, 0
        while not self._over:
            step = self._step
            if step is not None:
                took = time.perf_counter() - step.began
                if took > self.limit and step.place is None:
                    step.place = self._place(step)
                if took > _TELL and not step.told:
                    step.told = True
                    step.report(took, self._place(step), ended=False)
                idle = 0
            elif self._steps != seen:
                seen, idle = self._steps, 0
            else:
                idle += 1
            if idle < _IDLE_LOOKS:
                time.sleep(_LOOK)
                continue
            self._wake.clear()
            self._sleeping = True
            if self._steps == seen and not self._over:
                self._wake.wait()
            idle = 0

    def _place(self, step: _Step) -> str | None:
        """Where the loop's thread is: the innermost line of the handler's own code."""
        frame: FrameType | None = sys._current_frames().get(self._loop_thread)
        if frame is None or self._step is not step:
            return None
        return place_of(traceback.extract_stack(frame))


class _Step:
    """One step of one handler."""

    __slots__ = ("began", "outer", "place", "report", "told")

    def __init__(self, began: float, report: Report, outer: _Step | None) -> None:
        self.began = began
        self.report = report
        # A step within a step: a handler that runs another one's coroutine by hand.
        self.outer = outer
        self.place: str | None = None
        self.told = False


def place_of(stack: traceback.StackSummary) -> str | None:
    """`hall.py:12`: the innermost line that is neither Python's nor ours."""
    for entry in reversed(stack):
        if _is_foreign(entry.filename):
            return f"{entry.filename}:{entry.lineno}"
    return None


def _is_foreign(filename: str) -> bool:
    return not (
        filename.startswith((sys.base_prefix + "/lib/python", "<"))
        or "/ferrobee/_" in filename
        or "/site-packages/" in filename
    )


class Stepped(Coroutine[Any, Any, T]):
    """A coroutine whose steps are timed."""

    def __init__(
        self, coroutine: Coroutine[Any, Any, T], watchdog: Watchdog, report: Report
    ) -> None:
        self._coroutine = coroutine
        self._watchdog = watchdog
        self._report = report
        self.__name__ = getattr(coroutine, "__name__", "coroutine")
        self.__qualname__ = getattr(coroutine, "__qualname__", "coroutine")

    def send(self, value: Any) -> Any:  # noqa: ANN401
        step = self._watchdog.begin(self._report)
        try:
            return self._coroutine.send(value)
        finally:
            self._watchdog.end(step)

    def throw(
        self,
        kind: Any,  # noqa: ANN401
        value: Any = None,  # noqa: ANN401
        trace: TracebackType | None = None,
    ) -> Any:  # noqa: ANN401
        step = self._watchdog.begin(self._report)
        error = kind if value is None else value
        try:
            return self._coroutine.throw(error.with_traceback(trace) if trace else error)
        finally:
            self._watchdog.end(step)

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, T]:
        return self._coroutine.__await__()

    # What tasks show of a coroutine in their repr and stack.

    @property
    def cr_frame(self) -> FrameType | None:
        return getattr(self._coroutine, "cr_frame", None)

    @property
    def cr_code(self) -> CodeType | None:
        return getattr(self._coroutine, "cr_code", None)

    @property
    def cr_running(self) -> bool:
        return bool(getattr(self._coroutine, "cr_running", False))

    @property
    def cr_await(self) -> Any:  # noqa: ANN401
        return getattr(self._coroutine, "cr_await", None)
