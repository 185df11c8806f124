"""`kill -9` at any moment loses no commit that was said to be on the disk, and tears none."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.test_ledger import CONFIGURATION, InBridge, InFile, Kept, during

from ferrobee import _core
from ferrobee._ledger import PutValue
from ferrobee._ledgers import BridgeLedger

if TYPE_CHECKING:
    from pathlib import Path

    from ferrobee._ledger import Ledger, Loaded

# Commits 0, 1, 2, ... in order, each of a timer and two values, and says which are on the disk.
SCRIPT = """
import asyncio, sys, time
from ferrobee import _core
from ferrobee._ledger import PutTimer, PutValue, RemoveTimer, Timer
from ferrobee._ledgers import BridgeLedger, FileLedger

async def main(kind, path):
    if kind == "bridge":
        bridge = _core.Bridge(path, console=False)
        ledger = BridgeLedger(bridge)
    else:
        ledger = FileLedger(path)
    loaded = await ledger.load()
    begin = max((int(n) for n in loaded.values.get("hall.py", {})), default=-1) + 1
    for number in range(begin, begin + 100_000):
        timer = Timer("hall.py", str(number), time.time() + 3600, 3600)
        ledger.commit([
            PutTimer(timer),
            RemoveTimer("hall.py", str(number - 50)),
            PutValue("hall.py", str(number), "1"),
            PutValue("attic.py", str(number), "2"),
        ])
        if number % 3 == 0:
            await ledger.saved()
            print(number, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture(params=["file", "bridge"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path, Kept]:
    """What the script is told, and how to look at what it left."""
    if request.param == "file":
        kept = InFile(tmp_path)
        return "file", kept.path, kept
    (tmp_path / "data").mkdir()
    (tmp_path / "data/configuration.yaml").write_text(CONFIGURATION)
    bridge = InBridge.__new__(InBridge)
    bridge.data = tmp_path / "data"
    return "bridge", bridge.data, bridge


async def rows(_: Ledger, loaded: Loaded) -> Loaded:
    return loaded


def check(loaded: Loaded, saved: int) -> int:
    """All commits up to some number are there, that one is not less than what was saved."""
    hall = sorted(int(number) for number in loaded.values.get("hall.py", {}))
    attic = sorted(int(number) for number in loaded.values.get("attic.py", {}))
    count = len(hall)
    assert hall == attic == list(range(count))
    assert count - 1 >= saved
    timers = sorted(int(timer.id) for timer in loaded.timers)
    assert timers == list(range(max(0, count - 50), count))
    return count


@pytest.mark.parametrize("lives", [8])
def test_killed_at_random_moments_no_commit_is_lost_or_torn(
    place: tuple[str, Path, Kept], lives: int
) -> None:
    kind, path, kept = place
    chance = random.Random(4)
    saved = -1
    for life in range(lives):
        with subprocess.Popen(
            [sys.executable, "-c", SCRIPT, kind, str(path)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            # In the first lives right after a commit; then whenever.
            for _ in range(1 + life):
                saved = int(process.stdout.readline())
            if life >= lives // 2:
                with pytest.raises(subprocess.TimeoutExpired):
                    process.wait(chance.uniform(0, 0.2))
            process.kill()
            for line in process.stdout:
                # What was said before the end counts too; the last line may be cut.
                if line.endswith("\n"):
                    saved = int(line)
        loaded = asyncio.run(during(kept, rows))
        check(loaded, saved)
    assert saved > 0


def test_a_commit_does_not_overtake_what_was_published_before_it(tmp_path: Path) -> None:
    """Else a kill could leave a row that says that a command was given, and no command."""
    (tmp_path / "configuration.yaml").write_text(CONFIGURATION)

    async def work() -> None:
        bridge = _core.Bridge(tmp_path, console=False)
        ledger, link = BridgeLedger(bridge), bridge.link()
        await ledger.load()
        await link.receive()
        for number in range(200):
            link.publish(f"zigbee2mqtt/lamp {number}./set", b"{}")
            ledger.commit([PutValue("hall", f"key {number}.", "1")])
            if number % 5 == 0:
                await ledger.saved()
        await ledger.saved()
        bridge.stop()
        await asyncio.to_thread(bridge.result)

    asyncio.run(work())
    (file,) = _core.journal_files(tmp_path)
    replay = _core.Replay(file)
    inputs: list[str] = []
    while steps := replay.read(1000):
        inputs += [json.dumps(json.loads(step).get("input")) for step in steps]
    for number in range(200):
        published, committed = (
            next(at for at, text in enumerate(inputs) if f"{what} {number}." in text)
            for what in ("lamp", "key")
        )
        assert published < committed, number
