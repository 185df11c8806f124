"""What a bad converter costs: its own device. The real program on the simulator."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.broker import Broker
from tests.support.client import Client, Message

from ferrobee._core import Bridge, Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator

BAD, GOOD, OTHER = (f"0x00158d0001ab000{number}" for number in (1, 2, 3))
NAMES = {BAD: "bad", GOOD: "good", OTHER: "other"}

WORKER = """
import json, os, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (256 << 20, 256 << 20))
kept = []
def answer(call):
    watts = round(call["message"]["attributes"]["0x0055"])
    if watts == 1001:
        raise ValueError("too much")
    if watts == 1002:
        while True:
            pass
    if watts == 1003:
        while True:
            kept.append(bytearray(1 << 20))
    if watts == 1004:
        return {"values": {"nobody_shows_this": watts, "twice": [watts]}}
    if watts == 1005:
        print("no answer at all", flush=True)
        return None
    if watts == 1006:
        os._exit(7)
    return {"values": {"twice": 2 * watts}}
for line in sys.stdin:
    call = json.loads(line)
    try:
        told = answer(call) if call["id"] else {}
    except Exception as error:
        kind = type(error).__name__
        told = {"error": {"type": kind, "text": str(error), "file": "bad.py", "line": 9}}
    if told is not None:
        print(json.dumps({"id": call["id"], **told}), flush=True)
"""


def joined(ieee: str, message: Message) -> bool:
    data = message.json["data"]
    return bool(data.get("status") == "successful" and data["ieee_address"] == ieee)


def is_twice(watts: int, message: Message) -> bool:
    return bool(message.json.get("twice") == 2 * watts)


def says(text: str, message: Message) -> bool:
    return text in message.json["message"]


def definition(model: str = "MINE", match: str = "lumi.relay.c2acn01") -> dict[str, Any]:
    """What switches as the built-in one does, and one function for the power."""
    endpoints = ["l1", "l2"]
    return {
        "match": [{"model": match}],
        "model": model,
        "vendor": "Me",
        "description": "Relay of my own",
        "endpoints": [["l1", 1], ["l2", 2]],
        "capabilities": [
            {"type": "on_off", "endpoints": endpoints},
            {
                "type": "python",
                "exposes": [{"type": "numeric", "name": "twice", "access": 1, "unit": "W"}],
                "from": [{"cluster": "0x000c", "attribute": "0x0055", "function": "double"}],
            },
        ],
    }


class World:
    """A broker, a bridge with two relays of a converter and a third device on a simulated stick."""

    def __init__(self, directory: Path) -> None:
        self.broker = Broker(directory)
        self.broker.start()
        self.client = Client(self.broker.port)
        self.stick = Simulator()
        self.worker = directory / "worker.py"
        self.worker.write_text(textwrap.dedent(WORKER))
        data = directory / "data"
        data.mkdir()
        names = "".join(f"  '{ieee}':\n    friendly_name: {name}\n" for ieee, name in NAMES.items())
        (data / "configuration.yaml").write_text(
            "version: 5\n"
            f"mqtt:\n  server: {self.broker.url}\n"
            "serial:\n  port: /dev/null\n  adapter: zstack\n"
            "advanced:\n  log_output: []\n  log_level: info\n"
            "  pan_id: GENERATE\n  ext_pan_id: GENERATE\n  network_key: GENERATE\n"
            f"devices:\n{names}"
        )
        start = self.set_of(self.entry("user", "1", definition()))
        self.bridge = Bridge(data, simulator=self.stick, console=False, converters=start)
        self.client.wait("bridge/devices")
        assert self.client.request("permit_join", {"time": 254})["status"] == "ok"
        for ieee, model in ((BAD, "LLKZMK11LM"), (GOOD, "LLKZMK11LM"), (OTHER, "QBKG41LM")):
            since = self.client.mark()
            self.control("add", ieee, model=model, join=True)
            self.client.wait(
                "bridge/event",
                partial(joined, ieee),
                since=since,
                seconds=30,
            )
        for name in ("bad", "good"):
            self.client.publish(f"{name}/set", {"state_l1": "ON"})
            self.client.wait(name, lambda m: m.json.get("state_l1") == "ON")

    def entry(
        self, kind: str, version: str, *definitions: dict[str, Any], name: str = ""
    ) -> dict[str, Any]:
        name = name or f"{kind}.py"
        file = f"/somewhere/{name}"
        return {
            "origin": {"kind": kind, "name": name, "file": file, "version": version},
            "definitions": list(definitions),
            "worker": [sys.executable, str(self.worker), version],
        }

    def set_of(self, *entries: dict[str, Any]) -> str:
        return json.dumps(entries)

    def control(self, command: str, ieee: str, **parameters: object) -> None:
        self.stick.control(json.dumps({"cmd": command, "device": ieee, **parameters}))

    def report(self, ieee: str, watts: int) -> None:
        """A relay reports its power."""
        self.control("act", ieee, action="load", endpoint=1, watts=watts)

    def twice(self, ieee: str, watts: int, *, since: int) -> None:
        """A report that is converted."""
        self.report(ieee, watts)
        self.client.wait(
            NAMES[ieee], lambda m: m.json.get("twice") == 2 * watts, since=since, seconds=30
        )

    def entry_of(self, ieee: str, holds: str, *, since: int = 0) -> dict[str, Any]:
        """The entry of `bridge/devices` once its text has something in it."""

        def found(devices: list[dict[str, Any]]) -> dict[str, Any]:
            return next((one for one in devices if one["ieee_address"] == ieee), {})

        message = self.client.wait(
            "bridge/devices", lambda m: holds in json.dumps(found(m.json)), since=since, seconds=30
        )
        return found(message.json)

    def close(self) -> None:
        self.bridge.stop()
        assert self.bridge.result() is False
        self.client.close()
        self.stick.close()
        self.broker.kill()


def heard(client: Client, topic: str, *, since: int) -> list[dict[str, Any]]:
    """All messages of a topic so far."""
    return [m.json for m in client.messages[since:] if m.topic == f"zigbee2mqtt/{topic}"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


def workers(world: World) -> list[int]:
    """The converter's programs that run."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if str(world.worker).encode() in command:
            found.append(int(process.name))
    return found


