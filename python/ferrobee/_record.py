"""`ferrobee record`: frames of a device with what was published for them."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

from ferrobee._core import Replay, live_journal
from ferrobee._names import suggestion
from ferrobee._run import require
from ferrobee.errors import ConfigurationError, DataError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["record"]

# How often the journal is looked at; it is written once a second.
_INTERVAL = 0.2
# What happens is there after at most so many seconds.
_DELAY = 1.5
_BATCH = 512


def record(data: Path, device: str, *, seconds: float, since: float | None) -> int:
    """Prints one JSON line per frame; `since` seconds ago, or from now on for `seconds`."""
    require(data)
    if since is None and live_journal(data) is None:
        raise DataError(
            f"no bridge is writing a journal in {data.absolute()}. Start it with: ferrobee run "
            f"--data {data}; or print what is in the journal already with --since; a journal is "
            "written unless ferrobee.journal.enabled is false in configuration.yaml"
        )
    recording = _Recording(data, device, follow=since is None)
    try:
        if since is None:
            recording.live(seconds)
        else:
            recording.past(since)
    except KeyboardInterrupt:
        # Ctrl-C is a way to say that it is enough.
        print(file=sys.stderr)
    print(f"{recording.count} frames", file=sys.stderr)
    return 0


class _Recording:
    def __init__(self, data: Path, device: str, *, follow: bool) -> None:
        self._device = device
        self._replay = Replay(data, follow=follow)
        self.count = 0

    def live(self, seconds: float) -> None:
        """What comes from now on."""
        begin = time.time()
        # Up to now: the core has to know what the device was.
        self._catch_up()
        # What happened a moment ago is not written yet.
        last = time.monotonic() + _DELAY
        while not self._replay.capture(self._device) and time.monotonic() < last:
            time.sleep(_INTERVAL)
            self._catch_up()
        self._watch()
        print(f"recording {self._device} for {seconds:g} s; Ctrl-C ends it", file=sys.stderr)
        end = time.monotonic() + seconds + _DELAY
        while time.monotonic() < end:
            time.sleep(_INTERVAL)
            self._take(begin, begin + seconds)

    def past(self, since: float) -> None:
        """What is in the journal of the last `since` seconds."""
        begin = time.time() - since
        while not self._replay.capture(self._device):
            # It may have joined later.
            if not self._replay.skip(1):
                self._watch()
        self._take(begin, time.time())

    def _catch_up(self) -> None:
        while self._replay.skip(_BATCH):
            pass

    def _watch(self) -> None:
        if self._replay.capture(self._device):
            return
        names = self._replay.names()
        raise ConfigurationError(
            f"there is no device {self._device!r}.{suggestion(self._device, names)}"
        )

    def _take(self, begin: float, end: float) -> None:
        while True:
            count = self._replay.skip(_BATCH)
            for line in self._replay.captures():
                if begin * 1000 <= json.loads(line)["time"] <= end * 1000:
                    self.count += 1
                    print(line, flush=True)
            if count < _BATCH:
                return
