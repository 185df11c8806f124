"""Waiting for native threads, beside signals."""

from __future__ import annotations

import os
import selectors
import signal
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType, TracebackType

__all__ = ["Running", "Signals", "Stoppable"]

_LOOK_SECONDS = 2.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stoppable(Protocol):
    """Something that can be asked to end."""

    def stop(self) -> None:
        """Asks it to end soon; returns at once. Called in a signal handler."""


class Running(Stoppable, Protocol):
    """Something native that runs on a thread of its own."""

    def fileno(self) -> int:
        """A file descriptor that becomes readable when it has ended."""


class Signals:
    """While entered, SIGINT and SIGTERM ask what runs to end; a second one ends the process.

    For the main thread, the only one in which Python handles signals.
    """

    def __init__(self) -> None:
        self.asked = False
        self._running: Stoppable | None = None
        # A signal may be delivered to any thread; Python then writes to `_waker`, which ends the
        # `select` of the main thread, which runs the handler.
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)

    def __enter__(self) -> Signals:
        self._old_waker = signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        self._old = {number: signal.signal(number, self._on_signal) for number in _SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._old_waker)
        self._woken.close()
        self._waker.close()

    def wait(self, running: Running, *, until: Callable[[], bool] | None = None) -> bool:
        """Waits until `running` has ended; asks it to at a signal.

        With `until`, which is asked every two seconds, waits no longer than it says. False if
        `running` goes on.
        """
        with self.telling(running), selectors.DefaultSelector() as selector:
            selector.register(running, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while True:
                ready = [
                    key.fileobj
                    for key, _ in selector.select(None if until is None else _LOOK_SECONDS)
                ]
                if running in ready:
                    return True
                if self._woken in ready:
                    self._woken.recv(64)
                elif until is not None and not self.asked and until():
                    return False

    @contextmanager
    def telling(self, running: Stoppable) -> Iterator[None]:
        """Within, a signal asks `running` to end; also one that came before."""
        self._running = running
        try:
            if self.asked:
                running.stop()
            yield
        finally:
            self._running = None

    @property
    def woken(self) -> socket.socket:
        """Readable when a signal has come: for an event loop, so that it lets Python handle it."""
        return self._woken

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self.asked:
            # Files are written atomically and the broker publishes the last will: nothing breaks.
            os._exit(128 + number)
        self.asked = True
        # Not print(): the signal may have interrupted a print of this very thread.
        os.write(2, b"Stopping (once more to force).\n")
        if self._running is not None:
            self._running.stop()
