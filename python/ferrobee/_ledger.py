"""Durable time and values: what automations must not forget when the process ends.

A *timer* is a row that says when its owner wants to be told, and what it wrote down for that
moment; a *value* is a JSON text under an owner's key. An owner is an automation file. Both outlive
restarts, reloads and `kill -9`. The ledgers of `ferrobee._ledgers` keep them on the disk, with the
same table in Rust; `MemoryLedger` forgets them with the process and is for tests and for scripts
that have no file.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from ferrobee.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = [
    "BYTES_PER_OWNER",
    "TIMERS_PER_OWNER",
    "Change",
    "Due",
    "Ledger",
    "Loaded",
    "MemoryLedger",
    "PutTimer",
    "PutValue",
    "RemoveTimer",
    "RemoveValue",
    "Timer",
    "is_missed",
]

TIMERS_PER_OWNER = 10_000
"""More timers than this and the commit is refused: an automation that sets timers in a loop."""
BYTES_PER_OWNER = 1024 * 1024
"""Ids, keys, data and values of an owner together, in bytes of UTF-8."""
GRACE = 1.0
"""Seconds. A timer that is told this much after its moment was not missed; the loop was busy."""
LOOK_AGAIN = 30.0
"""Seconds after which a stepped wall clock is noticed at the latest."""
STEP = 1.0
"""Seconds by which the wall clock must leave the monotonic one to be called stepped."""
_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Timer:
    """A moment at which an owner wants to be told."""

    owner: str
    """Stable id of the automation file."""
    id: str
    """Stable id within it."""
    due: float
    """Unix seconds; kept to the millisecond."""
    span: float | None = None
    """Seconds, for "so long from now": the timer follows the monotonic clock while the program
    runs, and what remains after a restart is clamped to `[0, span]`. `None`: a moment of the wall
    clock."""
    missed: str = "run_late"
    """What holds when the moment has passed unseen: `run_late`, `skip`, `run_if_within:SECONDS`."""
    data: str = "null"
    """JSON of the owner's choice."""


@dataclass(frozen=True, slots=True)
class Due:
    """A timer whose moment has come."""

    timer: Timer
    late: float
    """Seconds since the moment, at least 0."""
    missed: bool
    """True if the policy says not to run. The owner still hears, to set the next one."""


@dataclass(frozen=True, slots=True)
class PutTimer:
    """Sets a timer; one with the same owner and id is replaced."""

    timer: Timer


@dataclass(frozen=True, slots=True)
class RemoveTimer:
    """Removes a timer, if it is there."""

    owner: str
    id: str


@dataclass(frozen=True, slots=True)
class PutValue:
    """Sets a value."""

    owner: str
    key: str
    value: str
    """JSON."""


@dataclass(frozen=True, slots=True)
class RemoveValue:
    """Removes a value, if it is there."""

    owner: str
    key: str


Change = PutTimer | RemoveTimer | PutValue | RemoveValue


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a ledger holds."""

    timers: list[Timer] = field(default_factory=list)
    """By owner and id."""
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    """Owner, key, JSON."""


class Ledger(Protocol):
    """Where timers and values are kept. One reader; used from one asyncio loop."""

    async def load(self) -> Loaded:
        """What is kept. Called once, before `due`. A span timer's `due` is already clamped."""
        ...

    def commit(self, changes: Sequence[Change], /) -> None:
        """Makes changes, in order, all of them or none, in one transaction.

        They hold at once in memory. On the disk they are, in the order of the commits, soon after;
        `saved` waits for that. Raises `LedgerError` when an owner would keep more than is allowed,
        or when a policy is none.
        """
        ...

    async def saved(self) -> None:
        """Returns when all commits so far would survive `kill -9` and a power cut.

        For what must not happen before it is written down. Raises `LedgerError` if they could not
        be written.
        """
        ...

    async def due(self) -> list[Due]:
        """The next timers whose moment has come, at least one, by moment, owner and id.

        Each is told once, and stays until a commit removes it or puts it anew; after a restart it
        is told again. So it is told at least once.
        """
        ...


