"""ferrobee and Zigbee2MQTT side by side, on the same simulated stick, broker and subscriber.

    python -m tests.benchmarks --install   once: fetches Zigbee2MQTT and Node.js from npm
    python -m tests.benchmarks             measures, prints the table, writes RESULTS.md

ferrobee is the one installed beside this interpreter: install a release build first (`pip install
.`). Without the npm packages only ferrobee is measured. What runs: a Mosquitto; `probe`, which is
the simulated stick, the source of reports and the only subscriber, and checks that each report
comes out once and in order; the program under test with `log_level: warning`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client as Paho
from paho.mqtt.client import MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from tests.benchmarks import automations, data

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

MODULES = HERE / "node_modules"


@dataclass
class Program:
    """A bridge to measure."""

    name: str
    command: list[str]
    version: str
    results: dict[str, Any] = field(default_factory=dict)

    def start(self, directory: Path) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "ZIGBEE2MQTT_DATA": str(directory),
            "NODE_ENV": "production",
            # Zigbee2MQTT would take the repository around its package for its own and build anew.
            "GIT_DIR": os.devnull,
        }
        environment.pop("FERROBEE_DATA", None)
        log = (directory.parent / f"{directory.name}.log").open("wb")
        return subprocess.Popen(self.command, env=environment, stdout=log, stderr=log)


class Probe:
    """The two ends: commands and answers are lines of JSON."""

    def __init__(self, binary: Path, *, devices: int, link: str, mqtt_port: int) -> None:
        self._process = subprocess.Popen(
            [binary, str(devices), link, f"127.0.0.1:{mqtt_port}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.serial = str(self._answer()["serial"])

    def ask(self, command: str, **arguments: int) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"command": command, **arguments}) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the probe has ended")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"probe: {answer['error']}")
        return answer


class Mosquitto:
    """A broker that never drops for a slow subscriber."""

    def __init__(self, directory: Path) -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = int(listener.getsockname()[1])
        configuration = directory / "mosquitto.conf"
        configuration.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
            "max_queued_messages 0\nset_tcp_nodelay true\nlog_type error\n"
        )
        self._process = subprocess.Popen(["mosquitto", "-c", configuration])
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                return

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int, key: str) -> float:
    """VmRSS (now) or VmHWM (peak) of a process in 10^6 bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise LookupError(key)


def reset_peak(pid: int) -> None:
    """Makes VmHWM begin anew."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def end(process: subprocess.Popen[bytes]) -> None:
    """Stops a bridge; one that hangs is killed."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def measure_start(program: Program, binary: Path, directory: Path, link: str, runs: int) -> float:
    """Seconds from the start of the process to `bridge/state` online, 200 devices; median."""
    seconds = []
    for run in range(runs):
        mosquitto = Mosquitto(directory)
        probe = Probe(binary, devices=200, link=link, mqtt_port=mosquitto.port)
        where = directory / f"{program.name}-{link}-{run}"
        data.write(where, devices=200, mqtt_port=mosquitto.port, serial=probe.serial)
        begin = time.clock_gettime(time.CLOCK_MONOTONIC)
        process = program.start(where)
        seconds.append(float(probe.ask("online")["monotonic"]) - begin)
        end(process)
        probe.close()
        mosquitto.close()
    return statistics.median(seconds)


def measure_lists(program: Program, binary: Path, directory: Path) -> tuple[float, float]:
    """Seconds from the link being up to `bridge/devices`, and to the last discovery message: 500
    devices and a broker that holds nothing."""
    mosquitto = Mosquitto(directory)
    probe = Probe(binary, devices=500, link="tcp", mqtt_port=mosquitto.port)
    where = directory / f"{program.name}-lists"
    data.write(
        where, devices=500, mqtt_port=mosquitto.port, serial=probe.serial, homeassistant=True
    )
    times: dict[str, float] = {}

    def seen(_client: Paho, _data: object, message: MQTTMessage) -> None:
        now = time.monotonic()
        if message.topic.endswith("/config"):
            times["discovery"] = now
        else:
            times.setdefault(message.topic.rsplit("/", 1)[1], now)

    client = Paho(CallbackAPIVersion.VERSION2)
    client.on_message = seen
    client.connect("127.0.0.1", mosquitto.port)
    client.subscribe(
        [("zigbee2mqtt/bridge/state", 0), ("zigbee2mqtt/bridge/devices", 0), ("homeassistant/#", 0)]
    )
    client.loop_start()
    process = program.start(where)
    probe.ask("online")
    online = time.monotonic()
    # Zigbee2MQTT collects for five seconds; the last message has come when nothing follows it.
    while time.monotonic() - max(times.get("discovery", 0), online) < 8:
        time.sleep(0.1)
    client.loop_stop()
    client.disconnect()
    end(process)
    probe.close()
    mosquitto.close()
    # `online` is said when the link is up.
    return times["devices"] - times["state"], times["discovery"] - times["state"]


