"""The names of the module level: they belong to the file that uses them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from ferrobee._automations.timed import AT, EVERY, Moment
from ferrobee._scope import current

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from ferrobee._automations.calendar import SunMoment
    from ferrobee._automations.delayed import Delayed
    from ferrobee._automations.router import Decorator, Plain, Router
    from ferrobee._automations.runner import Policy
    from ferrobee._automations.sources import Source
    from ferrobee._automations.triggers import Started, Trigger
    from ferrobee._conditions import Condition
    from ferrobee._span import Span
    from ferrobee._update import Update

__all__ = ["after", "at", "cron", "every", "include", "on", "run_blocking", "start", "stop"]

E = TypeVar("E")
T = TypeVar("T")
P = ParamSpec("P")


@overload
def on(source: Condition, *, hold: None = None, policy: Policy = "single") -> Decorator[Update]: ...
@overload
def on(
    source: Condition, *, hold: Span, policy: Policy = "single", missed: str = "run_late"
) -> Decorator[Moment]: ...
@overload
def on(
    source: SunMoment, *, policy: Policy = "single", missed: str | None = None
) -> Decorator[Moment]: ...
@overload
def on(
    source: Source[E] | Trigger[E], *, policy: Policy = "single", missed: str | None = None
) -> Decorator[E]: ...
def on(
    source: Any,
    *,
    hold: Span | None = None,
    policy: Policy = "single",
    missed: str | None = None,
) -> Decorator[Any]:
    """Runs the decorated function when something happens; see `Router.on`."""
    return current().router._on(source, hold=hold, policy=policy, missed=missed)


def every(span: Span, *, policy: Policy = "single", missed: str = EVERY) -> Decorator[Moment]:
    """Runs the decorated function again and again; see `Router.every`."""
    return current().router.every(span, policy=policy, missed=missed)


def at(
    time: str, *, days: str | None = None, policy: Policy = "single", missed: str = AT
) -> Decorator[Moment]:
    """Runs the decorated function at a time of day; see `Router.at`."""
    return current().router.at(time, days=days, policy=policy, missed=missed)


def cron(expression: str, *, policy: Policy = "single", missed: str = AT) -> Decorator[Moment]:
    """Runs the decorated function when a cron expression says so; see `Router.cron`."""
    return current().router.cron(expression, policy=policy, missed=missed)


def after(
    span: Span, *, policy: Policy = "single", missed: str = "run_late"
) -> Callable[[Callable[..., Coroutine[Any, Any, object]]], Delayed]:
    """Makes the decorated function one that `start()` lets run later; see `Router.after`."""
    return current().router.after(span, policy=policy, missed=missed)


@overload
def start(function: Plain, /) -> Plain: ...
@overload
def start(
    function: Callable[[Started], Coroutine[Any, Any, T]], /
) -> Callable[[Started], Coroutine[Any, Any, T]]: ...
def start(function: Any) -> Any:
    """Runs the decorated function when the file begins to run; see `Router.start`."""
    return current().router.start(function)


def stop(function: Plain, /) -> Plain:
    """Runs the decorated function when the file ends; see `Router.stop`."""
    return current().router.stop(function)


def include(router: Router) -> None:
    """Lets what a router holds, now and later, belong to this file; see `Router.include`."""
    current().router.include(router)


async def run_blocking(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs a function that blocks in a thread, and gives what it gives."""
    return await asyncio.to_thread(function, *args, **kwargs)