def is_missed(policy: str, late: float) -> bool:
    """What a missed-fire policy says of a timer that is told `late` seconds after its moment.

    `ValueError` if the policy is none.
    """
    if policy == "run_late":
        return False
    if policy == "skip":
        return late > GRACE
    kind, colon, seconds = policy.partition(":")
    if kind == "run_if_within" and colon and seconds.isascii() and seconds.isdigit():
        return late > max(float(seconds), GRACE)
    raise ValueError(
        f"'{policy}' is no policy for missed timers: run_late, skip or run_if_within:SECONDS"
    )


@dataclass(slots=True)
class _Row:
    timer: Timer
    number: int
    """Of the put: an entry of a queue with another number is stale."""
    end: float | None
    """When a span timer is due, by the monotonic clock."""
    told: bool = False


class MemoryLedger:
    """A ledger that forgets everything with the process.

    `wall` gives unix seconds; the monotonic clock is the time of the running asyncio loop, so that
    a loop with virtual time gives virtual timers. `loaded` is what a ledger before it kept.
    """

    def __init__(
        self, loaded: Loaded | None = None, *, wall: Callable[[], float] = time.time
    ) -> None:
        self._wall = wall
        self._before = loaded or Loaded()
        self._rows: dict[tuple[str, str], _Row] = {}
        self._values: dict[str, dict[str, str]] = {}
        self._bytes: dict[str, int] = {}
        self._counts: dict[str, int] = {}
        self._moments: list[tuple[float, str, str, int]] = []
        self._spans: list[tuple[float, str, str, int]] = []
        self._number = 0
        self._wake = asyncio.Event()
        self._ahead: float | None = None

    async def load(self) -> Loaded:
        self._commit(
            [
                *(PutTimer(timer) for timer in self._before.timers),
                *(
                    PutValue(owner, key, value)
                    for owner, values in self._before.values.items()
                    for key, value in values.items()
                ),
            ]
        )
        self._before = Loaded()
        for row in self._rows.values():
            row.told = False
            self._queue(row)
        return self.rows()

    def rows(self) -> Loaded:
        """A copy of what is kept now."""
        self._notice_step()
        return Loaded(
            [self._rows[key].timer for key in sorted(self._rows)],
            {owner: dict(values) for owner, values in sorted(self._values.items())},
        )

    def commit(self, changes: Sequence[Change], /) -> None:
        self._commit(changes)

    async def saved(self) -> None:
        return

    async def due(self) -> list[Due]:
        while True:
            self._wake.clear()
            self._notice_step()
            if due := self._take():
                return due
            wait = self._wait()
            loop = asyncio.get_running_loop()
            handle = loop.call_at(loop.time() + wait, self._wake.set) if wait is not None else None
            try:
                await self._wake.wait()
            finally:
                if handle is not None:
                    handle.cancel()

    def _commit(self, changes: Iterable[Change]) -> None:
        changes = list(changes)
        self._check(changes)
        self._notice_step()
        for change in changes:
            match change:
                case PutTimer(timer):
                    self._put(timer)
                case RemoveTimer(owner, id_):
                    self._rows.pop((owner, id_), None)
                case PutValue(owner, key, value):
                    self._values.setdefault(owner, {})[key] = value
                case RemoveValue(owner, key):
                    values = self._values.get(owner, {})
                    values.pop(key, None)
                    if not values:
                        self._values.pop(owner, None)
        self._wake.set()

    def _check(self, changes: Sequence[Change]) -> None:
        """Refuses the whole commit, or takes over the sums that hold after it."""
        sizes: dict[tuple[str, type, str], int | None] = {}
        counts: dict[str, int] = {}
        grown: dict[str, int] = {}
        for change in changes:
            size: int | None = None
            kind: type = PutTimer if isinstance(change, PutTimer | RemoveTimer) else PutValue
            match change:
                case PutTimer(timer):
                    try:
                        is_missed(timer.missed, 0.0)
                    except ValueError as error:
                        raise LedgerError(str(error)) from error
                    owner, name, size = timer.owner, timer.id, _size(timer.id, timer.data)
                case PutValue(owner, name, value):
                    size = _size(name, value)
                case RemoveTimer(owner, name) | RemoveValue(owner, name):
                    pass
            place = (owner, kind, name)
            before = sizes[place] if place in sizes else self._size_of(place)
            sizes[place] = size
            grown[owner] = grown.get(owner, 0) + (size or 0) - (before or 0)
            if kind is PutTimer:
                counts[owner] = counts.get(owner, 0) + (size is not None) - (before is not None)
        for owner, more in grown.items():
            if more > 0 and self._bytes.get(owner, 0) + more > BYTES_PER_OWNER:
                raise LedgerError(
                    f"{owner} would keep more than {BYTES_PER_OWNER} bytes; nothing was changed"
                )
        for owner, more in counts.items():
            if more > 0 and self._counts.get(owner, 0) + more > TIMERS_PER_OWNER:
                raise LedgerError(
                    f"{owner} would have more than {TIMERS_PER_OWNER} timers; nothing was changed"
                )
        for owner, more in grown.items():
            self._bytes[owner] = self._bytes.get(owner, 0) + more
        for owner, more in counts.items():
            self._counts[owner] = self._counts.get(owner, 0) + more

    def _size_of(self, place: tuple[str, type, str]) -> int | None:
        owner, kind, name = place
        if kind is PutTimer:
            row = self._rows.get((owner, name))
            return _size(name, row.timer.data) if row else None
        value = self._values.get(owner, {}).get(name)
        return None if value is None else _size(name, value)

    def _put(self, timer: Timer) -> None:
        self._number += 1
        due = _milliseconds(timer.due)
        span, end = timer.span, None
        if span is not None:
            span = max(0.0, _milliseconds(span))
            wall = self._wall()
            left = due - wall
            if left > span:
                due = _milliseconds(wall + span)
                left = span
            # One that is past due keeps its moment: that is how late it is.
            end = _monotonic() + left
        row = _Row(replace(timer, due=due, span=span), self._number, end)
        self._rows[timer.owner, timer.id] = row
        self._queue(row)

    def _queue(self, row: _Row) -> None:
        timer = row.timer
        if row.end is None:
            heapq.heappush(self._moments, (timer.due, timer.owner, timer.id, row.number))
        else:
            heapq.heappush(self._spans, (row.end, timer.owner, timer.id, row.number))

    def _waiting(self, queue: list[tuple[float, str, str, int]]) -> _Row | None:
        """The first timer of a queue that is still to be told."""
        while queue:
            _, owner, id_, number = queue[0]
            row = self._rows.get((owner, id_))
            if row is not None and row.number == number and not row.told:
                return row
            heapq.heappop(queue)
        return None

    def _take(self) -> list[Due]:
        wall, monotonic = self._wall(), _monotonic()
        due = []
        for queue, now in ((self._moments, wall), (self._spans, monotonic)):
            while (row := self._waiting(queue)) and queue[0][0] <= now + _TOLERANCE:
                late = max(0.0, now - queue[0][0])
                row.told = True
                due.append(Due(row.timer, late, is_missed(row.timer.missed, late)))
        due.sort(key=lambda due: (due.timer.due, due.timer.owner, due.timer.id))
        return due

    def _wait(self) -> float | None:
        """Seconds after which there is something to look at."""
        waits = []
        if self._waiting(self._spans):
            waits.append(self._spans[0][0] - _monotonic())
        if self._waiting(self._moments):
            waits.append(min(self._moments[0][0] - self._wall(), LOOK_AGAIN))
        return max(0.0, min(waits)) if waits else None

    def _notice_step(self) -> None:
        """Keeps `due` of span timers true when the wall clock was set."""
        ahead = self._wall() - _monotonic()
        if self._ahead is None:
            self._ahead = ahead
        step = ahead - self._ahead
        if abs(step) > STEP:
            self._ahead = ahead
            for row in self._rows.values():
                if row.end is not None:
                    row.timer = replace(row.timer, due=_milliseconds(row.timer.due + step))


def _monotonic() -> float:
    return asyncio.get_running_loop().time()


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000) / 1000


def _size(*texts: str) -> int:
    return sum(len(text.encode()) for text in texts)
