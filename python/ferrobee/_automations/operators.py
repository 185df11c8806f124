"""`debounce`, `throttle`, `newest_wins`: triggers made of triggers.

Their truth table is in python/docs/automations.md. They keep what they wait with in memory: what
has to survive a restart is `hold=` or `after`.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, overload

from ferrobee._automations.sources import Source, trigger_of
from ferrobee._automations.triggers import Bound, Port, Trigger, nothing
from ferrobee._span import Span, seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from ferrobee._conditions import Condition
    from ferrobee._home import Home
    from ferrobee._update import Update

__all__ = ["debounce", "newest_wins", "throttle"]

E = TypeVar("E")


@overload
def debounce(source: Condition, span: Span) -> Trigger[Update]: ...
@overload
def debounce(source: Source[E] | Trigger[E], span: Span) -> Trigger[E]: ...
def debounce(source: Any, span: Span) -> Trigger[Any]:
    """The last event, once there was none for `span`."""
    return _Operator("debounce", _inner(source), seconds(span, what="debounce"), _Debounce)


@overload
def throttle(source: Condition, span: Span) -> Trigger[Update]: ...
@overload
def throttle(source: Source[E] | Trigger[E], span: Span) -> Trigger[E]: ...
def throttle(source: Any, span: Span) -> Trigger[Any]:
    """An event at once, then at most one in `span`: the newest, when the `span` is over."""
    return _Operator("throttle", _inner(source), seconds(span, what="throttle"), _Throttle)


@overload
def newest_wins(source: Condition) -> Trigger[Update]: ...
@overload
def newest_wins(source: Source[E] | Trigger[E]) -> Trigger[E]: ...
def newest_wins(source: Any) -> Trigger[Any]:
    """Events that come while the handler runs: only the newest is handled, when the run has ended.

    It takes the place of the handler's policy.
    """
    return _Operator("newest_wins", _inner(source), 0.0, _NewestWins)


def _inner(source: object) -> Trigger[Any]:
    return trigger_of(source, hold=None, missed=None)


@dataclass(slots=True, eq=False)
class _Through(Port):
    """Delivers to an operator."""

    operator: _Bound

    def run(
        self, event: object, done: Callable[[], None] = nothing, *, newest: bool = False
    ) -> None:
        self.operator.heard(event, done, newest)


class _Operator(Trigger[Any]):
    def __init__(self, name: str, inner: Trigger[Any], span: float, kind: type[_Bound]) -> None:
        self._name = name
        self._inner = inner
        self._span = span
        self._kind = kind

    def bind(self, port: Port) -> Bound:
        bound = self._kind(port, self._span)
        through = _Through(
            port.owner, port.id, port.home, port.runtime, port.slot, port.body, bound
        )
        bound.inner = self._inner.bind(through)
        return bound

    @property
    def watched(self) -> frozenset[tuple[Home, str]]:
        """What the inner trigger is about."""
        return self._inner.watched

    def __str__(self) -> str:
        span = f", {self._span:g}s" if self._span else ""
        return f"{self._name}({self._inner}{span})"


class _Bound(Bound):
    inner: Bound

    def __init__(self, port: Port, span: float) -> None:
        self.port = port
        self.span = span
        # What waits: the event, and who wants to know that it was handled.
        self.waiting: tuple[object, Callable[[], None], bool] | None = None
        self.timer: asyncio.TimerHandle | None = None

    @abstractmethod
    def heard(self, event: object, done: Callable[[], None], newest: bool) -> None:
        """The inner trigger has fired."""

    def keep(self, event: object, done: Callable[[], None], newest: bool) -> None:
        """Lets an event wait, in place of the one that does."""
        if self.waiting is not None:
            self.waiting[1]()
        self.waiting = (event, done, newest)

    def deliver(self) -> None:
        """Gives on what waits."""
        if self.waiting is not None:
            event, done, newest = self.waiting
            self.waiting = None
            self.port.run(event, done, newest=newest)

    def close(self) -> None:
        """Gives on what waits at once: a reload loses no event."""
        self.inner.close()
        if self.timer is not None:
            self.timer.cancel()
        self.deliver()


class _Debounce(_Bound):
    def heard(self, event: object, done: Callable[[], None], newest: bool) -> None:
        self.keep(event, done, newest)
        if self.timer is not None:
            self.timer.cancel()
        self.timer = asyncio.get_running_loop().call_later(self.span, self.deliver)


class _Throttle(_Bound):
    def heard(self, event: object, done: Callable[[], None], newest: bool) -> None:
        if self.timer is not None:
            self.keep(event, done, newest)
            return
        self.timer = asyncio.get_running_loop().call_later(self.span, self._over)
        self.port.run(event, done, newest=newest)

    def _over(self) -> None:
        self.timer = None
        if self.waiting is not None:
            self.timer = asyncio.get_running_loop().call_later(self.span, self._over)
            self.deliver()


class _NewestWins(_Bound):
    def heard(self, event: object, done: Callable[[], None], newest: bool) -> None:  # noqa: ARG002
        self.port.run(event, done, newest=True)
