"""Thirty simulated days of a house with a hundred devices and a million events, on one core.

    .venv/bin/python -m tests.benchmarks.thirty_days [DAYS]

Needs a release build (`.venv/bin/pip install .`).
"""

from __future__ import annotations

import sys

from tests.support import thirty_days


def main() -> int:
    """Prints what the days took."""
    days = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
    result = thirty_days.run(days)
    print(
        f"{days:g} days, {result.events:,} events heard, {result.commands:,} commands: "
        f"{result.cpu:.1f} s of one core, {result.seconds:.1f} s by the clock (and "
        f"{result.setup:.1f} s of the core to set up), "
        f"{result.events / result.cpu:,.0f} events/s, digest {result.digest[:16]}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
