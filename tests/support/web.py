"""A client of the web server's websocket."""

from __future__ import annotations

import json
import socket
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from tests.support.house import House
    from websockets.sync.client import ClientConnection


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def enable(house: House, **settings: Any) -> int:  # noqa: ANN401  (any setting)
    """Turns the web server on in the house's configuration; gives its port."""
    port = free_port()
    frontend = {"enabled": True, "host": "127.0.0.1", "port": port, **settings}
    path = house.data / "configuration.yaml"
    path.write_text(f"{path.read_text()}frontend: {json.dumps(frontend)}\n")
    return port


class Web:
    """An open websocket that remembers what it was told."""

    def __init__(self, port: int, path: str = "/api", **options: Any) -> None:  # noqa: ANN401
        # No pings of its own: a test that wants one sends it.
        settings = {"max_size": None, "max_queue": None, "ping_interval": None, **options}
        self._open = ExitStack()
        self.socket: ClientConnection = self._open.enter_context(
            connect(f"ws://127.0.0.1:{port}{path}", **settings)
        )
        self.frames: list[tuple[str, Any]] = []

    def __enter__(self) -> Web:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def send(self, topic: str, payload: Any) -> None:  # noqa: ANN401  (any JSON)
        self.socket.send(json.dumps({"topic": topic, "payload": payload}))

    def receive(self, seconds: float = 20) -> tuple[str, Any]:
        """The next frame's topic and payload."""
        frame = json.loads(self.socket.recv(timeout=seconds))
        assert sorted(frame) == ["payload", "topic"]
        self.frames.append((frame["topic"], frame["payload"]))
        return self.frames[-1]

    def wait(
        self,
        topic: str,
        holds: Callable[[Any], bool] = lambda _: True,
        *,
        seconds: float = 20,
    ) -> Any:  # noqa: ANN401
        """Waits for a payload that `holds` on a topic, among frames not received yet."""
        deadline = time.monotonic() + seconds
        while True:
            got, payload = self.receive(deadline - time.monotonic())
            if got == topic and holds(payload):
                return payload

    def closed(self) -> tuple[int, str]:
        """Receives to the end; gives the close code and reason, 1006 for none."""
        try:
            while True:
                self.receive()
        except ConnectionClosed as end:
            received = end.rcvd
            return (received.code, received.reason) if received else (1006, "")
