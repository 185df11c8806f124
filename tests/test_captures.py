"""Captures are tests: of functions of converters too, and at each update of ferrobee or of a
converter."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.program import environment, ferrobee

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.client import Message
    from tests.support.house import House

CONVERTER = """
from ferrobee.converters import (
    Definition, Message, Model, NumericValue, OnOff, Values, clusters, from_zigbee,
)


class Relay(Definition):
    match = Model("lumi.relay.c2acn01")
    model, vendor, description = "{model}", "Me", "My relay"
    state_l1 = OnOff(endpoint=1)
    state_l2 = OnOff(endpoint=2)
    level = NumericValue("W")
    {field}

    @from_zigbee(clusters.AnalogInput.present_value)
    def heard(self, message: Message) -> Values:
        {body}
        return {{"level": message.value * {factor}}}
"""


def converter(*, model: str = "MINE", field: str = "", body: str = "pass", factor: int = 2) -> str:
    text = CONVERTER.format(model=model, field=field, body=body, factor=factor)
    return textwrap.dedent(text)


def save(house: House, text: str) -> Path:
    folder = house.data / "converters"
    folder.mkdir(exist_ok=True)
    file = folder / "relay.py"
    file.write_text(text)
    return file


def is_level(level: int, message: Message) -> bool:
    return bool(message.json.get("level") == level)


@pytest.fixture
def captures(house: House) -> str:
    """What was recorded of a relay with a converter of the owner; the bridge is stopped."""
    save(house, converter())
    house.start()
    relay = house.join("LLKZMK11LM")
    house.set(relay, "state_l1", "ON")
    for watts in (21, 40):
        since = house.client.mark()
        house.act(relay, "load", watts=watts)
        house.client.wait(relay.name, partial(is_level, 2 * watts), since=since)
    house.stop()
    done = ferrobee("record", "--data", house.data, "--device", relay.ieee, "--since", "600")
    assert done.returncode == 0, done.stderr
    return done.stdout


def put(house: House, captures: str, name: str = "captures/relay.jsonl") -> Path:
    path = house.data / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(captures)
    return path


def levels(captures: str) -> list[object]:
    """What functions said in each frame that is theirs."""
    lines = map(json.loads, captures.splitlines())
    told = [line["payload"]["level"] for line in lines if line["cluster"] == 12]
    return list(dict.fromkeys(told))


def check(house: House, *arguments: str) -> subprocess.CompletedProcess[str]:
    return ferrobee("check", "--data", house.data, *arguments)


def test_a_frame_that_a_function_decodes_is_recorded_with_what_it_said_and_checked_with_it(
    house: House, captures: str
) -> None:
    assert levels(captures) == [42, 80]
    put(house, captures)
    good = check(house)
    assert good.returncode == 0, good.stdout + good.stderr
    assert "relay (MINE): the same" in good.stdout
    # The function is another one.
    save(house, converter(factor=3))
    other = check(house)
    assert other.returncode == 1, other.stderr
    assert re.search(r"key +old +new\n +level +42 +63", other.stdout), other.stdout
    # It fails.
    file = save(house, converter(body="message.value.no_such_thing"))
    failed = check(house)
    assert failed.returncode == 1
    assert f"heard failed: {file}:17: AttributeError" in failed.stdout, failed.stdout
    # It never ends: the check ends nevertheless.
    save(house, converter(body="while True: pass"))
    endless = check(house)
    assert endless.returncode == 1
    assert "did not end within" in endless.stdout, endless.stdout
    # It does not load.
    save(house, "import no_such_thing")
    broken = check(house)
    assert broken.returncode == 1
    assert "a converter does not load" in broken.stderr


def test_check_takes_the_captures_that_converters_name(house: House, captures: str) -> None:
    save(house, converter(field="captures = ['one.jsonl', 'other.jsonl']"))
    put(house, captures, "converters/one.jsonl")
    missing = check(house)
    assert missing.returncode == 1
    assert re.search(
        r"converters/other.jsonl is not there, which Relay \(.*relay.py:7\)", missing.stderr
    )
    put(house, captures, "converters/other.jsonl")
    good = check(house)
    assert good.returncode == 0, good.stdout + good.stderr
    assert "one (MINE): the same" in good.stdout
    assert "other (MINE): the same" in good.stdout
    save(house, converter(field="captures = 'one.jsonl'", factor=5))
    other = check(house, "--json")
    assert other.returncode == 1
    told = [json.loads(line) for line in other.stdout.splitlines()]
    changed = {(one["old"]["level"], one["new"]["level"]) for one in told if not one["same"]}
    assert (42, 105) in changed


def pytest_run(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    plugin = ("-p", "ferrobee.testing._captures", "-q", "-p", "no:cacheprovider")
    return subprocess.run(
        [sys.executable, "-m", "pytest", *plugin, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=environment(),
        cwd=folder,
    )


def test_captures_are_tests_of_the_converters_of_a_data_directory(
    house: House, captures: str, tmp_path: Path
) -> None:
    file = put(house, captures)
    count = len(captures.splitlines())
    good = pytest_run(tmp_path, "--captures", file, "--captures-data", house.data)
    assert f"{count} passed" in good.stdout, good.stdout + good.stderr
    # The configuration of pytest says it as well.
    (tmp_path / "pytest.ini").write_text("[pytest]\nferrobee_data = data\n")
    again = pytest_run(tmp_path, "--captures", file)
    assert f"{count} passed" in again.stdout, again.stdout + again.stderr
    save(house, converter(factor=3))
    bad = pytest_run(tmp_path, "--captures", file)
    assert bad.returncode == 1
    assert re.search(r"level +42 +63", bad.stdout), bad.stdout
    none = pytest_run(tmp_path, "--captures", file, "--captures-data", "nowhere")
    assert "nowhere does not exist" in none.stdout + none.stderr


PACKAGE = {
    "acme_devices.py": converter(),
    "acme-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: acme\nVersion: 1\n",
    "acme-1.dist-info/entry_points.txt": "[ferrobee.converters]\nacme = acme_devices\n",
}


def test_captures_are_tests_of_the_converters_of_installed_packages(
    house: House, captures: str, tmp_path: Path
) -> None:
    (house.data / "converters" / "relay.py").unlink()
    file = put(house, captures, "recorded.jsonl")
    built_in = pytest_run(tmp_path, "--captures", file)
    assert built_in.returncode == 1
    packages = tmp_path / "packages"
    for name, text in PACKAGE.items():
        path = packages / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    run = [sys.executable, "-m", "pytest", "-p", "ferrobee.testing._captures", "-q"]
    done = subprocess.run(
        [*run, "-p", "no:cacheprovider", "--captures", file],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=environment(PYTHONPATH=str(packages)),
        cwd=tmp_path,
    )
    assert f"{len(captures.splitlines())} passed" in done.stdout, done.stdout + done.stderr


# --- an update


def says(message: Message, text: str) -> bool:
    return bool(text in message.json["message"])


def heard(house: House, text: str, *, since: int) -> str:
    """What the bridge says about captures."""
    found = house.client.wait(
        "bridge/logging", lambda m: says(m, "captures: ") and says(m, text), since=since, seconds=60
    )
    return str(found.json["message"])


def test_the_first_start_after_an_update_says_which_devices_would_publish_something_else(
    house: House, captures: str
) -> None:
    put(house, captures)
    since = house.client.mark()
    house.start()
    heard(house, "recorded frames are published as they were", since=since)
    house.stop()
    note = house.data / "captures" / ".checked.json"
    checked: dict[str, Any] = json.loads(note.read_text())
    # Nothing is another one: nothing is checked again.
    since = house.client.mark()
    house.start()
    house.stop()
    told = [m for m in house.client.messages[since:] if m.topic.endswith("bridge/logging")]
    assert not [m for m in told if says(m, "captures: ")]
    # Another version of ferrobee.
    note.write_text(json.dumps({**checked, "ferrobee": "0.0.1"}))
    since = house.client.mark()
    house.start()
    heard(house, "recorded frames are published as they were", since=since)
    house.stop()
    # Another version of a converter.
    save(house, converter(factor=3))
    since = house.client.mark()
    house.start()
    text = heard(house, "would publish something else", since=since)
    assert re.search(r"relay \(MINE\) would publish something else for \d+ of \d+ frames", text)
    assert "level 42 is 63 now" in text
    heard(house, "ferrobee check", since=since)
    house.stop()


def is_used(message: Message) -> bool:
    return '"OTHER"' in message.text


def test_a_converter_that_changes_while_the_bridge_runs_is_checked_before_it_is_used(
    house: House, captures: str
) -> None:
    put(house, captures)
    house.start()
    since = house.client.mark()
    save(house, converter(model="OTHER", factor=3))
    text = heard(house, "would publish something else", since=since)
    assert "level 42 is 63 now" in text
    house.client.wait("bridge/devices", is_used, since=since, seconds=30)
    order = [
        "captures" if m.topic.endswith("logging") else "used"
        for m in house.client.messages[since:]
        if (m.topic.endswith("bridge/logging") and says(m, "captures: "))
        or (m.topic.endswith("bridge/devices") and is_used(m))
    ]
    assert order[0] == "captures"
    house.stop()
