"""Captures of a running bridge: what another version of ferrobee or of a converter would publish
otherwise is told in the bridge's log."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from ferrobee._check_apart import check_apart, has_captures, note

if TYPE_CHECKING:
    from pathlib import Path

    from ferrobee.converters._loader import Converters

__all__ = ["CaptureCheck", "before_swap"]

logger = logging.getLogger("ferrobee.captures")

AT_START = 60.0
"""How long the check after an update may take, seconds. The bridge runs meanwhile."""
BEFORE_SWAP = 5.0
"""How long other converters wait for the check of theirs, seconds, beside the time to load them."""


class CaptureCheck:
    """The check after an update, as a part of what the bridge's host runs."""

    def __init__(self, data: Path, converters: Converters | None) -> None:
        self._data = data
        self._converters = converters
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Begins."""
        self._task = asyncio.create_task(_check(self._data, self._converters, AT_START))

    async def end(self) -> None:
        """Ends it; it is made again at the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


async def before_swap(converters: Converters) -> None:
    """Checks converters that the bridge does not have yet."""
    data = converters.directory.parent
    if has_captures(data, converters):
        await _check(data, converters, BEFORE_SWAP)


async def _check(data: Path, converters: Converters | None, seconds: float) -> None:
    told = await check_apart(data, seconds)
    lines = [(logging.WARNING, text) for text in (*told.changed, *told.wrong)]
    if told.changed:
        text = "What differs, old and new side by side: ferrobee check"
        lines.append((logging.WARNING, text))
    elif told.frames:
        text = f"{told.frames} recorded frames are published as they were"
        lines.append((logging.INFO, text))
    for level, text in lines:
        logger.log(level, "%s", text)
    note(data, converters)
