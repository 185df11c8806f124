"""Keeps a bridge's converters up to date: those of `DATA/converters/` and of installed packages."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from watchfiles import awatch

from ferrobee.converters._loader import Converters

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["watch"]

logger = logging.getLogger("ferrobee.converters")

RESCAN = 2000
"""Milliseconds after which the directory is looked at although nothing was told: not every file
system tells."""


async def watch(directory: Path, apply: Callable[[str], None]) -> None:
    """Calls `apply` with all converters, now and whenever one of them changed.

    The text is what `Bridge.set_converters` takes. A converter that does not load is in it with the
    reason, which the bridge shows; the version before that stays in use there.
    """
    converters = Converters(directory)
    try:
        await _apply(converters, apply, first=True)
        while True:
            # A directory that is not there yet is watched for.
            there = await asyncio.to_thread(directory.is_dir)
            async for _ in awatch(
                directory if there else directory.parent,
                recursive=False,
                yield_on_timeout=True,
                rust_timeout=RESCAN,
                debounce=200,
            ):
                await _apply(converters, apply, first=False)
                if await asyncio.to_thread(directory.is_dir) != there:
                    break
    finally:
        converters.close()


async def _apply(converters: Converters, apply: Callable[[str], None], *, first: bool) -> None:
    changes = await asyncio.to_thread(converters.refresh)
    for change in changes:
        match change.kind:
            case "failed" if first:
                logger.error("Converter does not load: %s", change.text)
            case "failed":
                logger.error("Converter does not load, the one before stays: %s", change.text)
            case kind:
                logger.info("Converter %s: %s", kind, change.text)
    if changes or first:
        apply(converters.json())
