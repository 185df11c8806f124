"""The program under test, as its users start it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Beside the interpreter, where pip has put it.
FERROBEE = Path(sys.executable).with_name("ferrobee")


def environment(**more: str) -> dict[str, str]:
    """Ours without what would lead ferrobee to somebody's real data."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ZIGBEE2MQTT")}
    kept.pop("FERROBEE_DATA", None)
    return {**kept, **more}


def ferrobee(
    *arguments: str | Path,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    seconds: float = 60,
) -> subprocess.CompletedProcess[str]:
    """Runs `ferrobee` to its end."""
    return subprocess.run(
        [FERROBEE, *arguments],
        cwd=cwd,
        env=environment(**(env or {})),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


class Bridge:
    """A `ferrobee run` in the background."""

    def __init__(self, data: Path, env: Mapping[str, str] | None = None) -> None:
        self.data = data
        self.log = data.parent / "ferrobee.log"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [FERROBEE, "run", "--data", data],
                stdout=log,
                stderr=log,
                env=environment(**(env or {})),
            )

    def stop(self, number: signal.Signals = signal.SIGTERM, *, seconds: float = 20) -> int:
        """Asks it to end and gives the exit status."""
        self._process.send_signal(number)
        return self._process.wait(seconds)

    def kill(self) -> None:
        """Ends it as a power cut would; it may have ended before."""
        self._process.kill()
        self._process.wait()

    def ended(self, *, seconds: float = 30) -> int:
        """Waits until it has ended by itself, or was ended, and gives the exit status."""
        return self._process.wait(seconds)

    def memory(self) -> int:
        """What it has in memory, kB."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if "VmRSS" in line)

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def text(self) -> str:
        """What it has logged."""
        return self.log.read_text(errors="replace")
