"""What Python costs: from the wire to a handler, from a handler to the wire, and beside them.

The automations run in the program under test, as their owner runs them: files in the data
directory. Handlers note times on the machine's clock, which the probe uses too, and write them to a
file when a message asks for it.
"""

from __future__ import annotations

import bisect
import json
import statistics
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from paho.mqtt.client import Client as Paho
from paho.mqtt.client import MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from tests.benchmarks import data

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterable
    from pathlib import Path

RATE = 200
"""Reports a second, of all devices together."""

# Notes when each report reaches its handler, and sends a command each time.
_HANDLERS = """
import json
import time
from pathlib import Path

from ferrobee import home, on, start, topic
from ferrobee.models.aqara import LLKZMK11LM

heard, sent = [], []


def follow(number):
    name = f"relay_{number:03}"
    relay = home.device(name, LLKZMK11LM)

    @on(relay.power, policy="parallel")
    async def power(change):
        heard.append((change.new, time.monotonic()))
        state = "OFF" if int(change.new) // DEVICES % 2 else "ON"
        sent.append((number, time.monotonic()))
        home.publish(f"zigbee2mqtt/{name}/set", json.dumps({"state_l1": state}))


for number in range(DEVICES):
    follow(number)


@start
async def ready():
    home.publish("bench/ready", "handlers")


@on(topic("bench/tell"))
async def tell(message):
    Path(message.payload.decode()).write_text(json.dumps({"heard": heard, "sent": sent}))
    home.publish("bench/told", message.payload)
"""

# Handlers of devices that say nothing.
_IDLE = """
from ferrobee import home, on, start
from ferrobee.models.aqara import LLKZMK11LM

relays = [home.device(f"relay_{100 + number:03}", LLKZMK11LM) for number in range(100)]
for number in range(10_000):

    @on(relays[number % 100].power > number)
    async def over(update):
        raise AssertionError("nothing reports here")


@start
async def ready():
    home.publish("bench/ready", "idle")
"""

# One of many small files.
_SMALL = """
from ferrobee import every, home, on, start
from ferrobee.models.aqara import LLKZMK11LM

relay = home.device("relay_NUMBER", LLKZMK11LM)


@on(relay.power > 2000, hold="30s")
async def overload():
    await relay.state_l1.set("OFF")


@every("1h")
async def hourly():
    home.publish("bench/hour", "NUMBER")


@start
async def ready():
    home.publish("bench/ready", "NUMBER")
"""

# A converter that needs 30 ms of the processor for each message of its device.
_BURNING = """
import time

from ferrobee.converters import Definition, Model, NumericValue, clusters, from_zigbee


class Burning(Definition):
    match = Model("bench.burning")
    model, vendor, description = "BURNING", "Bench", "Relay whose converter burns"
    power = NumericValue("W")

    @from_zigbee(clusters.AnalogInput.present_value)
    def burn(self, message):
        end = time.thread_time() + 0.03
        while time.thread_time() < end:
            pass
        return {"power": message.value}
"""


@dataclass(frozen=True)
class Tools:
    """What `__main__` measures with."""

    start: Callable[[Path], subprocess.Popen[bytes]]
    end: Callable[[subprocess.Popen[bytes]], None]
    mosquitto: Callable[[Path], Any]
    probe: Callable[..., Any]
    cpu_seconds: Callable[[int], float]


class Ear:
    """Hears what the automations say beside the bridge."""

    def __init__(self, port: int) -> None:
        self._heard: dict[str, float] = {}
        self._changed = threading.Condition()
        self._paho = Paho(CallbackAPIVersion.VERSION2)
        self._paho.on_message = self._on_message
        self._paho.connect("127.0.0.1", port)
        self._paho.subscribe("bench/#")
        self._paho.loop_start()

    def wait(self, topic: str, payloads: Iterable[str], seconds: float = 60) -> float:
        """When the last of the payloads was on a topic."""
        wanted = {f"{topic} {payload}" for payload in payloads}
        with self._changed:
            if not self._changed.wait_for(lambda: wanted <= self._heard.keys(), seconds):
                raise TimeoutError(f"nobody says {sorted(wanted - self._heard.keys())[:5]}")
            return max(self._heard[text] for text in wanted)

    def tell(self, path: Path) -> Any:  # noqa: ANN401  (what the automation wrote)
        """Has the automation write what it noted."""
        self._paho.publish("bench/tell", str(path))
        self.wait("bench/told", [str(path)])
        return json.loads(path.read_text())

    def close(self) -> None:
        self._paho.disconnect()
        self._paho.loop_stop()

    def _on_message(self, _client: Paho, _data: object, message: MQTTMessage) -> None:
        with self._changed:
            text = f"{message.topic} {message.payload.decode(errors='replace')}"
            self._heard[text] = time.monotonic()
            self._changed.notify_all()


def measure(tools: Tools, binary: Path, directory: Path, scale: float) -> dict[str, Any]:
    """All of it."""
    return {
        **_handlers(tools, binary, directory, int(4_000 * scale)),
        "idle_cpu": _idle(tools, binary, directory, int(50_000 * scale)),
        "start_50": _start(tools, binary, directory),
        "burning": _burning(tools, binary, directory, int(4_000 * scale)),
    }


