"""Thirty simulated days of a house with a hundred devices and a million events, on one core.

    .venv/bin/python -m tests.benchmarks.thirty_days [DAYS]

Twice, as the result has to be the same; fails if it is not, or if a month takes a minute of the
core.
Needs a release build (`.venv/bin/pip install .`).
"""

from __future__ import annotations

import sys

from tests.support import thirty_days

MINUTE = 60.0


def main() -> int:
    """Prints what the days took."""
    days = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
    results = []
    for _ in range(2):
        result = thirty_days.run(days)
        results.append(result)
        print(
            f"{days:g} days, {result.events:,} events heard, {result.commands:,} commands: "
            f"{result.cpu:.1f} s of one core, {result.seconds:.1f} s by the clock (and "
            f"{result.setup:.1f} s of the core to set up), "
            f"{result.events / result.cpu:,.0f} events/s, digest {result.digest[:16]}",
            flush=True,
        )
    if len({result.digest for result in results}) > 1:
        print("the second run was another one", file=sys.stderr)
        return 1
    if min(result.cpu for result in results) * 30 > MINUTE * days:
        print("a month takes more than a minute", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
