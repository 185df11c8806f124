"""Timers and values of automations that outlive the process, on top of a `Ledger`.

Keys of an owner's values: `store:KEY` (the file's own data), `level:ID` (whether a condition held),
`machine:ID` (a machine's state), `run:ID:NUMBER` (a run that a timer began and that has not ended:
it is begun again after a crash, so that each is run at least once).
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ferrobee._automations.runner import log
from ferrobee._ledger import (
    Change,
    Due,
    Ledger,
    PutTimer,
    PutValue,
    RemoveTimer,
    RemoveValue,
    Timer,
    is_missed,
)
from ferrobee._span import seconds
from ferrobee.errors import FerrobeeError

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Durable", "Moment", "missed_policy"]

Hear = Callable[[Due], None]


@dataclass(frozen=True, slots=True)
class Moment:
    """What handlers of timers may take: the moment that was set, and how late they are."""

    due: datetime
    """The moment that was set, in the zone of the house."""
    late: float
    """Seconds."""


def missed_policy(text: str) -> str:
    """The ledger's form of `run_late`, `skip` and `run_if_within=10min`; `ValueError` if none."""
    if text in ("run_late", "skip"):
        return text
    kind, equals, span = text.partition("=")
    if kind.strip() != "run_if_within" or not equals:
        raise ValueError(f'missed={text!r}: write "run_late", "skip" or "run_if_within=10min"')
    # The ledger's grace for a busy loop is a second.
    return f"run_if_within:{round(seconds(span.strip(), what='run_if_within', least=1.0))}"


