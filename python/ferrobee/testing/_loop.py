"""An asyncio event loop in virtual time.

`VirtualLoop.time()` is a number that the loop itself moves: when nothing is ready to run, it jumps
to the next timer. A day of waiting takes as long as what happens in it. With a `World` beside it
(the simulated house) both share one time: the world lives up to the next timer and stops earlier
when it has something to say.

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main())
"""

from __future__ import annotations

import asyncio
import math
import selectors
from collections.abc import Callable, Coroutine, Generator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, TypeVarTuple
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Sized
    from concurrent.futures import Executor
    from types import TracebackType

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

BEGIN = datetime(2026, 1, 5, 12, tzinfo=UTC)
"""The wall clock's time at loop time 0, unless told otherwise: a Monday noon in winter."""

PATIENCE = 3600.0
"""For how many seconds of virtual time a test may wait for something that does not come."""


class StuckError(AssertionError):
    """Somebody waits for what will not happen."""


class World(Protocol):
    """What lives beside the loop in the same time."""

    def advance(self, until: float) -> float:
        """Lives until loop time `until` (seconds; may be infinite) and gives the time reached.

        It stops earlier when something has become ready in the loop (it has called `call_soon` or
        set a future), and only then.
        """
        ...


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only when nobody has anything to do.

    Threads of `run_in_executor` and `asyncio.to_thread` are waited for in real time, while virtual
    time stands still. File descriptors are looked at between two jumps but never waited for.
    """

    def __init__(self, world: World | None = None, *, start: float = 0.0) -> None:
        self._virtual = start
        self._threads = 0
        self.world = world
        self.horizon: float | None = None
        """Time does not go beyond (`StuckError` if it had to). None: as far as timers reach."""
        super().__init__(selector=_Selector(self))

    def time(self) -> float:
        """Virtual seconds since the loop's beginning."""
        return self._virtual

    def run_in_executor(
        self,
        executor: Executor | None,
        func: Callable[[*Ts], T],
        *args: *Ts,
    ) -> asyncio.Future[T]:
        """Like asyncio's; virtual time stands still until the thread is done."""
        future = super().run_in_executor(executor, func, *args)
        self._threads += 1
        future.add_done_callback(self._thread_done)
        return future

    async def shutdown_default_executor(self, *args: Any) -> None:  # noqa: ANN401
        """Like asyncio's, which waits for the threads from another one."""
        self._threads += 1
        try:
            await super().shutdown_default_executor(*args)
        finally:
            self._threads -= 1

    def _thread_done(self, _: asyncio.Future[Any]) -> None:
        self._threads -= 1

    @property
    def is_idle(self) -> bool:
        """True if nobody has anything to do at this instant."""
        ready: Sized = self._ready  # type: ignore[attr-defined]  # asyncio's own, undeclared
        return not ready

    def catch_up(self, time: float) -> None:
        """The world has lived on by itself until `time`, while nobody waited."""
        self._virtual = max(self._virtual, time)

    def _pass(self, timeout: float | None) -> None:
        """Nothing is ready: time passes for `timeout` seconds (None: there is no timer) at most."""
        before = self._virtual
        until = math.inf if timeout is None else before + timeout
        end = until if self.horizon is None else max(min(until, self.horizon), before)
        if self.world is not None:
            reached = self.world.advance(end)
            # What the world counts in whole microseconds must not miss a timer by one.
            self._virtual = max(end if reached >= end else reached, before)
        elif end < math.inf:
            self._virtual = end
        if self._virtual < until and self._virtual in (before, end) and self.is_idle:
            raise StuckError(self._complaint())

    def _complaint(self) -> str:
        lines = [f"at {self._virtual:.3f} s everyone waits for something that does not happen:"]
        lines += sorted(_where(task) for task in asyncio.all_tasks(self))
        return "\n  ".join(lines)


def _where(task: asyncio.Task[Any]) -> str:
    stack = task.get_stack(limit=1)
    place = f"{stack[0].f_code.co_filename}:{stack[0].f_lineno}" if stack else "?"
    return f"{task.get_name()} at {place}"


class _Selector(selectors.PollSelector):
    """The selector of a loop that does not wait."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        loop = self._loop
        if timeout is not None and timeout <= 0:
            # One descriptor is the loop's own, by which threads wake it; it is awake.
            return super().select(0) if loop._threads or len(self.get_map()) > 1 else []
        if loop._threads:
            return super().select(None)
        events = super().select(0) if len(self.get_map()) > 1 else []
        if not events:
            loop._pass(timeout)
        return events


class Watched(Coroutine[Any, Any, T]):
    """A coroutine whose loop loses its patience when it has waited too long.

    Each step moves the loop's horizon to `patience` seconds from then.
    """

    def __init__(
        self, loop: VirtualLoop, coroutine: Coroutine[Any, Any, T], patience: float = PATIENCE
    ) -> None:
        self._loop = loop
        self._coroutine = coroutine
        self._patience = patience

    def send(self, value: Any) -> Any:  # noqa: ANN401
        self._loop.horizon = self._loop.time() + self._patience
        return self._coroutine.send(value)

    def throw(
        self,
        kind: Any,  # noqa: ANN401
        value: Any = None,  # noqa: ANN401
        traceback: TracebackType | None = None,
    ) -> Any:  # noqa: ANN401
        self._loop.horizon = self._loop.time() + self._patience
        error = kind if value is None else value
        return self._coroutine.throw(error.with_traceback(traceback) if traceback else error)

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, T]:
        return self._coroutine.__await__()


class VirtualClock:
    """The wall clock of a virtual loop. `step` does what the owner of a wrong clock does."""

    def __init__(
        self, loop: VirtualLoop, begin: datetime = BEGIN, timezone: ZoneInfo | None = None
    ) -> None:
        """`begin` is aware: the wall clock's time at the loop's present time."""
        self._loop = loop
        self._origin = begin.astimezone(UTC) - timedelta(seconds=loop.time())
        self._last: tuple[float, datetime] | None = None
        self.timezone = timezone or ZoneInfo("UTC")

    def now(self) -> datetime:
        """The time of day, in the house's time zone."""
        time = self._loop.time()
        if self._last is None or self._last[0] != time:
            moment = self._origin + timedelta(seconds=time)
            self._last = (time, moment.astimezone(self.timezone))
        return self._last[1]

    def monotonic(self) -> float:
        """Seconds that no step of the wall clock changes: the loop's time."""
        return self._loop.time()

    def step(self, seconds: float) -> None:
        """Sets the wall clock forward (or, negative, back); what is monotonic does not notice."""
        self._origin += timedelta(seconds=seconds)
        self._last = None
