"""A TCP line between bridge and stick that is cut after given numbers of bytes."""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections import deque


class Cutter:
    """Passes bytes on; each line after `cut_after(n)` lives for n bytes, in order."""

    def __init__(self, serial: str) -> None:
        host, port = serial.removeprefix("tcp://").rsplit(":", 1)
        self._stick = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.serial = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self._budgets: deque[int] = deque()
        self._changed = threading.Condition()
        self._uncut = False
        self._now = False
        self._closed = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Cutter:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        self._listener.close()
        self.cut_now()
        self._thread.join(5)

    def cut_after(self, count: int) -> None:
        """One of the next lines is cut when `count` bytes have passed, both ways together."""
        with self._changed:
            self._budgets.append(count)

    def cut_now(self) -> None:
        """Cuts the present line."""
        with self._changed:
            self._uncut = False
            self._now = True

    def wait_until_uncut(self, *, seconds: float) -> None:
        """Waits for a line that is to stay."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not self._uncut:
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    raise TimeoutError(f"no new line; {len(self._budgets)} cuts are left")

    def _run(self) -> None:
        while not self._closed:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            with near, socket.create_connection(self._stick) as far:
                with self._changed:
                    budget = self._budgets.popleft() if self._budgets else None
                    self._uncut = budget is None
                    self._now = False
                    self._changed.notify_all()
                self._pass_on(near, far, budget)

    def _pass_on(self, near: socket.socket, far: socket.socket, budget: int | None) -> None:
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with selectors.DefaultSelector() as selector:
            selector.register(near, selectors.EVENT_READ, far)
            selector.register(far, selectors.EVENT_READ, near)
            quiet_since = time.monotonic()
            while not self._now:
                # Once the start-up dialogue is over there may be nothing more to count.
                if budget is not None and time.monotonic() - quiet_since > 1:
                    return
                for key, _ in selector.select(0.05):
                    quiet_since = time.monotonic()
                    source, target = key.fileobj, key.data
                    assert isinstance(source, socket.socket)
                    try:
                        data = source.recv(4096 if budget is None else min(4096, budget))
                        target.sendall(data)
                    except OSError:
                        return
                    if not data:
                        return
                    if budget is not None:
                        budget -= len(data)
                        if budget <= 0:
                            return
