"""Watches a directory that may not be there yet, may go, and may come back as another one."""

from __future__ import annotations

import asyncio
import logging
import stat
from contextlib import aclosing
from typing import TYPE_CHECKING

from watchfiles import DefaultFilter, awatch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

__all__ = ["LOOK_SECONDS", "changes"]

log = logging.getLogger("ferrobee.host")

LOOK_SECONDS = 2.0
"""After so long it is looked at although nothing was told: not every file system tells, and a
directory that is not there tells nothing."""


async def changes(directory: Path, *, recursive: bool) -> AsyncIterator[None]:
    """Comes when something in a directory may have changed: at once, whenever the system tells of
    a change, and every two seconds. Also while the directory is not there.

    A link is followed, also when it leads elsewhere later.
    """
    told = False
    while True:
        place = await asyncio.to_thread(_place_of, directory)
        yield
        if place is None:
            await asyncio.sleep(LOOK_SECONDS)
            continue
        try:
            watching = awatch(
                directory,
                watch_filter=DefaultFilter(),
                recursive=recursive,
                yield_on_timeout=True,
                rust_timeout=round(LOOK_SECONDS * 1000),
                debounce=200,
            )
            async with aclosing(watching):
                async for _ in watching:
                    yield
                    if await asyncio.to_thread(_place_of, directory) != place:
                        break
        except (OSError, RuntimeError) as error:
            # It has just gone, or the system has no watches left: then it is looked at only.
            if not told and await asyncio.to_thread(_place_of, directory) == place:
                told = True
                log.warning("%s can't be watched: %s; changes come later", directory, error)
            await asyncio.sleep(LOOK_SECONDS)


def _place_of(directory: Path) -> tuple[int, int] | None:
    """Which directory it is; None if there is none."""
    try:
        found = directory.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISDIR(found.st_mode) else None
