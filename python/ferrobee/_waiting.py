"""Waiting for a condition."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ferrobee._span import Span, seconds
from ferrobee.errors import WaitTimeout

if TYPE_CHECKING:
    from ferrobee._conditions import Condition
    from ferrobee._update import Update

__all__ = ["wait_until"]


async def wait_until(condition: Condition, timeout: Span | None = None) -> None:
    """Waits until a condition holds; at once if it does. Raises `WaitTimeout` after `timeout`."""
    limit = None if timeout is None else seconds(timeout, what="timeout")
    if condition.holds():
        return
    held = asyncio.get_running_loop().create_future()

    def heard(_update: Update) -> None:
        if not held.done() and condition.holds():
            held.set_result(None)

    unobserve = [home.observe(name, heard) for home, name in condition.watched]
    try:
        async with asyncio.timeout(limit):
            await held
    except TimeoutError:
        raise WaitTimeout(f"{condition!r} did not hold within {limit:g} s") from None
    finally:
        for end in unobserve:
            end()
