"""Durable time and values: what automations must not forget when the process ends.

A *timer* is a row that says when its owner wants to be told, and what it wrote down for that
moment; a *value* is a JSON text under an owner's key. An owner is an automation file. Both outlive
restarts, reloads and `kill -9`. What keeps them is in `ferrobee._ledgers` and, of a virtual house,
in `ferrobee.testing`: all of them are the hub's one table, of which an owner may fill 10,000 timers
and 1 MiB of ids, keys, data and values (UTF-8).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Change",
    "Due",
    "Ledger",
    "Loaded",
    "PutTimer",
    "PutValue",
    "RemoveTimer",
    "RemoveValue",
    "Timer",
    "is_missed",
]

GRACE = 1.0
"""Seconds. A timer that is told this much after its moment was not missed; the loop was busy."""


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
