"""The door lock tells what happens."""

from ferrobee.models.aqara import ZNMS11LM
from ferrobee.testing import VirtualHome


async def test_who_comes_home_is_told_by_name(home: VirtualHome) -> None:
    lock = home.add(ZNMS11LM, "front_door")
    home.load("door_lock.py")
    await lock.act("finger_open", user=1)
    await home.advance("1min")
    await lock.act("finger_open", user=7)
    assert home.published("notify/phone") == ["Anna came home.", "Somebody came home."]


async def test_strangers_are_told(home: VirtualHome) -> None:
    lock = home.add(ZNMS11LM, "front_door")
    home.load("door_lock.py")
    await lock.act("finger_not_match", repeat=3)
    await lock.act("ring_bell")
    assert home.published("notify/phone") == [
        "An unknown finger at the door, 3 times.",
        "Somebody is at the door.",
    ]