def measure_stubs(program: Program, directory: Path, runs: int) -> float:
    """Seconds of a whole `ferrobee stubs` for 200 devices; median."""
    where = directory / f"{program.name}-stubs"
    data.write(where, devices=200, mqtt_port=1883, serial="/dev/null")
    command = [program.command[0], "stubs", "--data", str(where)]
    seconds = []
    for _ in range(runs):
        begin = time.monotonic()
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.monotonic() - begin)
    return statistics.median(seconds)


def measure_reports(
    program: Program,
    binary: Path,
    where: Path,
    scale: float,
    *,
    options: bool = False,
    journal: bool = True,
) -> float:
    """CPU seconds per 10,000 reports, 100 devices on TCP."""
    mosquitto = Mosquitto(where.parent)
    probe = Probe(binary, devices=100, link="tcp", mqtt_port=mosquitto.port)
    data.write(
        where,
        devices=100,
        mqtt_port=mosquitto.port,
        serial=probe.serial,
        options=options,
        journal=journal,
    )
    process = program.start(where)
    probe.ask("online")
    probe.ask("reports", count=int(20_000 * scale), window=32)
    cpu = cpu_seconds(process.pid)
    sent = int(probe.ask("reports", count=int(100_000 * scale), window=32)["sent"])
    cpu = cpu_seconds(process.pid) - cpu
    end(process)
    probe.close()
    mosquitto.close()
    return cpu / sent * 10_000


def measure_options(program: Program, binary: Path, directory: Path, scale: float) -> float:
    """CPU for reports with every option in use, times that without any; median of three pairs."""
    ratios = []
    for run in range(3):
        plain, full = (
            measure_reports(
                program,
                binary,
                directory / f"{program.name}-options-{run}-{options}",
                scale,
                options=options,
            )
            for options in (False, True)
        )
        ratios.append(full / plain)
    return statistics.median(ratios)


def measure_journal(
    program: Program, binary: Path, directory: Path, scale: float
) -> dict[str, float]:
    """CPU seconds per 10,000 reports without and with the journal, and their ratio; medians of
    three pairs."""
    pairs = []
    for run in range(3):
        without, with_it = (
            measure_reports(
                program,
                binary,
                directory / f"{program.name}-journal-{run}-{journal}",
                scale,
                journal=journal,
            )
            for journal in (False, True)
        )
        pairs.append((without, with_it, with_it / without))
    names = ("without", "with", "ratio")
    return {
        name: statistics.median(values)
        for name, values in zip(names, zip(*pairs, strict=True), strict=True)
    }


def measure_load(program: Program, binary: Path, directory: Path, scale: float) -> None:
    """Everything else, in one process with 100 devices on TCP."""
    mosquitto = Mosquitto(directory)
    probe = Probe(binary, devices=100, link="tcp", mqtt_port=mosquitto.port)
    where = directory / f"{program.name}-load"
    data.write(where, devices=100, mqtt_port=mosquitto.port, serial=probe.serial)
    process = program.start(where)
    results = program.results
    probe.ask("online")
    time.sleep(10)  # idle is what it is when nothing happens for a while
    results["idle"] = memory_mb(process.pid, "VmRSS")

    probe.ask("reports", count=int(20_000 * scale), window=32)  # warm: Node.js compiles as it goes
    reset_peak(process.pid)
    bursts = [probe.ask("reports", count=5_000, window=5_000) for _ in range(3)]
    results["burst"] = sorted(bursts, key=lambda burst: burst["seconds"])[1]
    results["burst_checked"] = bursts
    results["burst_peak"] = memory_mb(process.pid, "VmHWM")
    time.sleep(2)

    cpu = cpu_seconds(process.pid)
    results["throughput"] = probe.ask("reports", count=int(100_000 * scale), window=32)
    results["cpu"] = (cpu_seconds(process.pid) - cpu) / results["throughput"]["sent"] * 10_000
    results["latency"] = probe.ask("reports", count=int(20_000 * scale), window=8)
    results["set"] = probe.ask("set", count=int(2_000 * scale))
    end(process)
    probe.close()
    mosquitto.close()


