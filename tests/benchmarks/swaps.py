"""An automation file that is saved a thousand times under 500 messages a second, in `ferrobee run`:
nothing may be lost, and memory is to stay flat.

    .venv/bin/python -m tests.benchmarks.swaps [SWAPS]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.support import swaps
from tests.support.house import House

MORE = 4096
"""The most that memory may grow from a fifth of the swaps to the last one, kB."""


def main() -> int:
    """Prints what came of it; the exit status is 0 if all is well."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    looks = tuple(count * fifth // 5 for fifth in range(1, 6))
    with tempfile.TemporaryDirectory() as directory:
        house = House(Path(directory))
        try:
            result = swaps.run(house, count, look_at=looks)
        finally:
            house.close()
    expected = list(range(1, result.reports + 1))
    missing = len(set(expected) - set(result.heard))
    print(
        f"{result.swaps} swaps in {result.seconds:.1f} s under {result.rate:.0f} reports/s: "
        f"{result.reports} reports, {len(result.heard)} heard, {missing} lost, "
        f"{'in order' if result.heard == expected else 'NOT in order or not once each'}"
    )
    for swap, kilobytes in result.memory.items():
        print(f"after {swap} swaps: {kilobytes} kB")
    grown = result.memory[looks[-1]] - result.memory[looks[0]]
    timers = [timer.id for timer in result.rows.timers]
    print(
        f"grown by {grown} kB; timers {timers}, the machine changed its state {result.lit} time(s)"
    )
    is_well = result.heard == expected and grown <= MORE and len(timers) == 2 and result.lit == 1
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
