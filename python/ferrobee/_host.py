"""The bridge with an asyncio loop beside it, for what its owner wrote in Python.

The bridge runs on threads of its own; the loop runs in the main thread. What it hosts are *parts*:
the automations of `DATA/automations`, the converters of `DATA/converters`. A data directory without
them never imports this.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from typing import TYPE_CHECKING, Protocol

from ferrobee import _logging, _loop
from ferrobee.errors import FerrobeeError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ferrobee._core import Bridge
    from ferrobee._process import Signals

__all__ = ["Part", "host"]

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

STUCK_SECONDS = 15.0
"""After a signal the loop has so long to notice; then what blocks it is left where it is."""

_BEGIN_SECONDS = 2.0
"""A part that can't begin waits so long for the bridge's own end, which explains it."""


class Part(Protocol):
    """Something in Python that belongs to a running bridge."""

    async def begin(self) -> None:
        """Begins; returns soon. The bridge may still be starting."""

    async def end(self) -> None:
        """Ends: the bridge is about to be stopped, or has ended by itself."""


def host(bridge: Bridge, parts: Sequence[Callable[[Bridge], Part]], signals: Signals) -> None:
    """Runs the parts until the bridge has ended, or was asked to by a signal."""
    # The bridge prints its own log, and hands it over too; the rest is what the parts say.
    logging.getLogger("ferrobee").addHandler(logging.NullHandler())
    _logging.to_console(logging.INFO, *_LOGGERS)
    _loop.run(_host(bridge, parts, signals))


async def _host(
    bridge: Bridge, parts: Sequence[Callable[[Bridge], Part]], signals: Signals
) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(bridge.fileno(), ended.set)
    hosted = _Hosted(bridge, loop)
    begun: list[Part] = []
    loop.add_reader(signals.woken, lambda: signals.woken.recv(64))
    with signals.telling(hosted):
        waiting = {loop.create_task(ended.wait()), loop.create_task(hosted.asked.wait())}
        for make in parts:
            try:
                part = make(bridge)
                begun.append(part)
                await part.begin()
            except FerrobeeError as error:
                # A bridge that ends while it begins says why itself.
                try:
                    async with asyncio.timeout(_BEGIN_SECONDS):
                        await ended.wait()
                except TimeoutError:
                    log.error("%s", error)
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
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
