"""The bridge with an asyncio loop beside it, for what its owner wrote in Python.

The bridge runs on threads of its own; the loop runs in the main thread. What it hosts are *parts*:
the automations of `DATA/automations`, the converters of `DATA/converters`. A data directory without
them never imports this; when one of the folders is made, its part begins.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ferrobee import _logging, _loop
from ferrobee.errors import FerrobeeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ferrobee._core import Bridge
    from ferrobee._process import Signals

__all__ = ["LOOK_SECONDS", "Part", "Planned", "host"]

log = logging.getLogger("ferrobee.host")

_LOGGERS = (
    # Those of the owner's files: `logging.getLogger(__name__)`.
    "automations",
    "ferrobee.automations",
    "ferrobee.captures",
    "ferrobee.converters",
    "ferrobee.home",
    "ferrobee.host",
)
"""Loggers whose lines all reach the bridge, which knows the levels that its owner wants. Of others,
such as `asyncio` and what automations import, those that the root logger lets through."""

LOOK_SECONDS = 2.0
"""So often folders that are not there are looked for."""

STUCK_SECONDS = 5.0
"""After a signal the loop has so long to notice; then what blocks it is left where it is."""

_BEGIN_SECONDS = 2.0
"""A part that can't begin waits so long for the bridge's own end, which explains it."""


class Part(Protocol):
    """Something in Python that belongs to a running bridge."""

    async def begin(self) -> None:
        """Begins; returns soon. The bridge may still be starting."""

    async def end(self) -> None:
        """Ends: the bridge is about to be stopped, or has ended by itself."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A part that begins as soon as it has something to do."""

    is_due: Callable[[], bool]
    """Looks for that; asked every two seconds until it says so."""
    make: Callable[[Bridge], Part]


def host(bridge: Bridge, parts: Sequence[Planned], signals: Signals) -> None:
    """Runs the parts until the bridge has ended, or was asked to by a signal."""
    with _logs_of(bridge):
        _loop.run(_host(bridge, parts, signals))


@contextmanager
def _logs_of(bridge: Bridge) -> Iterator[None]:
    """Within, the lines of Python are a part of the bridge's log."""
    handler = _logging.ToBridge(bridge.log)
    root, ours = logging.getLogger(), logging.getLogger("ferrobee")
    # What the native side hands to `ferrobee` is in the bridge's log already.
    ours.addHandler(logging.NullHandler())
    ours.propagate = False
    listened = [root, *map(logging.getLogger, _LOGGERS)]
    for logger in listened:
        logger.addHandler(handler)
        if logger is not root:
            logger.propagate = False
            logger.setLevel(logging.DEBUG)
    # A coroutine that nobody awaited is told of as a warning.
    logging.captureWarnings(True)
    try:
        yield
    finally:
        for logger in listened:
            logger.removeHandler(handler)


async def _host(bridge: Bridge, parts: Sequence[Planned], signals: Signals) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(bridge.fileno(), ended.set)
    hosted = _Hosted(bridge, loop)
    begun: list[Part] = []
    loop.add_reader(signals.woken, lambda: signals.woken.recv(64))
    with signals.telling(hosted):
        waiting = {loop.create_task(ended.wait()), loop.create_task(hosted.asked.wait())}
        left, over = list(parts), False
        while not over:
            for planned in [one for one in left if one.is_due()]:
                left.remove(planned)
                await _begin(planned, bridge, ended, begun)
            done, _ = await asyncio.wait(
                waiting,
                timeout=LOOK_SECONDS if left else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            over = bool(done)
        hosted.noticed()
        for part in reversed(begun):
            try:
                await part.end()
            except Exception as error:
                # The bridge has to end well, whatever belongs to it.
                log.error("%s has not ended well: %r", type(part).__name__, error)
        bridge.stop()
        await ended.wait()
        for task in waiting:
            task.cancel()
    loop.remove_reader(bridge.fileno())
    loop.remove_reader(signals.woken)


async def _begin(planned: Planned, bridge: Bridge, ended: asyncio.Event, begun: list[Part]) -> None:
    try:
        part = planned.make(bridge)
        begun.append(part)
        await part.begin()
    except FerrobeeError as error:
        # A bridge that ends while it begins says why itself.
        try:
            async with asyncio.timeout(_BEGIN_SECONDS):
                await ended.wait()
        except TimeoutError:
            log.error("%s", error)


class _Hosted:
    """What a signal ends: first the parts, then the bridge."""

    def __init__(self, bridge: Bridge, loop: asyncio.AbstractEventLoop) -> None:
        self.asked = asyncio.Event()
        self._bridge = bridge
        self._loop = loop
        self._stuck: threading.Timer | None = None

    def stop(self) -> None:
        """Called in a signal handler."""
        self._loop.call_soon_threadsafe(self.asked.set)
        if self._stuck is None:
            self._stuck = threading.Timer(STUCK_SECONDS, self._force)
            self._stuck.daemon = True
            self._stuck.start()

    def noticed(self) -> None:
        """The loop runs and ends what there is."""
        if self._stuck is not None:
            self._stuck.cancel()

    def _force(self) -> None:
        os.write(2, b"An automation blocks the loop and is left behind.\n")
        self._bridge.stop()
        try:
            self._bridge.result()
        finally:
            os._exit(1)
