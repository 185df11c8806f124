"""The command line: what a person sees and what a script can rely on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.support.program import ferrobee

if TYPE_CHECKING:
    from pathlib import Path


def test_version_is_one_line() -> None:
    result = ferrobee("--version")
    assert re.fullmatch(r"ferrobee \d+\.\d+\.\d+\n", result.stdout)
    assert result.returncode == 0


def test_help_shows_every_command_and_examples() -> None:
    result = ferrobee("--help")
    assert result.returncode == 0
    for word in (
        *("run", "demo", "devices", "stubs", "record", "check", "replay", "report"),
        *("examples:", "ferrobee demo"),
    ):
        assert word in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 100


@pytest.mark.parametrize(
    "command", ["run", "demo", "devices", "stubs", "record", "check", "replay", "report"]
)
def test_help_of_a_command_has_an_example(command: str) -> None:
    result = ferrobee(command, "--help")
    assert result.returncode == 0
    assert f"ferrobee {command}" in result.stdout.split("example")[-1]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fly"],
        ["run", "--dta", "x"],
        ["demo", "--seconds", "soon"],
        ["demo", "--seconds", "-1"],
        ["demo", "--port", "70000"],
        ["demo", "--port", "1", "--broker", "mqtt://x"],
    ],
)
def test_wrong_use_is_status_2_and_says_what_is_right(arguments: list[str]) -> None:
    result = ferrobee(*arguments)
    assert result.returncode == 2
    assert "usage: ferrobee" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", ["run", "devices", "stubs"])
def test_a_data_directory_that_is_not_there_is_status_2(command: str, tmp_path: Path) -> None:
    missing = tmp_path / "nowhere"
    result = ferrobee(command, "--data", missing)
    assert result.returncode == 2
    assert str(missing) in result.stderr
    assert "Traceback" not in result.stderr
    assert not missing.exists()


def test_the_data_directory_is_found_in_the_documented_order(tmp_path: Path) -> None:
    def looked_at(*arguments: str, **env: str) -> str:
        return ferrobee("devices", *arguments, cwd=tmp_path, env=env).stderr

    both = {"FERROBEE_DATA": "of-ferrobee", "ZIGBEE2MQTT_DATA": "of-zigbee2mqtt"}
    assert "given" in looked_at("--data", "given", **both)
    assert "of-ferrobee" in looked_at(**both)
    assert "of-zigbee2mqtt" in looked_at(ZIGBEE2MQTT_DATA="of-zigbee2mqtt")
    assert "data" in looked_at()
