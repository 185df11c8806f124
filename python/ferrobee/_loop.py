"""An asyncio loop for a whole program, which ends even if one of its tasks does not."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine

__all__ = ["run"]

_log = logging.getLogger("ferrobee.automations")

_LAST_SECONDS = 1.0
"""What goes on after the main coroutine is cancelled, and gets so long to end."""


def run(main: Coroutine[Any, Any, None]) -> None:
    """Runs a coroutine to its end, in the main thread.

    `asyncio.run` waits for tasks that swallow their cancellation; here they are left behind. It
    ends when any task calls `sys.exit()`; here that ends the task.
    """
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        _complete(loop, loop.create_task(main))
    finally:
        if tasks := asyncio.all_tasks(loop):
            for task in tasks:
                task.cancel()
            loop.run_until_complete(asyncio.wait(tasks, timeout=_LAST_SECONDS))
        loop.run_until_complete(loop.shutdown_asyncgens())
        # They were named before; asyncio need not do it again.
        loop.set_exception_handler(lambda _loop, _context: None)
        asyncio.set_event_loop(None)
        loop.close()


def _complete(loop: asyncio.AbstractEventLoop, main: asyncio.Task[None]) -> None:
    while True:
        try:
            return loop.run_until_complete(main)
        except SystemExit:
            if main.done():
                raise
            # The loop was left for it and goes on where it was; who awaits the task hears of it.
            _log.error("sys.exit() in a task ends that task only")
