"""`ferrobee demo`: the real bridge, a simulated stick with five devices, an embedded broker."""

from __future__ import annotations

import asyncio
import json
import logging
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ferrobee import _logging
from ferrobee._core import Bridge, Broker, MqttLink, Simulator
from ferrobee._process import Signals
from ferrobee._run import live
from ferrobee.errors import BrokerError, ConfigurationError, LinkClosed

if TYPE_CHECKING:
    from collections.abc import Callable

    from ferrobee._link import Link

__all__ = ["demo"]

# On somebody's broker there may be a real Zigbee2MQTT.
_BASE_AT_HOME, _BASE_ELSEWHERE = "zigbee2mqtt", "ferrobee_demo"

# How long somebody's broker may take until what the demo left there is cleared.
_CLEAR_SECONDS = 3.0

# Name, model, address.
_DEVICES = (
    ("hall_relay", "LLKZMK11LM", "0x00158d0001ab0001"),
    ("study_knob", "ZNXNKG02LM", "0x54ef441000ab0002"),
    ("bedroom_switch", "QBKG41LM", "0x54ef441000ab0003"),
    ("kitchen_switch", "QBKG40LM", "0x54ef441000ab0004"),
    ("front_door", "ZNMS11LM", "0x00158d0001ab0005"),
)
_ADDRESS = {name: address for name, _, address in _DEVICES}


def demo(
    *,
    broker: str | None,
    port: int,
    data: Path | None,
    seconds: float | None,
    web: int | None,
) -> int:
    """Runs the demo until a signal, or for `seconds`."""
    # Its own log would drown the story; what it warns of is shown.
    _logging.to_console(logging.WARNING)
    _logging.connect(logging.WARNING)
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
        try:
            link = MqttLink(server, base=base)
        except ConfigurationError as error:
            raise ConfigurationError(f"--broker {_address_of(server)}: {error}") from None
        stack.callback(_listen(link, story))
        if data is None:
            name = stack.enter_context(tempfile.TemporaryDirectory(prefix="ferrobee-demo-"))
            data = Path(name)
        _write_configuration(data, server, base, web)
        _introduce(server, base, data, web)

        simulator = Simulator()
        stack.callback(simulator.close)
        story.on_online = _begin(link, simulator)
        try:
            _live(data, simulator, story, signals, seconds)
        finally:
            story.finish()
            if broker is not None:
                _clear(link, story)
    if story.failure is not None:
        raise story.failure
    if not story.was_online:
        raise BrokerError(
            f"the demo never was online; it used the broker {_address_of(server)}. Name one that "
            "can be reached with --broker, or leave that out"
        )
    return 0


def _listen(link: Link, story: _Story) -> Callable[[], None]:
    """Tells the story what is heard, on a thread of its own; what it returns ends that."""

    async def listen() -> None:
        while True:
            try:
                story.receive(await link.receive())
            except LinkClosed:
                return

    thread = threading.Thread(target=asyncio.run, args=(listen(),), name="ferrobee-demo")
    thread.start()

    def end() -> None:
        link.close()
        thread.join()

    return end


def _live(
    data: Path, simulator: Simulator, story: _Story, signals: Signals, seconds: float | None
) -> None:
    """Runs the bridge, again whenever somebody asks for a restart."""

    def make(converters: str | None) -> Bridge:
        bridge = Bridge(data, simulator=simulator, console=False, converters=converters)
        story.tell_of(bridge)
        return bridge

    timer = threading.Timer(seconds or 0.0, story.end)
    if seconds is not None:
        timer.start()
    try:
        while live(data, signals, make):
            if signals.asked or story.is_over:
                return
    finally:
        timer.cancel()


def _clear(link: Link, story: _Story) -> None:
    """Takes what the demo made retained away from somebody's broker, as far as that answers."""
    deadline = time.monotonic() + _CLEAR_SECONDS
    # The bridge's last words come by another connection: clearing must not overtake them.
    if not story.wait_for_offline(deadline):
        return
    topics = story.topics()
    for topic in topics:
        link.publish(topic, b"", retain=True)
    story.wait_for_cleared(topics, deadline)


def _write_configuration(data: Path, server: str, base: str, web: int | None) -> None:
    """What a new owner writes, with names for the devices."""
    path = data / "configuration.yaml"
    try:
        data.mkdir(parents=True, exist_ok=True)
        in_use = path.exists()
    except OSError as error:
        raise _unusable(data, error) from error
    if in_use:
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
    if web is not None:
        lines[-1:-1] = ["frontend:", "  enabled: true", "  host: 127.0.0.1", f"  port: {web}"]
    for name, _, address in _DEVICES:
        lines += [f"  '{address}':", f"    friendly_name: {name}"]
    try:
        path.write_text("\n".join(lines) + "\n")
    except OSError as error:
        raise _unusable(data, error) from error


def _unusable(data: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"{data.absolute()} can't hold the demo's data ({error.strerror or error}): name an empty "
        "directory with --data"
    )


