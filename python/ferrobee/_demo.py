"""`ferrobee demo`: the real bridge, a simulated stick with five devices, an embedded broker."""

from __future__ import annotations

import json
import logging
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ferrobee import _logging
from ferrobee._core import Bridge, Broker, Simulator, Watcher
from ferrobee._process import Signals
from ferrobee.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["demo"]

# On somebody's broker there may be a real Zigbee2MQTT.
_BASE_AT_HOME, _BASE_ELSEWHERE = "zigbee2mqtt", "ferrobee_demo"

# Name, model, address.
_DEVICES = (
    ("hall_relay", "LLKZMK11LM", "0x00158d0001ab0001"),
    ("study_knob", "ZNXNKG02LM", "0x54ef441000ab0002"),
    ("bedroom_switch", "QBKG41LM", "0x54ef441000ab0003"),
    ("kitchen_switch", "QBKG40LM", "0x54ef441000ab0004"),
    ("front_door", "ZNMS11LM", "0x00158d0001ab0005"),
)
_ADDRESS = {name: address for name, _, address in _DEVICES}


def demo(*, broker: str | None, port: int, data: Path | None, seconds: float | None) -> int:
    """Runs the demo until a signal, or for `seconds`."""
    # Its own log would drown the story; what it warns of is shown.
    _logging.to_console(logging.WARNING)
    thread = _logging.connect(logging.WARNING)
    with ExitStack() as stack, Signals() as signals:
        if broker is None:
            embedded = Broker(port)
            server = f"mqtt://127.0.0.1:{embedded.port}"
            if port not in (0, embedded.port):
                print(f"Port {port} is in use; the demo's broker takes {embedded.port}.\n")
            base = _BASE_AT_HOME
        else:
            server, base = broker, _BASE_ELSEWHERE
        story = _Story(base)
        watcher = Watcher(thread, server, f"{base}/#", story.receive)
        if data is None:
            name = stack.enter_context(tempfile.TemporaryDirectory(prefix="ferrobee-demo-"))
            data = Path(name)
        _write_configuration(data, server, base)
        _introduce(server, base, data)

        simulator = Simulator()
        stack.callback(simulator.close)
        story.on_online = lambda: _begin(watcher, base, simulator)
        bridge = Bridge(data, simulator=simulator, console=False)
        signals.wait(bridge, seconds=seconds)
        bridge.result()
        story.finish()
    return 0


def _write_configuration(data: Path, server: str, base: str) -> None:
    """What a new owner writes, with names for the devices."""
    data.mkdir(parents=True, exist_ok=True)
    path = data / "configuration.yaml"
    if path.exists():
        raise ConfigurationError(
            f"{data.absolute()} is in use: it has a configuration.yaml. The demo begins with a new "
            "house: name an empty directory with --data"
        )
    lines = [
        "version: 5",
        "mqtt:",
        f"  base_topic: {base}",
        f"  server: {server}",
        "serial:",
        "  port: /dev/null  # the demo brings its own coordinator",
        "  adapter: zstack",
        "advanced:",
        "  log_output: []",
        "  pan_id: GENERATE",
        "  ext_pan_id: GENERATE",
        "  network_key: GENERATE",
        "devices:",
    ]
    for name, _, address in _DEVICES:
        lines += [f"  '{address}':", f"    friendly_name: {name}"]
    path.write_text("\n".join(lines) + "\n")


def _introduce(server: str, base: str, data: Path) -> None:
    host, _, port = server.split("://", 1)[-1].rpartition("@")[2].partition(":")
    where = ("" if host in ("127.0.0.1", "localhost") else f" -h {host}") + (
        f" -p {port}" if port not in ("", "1883") else ""
    )

    def publish(topic: str, payload: dict[str, Any]) -> str:
        return f"  mosquitto_pub{where} -t {base}/{topic} -m '{json.dumps(payload)}'"

    print(
        "ferrobee demo: a simulated Zigbee stick with five simulated devices, driven by the real\n"
        f"bridge; the broker is {server}, the data directory {data}\n"
        "\n"
        "Look, in another terminal:\n"
        f"  mosquitto_sub{where} -v -t '{base}/#'\n"
        "Try:\n"
        + "\n".join(
            (
                publish("hall_relay/set", {"state_l1": "TOGGLE"}),
                publish("bedroom_switch/set", {"state_left": "ON"}),
                publish("hall_relay/get", {"power": ""}),
                publish("bridge/request/device/rename", {"from": "study_knob", "to": "knob"}),
            )
        )
        + "\n\nWhat happens (Ctrl-C ends it):",
        flush=True,
    )


