"""A power cut at any moment: no commit that was said to be on the disk is lost, no file is half.

Unlike after `kill -9`, what was not synced is gone, in part or whole, or stays, sector by sector.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.power import Disk, Recorder, choices, lay
from tests.support.program import environment
from tests.test_ledger import CONFIGURATION

from ferrobee import DataError, _core
from ferrobee._ledgers import FileLedger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.house import House
    from tests.support.power import Done

    from ferrobee._ledger import Loaded

# Commits 0, 1, 2, ... of a timer and two values each, one of them long, so that the log is copied
# into the database again and again; says which ones are on the disk. Ends by itself.
COMMITS = """
import asyncio, os, sys, time
from ferrobee import DataError, _core
from ferrobee._ledger import PutTimer, PutValue, RemoveTimer, Timer
from ferrobee._ledgers import BridgeLedger, FileLedger

async def main(kind, path):
    if kind == "bridge":
        bridge = _core.Bridge(path, console=False)
        ledger = BridgeLedger(bridge)
    else:
        ledger = FileLedger(path)
    await ledger.load()
    for number in range(60):
        ledger.commit([
            PutTimer(Timer("hall.py", str(number), time.time() + 3600, 3600)),
            RemoveTimer("hall.py", str(number - 5)),
            PutValue("hall.py", str(number), "1"),
            PutValue("attic.py", str(number % 7), '"' + "x" * 100_000 + str(number) + '"'),
        ])
        if number % 3 == 0:
            await ledger.saved()
            os.write(1, b"%d\\n" % number)
    await ledger.saved()
    if kind == "bridge":
        bridge.stop()
        bridge.result()
    else:
        ledger.close()

asyncio.run(main(*sys.argv[1:]))
"""


def recorded(folder: Path, scratch: Path, *command: str | Path) -> list[Done]:
    """What a process does to the files of a folder."""
    recorder = Recorder(folder, scratch)
    subprocess.run(
        [sys.executable, "-c", *command],
        env=environment(**recorder.environment),
        stdout=subprocess.DEVNULL,
        timeout=100,
        check=True,
    )
    return recorder.done()


def moments(done: list[Done], chance: random.Random, most: int) -> set[int]:
    """After which calls the power is cut: after all that are no mere write, and some of those."""
    marked = [number for number, one in enumerate(done) if one.what not in "W!D"]
    writes = [number for number, one in enumerate(done) if one.what == "W"]
    if len(marked) > most:
        marked = chance.sample(marked, most)
    return {*marked, *chance.sample(writes, min(most, len(writes)))}


@pytest.fixture
def left(tmp_path: Path) -> Iterator[Path]:
    """Where the next process finds what a cut has left: in memory, if the machine has such a place,
    where nothing waits for a disk."""
    memory = Path("/dev/shm")  # noqa: S108
    if not os.access(memory, os.W_OK):
        yield tmp_path / "left"
        return
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder) / "left"


def rows(path: Path) -> Loaded:
    async def load() -> Loaded:
        ledger = FileLedger(path)
        try:
            return await ledger.load()
        finally:
            ledger.close()

    return asyncio.run(load())


def check(loaded: Loaded, saved: int) -> int:
    """The commits up to some number are there, whole, and at least those that were saved."""
    count = len(loaded.values.get("hall.py", {}))
    assert count - 1 >= saved, f"commit {saved} was on the disk; there are {count}"
    numbers = sorted(int(number) for number in loaded.values.get("hall.py", {}))
    assert numbers == list(range(count))
    timers = sorted(int(timer.id) for timer in loaded.timers)
    assert timers == list(range(max(0, count - 5), count))
    attic = {
        key: int(json.loads(text)[100_000:])
        for key, text in loaded.values.get("attic.py", {}).items()
    }
    assert attic == {str(number % 7): number for number in range(count)}
    return count


WRITES = """
import os, sys
folder, careful = sys.argv[1], sys.argv[2] == "careful"
file = os.open(folder + "/new", os.O_WRONLY | os.O_CREAT)
os.write(file, b"x" * 2000)
if careful:
    os.fsync(file)
