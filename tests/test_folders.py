"""Folders of Python that are made, moved and deleted while the real program runs."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tests.test_converters_run import decoded_by, write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.house import House

SAYS = """
from ferrobee import after, home, start, stop, store

@after("1h")
async def later(): ...

@start
async def begun():
    kept, runs = later.due is not None, store.get("runs", 0) + 1
    if not kept:
        later.start()
    store.set("runs", runs)
    home.publish("zigbee2mqtt/told", {"word": "WORD", "runs": runs, "timer": kept})

@stop
async def ended():
    home.publish("zigbee2mqtt/told", {"ended": "WORD"})
"""


def save(folder: Path, name: str, word: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.py"
    file.write_text(SAYS.replace("WORD", word))
    return file


def told(house: House, since: int, **what: object) -> None:
    """Waits until an automation has told something."""
    house.client.wait("told", lambda m: what.items() <= m.json.items(), since=since, seconds=30)


def logged(house: House, text: str, since: int = 0) -> str:
    message = house.client.wait(
        "bridge/logging", lambda m: text in m.json["message"], since=since, seconds=40
    )
    line: str = message.json["message"]
    return line


def test_a_folder_of_automations_made_while_the_bridge_runs_needs_no_restart(house: House) -> None:
    house.start()
    folder = house.data / "automations"
    save(folder, "hall", "one")
    told(house, 0, word="one", runs=1, timer=False)

    # Deleted as a whole: what ran stops, its timers wait.
    since = house.client.mark()
    folder.rename(house.data / "elsewhere")
    told(house, since, ended="one")
    logged(house, f"{folder} is gone: its automations stop, their timers wait for them", since)
    # Made again, as another folder.
    since = house.client.mark()
    save(folder, "hall", "two")
    told(house, since, word="two", runs=2, timer=True)
    # And followed as before.
    since = house.client.mark()
    save(folder, "hall", "three")
    told(house, since, word="three", runs=3)
    house.stop()


def test_a_file_that_is_renamed_or_moved_away_stops_and_its_timers_are_removed(
    house: House,
) -> None:
    folder = house.data / "automations"
    hall = save(folder, "hall", "hall")
    house.start()
    told(house, 0, word="hall", runs=1, timer=False)

    # Another name is another file: it begins anew.
    since = house.client.mark()
    porch = hall.rename(folder / "porch.py")
    told(house, since, word="hall", runs=1, timer=False)
    told(house, since, ended="hall")
    logged(house, "hall is gone: its handlers and timers are removed", since)

    # Moved away and back, with what it stored.
    since = house.client.mark()
    porch.rename(house.data / "porch.py")
    told(house, since, ended="hall")
    logged(house, "porch is gone: its handlers and timers are removed", since)
    since = house.client.mark()
    (house.data / "porch.py").rename(porch)
    told(house, since, word="hall", runs=2, timer=False)

    # A package is a folder like others: each of its files is an automation.
    since = house.client.mark()
    package = house.data / "heating"
    save(package, "boiler", "boiler")
    (package / "__init__.py").write_text("")
    (package / "words.py").write_text("WORD = 'warm'\n")
    boiler = package / "boiler.py"
    text = boiler.read_text().replace('"boiler"', "words.WORD", 1)
    boiler.write_text(f"from heating import words\n{text}")
    package.rename(folder / "heating")
    told(house, since, word="warm", runs=1)
    # What it imports from the folder is imported anew.
    since = house.client.mark()
    (folder / "heating" / "words.py").write_text("WORD = 'cold'\n")
    told(house, since, word="cold", runs=2)
    since = house.client.mark()
    (folder / "heating").rename(package)
    told(house, since, ended="boiler")
    logged(house, "boiler is gone", since)
    house.stop()


def test_a_folder_of_automations_may_be_a_link_that_leads_elsewhere_later(house: House) -> None:
    one, two = house.directory / "one", house.directory / "two"
    save(one, "hall", "one")
    save(two, "hall", "two")
    house.start()
    link = house.data / "automations"
    link.symlink_to(one)
    told(house, 0, word="one", runs=1)
    since = house.client.mark()
    save(one, "hall", "one again")
    told(house, since, word="one again", runs=2)
    # A link is replaced as a whole: `ln -sfn`.
    since = house.client.mark()
    beside = house.data / "new"
    beside.symlink_to(two)
    beside.replace(link)
    told(house, since, word="two", runs=3)
    since = house.client.mark()
    save(two, "hall", "two again")
    told(house, since, word="two again", runs=4)
    house.stop()


def test_a_folder_of_converters_made_while_the_bridge_runs_needs_no_restart(house: House) -> None:
    house.start()
    relay = house.join("LLKZMK11LM")
    since = house.client.mark()
    folder = write(house).parent
    decoded_by(house, relay, "MINE", since=since)

    since = house.client.mark()
    shutil.rmtree(folder)
    decoded_by(house, relay, "LLKZMK11LM", since=since)

    # Made again, as a link this time.
    since = house.client.mark()
    elsewhere = house.directory / "elsewhere"
    elsewhere.mkdir()
    folder.symlink_to(elsewhere)
    write(house, model="AGAIN")
    decoded_by(house, relay, "AGAIN", since=since)
    # Renamed and saved, it is still followed.
    since = house.client.mark()
    (folder / "relay.py").rename(folder / "_relay.py")
    decoded_by(house, relay, "LLKZMK11LM", since=since)
    since = house.client.mark()
    write(house, model="LAST")
    decoded_by(house, relay, "LAST", since=since)
    house.stop()
