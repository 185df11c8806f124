"""The code in python/docs/automations.md is loaded and runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.support.automations import House, virtually
from tests.support.fake_link import device_entry

from ferrobee._automations.loader import load

TEXT = (Path(__file__).parent.parent / "python" / "docs" / "automations.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.M | re.S)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_each_block_is_a_file_that_runs(tmp_path: Path, number: int) -> None:
    async def main() -> None:
        path = tmp_path / "shown.py"
        path.write_text(BLOCKS[number])
        house = House(tmp_path)
        await house.begin()
        house.link.house(
            device_entry("study_knob", "ZNXNKG02LM"),
            device_entry("hall_relay", "LLKZMK11LM"),
            *(device_entry(name) for name in ("stairs_light", "stairs_motion", "lamp")),
        )
        await house.wait(0)
        house.runtime.install(load(path, house.home))
        await house.say("hall_relay", power=2500, state_l1="ON", state_l2="ON")
        await house.say("stairs_motion", occupancy=True)
        await house.say("study_knob", action="rotation", **ROTATION)
        await house.say("study_knob", action="single")
        await house.wait(3700)
        for slot in house.runtime.files["shown"].slots.values():
            # Nobody confirms what they set.
            assert slot.errors == 0 or "SetTimeout" in str(slot.last_error)
        commands = [topic for topic, _ in house.link.published]
        assert commands == COMMANDS.get(number, [])
        await house.close()

    virtually(main)


ROTATION = {
    "action_rotation_angle": 90,
    "action_rotation_angle_speed": 10,
    "action_rotation_percent": 25,
    "action_rotation_percent_speed": 5,
    "action_rotation_time": 300,
    "action_rotation_button_state": "released",
}
SET = "zigbee2mqtt/{}/set"
COMMANDS = {
    0: [SET.format("hall_relay")] * 2,
    2: [SET.format("stairs_light")] * 2,
    3: [SET.format("lamp")],
    4: ["boiler", SET.format("hall_relay")],
}
