"""The interpreter ends while native threads are at work: it must never abort."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from tests.support.broker import Broker

from ferrobee._core import MqttLink

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
assert asyncio.run(asyncio.wait_for(bridge.link().receive(), 30))
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


# A short script on a broker where messages flow; it has received one when it ends in its own way.
_SCRIPT = """
import asyncio, contextlib, os, signal, sys, threading
from ferrobee import LinkClosed
from ferrobee._core import MqttLink
link = MqttLink(sys.argv[1])

async def listen():
    while True:
        assert await link.receive()

async def main():
    assert await asyncio.wait_for(link.receive(), 60)
    link.publish("zigbee2mqtt/lamp/set", b"{}")
    end = sys.argv[2]
    if end == "close":
        link.close()
    elif end == "exit":
        sys.exit(0)
    elif end == "error":
        raise ValueError("on purpose")
    elif end == "cancel":
        task = asyncio.create_task(listen())
        await asyncio.sleep(0.01)
        task.cancel()
    elif end == "tasks":
        for _ in range(5):
            asyncio.create_task(listen())
        await asyncio.sleep(0.01)
    elif end == "interrupt":
        os.kill(os.getpid(), signal.SIGINT)
        await listen()

async def at_home():
    from ferrobee import Home
    house = Home.connect(sys.argv[1], db=sys.argv[3])
    if sys.argv[2] == "home":
        async with house:
            await house.ready()
            async for message in house.subscribe("zigbee2mqtt/lamp"):
                break
    else:
        # Nobody closes it.
        asyncio.create_task(house.run())
        await house.ready()
    assert await asyncio.wait_for(link.receive(), 60)

def automations():
    from ferrobee import home, on, run, store, topic

    @on(topic("zigbee2mqtt/lamp"))
    async def heard():
        home.publish("zigbee2mqtt/lamp/set", {})
        if store.get("heard", False):
            return
        store.set("heard", True)
        if sys.argv[2] == "run":
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(60)
        # An error of a handler, which ends nothing.
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        sys.exit(3)

    run(sys.argv[1], db=sys.argv[3])

if sys.argv[2].startswith("run"):
    automations()
elif sys.argv[2].startswith("home"):
    asyncio.run(at_home())
elif sys.argv[2] == "thread":
    # A daemon thread is still receiving when the interpreter ends.
    received = threading.Event()
    async def tell():
        await main()
        received.set()
        with contextlib.suppress(LinkClosed):
            await listen()
    threading.Thread(target=asyncio.run, args=(tell(),), daemon=True).start()
    assert received.wait(60)
elif sys.argv[2] == "loop":
    # The loop is neither run to its end nor closed.
    loop = asyncio.new_event_loop()
    task = loop.create_task(listen())
    loop.run_until_complete(main())
else:
    asyncio.run(main())
"""

# How a script ends, and with which status.
_ENDS = {
    "return": 0,
    "close": 0,
    "exit": 0,
    "error": 1,
    "cancel": 0,
    "tasks": 0,
    "interrupt": -2,
    "thread": 0,
    "loop": 0,
    "home": 0,
    "home left": 0,
    "run": 0,
    "run on": 0,
}

# What asyncio says of a loop that nobody closed is its own; `run()` says that it ends.
_TALKING = ("error", "interrupt", "loop", "home left", "run", "run on")


def test_200_short_scripts_end_as_they_mean_to_while_messages_flow(tmp_path: Path) -> None:
    broker = Broker(tmp_path)
    broker.start()
    over = threading.Event()

    def flow() -> None:
        link = MqttLink(broker.url)
        for listed in ("devices", "groups"):
            link.publish(f"zigbee2mqtt/bridge/{listed}", b"[]", retain=True)
        while not over.wait(0.002):
            link.publish("zigbee2mqtt/lamp", b'{"state": "ON"}')
        link.close()

    def run(number: int) -> tuple[str, int, str]:
        end = [*_ENDS][number % len(_ENDS)]
        rows = str(tmp_path / f"{number}.db")
        command = [sys.executable, "-c", _SCRIPT, broker.url, end, rows]
        result = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
        return end, result.returncode, result.stderr

    flowing = threading.Thread(target=flow)
    flowing.start()
    try:
        with ThreadPoolExecutor(6) as pool:
            results = list(pool.map(run, range(200)))
    finally:
        over.set()
        flowing.join()
        broker.kill()
    assert [result for result in results if result[1] != _ENDS[result[0]]] == []
    quiet = [text for end, _, text in results if end not in _TALKING]
    assert not [text for text in quiet if text]
    assert not [text for end, _, text in results if end == "run" and "Traceback" in text]
