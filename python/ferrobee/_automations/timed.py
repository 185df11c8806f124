"""Triggers of time: every, at, cron, the sun. Each is a row that knows its next moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ferrobee._automations.calendar import SunMoment
from ferrobee._automations.durable import Moment, missed_policy
from ferrobee._automations.runner import log
from ferrobee._automations.triggers import Bound, Port, Trigger, nothing
from ferrobee._clock import at_unix, unix
from ferrobee._ledger import Change, Due, RemoveTimer
from ferrobee._span import Span, seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from ferrobee._automations.calendar import Recurrence

__all__ = ["AT", "EVERY", "Every", "Moment", "Recurring", "rerun", "run_due"]

AT = "run_if_within=10min"
"""Default for times of day: half an hour late, blinds that open at sunrise are no use."""
EVERY = "run_late"


def run_due(port: Port, due: Due, changes: list[Change]) -> None:
    """Runs the handler of a timer, once at least, or leaves it out if it was missed."""
    timer = due.timer
    moment = at_unix(timer.due, port.runtime.clock.timezone)
    if due.missed:
        log.info(
            "%s: %s is %.0f s ago; left out (%s)", port.slot.name, moment, due.late, timer.missed
        )
        port.durable.commit(changes)
        return
    done = port.durable.begin_run(port.owner, port.id, timer.due, timer.missed, changes)
    port.run(Moment(moment, due.late), done)


def rerun(port: Port) -> None:
    """Begins again the runs that a crash has cut off."""
    now = unix(port.runtime.clock.now())
    zone = port.runtime.clock.timezone
    for data, done in port.durable.unfinished(port.owner, port.id, now):
        moment = Moment(at_unix(data["due"], zone), max(0.0, now - data["due"]))
        port.run(moment, done)


@dataclass(frozen=True, slots=True)
class _Recurring(Trigger[Moment]):
    recurrence: Recurrence
    missed: str

    def bind(self, port: Port) -> Bound:
        return _BoundRecurring(self, port)

    def __str__(self) -> str:
        return str(self.recurrence)


class Recurring(_Recurring):
    """Moments of the calendar."""

    def __init__(self, recurrence: Recurrence, missed: str) -> None:
        super().__init__(recurrence, missed_policy(missed))


class _BoundRecurring(Bound):
    def __init__(self, trigger: _Recurring, port: Port) -> None:
        self._trigger = trigger
        self._port = port
        self._forget = port.durable.listen(port.owner, port.id, self._hear)
        self._forget_place: Callable[[], None] = nothing
        if isinstance(trigger.recurrence, SunMoment):
            # Its moments change with the place, which a script learns from the bridge.
            self._forget_place = port.runtime.on_place(self._set)
        else:
            self._set()
        rerun(port)

    @property
    def due(self) -> float | None:
        timer = self._port.durable.timer(self._port.owner, self._port.id)
        return timer.due if timer else None

    def close(self) -> None:
        self._forget()
        self._forget_place()

    def _spec(self) -> str:
        runtime, place = self._port.runtime, ""
        if isinstance(self._trigger.recurrence, SunMoment) and runtime.place is not None:
            place = f" at {runtime.place.latitude},{runtime.place.longitude}"
        return f"{self._trigger} in {runtime.clock.timezone.key}{place} {self._trigger.missed}"

    def _set(self) -> None:
        """Sets the next moment, unless the row that is there means the same."""
        port = self._port
        data = port.durable.timer_data(port.owner, port.id)
        if data is None or data.get("spec") != self._spec():
            port.durable.commit(self._next(unix(port.runtime.clock.now())))

    def _next(self, after: float) -> list[Change]:
        port = self._port
        moment = at_unix(after, port.runtime.clock.timezone)
        then = self._trigger.recurrence.after(moment, port.runtime.place)
        if then is None:
            log.warning("%s: %s does not come within a year", port.slot.name, self._trigger)
            return [RemoveTimer(port.owner, port.id)]
        missed = self._trigger.missed
        return [
            port.durable.put(
                port.owner, port.id, unix(then), span=None, missed=missed, spec=self._spec()
            )
        ]

    def _hear(self, due: Due) -> None:
        # Not the same moment again when the clock was set back.
        after = max(unix(self._port.runtime.clock.now()), due.timer.due)
        run_due(self._port, due, self._next(after))


class Every(Trigger[Moment]):
    """Again and again, by the clock that nobody sets."""

    def __init__(self, span: Span, missed: str) -> None:
        self.span = seconds(span, what="every", least=0.1)
        self.missed = missed_policy(missed)

    def bind(self, port: Port) -> Bound:
        return _BoundEvery(self, port)

    def __str__(self) -> str:
        return f"every {self.span:g}s"


class _BoundEvery(Bound):
    def __init__(self, trigger: Every, port: Port) -> None:
        self._trigger = trigger
        self._port = port
        self._forget = port.durable.listen(port.owner, port.id, self._hear)
        data = port.durable.timer_data(port.owner, port.id)
        if data is None or data.get("spec") != self._spec():
            port.durable.commit([self._put(unix(port.runtime.clock.now()) + trigger.span)])
        rerun(port)

    @property
    def due(self) -> float | None:
        timer = self._port.durable.timer(self._port.owner, self._port.id)
        return timer.due if timer else None

    def close(self) -> None:
        self._forget()

    def _spec(self) -> str:
        return f"{self._trigger} {self._trigger.missed}"

    def _put(self, due: float) -> Change:
        port, trigger = self._port, self._trigger
        return port.durable.put(
            port.owner, port.id, due, span=trigger.span, missed=trigger.missed, spec=self._spec()
        )

    def _hear(self, due: Due) -> None:
        now = unix(self._port.runtime.clock.now())
        # From the moment that was meant, so that being late does not add up.
        then = due.timer.due + self._trigger.span
        if not now < then <= now + self._trigger.span:
            then = now + self._trigger.span
        run_due(self._port, due, [self._put(then)])
