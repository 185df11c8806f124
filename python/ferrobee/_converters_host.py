"""Keeps a bridge's converters up to date: those of `DATA/converters/` and of installed packages."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Protocol

from ferrobee._captures_host import before_swap
from ferrobee._watching import changes
from ferrobee.converters._loader import Converters

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from ferrobee.converters._loader import Change

__all__ = ["ConverterFolder", "load", "watch"]

logger = logging.getLogger("ferrobee.converters")


class Target(Protocol):
    """A bridge."""

    def set_converters(self, converters: str) -> None:
        """Takes all converters, in place of those before."""


class ConverterFolder:
    """The converters of a running bridge, as a part of what its host runs."""

    def __init__(self, converters: Converters, bridge: Target) -> None:
        """`converters`: what the bridge knows already, or empty ones."""
        self._converters = converters
        self._bridge = bridge
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Begins to watch the directory."""
        converters, bridge = self._converters, self._bridge
        check = partial(before_swap, converters)
        self._task = asyncio.create_task(watch(converters, bridge.set_converters, before=check))

    async def end(self) -> None:
        """Ends that."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._converters.close()


def load(directory: Path) -> Converters:
    """Compiles the converters that there are."""
    converters = Converters(directory)
    _tell(converters.refresh())
    return converters


async def watch(
    converters: Converters,
    apply: Callable[[str], None],
    *,
    before: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Calls `apply` with all converters whenever one of them changed, until it is cancelled;
    before that it waits for `before`, unless nothing has loaded.

    The text is what `Bridge.set_converters` takes. A converter that does not load is in it with the
    reason, which the bridge shows; the version before that stays in use there.
    """
    async for _ in changes(converters.directory, recursive=False):
        changed = await asyncio.to_thread(converters.refresh)
        _tell(changed)
        if before is not None and any(change.kind != "failed" for change in changed):
            await before()
        if changed:
            apply(converters.json())


def _tell(changes: list[Change]) -> None:
    for change in changes:
        # What does not load the bridge logs: it knows what stays in use.
        if change.kind != "failed":
            logger.info("Converter %s: %s", change.kind, change.text)
