"""Days of virtual time in a house of a hundred devices: quick, and the same each time.

The whole month is `python -m tests.benchmarks.thirty_days`.
"""

from __future__ import annotations

from tests.support import thirty_days


def test_hours_of_a_hundred_devices_are_the_same_each_time() -> None:
    first, second = thirty_days.run(1 / 8), thirty_days.run(1 / 8)
    assert first.events > 3_500
    assert first.commands > 0
    assert first.digest == second.digest


def test_another_seed_is_another_house_but_the_same_life() -> None:
    one, other = thirty_days.run(1 / 24), thirty_days.run(1 / 24, seed=2)
    assert one.events == other.events
