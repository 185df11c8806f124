"""Where handlers register, and what they say they wait for.

A router is a list; nothing happens by registering. Routers nest: `hall.include(lights)`. A file has
one of its own, which the decorators `on`, `every`, ... of the module level fill.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

from ferrobee._automations.delayed import Delayed
from ferrobee._automations.runner import POLICIES, Policy
from ferrobee._automations.sources import trigger_of
from ferrobee._automations.timed import AT, EVERY, Every, Moment, Recurring
from ferrobee._automations.triggers import Started, StartTrigger, StopTrigger
from ferrobee._span import Span, seconds

if TYPE_CHECKING:
    from ferrobee._automations.calendar import SunMoment
    from ferrobee._automations.machine import Machine
    from ferrobee._automations.sources import Source
    from ferrobee._automations.triggers import Trigger
    from ferrobee._conditions import Condition
    from ferrobee._update import Update

__all__ = ["Handler", "Router"]

E = TypeVar("E")
T = TypeVar("T")
Plain = TypeVar("Plain", bound=Callable[[], Coroutine[Any, Any, object]])


class Decorator(Protocol[E]):
    """Takes an async function with no parameter, or with one for the event; gives it back."""

    @overload
    def __call__(self, function: Plain, /) -> Plain: ...
    @overload
    def __call__(
        self, function: Callable[[E], Coroutine[Any, Any, T]], /
    ) -> Callable[[E], Coroutine[Any, Any, T]]: ...


@dataclass(slots=True, eq=False)
class Handler:
    """An async function and what it waits for."""

    function: Callable[..., Coroutine[Any, Any, object]]
    name: str
    file: str
    line: int
    takes_event: bool
    policy: Policy
    triggers: list[Trigger[Any]] = field(default_factory=list)

    def body(self, event: object) -> Callable[[], Coroutine[Any, Any, object]]:
        """What a run does."""
        if self.takes_event:
            return lambda: self.function(event)
        return self.function

    @property
    def where(self) -> str:
        """`hall.py:12 overload`."""
        return f"{Path(self.file).name}:{self.line} {self.name}"


class Router:
    """Handlers, machines and other routers."""

    def __init__(self, name: str = "") -> None:
        """`name` stands before the ids of its handlers when another router includes it."""
        self.name = name
        self._handlers: dict[Callable[..., Any], Handler] = {}
        self._delayed: list[Delayed] = []
        self._machines: list[Machine] = []
        self._included: list[Router] = []

    def __repr__(self) -> str:
        return f"Router({self.name!r})"

    def include(self, other: Router) -> None:
        """What `other` holds, now and later, belongs to this one too."""
        if other is self or any(self is inner for inner in other.routers()):
            raise ValueError(f"{other!r} includes {self!r} already")
        self._included.append(other)

    # Triggers.

    @overload
    def on(
        self,
        source: Condition,
        *,
        hold: None = None,
        policy: Policy = "single",
    ) -> Decorator[Update]: ...
    @overload
    def on(
        self,
        source: Condition,
        *,
        hold: Span,
        policy: Policy = "single",
        missed: str = "run_late",
    ) -> Decorator[Moment]: ...
    @overload
    def on(
        self,
        source: SunMoment,
        *,
        policy: Policy = "single",
        missed: str | None = None,
    ) -> Decorator[Moment]: ...
    @overload
    def on(
        self,
        source: Source[E] | Trigger[E],
        *,
        policy: Policy = "single",
        missed: str | None = None,
    ) -> Decorator[E]: ...
    def on(
        self,
        source: Any,
        *,
        hold: Span | None = None,
        policy: Policy = "single",
        missed: str | None = None,
    ) -> Decorator[Any]:
        """Runs the function when something happens.

        `source` is a condition (when it begins to hold, or has held for as long as `hold`), a
        property (when it changes), an event of a device, `topic(...)`, `bridge.joined` and its
        like, a moment of the sun, or one of these in `debounce`, `throttle`, `newest_wins`.

        `missed` says what happens to a timer whose moment passed while nothing ran: `"run_late"`,
        `"skip"` or `"run_if_within=10min"`.
        """
        return self._on(source, hold=hold, policy=policy, missed=missed)

    def _on(
        self,
        source: object,
        *,
        hold: Span | None,
        policy: Policy,
        missed: str | None,
    ) -> Decorator[Any]:
        return self._adding(trigger_of(source, hold=hold, missed=missed), policy)

    def every(
        self, span: Span, *, policy: Policy = "single", missed: str = EVERY
    ) -> Decorator[Moment]:
        """Runs the function again and again, `span` apart; the first time after one `span`."""
        return self._adding(Every(span, missed), policy)

    def at(
        self, time: str, *, days: str | None = None, policy: Policy = "single", missed: str = AT
    ) -> Decorator[Moment]:
        """Runs the function at a time of day, like `"07:30"`, on `days` like `"mon-fri"`."""
        from ferrobee._automations.calendar import Daily

        return self._adding(Recurring(Daily.parse(time, days), missed), policy)

    def cron(
        self, expression: str, *, policy: Policy = "single", missed: str = AT
    ) -> Decorator[Moment]:
        """Runs the function when a cron expression says so, like `"*/15 7-9 * * mon-fri"`."""
        from ferrobee._automations.calendar import cron_of

        return self._adding(Recurring(cron_of(expression), missed), policy)

    def after(
        self, span: Span, *, policy: Policy = "single", missed: str = "run_late"
    ) -> Callable[[Callable[..., Coroutine[Any, Any, object]]], Delayed]:
        """Makes a function that `start()` lets run `span` later, and `cancel()` does not."""
        # Now, not when it decorates: else `@after` without a span would be silent.
        seconds(span, what="after")

        def decorate(function: Callable[..., Coroutine[Any, Any, object]]) -> Delayed:
            delayed = Delayed(function, span, missed)
            handler = self._handler(function, policy)
            handler.triggers.append(delayed.trigger)
            self._delayed.append(delayed)
            return delayed

        return decorate

    @overload
    def start(self, function: Plain, /) -> Plain: ...
    @overload
    def start(
        self, function: Callable[[Started], Coroutine[Any, Any, T]], /
    ) -> Callable[[Started], Coroutine[Any, Any, T]]: ...
    def start(self, function: Any) -> Any:
        """Runs the function when the file begins to run: at the start, and after a reload."""
        return self._adding(StartTrigger(), "single")(function)

    def stop(self, function: Plain, /) -> Plain:
        """Runs the function when the program ends or the file is taken away, not at a reload."""
        return self._adding(StopTrigger(), "single")(function)

    # For the runtime.

    def handlers(self) -> dict[str, Handler]:
        """The handlers by id: their qualified name, after the names of routers around them."""
        found: dict[str, Handler] = {}
        self._collect("", found, {})
        return found

    def machines(self) -> list[Machine]:
        """The machines of this router and those within."""
        return [machine for router in self.routers() for machine in router._machines]

    def add_machine(self, machine: Machine) -> None:
        """Called by the machine."""
        self._machines.append(machine)

    def routers(self) -> Iterator[Router]:
        """This router and those within."""
        yield self
        for router in self._included:
            yield from router.routers()

    def _collect(self, prefix: str, found: dict[str, Handler], counts: dict[str, int]) -> None:
        for handler in self._handlers.values():
            name = f"{prefix}{handler.name}"
            number = counts[name] = counts.get(name, 0) + 1
            found[name if number == 1 else f"{name}~{number}"] = handler
        for router in self._included:
            inner = f"{prefix}{router.name}." if router.name else prefix
            router._collect(inner, found, counts)

    def _adding(self, trigger: Trigger[Any], policy: Policy) -> Decorator[Any]:
        def decorate(function: Any) -> Any:  # noqa: ANN401
            self._handler(function, policy).triggers.append(trigger)
            return function

        return decorate

    def _handler(
        self, function: Callable[..., Coroutine[Any, Any, object]], policy: Policy
    ) -> Handler:
        if policy not in POLICIES:
            raise ValueError(f"policy={policy!r}: write one of {', '.join(POLICIES)}")
        handler = self._handlers.get(function)
        if handler is None:
            handler = self._handlers[function] = _describe(function, policy)
        elif handler.policy != policy:
            raise ValueError(
                f"{handler.where} has policy {handler.policy!r} and {policy!r}: one function has "
                "one policy, whatever it waits for"
            )
        return handler


def _describe(function: Callable[..., Coroutine[Any, Any, object]], policy: Policy) -> Handler:
    name = getattr(function, "__qualname__", repr(function))
    if not inspect.iscoroutinefunction(function):
        raise TypeError(f"{name} must be an async function: write `async def {name}(...)`")
    needed = [
        parameter
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    required = [parameter for parameter in needed if parameter.default is parameter.empty]
    if len(required) > 1:
        raise TypeError(
            f"{name} takes {len(required)} parameters; a handler takes none, or one: the event"
        )
    code = inspect.unwrap(function).__code__
    return Handler(
        function,
        name.replace("<locals>.", ""),
        code.co_filename,
        code.co_firstlineno,
        bool(needed),
        policy,
    )