@pytest.mark.parametrize(
    ("watts", "told"),
    [
        (1001, "bad.py:9: ValueError: too much"),
        (1002, "timeout: double did not end within 1 s"),
        (1003, "bad.py:9: MemoryError"),
        (1004, "double gave a value for 'nobody_shows_this'"),
        (1005, "nonsense: the answer is no JSON"),
        (1006, "crash: the program ended in double: exit status: 7"),
    ],
    ids=["raises", "loops", "leaks", "unknown value", "nonsense", "ends"],
)
def test_a_bad_converter_costs_its_own_device_only(world: World, watts: int, told: str) -> None:
    client = world.client
    world.twice(BAD, 3, since=0)
    since = client.mark()
    world.report(BAD, watts)
    world.report(BAD, watts)
    # Meanwhile the others do what they always do, also the one of the same file.
    client.publish("other/set", {"state": "ON"})
    client.wait("other", lambda m: m.json.get("state") == "ON", since=since)
    world.twice(GOOD, 5, since=since)
    # It is told once, and where devices are listed.
    line = client.wait("bridge/logging", lambda m: told in m.json["message"], since=since)
    assert "bad: converter /somewhere/user.py: " in line.json["message"]
    entry = world.entry_of(BAD, told if watts != 1004 else "MINE", since=since)
    assert entry["definition"]["source"] == "external"
    converter = entry["ferrobee"]["converter"]
    assert (converter["file"], converter["version"]) == ("/somewhere/user.py", "1")
    if watts != 1004:
        assert told in converter["last_error"]
        assert converter["failures"] >= 1
    # The device itself goes on with its next message, and is commanded as ever.
    world.twice(BAD, 7, since=since)
    client.publish("bad/set", {"state_l2": "ON"})
    client.wait("bad", lambda m: m.json.get("state_l2") == "ON", since=since)
    lines = heard(client, "bridge/logging", since=since)
    assert len([line for line in lines if told in line["message"]]) == 1


def test_no_program_is_left_behind_when_the_bridge_ends(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.twice(BAD, 3, since=0)
    (program,) = workers(world)
    assert program != os.getpid()
    world.report(BAD, 1002)
    world.close()
    assert workers(world) == []


def test_a_hundred_swaps_under_load_lose_no_message(world: World) -> None:
    client = world.client
    world.twice(BAD, 3, since=0)
    since = client.mark()
    watts = 10
    for swap in range(100):
        # Fewer than may wait: a function is slower than the radio.
        first = watts
        for _ in range(5):
            watts += 1
            world.report(BAD, watts)
        model = f"MINE{swap}"
        new = world.entry("user", f"{swap % 2}", definition(model))
        world.bridge.set_converters(world.set_of(new))
        client.wait("bad", partial(is_twice, watts), since=since, seconds=60)
        seen = [state.get("twice") for state in heard(client, "bad", since=since)]
        assert {2 * (first + n) for n in range(1, 6)} <= set(seen)
    world.entry_of(BAD, "MINE99", since=since)
    assert len(workers(world)) <= 2


def test_the_owner_stands_before_packages_and_these_before_what_is_built_in(world: World) -> None:
    client = world.client

    def model(*entries: dict[str, Any], expected: str) -> dict[str, Any]:
        since = client.mark()
        world.bridge.set_converters(world.set_of(*entries))
        return world.entry_of(BAD, f'"model": "{expected}"', since=since)

    user = world.entry("user", "1", definition("OWNER"))
    package = world.entry("package", "2.1", definition("PACKED"), name="house:relays")
    entry = model(package, user, expected="OWNER")
    assert entry["ferrobee"]["origin"] == user["origin"]
    assert [(one["kind"], one["model"]) for one in entry["ferrobee"]["shadowed"]] == [
        ("package", "PACKED"),
        ("builtin", "LLKZMK11LM"),
    ]
    entry = model(package, expected="PACKED")
    assert entry["ferrobee"]["origin"]["kind"] == "package"
    assert entry["definition"]["source"] == "external"
    entry = model(expected="LLKZMK11LM")
    assert entry["definition"]["source"] == "native"
    assert "ferrobee" not in entry
    # One that does not load, or makes no sense, is told; what was there stays.
    model(user, expected="OWNER")
    since = client.mark()
    wrong = definition("WRONG")
    wrong["capabilities"][0]["type"] = "nothing"
    for bad, reason in (
        ({"origin": user["origin"], "error": "user.py:3: SyntaxError"}, "user.py:3: SyntaxError"),
        (world.entry("user", "2", wrong), "definitions[0].capabilities[0].type: unknown variant"),
    ):
        world.bridge.set_converters(world.set_of(bad))
        client.wait("bridge/logging", partial(says, reason), since=since)
    world.twice(BAD, 9, since=since)