def _begin(watcher: Watcher, base: str, simulator: Simulator) -> None:
    """Opens the network, and lets the devices live."""
    topic = f"{base}/bridge/request/permit_join"
    watcher.publish(topic, json.dumps({"time": 254}).encode())
    simulator.play(json.dumps(_arrival()), json.dumps(_life()))


def _do(after: float, name: str, command: str, **parameters: Any) -> dict[str, Any]:  # noqa: ANN401
    """A command of the simulator, `after` seconds after the one before."""
    return {"after_ms": int(after * 1000), "cmd": command, "device": _ADDRESS[name], **parameters}


def _act(after: float, name: str, action: str, **parameters: Any) -> dict[str, Any]:  # noqa: ANN401
    """What a person does with a device."""
    return _do(after, name, "act", action=action, **parameters)


def _arrival() -> list[dict[str, Any]]:
    """The devices are brought in, one after the other."""
    script = []
    for name, model, _ in _DEVICES:
        script += [_do(0.5, name, "add", model=model), _do(0, name, "join")]
    return script


def _life() -> list[dict[str, Any]]:
    """What people do in the house in a quarter of a minute."""
    return [
        _act(2, "bedroom_switch", "press", button="left"),
        _act(1.5, "study_knob", "press"),
        _act(1.5, "study_knob", "turn", degrees=90),
        _act(1.5, "hall_relay", "press", endpoint=1),
        _act(1, "hall_relay", "load", endpoint=1, watts=38.5),
        _act(1.5, "kitchen_switch", "press"),
        _act(1.5, "front_door", "finger_open", user=3),
        _act(1.5, "study_knob", "turn", degrees=-45, pressed=1),
        _act(1.5, "hall_relay", "load", endpoint=1, watts=12),
    ]


class _Story:
    """Tells what the messages mean, one line each."""

    def __init__(self, base: str) -> None:
        self.on_online: Callable[[], None] | None = None
        self._base = base
        self._states: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()
        self._done = False

    def receive(self, messages: list[tuple[str, bytes, bool]]) -> None:
        """Called on the bridge thread."""
        for topic, payload, retained in messages:
            if retained:
                continue  # from before this demo
            try:
                value = json.loads(payload) if payload else None
            except ValueError:
                value = payload.decode(errors="replace")
            self._message(topic.removeprefix(f"{self._base}/"), value)

    def finish(self) -> None:
        """Nothing is printed after this."""
        with self._lock:
            self._done = True

    def _message(self, topic: str, value: Any) -> None:  # noqa: ANN401  (any JSON)
        if topic == "bridge/state" and isinstance(value, dict):
            self._say("bridge", str(value.get("state")))
            if value.get("state") == "online" and self.on_online is not None:
                begin, self.on_online = self.on_online, None
                begin()
        elif topic == "bridge/event" and isinstance(value, dict):
            self._event(str(value.get("type")), value.get("data") or {})
        elif topic.startswith("bridge/"):
            if topic.startswith(("bridge/request/", "bridge/response/")):
                self._say(topic, json.dumps(value))
        elif topic.endswith(("/set", "/get")) or "/set/" in topic:
            self._say(topic, json.dumps(value))
        elif isinstance(value, dict):
            old = self._states.get(topic, {})
            self._states[topic] = value
            changed = {
                key: new
                for key, new in value.items()
                if key != "linkquality" and (key.startswith("action") or old.get(key) != new)
            }
            if changed:
                self._say(topic, "  ".join(f"{key} {_text(new)}" for key, new in changed.items()))

    def _event(self, kind: str, data: dict[str, Any]) -> None:
        name = str(data.get("friendly_name"))
        if kind == "device_joined":
            self._say(name, f"joins the network ({data.get('ieee_address')})")
        elif kind == "device_interview" and data.get("status") == "successful":
            definition = data.get("definition") or {}
            about = " ".join(
                str(definition.get(key, "")) for key in ("vendor", "model", "description")
            )
            self._say(name, f"is interviewed: {about}")
        elif kind == "device_leave":
            self._say(name, "has left the network")

    def _say(self, who: str, what: str) -> None:
        with self._lock:
            if not self._done:
                print(f"{time.strftime('%H:%M:%S')}  {who:<16} {what}", flush=True)


def _text(value: Any) -> str:  # noqa: ANN401  (any JSON)
    return value if isinstance(value, str) else json.dumps(value)
