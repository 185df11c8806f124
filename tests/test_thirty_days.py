"""Hours of virtual time in a house: a slice of thirty days, the same each time.

The whole month, with a hundred devices and a million events, is the benchmark:
`python -m tests.benchmarks.thirty_days`.
"""

from __future__ import annotations

from tests.support import thirty_days

SOME = thirty_days.Fleet(relays=12, knobs=4)


def test_hours_of_a_house_are_the_same_each_time() -> None:
    first, second = (thirty_days.run(1 / 12, fleet=SOME) for _ in range(2))
    assert first.events > 2_500
    assert first.commands > 0
    assert first.digest == second.digest


def test_another_seed_is_another_house_but_the_same_life() -> None:
    one, other = (thirty_days.run(1 / 24, seed=seed, fleet=SOME) for seed in (1, 2))
    assert one.events == other.events