def table(programs: list[Program]) -> str:
    """The results as a table in Markdown."""

    def loss(*loads: dict[str, Any]) -> str:
        lost = sum(load["sent"] - load["received"] for load in loads)
        moved = sum(load.get("out_of_order", 0) for load in loads)
        return f"{lost} lost, {moved} out of order"

    def milliseconds(load: dict[str, Any], key: str, digits: int) -> str:
        return "?" if load[key] is None else f"{load[key]:,.{digits}f}"

    rows: list[tuple[str, list[str]]] = []

    def row(name: str, *parts: str) -> None:
        rows.append((name, list(parts)))

    row("start to online, 200 devices, pty", *(f"{p.results['start_pty']:.2f} s" for p in programs))
    row("start to online, 200 devices, TCP", *(f"{p.results['start_tcp']:.2f} s" for p in programs))

    def rate(load: dict[str, Any]) -> str:
        return f"{load['received'] / load['seconds']:,.0f}" if load["received"] else "0"

    row(
        "reports per second, 32 in flight",
        *(f"{rate(r)} ({loss(r)})" for r in (p.results["throughput"] for p in programs)),
    )
    row(
        "burst of 5,000: rate",
        *(
            f"{rate(p.results['burst'])} per second "
            f"({loss(*p.results['burst_checked'])} in {len(p.results['burst_checked'])} bursts)"
            for p in programs
        ),
    )
    row(
        "burst of 5,000: slowest",
        *(f"{milliseconds(p.results['burst'], 'max_ms', 0)} ms" for p in programs),
    )
    row("burst of 5,000: peak memory", *(f"{p.results['burst_peak']:.0f} MB" for p in programs))
    row("CPU seconds per 10,000 reports", *(f"{p.results['cpu']:.3f}" for p in programs))
    for name, key in (("wire to MQTT, 8 in flight", "latency"), ("MQTT set to the wire", "set")):
        row(
            f"{name}, p50 / p99",
            *(
                f"{milliseconds(p.results[key], 'p50_ms', 2)} / "
                f"{milliseconds(p.results[key], 'p99_ms', 2)} ms ({loss(p.results[key])})"
                for p in programs
            ),
        )
    row(
        "CPU with every option, times that without",
        *(f"{p.results['options']:.2f}" for p in programs),
    )
    row(
        "CPU seconds per 10,000 reports without the journal / with it",
        *(
            "{without:.3f} / {with:.3f}, {ratio:.2f} times".format(**p.results["journal"])
            if "journal" in p.results
            else "-"
            for p in programs
        ),
    )
    row(
        "500 devices: link up to bridge/devices / all discovery",
        *("{:.2f} / {:.2f} s".format(*p.results["lists"]) for p in programs),
    )
    row(
        "home.pyi of 200 devices",
        *(f"{p.results['stubs']:.2f} s" if "stubs" in p.results else "" for p in programs),
    )
    row("resident memory, idle, 100 devices", *(f"{p.results['idle']:.0f} MB" for p in programs))
    for name, texts in automation_rows(programs):
        row(name, *texts)
    head = ["", *(f"{p.name} {p.version}" for p in programs)]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    lines += ["| " + " | ".join([name, *parts]) + " |" for name, parts in rows]
    return "\n".join(lines)


def automation_rows(programs: list[Program]) -> list[tuple[str, list[str]]]:
    """The rows about Python, which only ferrobee runs."""

    def both(found: dict[str, float]) -> str:
        return f"{found['p50_ms']:.2f} / {found['p99_ms']:.2f} ms"

    def texts(found: dict[str, Any]) -> list[tuple[str, str]]:
        rate = f"at {automations.RATE} reports a second"
        quiet, idle = found["idle_cpu"]
        cool, burning = found["burning"]
        lost, commands = found["handler_lost"], found["commands_lost"]
        return [
            (f"wire to Python handler {rate}", f"{both(found['to_handler'])} ({lost} lost)"),
            (f"Python handler to the wire {rate}", f"{both(found['to_wire'])} ({commands} lost)"),
            ("CPU for 10,000 reports, with 10,000 idle handlers", f"{quiet:.3f} / {idle:.3f} s"),
            ("start with 50 automation files, 200 devices", f"{found['start_50']:.2f} s"),
            (
                "wire to MQTT, p99, beside a device whose Python burns 30 ms, 20 times a second",
                f"{cool:.2f} / {burning:.2f} ms",
            ),
        ]

    measured = [program.results.get("automations") for program in programs]
    names = next(([name for name, _ in texts(found)] for found in measured if found), [])
    return [
        (name, [texts(found)[index][1] if found else "-" for found in measured])
        for index, name in enumerate(names)
    ]