def _handlers(tools: Tools, binary: Path, directory: Path, count: int) -> dict[str, Any]:
    """Milliseconds from the wire to MQTT, to the handler, and from the handler to the wire."""
    devices = 100
    where = directory / "handlers"
    with _Run(tools, binary, where, {"h.py": _HANDLERS}, devices=devices) as run:
        run.ear.wait("bench/ready", ["handlers"])
        run.probe.ask("paced", count=RATE, rate=RATE)  # warm
        before = len(run.ear.tell(where / "before.json")["sent"])
        result = run.probe.ask("paced", count=count, rate=RATE)
        noted = run.ear.tell(where / "noted.json")
    first, sent = result["first"], result["sent"]
    heard = [(int(number), at) for number, at in noted["heard"] if number >= first]
    # The command is published with the same number.
    published: dict[int, float] = {}
    for number, at in result["published"]:
        published.setdefault(number, at)
    # The commands of each device, in their order, and when each was on the wire.
    commands = _by_device(noted["sent"][before:])
    wire = _by_device(result["requests"])
    to_wire = []
    for device, times in commands.items():
        arrivals = wire.get(device, [])
        for began in times:
            # The newest of several that wait goes for all of them.
            after = bisect.bisect_left(arrivals, began)
            to_wire += [at - began for at in arrivals[after : after + 1]]
    return {
        "to_mqtt": _quantiles([at - sent[number - first] for number, at in published.items()]),
        "to_handler": _quantiles([at - sent[number - first] for number, at in heard]),
        "handler_lost": count - len(heard),
        "to_wire": _quantiles(to_wire),
        "commands_lost": sum(map(len, commands.values())) - len(to_wire),
    }


def _idle(tools: Tools, binary: Path, directory: Path, count: int) -> list[float]:
    """CPU seconds for 10,000 reports: without, and with 10,000 handlers of other devices."""
    quiet = _IDLE.replace("10_000", "0")
    cost = []
    for name, text in (("quiet", quiet), ("idle", _IDLE)):
        with _Run(tools, binary, directory / name, {"a.py": text}, devices=200, alive=100) as run:
            run.ear.wait("bench/ready", ["idle"])
            run.probe.ask("reports", count=count // 4, window=32)  # warm
            before = tools.cpu_seconds(run.process.pid)
            run.probe.ask("reports", count=count, window=32)
            used = tools.cpu_seconds(run.process.pid) - before
        cost.append(used / count * 10_000)
    return cost


def _start(tools: Tools, binary: Path, directory: Path) -> float:
    """Seconds from the start of the process until the last of 50 files runs; median of five."""
    names = [f"{number:03}" for number in range(50)]
    files = {f"small_{name}.py": _SMALL.replace("NUMBER", name) for name in names}
    seconds = []
    for turn in range(5):
        with _Run(tools, binary, directory / f"start-{turn}", files, devices=200) as run:
            seconds.append(run.ear.wait("bench/ready", names) - run.began)
    return statistics.median(seconds)


def _burning(tools: Tools, binary: Path, directory: Path, count: int) -> list[float]:
    """p99 in milliseconds from the wire to MQTT for nine devices: alone with a tenth like them, and
    with a tenth whose converter burns, 20 times a second."""
    results = []
    for name, burning in (("cool", []), ("burning", [0])):
        with _Run(
            tools, binary, directory / name, {}, devices=10, burning=burning, converter=_BURNING
        ) as run:
            run.probe.ask("paced", count=RATE, rate=RATE)  # warm
            result = run.probe.ask("paced", count=count, rate=RATE)
        first, sent = result["first"], result["sent"]
        others = [
            at - sent[number - first]
            for number, at in result["published"]
            if number % 10 and number >= first
        ]
        if len(others) == len(result["published"]):
            raise RuntimeError("the tenth device says nothing: its converter was not run")
        results.append(_quantiles(others)["p99_ms"])
    return results


class _Run:
    """A bridge with files of its owner, until it is left."""

    def __init__(
        self,
        tools: Tools,
        binary: Path,
        where: Path,
        automations: dict[str, str],
        *,
        devices: int,
        alive: int | None = None,
        burning: Iterable[int] = (),
        converter: str | None = None,
    ) -> None:
        self._tools = tools
        self._mosquitto = tools.mosquitto(where.parent)
        port = self._mosquitto.port
        self.probe = tools.probe(binary, devices=alive or devices, link="tcp", mqtt_port=port)
        data.write(
            where,
            devices=devices,
            mqtt_port=port,
            serial=self.probe.serial,
            models=dict.fromkeys(burning, "bench.burning"),
        )
        files = {f"automations/{name}": text for name, text in automations.items()}
        if converter is not None:
            files["converters/burning.py"] = converter
        for name, text in files.items():
            path = where / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text.replace("DEVICES", str(devices)))
        self.ear = Ear(port)
        self.began = time.monotonic()
        self.process = tools.start(where)
        self.probe.ask("online")

    def __enter__(self) -> _Run:
        return self

    def __exit__(self, *_: object) -> None:
        self._tools.end(self.process)
        self.ear.close()
        self.probe.close()
        self._mosquitto.close()


def _by_device(pairs: Iterable[tuple[int, float]]) -> dict[int, list[float]]:
    found: dict[int, list[float]] = {}
    for device, at in pairs:
        found.setdefault(device, []).append(at)
    return found


def _quantiles(seconds: list[float]) -> dict[str, float]:
    """p50 and p99 in milliseconds."""
    if not seconds:
        return {"p50_ms": float("nan"), "p99_ms": float("nan")}
    ordered = sorted(seconds)
    last = len(ordered) - 1
    return {
        "p50_ms": ordered[round(last * 0.50)] * 1000,
        "p99_ms": ordered[round(last * 0.99)] * 1000,
    }
