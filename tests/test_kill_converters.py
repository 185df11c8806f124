"""After `kill -9` of the bridge no program of a converter stays behind, whatever it was doing."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.test_converters_run import decoded_by, write

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.house import House

SECONDS = 5
"""Long enough for a busy machine, and far less than what the functions here take."""


def programs(file: Path) -> list[str]:
    """The converter programs that run a file, by their commands."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            command = (process / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if str(file) in command and any("ferrobee.converters" in word for word in command):
            found.append(" ".join(command))
    return found


def until(holds: Callable[[], bool], *, seconds: float) -> bool:
    """True once it holds; False if it does not in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.01)
    return holds()


BUSY = {
    "waits for calls": "pass",
    "sleeps": "import time; BEGUN; time.sleep(600)",
    # Neither signals of Python nor other threads get a turn.
    "computes in C": "BEGUN; sum(range(10**12))",
    "loops and catches everything": (
        "BEGUN\n        while True:\n            try:\n                1 / 0\n"
        "            except BaseException: pass"
    ),
}


@pytest.mark.parametrize("body", BUSY.values(), ids=BUSY)
def test_a_killed_bridge_leaves_no_program_of_a_converter_behind(house: House, body: str) -> None:
    begun = house.directory / "begun"
    body = body.replace("BEGUN", f"open({str(begun)!r}, 'w').close()")
    file = write(house, body=body)
    bridge = house.start()
    relay = house.join("LLKZMK11LM")
    decoded_by(house, relay, "MINE", since=0)
    house.set(relay, "state_l1", "ON")
    since = house.client.mark()
    begun.unlink(missing_ok=True)
    house.act(relay, "load", endpoint=1, watts=21)
    if body == "pass":
        house.client.wait(relay.name, lambda one: one.json.get("double_power") == 42, since=since)
    else:
        # The bridge itself would end the call after a second.
        assert until(begun.exists, seconds=20)
    assert len(programs(file)) == 1
    bridge.kill()
    assert until(lambda: not programs(file), seconds=SECONDS), programs(file)


@pytest.mark.parametrize("what", ["worker", "compile"])
def test_a_file_that_never_loads_does_not_outlive_who_asked_for_it(
    tmp_path: Path, what: str
) -> None:
    begun, file = tmp_path / "begun", tmp_path / "endless.py"
    file.write_text(f"import time\nopen({str(begun)!r}, 'w').close()\ntime.sleep(600)\n")
    # Who asks, and is killed: it has the other ends of the pipes.
    asks = f"""
        import json, subprocess, sys
        from ferrobee.converters.compile import command
        child = subprocess.Popen([*command({what!r}), {str(file)!r}],
            stdin=subprocess.PIPE if {what!r} == "worker" else subprocess.DEVNULL,
            stdout=subprocess.PIPE)
        if child.stdin:
            child.stdin.write(b'{{"id": 1}}\\n')
            child.stdin.flush()
        child.wait()
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(asks)]) as parent:
        try:
            assert until(begun.exists, seconds=20)
            assert len(programs(file)) == 1
        finally:
            parent.kill()
    assert until(lambda: not programs(file), seconds=SECONDS), programs(file)
