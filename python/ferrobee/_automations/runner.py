"""Runs handlers: each run a task of its own, with a policy for those that overlap."""

from __future__ import annotations

import asyncio
import inspect
import logging
import traceback
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

from ferrobee._automations.blocking import Stepped, Watchdog
from ferrobee._names import meant
from ferrobee.errors import FerrobeeError

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["POLICIES", "Policy", "Runner", "Slot"]

log = logging.getLogger("ferrobee.automations")

Policy = Literal["single", "restart", "queued", "parallel"]
"""What happens when a handler is to run while it runs: `single`, the new run is left out;
`restart`, the old run is cancelled; `queued`, one after the other; `parallel`, side by side."""
POLICIES: tuple[Policy, ...] = get_args(Policy)

T = TypeVar("T")

QUEUE = 1000
"""Runs that may wait, or go on side by side, per handler; more are left out and counted."""

_SLOT: ContextVar[Slot] = ContextVar("ferrobee_slot")
"""Whose run a task belongs to: also tasks that handlers make are watched."""

Body = Callable[[], Coroutine[Any, Any, object]]
Done = Callable[[], None]


def _nothing() -> None:
    """Nobody wants to know when the run is over."""


@dataclass(slots=True)
class _Waiting:
    body: Body
    done: Done


@dataclass(slots=True, eq=False)
class Slot:
    """What is known of a handler while it runs again and again; it outlives reloads of its file."""

    owner: str
    id: str
    name: str
    """For people: `hall.py:12 overload`."""
    file: str
    policy: Policy = "single"
    context: Context = field(default_factory=Context)
    """In which its tasks run: the scope of its file."""
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    queue: deque[_Waiting] = field(default_factory=deque)
    runs: int = 0
    errors: int = 0
    skipped: int = 0
    blocked: int = 0
    last_error: str | None = None
    told: set[str] = field(default_factory=set)
    """Errors whose traceback is in the log already."""


