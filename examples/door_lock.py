"""Notices of the door lock: who came home, who tried in vain, who is at the door."""

from ferrobee import home, on, run
from ferrobee.models.aqara import ZNMS11LM, ZNMS11LMRepeatEvent, ZNMS11LMUserUserTypeEvent

lock = home.device("front_door", ZNMS11LM)

NAMES = {1: "Anna", 2: "Ben"}


def notify(text: str) -> None:
    home.publish("notify/phone", text)


@on(lock.action.finger_open)
async def came_home(event: ZNMS11LMUserUserTypeEvent) -> None:
    notify(f"{NAMES.get(int(event.user or 0), 'Somebody')} came home.")


@on(lock.action.finger_not_match)
async def stranger(event: ZNMS11LMRepeatEvent) -> None:
    notify(f"An unknown finger at the door, {event.repeat} times.")


@on(lock.action.ring_bell)
async def bell() -> None:
    notify("Somebody is at the door.")


if __name__ == "__main__":
    run("mqtt://localhost:1883")