class Durable:
    """The rows of all files of a runtime, in memory and in the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._timers: dict[tuple[str, str], Timer] = {}
        self._values: dict[str, dict[str, str]] = {}
        self._hears: dict[tuple[str, str], Hear] = {}
        # Told before anybody listened: a file whose import fails until its owner mends it.
        self._early: dict[tuple[str, str], tuple[Due, float]] = {}
        self._number = 0
        # The loop's, once this is open. Ledgers belong to it.
        self._thread = 0
        # Runs that this process has begun: they go on, whatever is reloaded.
        self._begun: set[tuple[str, str]] = set()

    async def open(self) -> None:
        """Reads what is kept. Once, before everything else."""
        self._thread = threading.get_ident()
        loaded = await self._ledger.load()
        self._timers = {(timer.owner, timer.id): timer for timer in loaded.timers}
        self._values = {owner: dict(values) for owner, values in loaded.values.items()}
        numbers = [_number(timer.data) for timer in loaded.timers]
        for values in self._values.values():
            numbers += [_run_number(key) for key in values]
        self._number = max(numbers, default=0)

    async def run(self) -> None:
        """Tells the timers' owners when their moment has come; until cancelled."""
        while True:
            for due in await self._ledger.due():
                key = (due.timer.owner, due.timer.id)
                # An earlier one of the same batch may have changed it.
                if not self._is_current(key, due.timer):
                    continue
                hear = self._hears.get(key)
                if hear is None:
                    self._early[key] = (due, asyncio.get_running_loop().time())
                else:
                    self._tell(hear, due)

    async def saved(self) -> None:
        """Returns when what was committed is on the disk."""
        await self._ledger.saved()

    # Timers.

    def listen(self, owner: str, id: str, hear: Hear) -> Callable[[], None]:  # noqa: A002
        """Has `hear` called when this timer is due; the result ends that."""
        key = (owner, id)
        self._hears[key] = hear
        early = self._early.pop(key, None)
        if early is not None:
            due, told = early
            loop = asyncio.get_running_loop()
            late = due.late + loop.time() - told
            due = Due(due.timer, late, is_missed(due.timer.missed, late))
            # The one who listens is not ready before it has returned.
            loop.call_soon(lambda: self._again(key, due))

        def forget() -> None:
            if self._hears.get(key) is hear:
                del self._hears[key]

        return forget

    def timer(self, owner: str, id: str) -> Timer | None:  # noqa: A002
        """The timer that is set."""
        return self._timers.get((owner, id))

    def timer_data(self, owner: str, id: str) -> dict[str, Any] | None:  # noqa: A002
        """What was written down with the timer that is set."""
        timer = self._timers.get((owner, id))
        if timer is None:
            return None
        data = json.loads(timer.data)
        return data if isinstance(data, dict) else {}

    def put(
        self,
        owner: str,
        id: str,  # noqa: A002
        due: float,
        *,
        span: float | None,
        missed: str,
        **data: Any,  # noqa: ANN401
    ) -> PutTimer:
        """The change that sets a timer."""
        self._number += 1
        text = json.dumps({"n": self._number, **data}, separators=(",", ":"))
        return PutTimer(Timer(owner, id, round(due, 3), span, missed, text))

    # Values.

    def value(self, owner: str, key: str) -> Any:  # noqa: ANN401
        """A value; None if there is none."""
        text = self._values.get(owner, {}).get(key)
        return None if text is None else json.loads(text)

    def keys(self, owner: str, prefix: str) -> list[str]:
        """The keys that begin with `prefix`, without it, sorted."""
        return sorted(
            key.removeprefix(prefix)
            for key in self._values.get(owner, ())
            if key.startswith(prefix)
        )

    # Changes.

    def commit(self, changes: Iterable[Change]) -> None:
        """Makes the changes in one transaction. `FerrobeeError` if the ledger refuses them."""
        changes = list(changes)
        if not changes:
            return
        if self._thread not in (0, threading.get_ident()):
            raise FerrobeeError(
                "timers and values are set in handlers, and not in the threads of run_blocking(): "
                "give back what there is to remember"
            )
        self._ledger.commit(changes)
        for change in changes:
            match change:
                case PutTimer(timer):
                    key = (timer.owner, timer.id)
                    self._timers[key] = timer
                    self._early.pop(key, None)
                case RemoveTimer(owner, id):
                    self._timers.pop((owner, id), None)
                    self._early.pop((owner, id), None)
                case PutValue(owner, key_, value):
                    self._values.setdefault(owner, {})[key_] = value
                case RemoveValue(owner, key_):
                    values = self._values.get(owner, {})
                    values.pop(key_, None)
                    if not values:
                        self._values.pop(owner, None)

    def begin_run(
        self,
        owner: str,
        id: str,  # noqa: A002
        due: float,
        missed: str,
        changes: Iterable[Change] = (),
        **data: Any,  # noqa: ANN401
    ) -> Callable[[], None]:
        """Writes down that a run begins, together with `changes`; the result says it has ended."""
        self._number += 1
        key = f"run:{id}:{self._number}"
        value = json.dumps({"due": due, "missed": missed, **data}, separators=(",", ":"))
        self.commit([*changes, PutValue(owner, key, value)])

        return self._ending(owner, key)

    def unfinished(
        self,
        owner: str,
        id: str,  # noqa: A002
        now: float,
    ) -> list[tuple[dict[str, Any], Callable[[], None]]]:
        """The runs that a process before this one began and did not end, oldest first."""
        found = []
        keys = [
            key
            for key in self._values.get(owner, ())
            if key.rpartition(":")[0] == f"run:{id}" and (owner, key) not in self._begun
        ]
        for key in sorted(keys, key=_run_number):
            data = json.loads(self._values[owner][key])
            if is_missed(data["missed"], now - data["due"]):
                self.commit([RemoveValue(owner, key)])
                continue
            found.append((data, self._ending(owner, key)))
        return found

    def forget(self, owner: str, kept: set[str]) -> None:
        """Removes the owner's rows whose ids are not among `kept`; the file's own data stays."""
        changes: list[Change] = [
            RemoveTimer(owner, name)
            for key_owner, name in self._timers
            if key_owner == owner and name not in kept
        ]
        for key in self._values.get(owner, ()):
            kind, _, rest = key.partition(":")
            name = rest.rpartition(":")[0] if kind == "run" else rest
            if kind != "store" and name not in kept:
                changes.append(RemoveValue(owner, key))
        self.commit(changes)

    def owners(self) -> set[str]:
        """Who has rows."""
        return {owner for owner, _ in self._timers} | set(self._values)

    def _ending(self, owner: str, key: str) -> Callable[[], None]:
        self._begun.add((owner, key))

        def ended() -> None:
            self._begun.discard((owner, key))
            if key in self._values.get(owner, ()):
                self.commit([RemoveValue(owner, key)])

        return ended

    def _is_current(self, key: tuple[str, str], timer: Timer) -> bool:
        now = self._timers.get(key)
        return now is not None and now.data == timer.data

    def _again(self, key: tuple[str, str], due: Due) -> None:
        hear = self._hears.get(key)
        if hear is not None and self._is_current(key, due.timer):
            self._tell(hear, due)

    def _tell(self, hear: Hear, due: Due) -> None:
        try:
            hear(due)
        except FerrobeeError as error:
            # A full ledger. The timer stays and is told again after a restart.
            log.error("the timer %s of %s: %s", due.timer.id, due.timer.owner, error)


def _number(data: str) -> int:
    found = json.loads(data)
    number = found.get("n", 0) if isinstance(found, dict) else 0
    return number if isinstance(number, int) else 0


def _run_number(key: str) -> int:
    kind, _, rest = key.partition(":")
    number = rest.rpartition(":")[2]
    return int(number) if kind == "run" and number.isdigit() else 0
