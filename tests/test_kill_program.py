"""`kill -9` of the running program at its writes of `ferrobee.db`: what automations do goes on."""

from __future__ import annotations

import itertools
import random
import signal
from typing import TYPE_CHECKING

from tests.support.power import Recorder
from tests.support.program import Bridge

if TYPE_CHECKING:
    from tests.support.house import House

# A chain that ends for good if a step of it is ever forgotten. A step is over when the broker has
# what it said: what was only published may end with the process.
CHAIN = """
import asyncio
from ferrobee import after, home, on, start, store, topic

heard = asyncio.Queue()


@on(topic("said"), policy="parallel")
async def echo(message) -> None:
    heard.put_nowait(int(message.payload))


@after("50ms")
async def step() -> None:
    number = store.get("number", 0)
    home.publish("said", str(number))
    while await heard.get() != number:
        pass
    store.set("number", number + 1)
    step.start()


@start
async def begin() -> None:
    if "begun" not in store:
        step.start()
        store.set("begun", True)
"""
LIVES = 8


def said(house: House) -> list[int]:
    return [int(m.text) for m in house.client.messages if m.topic == "said"]


def test_killed_at_its_writes_the_running_program_leaves_out_nothing(house: House) -> None:
    (house.data / "automations").mkdir()
    (house.data / "automations/hall.py").write_text(CHAIN)
    recorder = Recorder(house.data, house.directory)
    chance = random.Random(3)
    for _ in range(LIVES):
        house.bridge = Bridge(house.data, recorder.killing("ferrobee.db", chance.randint(1, 120)))
        assert house.bridge.ended(seconds=60) == -signal.SIGKILL
    house.start()
    last = max(said(house))
    house.client.wait_for("said", lambda m: int(m.text) > last + 5)
    house.stop()
    numbers = said(house)
    # Each number, and none before its time.
    assert list(dict.fromkeys(numbers)) == list(range(max(numbers) + 1))
    # What is said again is what the disk did not know of when a kill came.
    again = sum(1 for one, then in itertools.pairwise(numbers) if then <= one)
    assert again <= LIVES
