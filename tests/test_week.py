"""A journal of days, written by a house in virtual time, and what can be done with it.

A whole week with fifty devices is `python -m tests.benchmarks.week`.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from tests.support import week
from tests.support.program import ferrobee

if TYPE_CHECKING:
    from pathlib import Path

FEW = week.Fleet(relays=3, bulbs=2, knobs=2)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the journal of a night and a day."""
    data = tmp_path_factory.mktemp("house") / "data"
    written = week.write(data, 1, rate=2, fleet=FEW)
    assert written.messages > 2_000
    return data


def test_a_journal_of_days_is_replayed_byte_for_byte(data: Path) -> None:
    done = ferrobee("replay", data, "--quiet")
    assert done.returncode == 0, done.stderr
    assert "from the beginning of a run led to what was recorded" in done.stderr


def test_a_report_costs_so_little_room_that_a_week_fits(data: Path) -> None:
    size = sum(path.stat().st_size for path in (data / "journal").glob("*.fbj"))
    # Most messages came alone, which costs the most: a week of one each second has to fit.
    reports = 24 * 60 * 2
    assert size / reports * 7 * week.DAY < 64e6


def test_edited_automations_show_what_they_would_have_commanded_on_those_days(
    data: Path, tmp_path: Path
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder, span in ((old, "5min"), (new, "30min")):
        folder.mkdir()
        (folder / "house.py").write_text(week.AUTOMATION.replace("5min", span))
    alone = ferrobee("replay", data, "--automations", old, "--json")
    assert alone.returncode == 0, alone.stderr
    commands = [json.loads(line) for line in alone.stdout.splitlines()]
    toggles = [one for one in commands if one["topic"] == "bulb_1/set"]
    assert len(toggles) > 10
    assert {one["time"][:10] for one in toggles} == {"2026-01-05"}
    again = ferrobee("replay", data, "--automations", old, "--json")
    assert again.stdout == alone.stdout
    other = ferrobee("replay", data, "--automations", new, "--against", old)
    assert other.returncode == 1
    assert all("relay_1/set" in line for line in other.stdout.splitlines()[2:])


def told(journal: Path) -> dict[int, list[tuple[str, str]]]:
    """What was published after each input, without what the bridge says of itself."""
    done = ferrobee("replay", journal, "--json")
    assert done.returncode == 0, done.stderr
    steps = map(json.loads, done.stdout.splitlines())
    said: dict[int, list[tuple[str, str]]] = {}
    for step in steps:
        if step["step"] == "input":
            published = [one["publish"] for one in step["outputs"] if "publish" in one]
            said[step["n"]] = [
                (one["topic"], one["payload"])
                for one in published
                if not one["topic"].startswith("zigbee2mqtt/bridge/")
            ]
    return said


def test_a_replay_from_a_later_file_gives_what_devices_said_and_what_became_of_commands(
    tmp_path: Path,
) -> None:
    data, later = tmp_path / "data", tmp_path / "later"
    week.write(data, 0.4, rate=20, fleet=FEW, megabytes=1)
    shutil.copytree(data, later)
    files = sorted((later / "journal").glob("*.fbj"))
    assert len(files) > 2
    for gone in files[: len(files) // 3]:
        gone.unlink()
    whole, rest = told(data), told(later)
    assert 2_000 < len(rest) < len(whole)
    assert (
        sum(topic.startswith("zigbee2mqtt/bulb") for one in rest.values() for topic, _ in one) > 8
    )
    assert {n: one for n, one in whole.items() if n in rest} == rest
