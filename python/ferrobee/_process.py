"""Waiting for a native thread, beside signals."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["Running", "wait"]


class Running(Protocol):
    """Something native that runs on a thread of its own."""

    def fileno(self) -> int:
        """A file descriptor that becomes readable when it has ended."""

    def stop(self) -> None:
        """Asks it to end soon; returns at once."""


def wait(running: Running, *, seconds: float | None = None) -> None:
    """Waits until `running` has ended; asks it to after `seconds`.

    SIGINT and SIGTERM ask it to end; the second one ends the process without further ado. Call
    from the main thread.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    asked = False

    def on_signal(number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            # Files are written atomically and the broker publishes the last will: nothing breaks.
            os._exit(128 + number)
        asked = True
        # Not print(): a signal may have interrupted a print of this very thread.
        os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, b"Stopping (again to force).\n")
        running.stop()

    # A signal may be delivered to any thread; this wakes the `select` of the main thread, which
    # then runs the handler.
    woken, waker = socket.socketpair()
    woken.setblocking(False)
    waker.setblocking(False)
    old_waker = signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    old = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(running, selectors.EVENT_READ)
            selector.register(woken, selectors.EVENT_READ)
            while True:
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                ready = [key.fileobj for key, _ in selector.select(left)]
                if running in ready:
                    return
                if woken in ready:
                    woken.recv(64)
                elif deadline is not None and time.monotonic() >= deadline:
                    deadline = None
                    running.stop()
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(old_waker)
        woken.close()
        waker.close()