class Runner:
    """Starts the runs of one loop's handlers and counts how they end."""

    def __init__(self, *, watchdog: Watchdog | None, changed: Callable[[], None]) -> None:
        self._watchdog = watchdog
        # Called when a counter that people look at has changed for the worse.
        self._changed = changed
        self._slots: dict[Slot, None] = {}
        self._closing = False
        # What is to run once the house is known; None from then on.
        self._early: list[Callable[[], None]] | None = []
        self.runs = 0

    def begin(self) -> None:
        """Runs begin from now on; those that were asked for before do now."""
        early, self._early = self._early or [], None
        for fire in early:
            fire()

    def fire(self, slot: Slot, body: Body, done: Done = _nothing, *, newest: bool = False) -> None:
        """Runs `body` as the slot's policy says.

        `done` is called when the run has ended or was left out, but not when it was cancelled
        because everything ends: then it is to run again. With `newest`, one run at most waits for
        the present one, and a newer one takes its place.
        """
        if self._closing:
            return
        if self._early is not None:
            self._early.append(lambda: self.fire(slot, body, done, newest=newest))
        elif not slot.tasks:
            self._begin(slot, body, done)
        elif newest:
            self._replace(slot, body, done)
        elif slot.policy == "single":
            slot.skipped += 1
            done()
        elif slot.policy == "restart":
            for task in slot.tasks:
                task.cancel()
            # It begins when the old run has ended: a run that is being cancelled may still act.
            self._replace(slot, body, done)
        elif len(slot.tasks) + len(slot.queue) >= QUEUE:
            slot.skipped += 1
            if slot.skipped == 1:
                log.warning(
                    "%s: %d runs are waiting; new ones are left out until it gets on",
                    slot.name,
                    QUEUE,
                )
            done()
        elif slot.policy == "queued":
            slot.queue.append(_Waiting(body, done))
        else:
            self._begin(slot, body, done)

    def cancel(self, slot: Slot) -> None:
        """Ends the slot's runs and forgets those that wait."""
        while slot.queue:
            slot.queue.popleft().done()
        for task in slot.tasks:
            task.cancel()

    async def close(self, grace: float) -> None:
        """Lets the runs end; cancels those that have not after `grace` seconds.

        What still goes on after as long again is left behind, and named.
        """
        self._closing = True
        for slot in self._slots:
            slot.queue.clear()
        await self._wait(grace)
        for slot in sorted(self._slots, key=lambda slot: slot.name):
            log.warning("%s is still running; it is cancelled", slot.name)
            for task in slot.tasks:
                task.cancel()
        await self._wait(max(grace, 0.1))
        for slot in sorted(self._slots, key=lambda slot: slot.name):
            log.error("%s does not end, though cancelled; it is left behind", slot.name)

    async def _wait(self, seconds: float) -> None:
        # What comes in the meantime does not begin: so the set only shrinks.
        if tasks := [task for slot in self._slots for task in slot.tasks]:
            await asyncio.wait(tasks, timeout=seconds)

    def _replace(self, slot: Slot, body: Body, done: Done) -> None:
        while slot.queue:
            slot.skipped += 1
            slot.queue.popleft().done()
        slot.queue.append(_Waiting(body, done))

    def _begin(self, slot: Slot, body: Body, done: Done) -> None:
        slot.runs += 1
        self.runs += 1
        context = slot.context.copy()
        context.run(_SLOT.set, slot)
        run = self._watched(self._run(slot, body), slot)
        task = asyncio.get_running_loop().create_task(run, name=slot.name, context=context)
        slot.tasks.add(task)
        self._slots[slot] = None
        # Also for a task that is cancelled before its first step.
        task.add_done_callback(lambda task: self._ended(slot, task, done))

    async def _run(self, slot: Slot, body: Body) -> None:
        try:
            await body()
        except (asyncio.CancelledError, KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:
            # Also SystemExit: asyncio would end everything for it.
            self.failed(slot, error)

    def _ended(self, slot: Slot, task: asyncio.Task[None], done: Done) -> None:
        slot.tasks.discard(task)
        if not slot.tasks:
            self._slots.pop(slot, None)
        if not (self._closing and task.cancelled()):
            self._done(slot, done)
        if slot.queue and not slot.tasks and not self._closing:
            waiting = slot.queue.popleft()
            self._begin(slot, waiting.body, waiting.done)

    def _done(self, slot: Slot, done: Done) -> None:
        try:
            done()
        except FerrobeeError as error:
            # The bridge has ended before it could be written down: it runs again at the next start.
            log.warning("%s has run, which can't be written down: %s", slot.name, error)

    def failed(self, slot: Slot, error: BaseException) -> None:
        """Logs and counts what a handler raised."""
        slot.errors += 1
        place, trace = _place(error.__traceback__, slot.file)
        text = f"{error}{meant(error)}"
        what = f"{type(error).__name__}: {text}" if text else type(error).__name__
        slot.last_error = f"{place}: {what}" if place else what
        line = f"{slot.name} failed: {slot.last_error}"
        if place not in slot.told:
            slot.told.add(place)
            if trace:
                line += "\n" + trace
        log.error("%s", line)
        self._changed()

    def watch(self, loop: asyncio.AbstractEventLoop) -> Callable[[], None]:
        """Watches the tasks that handlers make, too; the result ends that."""
        if self._watchdog is None or loop.get_task_factory() is not None:
            return _nothing

        def make(
            loop: asyncio.AbstractEventLoop,
            coroutine: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
            **options: Any,  # noqa: ANN401  (what later versions of Python add)
        ) -> asyncio.Task[Any]:
            slot = _SLOT.get(None)
            if slot is not None and inspect.iscoroutine(coroutine):
                coroutine = self._watched(coroutine, slot)
            return asyncio.Task(coroutine, loop=loop, **options)

        loop.set_task_factory(make)
        return lambda: loop.set_task_factory(None)

    def _watched(self, coroutine: Coroutine[Any, Any, T], slot: Slot) -> Coroutine[Any, Any, T]:
        if self._watchdog is None:
            return coroutine
        report = partial(self._blocked, slot)
        return Stepped(coroutine, self._watchdog, report)

    def _blocked(self, slot: Slot, took: float, place: str | None, *, ended: bool) -> None:
        log.warning(
            "%s %s everything waiting for %.0f ms%s; await instead, or use run_blocking()",
            slot.name,
            "kept" if ended else "has kept, and still keeps,",
            took * 1000,
            f" at {place}" if place else "",
        )
        if ended:
            slot.blocked += 1
            self._changed()


def _place(trace: TracebackType | None, file: str) -> tuple[str, str]:
    """The innermost line of the automation's file, and the stack from its first line on."""
    place, first, link = "", None, trace
    while link is not None:
        if link.tb_frame.f_code.co_filename == file:
            first = first or link
            place = f"{file}:{link.tb_lineno}"
        link = link.tb_next
    if not place and trace is not None:
        last = traceback.extract_tb(trace)[-1]
        place = f"{last.filename}:{last.lineno}"
    return place, "".join(traceback.format_tb(first or trace)).rstrip()
