"""A journal on a disk that is full, and recordings while its files change."""

from __future__ import annotations

import base64
import json
import os
import resource
import signal
import subprocess
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.program import FERROBEE, environment, ferrobee

if TYPE_CHECKING:
    from tests.support.client import Message
    from tests.support.house import House


def room(house: House, limit: int) -> None:
    """No file of the bridge can be longer than this, bytes; what is longer can't be written to."""
    assert house.bridge is not None
    limits = (limit, resource.RLIM_INFINITY)
    resource.prlimit(house.bridge.pid, resource.RLIMIT_FSIZE, limits)


def noise(house: House, count: int) -> None:
    """Messages that nothing makes shorter."""
    for _ in range(count):
        text = base64.b64encode(os.urandom(3000)).decode()
        house.client.publish("nobody/set", {"noise": text})


def says(text: str, message: Message) -> bool:
    return text in message.json["message"]


def test_a_full_disk_is_told_the_bridge_goes_on_and_the_journal_too_when_there_is_room(
    house: House,
) -> None:
    house.start()
    relay = house.join("LLKZMK11LM")
    since = house.client.mark()
    room(house, 1)
    noise(house, 20)
    message = house.client.wait(
        "bridge/logging", partial(says, "The journal can't be written"), since=since, seconds=30
    )
    assert "journal" in message.json["message"]
    assert "File too large" in message.json["message"]
    # The bridge works.
    house.set(relay, "state_l1", "ON")
    house.set(relay, "state_l1", "OFF")
    room(house, resource.RLIM_INFINITY)
    house.client.wait(
        "bridge/logging", partial(says, "The journal is written again"), since=since, seconds=60
    )
    house.set(relay, "state_l2", "ON")
    house.stop()
    told = [m for m in house.client.messages if m.topic.endswith("bridge/logging")]
    assert sum(says("The journal can't be written", one) for one in told) == 1
    replayed = ferrobee("replay", house.data)
    assert replayed.returncode == 0, replayed.stderr
    assert '"state_l2":"ON"' in replayed.stdout
    assert "cut off" not in replayed.stderr


def is_action(action: str, message: Message) -> bool:
    return bool(message.json.get("action") == action)


def test_record_goes_on_when_the_journal_begins_a_new_file(house: House) -> None:
    configuration = house.data / "configuration.yaml"
    configuration.write_text(configuration.read_text() + "ferrobee: {journal: {max_size: 1}}\n")
    house.start()
    knob = house.join("ZNXNKG02LM")
    process = subprocess.Popen(
        [FERROBEE, "record", "--data", house.data, "--device", knob.name, "--seconds", "600"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    assert process.stderr is not None
    assert process.stderr.readline().startswith("recording ")

    def files() -> set[Path]:
        return set((house.data / "journal").glob("*.fbj"))

    began = files()
    pressed = 0
    deadline = time.monotonic() + 60
    # Until the file in which it began is gone.
    while began & files():
        assert time.monotonic() < deadline, files()
        since = house.client.mark()
        house.act(knob, "press", count=1)
        house.client.wait(knob.name, partial(is_action, "single"), since=since)
        pressed += 1
        noise(house, 60)
        time.sleep(0.5)  # the journal is written once a second
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    house.stop()
    payloads = [json.loads(line)["payload"] or {} for line in out.splitlines()]
    assert [one.get("action") for one in payloads].count("single") == pressed


def test_record_onto_a_full_disk_says_so(house: House) -> None:
    house.start()
    knob = house.join("ZNXNKG02LM")
    house.act(knob, "press", count=1)
    house.client.wait(knob.name, partial(is_action, "single"))
    house.stop()
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [FERROBEE, "record", "--data", house.data, "--device", knob.ieee, "--since", "600"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env=environment(),
            timeout=60,
        )
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
