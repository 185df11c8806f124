"""The code in the README and in python/docs: it loads, its tests pass, type checkers accept it, and
commands are commands.

A block whose first line is a comment with the name of a file is that file, beside the others of its
document.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.fake_link import FakeLink

from ferrobee import Home
from ferrobee._automations.loader import load
from ferrobee.cli import _parser
from ferrobee.testing import VirtualLoop

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "python" / "docs").glob("*.md"))]
_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.M | re.S)
_NAME = re.compile(r"# (\w+\.py)\n")
_COMMAND = re.compile(r"^(?:\S*/)?ferrobee (.*)$")


@dataclass(frozen=True)
class Block:
    """Some code that is shown."""

    document: str
    number: int
    language: str
    text: str

    @property
    def name(self) -> str:
        """The file that it is."""
        named = _NAME.match(self.text)
        return named[1] if named else f"block_{self.number}.py"

    def __str__(self) -> str:
        return f"{self.document}-{self.number}-{self.name}"


def _blocks() -> list[Block]:
    return [
        Block(document.name, number, found[2], re.sub(f"^{found[1]}", "", found[3], flags=re.M))
        for document in DOCUMENTS
        for number, found in enumerate(_BLOCK.finditer(document.read_text()))
    ]


BLOCKS = _blocks()
PYTHON = [block for block in BLOCKS if block.language == "python"]
COMMANDS = sorted(
    {
        (block.document, found[1])
        for block in BLOCKS
        if block.language == "sh"
        for line in block.text.replace("\\\n", " ").splitlines()
        for part in line.split("&&")
        if (found := _COMMAND.match(part.strip()))
    }
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All blocks as files, in a folder for each document."""
    folder = tmp_path_factory.mktemp("shown")
    for block in PYTHON:
        path = folder / Path(block.document).stem.replace("-", "_").lower() / block.name
        path.parent.mkdir(exist_ok=True)
        path.write_text(block.text)
    return folder


def test_there_is_code_to_look_at() -> None:
    assert len(PYTHON) >= 15
    assert len(COMMANDS) >= 8


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_it_loads(block: Block, tmp_path: Path) -> None:
    path = tmp_path / "shown.py"
    path.write_text(block.text)
    loop = VirtualLoop()
    try:
        load(path, Home(FakeLink()))
    finally:
        loop.close()


def test_the_tests_that_are_shown_pass(written: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "ferrobee.testing.plugin"]
    command += ["--import-mode=importlib", "-c", "/dev/null", f"--rootdir={written}", str(written)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) >= 5  # type: ignore[index]


def test_type_checkers_accept_it(written: Path) -> None:
    # Code for a single purpose may say more than it types; guides show what is checked.
    folders = [
        "first_automation",
        "first_converter",
        "testing_automations",
        "moving_from_appdaemon",
    ]
    for name in folders:
        command = [sys.executable, "-m", "mypy", "--strict", str(written / name)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("document", "arguments"), COMMANDS, ids=lambda value: str(value)[:60])
def test_commands_are_commands(document: str, arguments: str) -> None:
    words = shlex.split(arguments, comments=True)
    words = words[: next((i for i, word in enumerate(words) if word in (">", "|", "&&")), None)]
    if "--help" in words or "--version" in words:
        return
    try:
        _parser().parse_args(words)
    except SystemExit:
        pytest.fail(f"{document}: `ferrobee {arguments}` is no command")
