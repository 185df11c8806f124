"""An MQTT broker that a test can kill and bring back: Mosquitto, else the embedded one."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_EMBEDDED = """
import sys, threading
from ferrobee._core import Broker
broker = Broker(int(sys.argv[1]))
assert broker.port == int(sys.argv[1]), "somebody took the port"
threading.Event().wait()
"""


def kind() -> str:
    """`mosquitto` or `embedded`: $FERROBEE_TEST_BROKER, else what the machine has."""
    if wanted := os.environ.get("FERROBEE_TEST_BROKER"):
        return wanted
    return "mosquitto" if shutil.which("mosquitto") else "embedded"


def free_port() -> int:
    """A TCP port that is free now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Broker:
    """A broker on a port of its own, started by `start`."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._log = directory / "broker.log"
        self._configuration = directory / "mosquitto.conf"
        self._configuration.write_text(
            f"listener {self.port} 127.0.0.1\n"
            "allow_anonymous true\n"
            "persistence false\n"
            "max_queued_messages 0\n"
            "set_tcp_nodelay true\n"
        )

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def add_websockets(self, port: int) -> None:
        """Has Mosquitto take websockets on a port as well, from its next start on."""
        with self._configuration.open("a") as more:
            more.write(f"listener {port} 127.0.0.1\nprotocol websockets\n")

    def start(self) -> None:
        """Starts it (again, having forgotten everything) and waits until it listens."""
        if kind() == "mosquitto":
            command = ["mosquitto", "-c", str(self._configuration)]
        else:
            command = [sys.executable, "-c", _EMBEDDED, str(self.port)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 15
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    text = self._log.read_text(errors="replace")
                    raise RuntimeError(f"the broker does not start:\n{text}") from None
                time.sleep(0.01)
            else:
                return

    def kill(self) -> None:
        """Kills it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
