"""The interpreter ends while native threads are at work: it must never abort."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

# Each starts the broker's threads, logs from them through the bridge thread and ends at once.
_SHORT = """
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

_RUNS = 60


def test_short_processes_end_with_status_0() -> None:
    def run(_: int) -> tuple[int, str]:
        result = subprocess.run(
            [sys.executable, "-c", _SHORT], capture_output=True, text=True, timeout=60, check=False
        )
        return result.returncode, result.stderr

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(run, range(_RUNS)))
    assert [status for status, _ in results] == [0] * _RUNS
    assert not [text for _, text in results if "Traceback" in text or "Fatal" in text]