os.close(file)
os.rename(folder + "/new", folder + "/file")
if careful:
    file = os.open(folder, os.O_RDONLY)
    os.fsync(file)
"""


@pytest.mark.parametrize("way", ["careful", "careless"])
def test_a_simulated_cut_takes_what_was_not_synced_and_nothing_else(
    tmp_path: Path, way: str
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").write_bytes(b"old")
    disk = Disk(folder)
    for one in recorded(folder, tmp_path, WRITES, folder, way):
        disk.play(one)
    chance, left = random.Random(1), set()
    for _ in range(100):
        for keep in choices(chance).values():
            left.add(disk.after_cut(keep)[str(folder / "file")])
    if way == "careful":
        assert left == {b"x" * 2000}
    else:
        assert {b"old", b"", b"x" * 2000, bytes(512) + b"x" * 1488} <= left


@pytest.mark.parametrize("kind", ["file", "bridge"])
def test_a_power_cut_at_any_moment_leaves_whole_commits_and_all_that_were_saved(
    tmp_path: Path, left: Path, kind: str
) -> None:
    folder, scratch = tmp_path / "house", tmp_path / "scratch"
    folder.mkdir()
    scratch.mkdir()
    name = "script.db" if kind == "file" else "ferrobee.db"
    if kind == "bridge":
        (folder / "configuration.yaml").write_text(CONFIGURATION)
    disk = Disk(folder)
    done = recorded(folder, scratch, COMMITS, kind, folder / name if kind == "file" else folder)
    chance = random.Random(7)
    cuts, seen = moments(done, chance, 100), set()
    saved, counts = -1, set()
    for number, one in enumerate(done):
        disk.play(one)
        if one.what == "!":
            saved = int(one.one)
        if number not in cuts:
            continue
        for what, keep in choices(chance).items():
            files = {
                path: content
                for path, content in disk.after_cut(keep).items()
                if Path(path).name.startswith(name)
            }
            if (same := hash(tuple(sorted(files.items())))) in seen:
                continue
            seen.add(same)
            place = lay(files, folder, left)
            try:
                counts.add(check(rows(place / name), saved))
            except AssertionError as error:
                where = f"cut after call {number} of {len(done)} ({one.what}), with {what}"
                raise AssertionError(f"{where}: {error}") from error
            assert not list(place.glob("*.damaged*"))
    assert saved == 57
    # Each was the last one at some cut, but for those that were written together with the next.
    assert {0, 1, 60} <= counts


BEGINS = """
import os, sys
from ferrobee import _core
# Nobody is there.
os.environ["ZIGBEE2MQTT_CONFIG_MQTT_SERVER"] = "mqtt://127.0.0.1:1"
os.environ["ZIGBEE2MQTT_CONFIG_SERIAL_PORT"] = "tcp://127.0.0.1:1"
os.environ["ZIGBEE2MQTT_CONFIG_SERIAL_ADAPTER"] = "zstack"
bridge = _core.Bridge(sys.argv[1], console=False)
bridge.stop()
bridge.result()
"""


def test_a_power_cut_does_not_take_a_new_data_directory_with_the_networks_key(
    tmp_path: Path,
) -> None:
    folder, scratch = tmp_path / "house", tmp_path / "scratch"
    folder.mkdir()
    scratch.mkdir()
    disk = Disk(folder)
    configuration = folder / "new" / "data" / "configuration.yaml"
    for one in recorded(folder, scratch, BEGINS, configuration.parent):
        disk.play(one)
    assert disk.synced()[str(configuration)] == configuration.read_bytes()


AUTOMATION = """
from ferrobee import every, home, on, store

relay = home.device("relay")

@on(relay["state_l1"] == "ON", hold="1h")
async def held() -> None: ...

@every("0.2s")
async def again() -> None:
    store.set("count", store.get("count", 0) + 1)
