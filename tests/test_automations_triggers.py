"""What fires, and when: conditions, events, topics, times."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.automations import House, virtually

if TYPE_CHECKING:
    from pathlib import Path


def test_a_condition_fires_when_it_begins_to_hold(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.begin("""
            @on(relay.power > 2000)
            async def overload():
                await note("overload")
        """)
        for power in (1500, 2500, 2600, 1000, 3000):
            await house.say("relay", power=power)
        assert house.notes == ["overload", "overload"]
        await house.close()

    virtually(main)
