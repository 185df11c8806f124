"""The journal of a week in a house of fifty devices: its size, and how long replays take.

    .venv/bin/python -m tests.benchmarks.week [--days 7] [--rate 60] [--keep DIR]

`--rate`: what all devices together say each minute. Needs a release build
(`.venv/bin/pip install .`).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support import week


def main() -> int:
    """Prints sizes and times."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.week")
    parser.add_argument("--days", type=float, default=7)
    parser.add_argument("--rate", type=float, default=60, help="things said each minute")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where the journal stays")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        data = options.keep or Path(temporary, "data")
        began = time.perf_counter()
        written = week.write(data, options.days, rate=options.rate)
        print(
            f"{options.days:g} days, {options.rate:g} a minute: {written.messages:,} messages, "
            f"{written.size / 1e6:.1f} MB, {written.size / max(1, written.messages):.0f} bytes for "
            f"each ({time.perf_counter() - began:.1f} s to live through)"
        )
        automations = Path(temporary, "automations")
        automations.mkdir()
        (automations / "week.py").write_text(week.AUTOMATION)
        _timed("replay --quiet", "replay", data, "--quiet")
        _timed("replay --automations", "replay", data, "--automations", automations)
    return 0


def _timed(name: str, *arguments: str | Path) -> None:
    began = time.perf_counter()
    command = [Path(sys.executable).with_name("ferrobee"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = len(done.stdout.splitlines())
    print(f"{name}: {time.perf_counter() - began:.1f} s, status {done.returncode}, {lines} lines")
    print("  " + "\n  ".join(done.stderr.splitlines()))


if __name__ == "__main__":
    sys.exit(main())
