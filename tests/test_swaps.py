"""Saving a file under load, in the real program.

A thousand times, and what that does to the memory: `python -m tests.benchmarks.swaps`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support import swaps

if TYPE_CHECKING:
    from tests.support.house import House


def test_swaps_of_the_running_program_under_500_messages_a_second_lose_nothing(
    house: House,
) -> None:
    result = swaps.run(house, 40)
    # Each report, once, in order, whichever version heard it.
    assert result.heard == list(range(1, result.reports + 1))
    assert result.reports > 1000
    # No version has begun anew what the one before had begun.
    assert result.lit == 1
    assert [timer.id for timer in result.rows.timers] == ["Lamp/lit>off", "held"]