"""
REPLACED = ("configuration.yaml", "database.db", "state.json", "coordinator_backup.json")
"""What is written whole. `ferrobee.db` and the journal grow."""


def live(house: House, recorder: Recorder) -> list[Done]:
    """A bridge that writes all its files, and what it did to them."""
    client = house.client
    house.start(env=recorder.environment)
    relay = house.join("LLKZMK11LM")
    house.set(relay, "state_l1", "ON")
    rename = {"from": relay.ieee, "to": "relay"}
    assert client.request("device/rename", rename)["status"] == "ok"
    assert client.request("group/add", {"friendly_name": "hall"})["status"] == "ok"
    since = client.mark()
    assert client.request("restart", {})["status"] == "ok"
    client.wait("bridge/devices", since=since, seconds=30)
    switch = house.join("QBKG41LM")
    change = {"id": switch.ieee, "options": {"retain": True}}
    assert client.request("device/options", change)["status"] == "ok"
    assert client.request("backup", {})["status"] == "ok"
    assert client.request("group/remove", {"id": "hall"})["status"] == "ok"
    house.stop()
    return recorder.done()


class Versions:
    """What a file that is written whole has held, one after the other."""

    def __init__(self) -> None:
        self._all: list[bytes | None] = []

    def add(self, content: bytes | None) -> None:
        if not self._all or self._all[-1] != content:
            self._all.append(content)

    def number(self, content: bytes | None) -> int:
        """Of the newest one that is this. `ValueError` if none ever was."""
        return len(self._all) - 1 - self._all[::-1].index(content)


def test_a_power_cut_at_any_moment_leaves_each_file_of_a_bridge_the_old_or_the_new(
    house: House, left: Path
) -> None:
    scratch = house.directory / "scratch"
    scratch.mkdir()
    (house.data / "automations").mkdir()
    (house.data / "automations/hall.py").write_text(AUTOMATION)
    disk, again = Disk(house.data), Disk(house.data)
    done = live(house, Recorder(house.data, scratch))
    chance = random.Random(11)
    cuts = moments(done, chance, 100)
    # Reading all files takes its time.
    looked_at = set(chance.sample(sorted(cuts), 12))
    versions = {str(house.data / name): Versions() for name in REPLACED}
    for number, one in enumerate(done):
        disk.play(one)
        if one.what in "OR":
            now = disk.now()
            for path, known in versions.items():
                known.add(now.get(path))
        if number not in cuts:
            continue
        sure = disk.synced()
        for what, keep in choices(chance).items():
            files = disk.after_cut(keep)
            where = f"cut after call {number} of {len(done)} ({one.what}), with {what}"
            for path, known in versions.items():
                content = files.get(path)
                assert known.number(content) >= known.number(sure.get(path)), (where, path)
            if number in looked_at:
                opened(lay(files, house.data, left), where)
    assert all(path in disk.synced() for path in versions)
    # The bridge itself goes on with what a cut in the second half has left.
    for one in done[: chance.randrange(len(done) // 2, len(done))]:
        again.play(one)
    goes_on(house, again.synced())


def opened(data: Path, where: str) -> None:
    """Everything can be read."""
    devices = json.loads(_core.devices(data))
    assert {one["type"] for one in devices} <= {"Coordinator", "Router", "Unknown"}, where
    if (data / "ferrobee.db").exists():
        rows(data / "ferrobee.db")
    for file in _core.journal_files(data):
        # Nothing waits for it to be on the disk: it is read as far as it is whole.
        with contextlib.suppress(DataError):
            replay = _core.Replay(file)
            while replay.read(1000):
                pass
    assert not list(data.glob("*.damaged*")), where


def goes_on(house: House, files: dict[str, bytes]) -> None:
    """A bridge starts with these files, knows their devices, and commands them."""
    house.data = lay(files, house.data, house.directory / "left")
    since = house.client.mark()
    bridge = house.start()
    names = {
        one["friendly_name"]
        for one in house.client.wait("bridge/devices", since=since).json
        if one["type"] != "Coordinator"
    }
    assert "relay" in names
    house.client.publish("relay/set", {"state_l1": "OFF"})
    house.client.wait("relay", lambda m: m.json.get("state_l1") == "OFF", since=since)
    assert "damaged" not in bridge.text
    house.stop()