def _address_of(server: str) -> str:
    """Host and port of a broker, without user and password."""
    return server.split("://", 1)[-1].rpartition("@")[2]


def _introduce(server: str, base: str, data: Path, web: int | None) -> None:
    host, _, port = _address_of(server).partition(":")
    where = ("" if host in ("127.0.0.1", "localhost") else f" -h {host}") + (
        f" -p {port}" if port not in ("", "1883") else ""
    )

    def publish(topic: str, payload: dict[str, Any]) -> str:
        return f"  mosquitto_pub{where} -t {base}/{topic} -m '{json.dumps(payload)}'"

    print(
        "ferrobee demo: a simulated Zigbee stick with five simulated devices, driven by the real\n"
        f"bridge; the broker is {server}, the data directory {data}\n"
        "\n"
        + (f"Look, in a browser: http://127.0.0.1:{web}/\n" if web else "")
        + "Look, in another terminal:\n"
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
        + "\n\nAutomations and converters in Python are files in its folders automations and "
        "converters." + "\n\nWhat happens (Ctrl-C ends it):",
        flush=True,
    )


def _begin(link: Link, simulator: Simulator) -> Callable[[], None]:
    """Opens the network each time it is online, and lets the devices live from the first time."""
    playing = False

    def begin() -> None:
        nonlocal playing
        topic = f"{link.base}/bridge/request/permit_join"
        link.publish(topic, json.dumps({"time": 254}).encode())
        if not playing:
            playing = True
            simulator.play(json.dumps(_arrival()), json.dumps(_life()))

    return begin


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
        self.was_online = False
        # Why nothing can be told any more.
        self.failure: OSError | None = None
        # No bridge is to run any more.
        self.is_over = False
        self._base = base
        self._bridge: Bridge | None = None
        self._is_online = False
        self._states: dict[str, dict[str, Any]] = {}
        # Topics that others than a person's requests were published on; which of them are cleared.
        self._topics: set[str] = set()
        self._cleared: set[str] = set()
        self._lock = threading.Lock()
        self._changed = threading.Condition()
        self._done = False

    def receive(self, messages: list[tuple[str, bytes, bool]]) -> None:
        """Called on the thread of `_listen`."""
        for topic, payload, retained in messages:
            if retained:
                continue  # from before this demo
            try:
                value = json.loads(payload) if payload else None
            except ValueError:
                value = payload.decode(errors="replace")
            short = topic.removeprefix(f"{self._base}/")
            with self._changed:
                if not payload:
                    self._cleared.add(topic)
                elif not _is_request(short):
                    self._topics.add(topic)
                    self._cleared.discard(topic)
                if short == "bridge/state" and isinstance(value, dict):
                    self._is_online = value.get("state") == "online"
                    self.was_online |= self._is_online
                self._changed.notify_all()
            self._message(short, value)

    def tell_of(self, bridge: Bridge) -> None:
        """Names the bridge that the story is about; it is stopped when the story is over."""
        with self._lock:
            self._bridge = bridge
            if self.is_over:
                bridge.stop()

    def end(self) -> None:
        """Ends the story."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        self.is_over = True
        if self._bridge is not None:
            self._bridge.stop()

    def finish(self) -> None:
        """Nothing is printed after this."""
        with self._lock:
            self._done = True

    def topics(self) -> list[str]:
        """Where there may be something retained."""
        with self._changed:
            return sorted(self._topics - self._cleared)

    def wait_for_offline(self, deadline: float) -> bool:
        """Waits for the bridge's last words."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._is_online, deadline - time.monotonic())

    def wait_for_cleared(self, topics: list[str], deadline: float) -> bool:
        """Waits until the broker has taken what clears the topics."""
        with self._changed:
            return self._changed.wait_for(
                lambda: self._cleared.issuperset(topics), deadline - time.monotonic()
            )

    def _message(self, topic: str, value: Any) -> None:  # noqa: ANN401  (any JSON)
        if topic == "bridge/state" and isinstance(value, dict):
            self._say("bridge", str(value.get("state")))
            if value.get("state") == "online" and self.on_online is not None:
                self.on_online()
        elif topic == "bridge/event" and isinstance(value, dict):
            self._event(str(value.get("type")), value.get("data") or {})
        elif topic.startswith("bridge/"):
            if topic.startswith(("bridge/request/", "bridge/response/")):
                self._say(topic, json.dumps(value))
        elif _is_request(topic):
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
            if self._done:
                return
            try:
                print(f"{time.strftime('%H:%M:%S')}  {who:<16} {what}", flush=True)
            except OSError as error:
                # Mostly a reader (head, less) that has seen enough.
                self.failure = error
                self._done = True
                self._end()


def _is_request(topic: str) -> bool:
    """Whether a topic below the base is one that people publish on."""
    return (
        topic.startswith("bridge/request/")
        or topic.endswith(("/set", "/get"))
        or "/set/" in topic
        or "/get/" in topic
    )


def _text(value: Any) -> str:  # noqa: ANN401  (any JSON)
    return value if isinstance(value, str) else json.dumps(value)
