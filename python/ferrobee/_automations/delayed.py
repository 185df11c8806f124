"""`after`: a function that is to run later, if nobody thinks better of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ferrobee._automations.durable import Moment, missed_policy
from ferrobee._automations.timed import rerun, run_due
from ferrobee._automations.triggers import Bound, Port, Trigger
from ferrobee._clock import at_unix, unix
from ferrobee._ledger import Due, RemoveTimer
from ferrobee._span import Span, seconds
from ferrobee.errors import FerrobeeError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

__all__ = ["Delayed"]


class Delayed:
    """An async function with a durable timer.

    `await off()` calls the function itself, as tests do.
    """

    def __init__(
        self, function: Callable[..., Coroutine[Any, Any, object]], span: Span, missed: str
    ) -> None:
        self._function = function
        self.span = timedelta(seconds=seconds(span, what="after"))
        """How much later."""
        self.trigger = DelayTrigger(self, missed_policy(missed))
        self.__doc__ = function.__doc__
        self.__wrapped__ = function

    def __call__(self, *event: Moment) -> Coroutine[Any, Any, object]:
        return self._function(*event)

    def __repr__(self) -> str:
        return f"<after {self._function.__qualname__}>"

    def start(self, span: Span | None = None) -> None:
        """Lets it run `span` from now (else as declared); begins anew if it waits already."""
        port = self._port
        length = self.span.total_seconds() if span is None else seconds(span, what="start")
        due = unix(port.runtime.clock.now()) + length
        missed = self.trigger.missed
        port.durable.commit(
            [port.durable.put(port.owner, port.id, due, span=length, missed=missed)]
        )

    def cancel(self) -> None:
        """Lets it not run; nothing if it does not wait. A run that has begun goes on."""
        port = self._port
        if port.durable.timer(port.owner, port.id) is not None:
            port.durable.commit([RemoveTimer(port.owner, port.id)])

    @property
    def due(self) -> datetime | None:
        """When it will run; None if it does not wait."""
        port = self._port
        timer = port.durable.timer(port.owner, port.id)
        return None if timer is None else at_unix(timer.due, port.runtime.clock.timezone)

    @property
    def _port(self) -> Port:
        port = self.trigger.port
        if port is None:
            raise FerrobeeError(f"{self!r}: its file does not run yet; use it in a handler")
        return port


class DelayTrigger(Trigger[Moment]):
    """The timer of a `Delayed`."""

    def __init__(self, delayed: Delayed, missed: str) -> None:
        self.delayed = delayed
        self.missed = missed
        # Kept when the file is swapped: runs of the old version that go on may still start it.
        self.port: Port | None = None

    def bind(self, port: Port) -> Bound:
        self.port = port
        return _BoundDelay(port)

    def __str__(self) -> str:
        return f"after {self.delayed.span.total_seconds():g}s"


class _BoundDelay(Bound):
    def __init__(self, port: Port) -> None:
        self._port = port
        self._forget = port.durable.listen(port.owner, port.id, self._hear)
        rerun(port)

    @property
    def due(self) -> float | None:
        timer = self._port.durable.timer(self._port.owner, self._port.id)
        return timer.due if timer else None

    def close(self) -> None:
        self._forget()

    def _hear(self, due: Due) -> None:
        run_due(self._port, due, [RemoveTimer(self._port.owner, self._port.id)])
