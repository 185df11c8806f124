"""The interpreter ends while native threads are at work: it must never abort."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

# Starts the broker's threads, logs from them through the bridge thread and ends at once.
_BROKER = """
import logging, socket
from ferrobee import _logging
from ferrobee._core import Broker
logging.basicConfig(level=logging.DEBUG)
_logging.connect(logging.DEBUG)
broker = Broker(0)
for _ in range(20):
    # Not MQTT: the broker complains in its log.
    with socket.create_connection(("127.0.0.1", broker.port)) as peer:
        peer.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
"""

# Starts all there is and ends without stopping any of it, while messages are handed to Python.
_BRIDGE = """
import asyncio, logging, sys, tempfile
from pathlib import Path
from ferrobee import _logging
from ferrobee._core import Bridge, Broker, MqttLink, Simulator
logging.basicConfig(level=logging.DEBUG)
_logging.connect(logging.DEBUG)
broker = Broker(0)
data = Path(tempfile.mkdtemp(dir=sys.argv[1]))
server = f"mqtt://127.0.0.1:{broker.port}"
(data / "configuration.yaml").write_text(
    f"mqtt: {{server: '{server}'}}\\nadvanced: {{log_output: [], log_level: debug}}\\n"
)
link = MqttLink(server)
simulator = Simulator()
bridge = Bridge(data, simulator=simulator, console=False)
assert asyncio.run(asyncio.wait_for(link.receive(), 30))
"""

# Somebody forgets about a bridge: it is garbage while its threads run.
_FORGOTTEN = _BRIDGE + "del bridge, link, simulator, broker\n"


@pytest.mark.parametrize("script", [_BROKER, _BRIDGE, _FORGOTTEN])
def test_short_processes_end_with_status_0(script: str, tmp_path: Path) -> None:
    runs = 30

    def run(_: int) -> tuple[int, str]:
        command = [sys.executable, "-c", script, str(tmp_path)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
        return result.returncode, result.stderr

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(run, range(runs)))
    assert [status for status, _ in results] == [0] * runs, results
    assert not [text for _, text in results if "Traceback" in text or "Fatal" in text]