def machine() -> str:
    """What the numbers were taken on."""
    cpu = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} CPUs ({cpu}), {memory:.0f} GiB, Linux {platform.release()}, "
        f"load average {load:.1f} before the start"
    )


def first_line(*command: str) -> str:
    """What a program says of itself."""
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return (result.stdout or result.stderr).splitlines()[0].strip()


def programs() -> list[Program]:
    """What there is to measure."""
    ferrobee = str(Path(sys.executable).with_name("ferrobee"))
    found = [Program("ferrobee", [ferrobee, "run"], first_line(ferrobee, "--version").split()[-1])]
    package = MODULES / "zigbee2mqtt" / "package.json"
    if package.exists():
        node = str(MODULES / "node" / "bin" / "node")
        version = str(json.loads(package.read_text())["version"])
        found.append(Program("Zigbee2MQTT", [node, str(package.parent / "index.js")], version))
    return found


def main() -> int:
    """Installs or measures."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description=__doc__.splitlines()[0] if __doc__ else None
    )
    parser.add_argument("--install", action="store_true", help="install Zigbee2MQTT from npm here")
    parser.add_argument("--only", metavar="NAME", help="measure only ferrobee or Zigbee2MQTT")
    parser.add_argument("--scale", type=float, default=1.0, help="times as many reports")
    parser.add_argument("--starts", type=int, default=5, help="starts to take the median of")
    parser.add_argument("--details", action="store_true", help="print all that was measured")
    parser.add_argument("--no-results", action="store_true", help="do not write RESULTS.md")
    options = parser.parse_args()
    if options.install:
        command = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock"]
        return subprocess.run(command, cwd=HERE, check=False).returncode
    if shutil.which("mosquitto") is None:
        print("mosquitto is missing (Debian: apt-get install mosquitto)", file=sys.stderr)
        return 1
    subprocess.run(
        ["cargo", "build", "--release", "--quiet", "-p", "ferrobee-probe"], cwd=ROOT, check=True
    )
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    binary = target / "release" / "ferrobee-probe"
    about = machine()
    measured = [p for p in programs() if options.only in (None, p.name)]
    for program in measured:
        with tempfile.TemporaryDirectory(prefix="ferrobee-benchmark-") as name:
            directory = Path(name)
            for link in ("pty", "tcp"):
                print(f"{program.name}: start on {link}", flush=True)
                seconds = measure_start(program, binary, directory, link, options.starts)
                program.results[f"start_{link}"] = seconds
            print(f"{program.name}: load", flush=True)
            measure_load(program, binary, directory, options.scale)
            print(f"{program.name}: options, lists", flush=True)
            program.results["options"] = measure_options(program, binary, directory, options.scale)
            program.results["lists"] = measure_lists(program, binary, directory)
            if program.name == "ferrobee":
                print(f"{program.name}: journal", flush=True)
                program.results["journal"] = measure_journal(
                    program, binary, directory, options.scale
                )
                print(f"{program.name}: automations", flush=True)
                tools = automations.Tools(program.start, end, Mosquitto, Probe, cpu_seconds)
                found = automations.measure(tools, binary, directory, options.scale)
                program.results["automations"] = found
            if program.name == "ferrobee":
                program.results["stubs"] = measure_stubs(program, directory, options.starts)
            if options.details:
                print(json.dumps(program.results, indent=2))
    result = table(measured)
    versions = [
        f"Python {platform.python_version()}",
        first_line("rustc", "--version"),
        first_line("mosquitto", "-h"),
    ]
    for program in measured:
        if program.name == "Zigbee2MQTT":
            versions.append(f"Node.js {first_line(program.command[0], '--version')}")
    about = f"{about}; {', '.join(versions)}; {time.strftime('%Y-%m-%d')}"
    print(f"\n{result}\n\n{about}")
    if not options.no_results:
        (HERE / "RESULTS.md").write_text(
            "# Results\n\nMeasured by `python -m tests.benchmarks` in one run, "
            f"one program after the other.\n\n{result}\n\n{about}.\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
