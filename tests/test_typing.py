"""Type checkers accept what is right and find what is wrong: mypy and pyright, each mistake.

`tests/typing/house.py` and `mistakes.py` are checked with the `home.pyi` that `ferrobee stubs`
writes for their house, and with the settings that the documentation recommends; so are the examples
and the guide.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.fake_link import device_entry

from ferrobee import _core
from ferrobee._stubs.command import home_names
from ferrobee._stubs.house import house_files

TYPING = Path(__file__).parent / "typing"
PACKAGE = Path(__file__).parents[1] / "python"
EXAMPLES = Path(__file__).parents[1] / "examples"
GUIDE = PACKAGE / "docs" / "devices-in-python.md"

Errors = dict[tuple[str, int], list[str]]
"""Messages by file and line."""


def mistakes() -> dict[int, str]:
    """What is wrong, by line."""
    found: dict[int, str] = {}
    for number, line in enumerate((TYPING / "mistakes.py").read_text("utf-8").splitlines(), 1):
        code, _, comment = line.partition("  # ")
        if comment and code.strip():
            found[number] = comment
    return found


MISTAKES = mistakes()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files and the settings, as an owner has them."""
    folder = tmp_path_factory.mktemp("typing")
    for name in ("automations.py", "house.py", "mistakes.py"):
        shutil.copy(TYPING / name, folder)
    examples = list(EXAMPLES.glob("*.py"))
    assert len(examples) >= 7
    for example in examples:
        shutil.copy(example, folder / f"example_{example.name}")
    catalogue = json.loads(_core.catalogue())
    definitions = {one["model"]: one for one in catalogue}
    devices = [
        {**device_entry(name), "definition": definitions[model]}
        for name, model in (
            ("study_knob", "ZNXNKG02LM"),
            ("hall_relay", "LLKZMK11LM"),
            ("kitchen wall", "QBKG41LM"),
            ("lamp", "LED1624G9"),
            ("living room/lamp", "LED1624G9"),
        )
    ]
    # With a converter of the owner's.
    own = {**definitions["ZNXNKG02LM"], "model": "MyKnob", "source": "external"}
    devices.append({**device_entry("desk_knob"), "definition": own})
    groups = [{"id": 1, "friendly_name": "all lamps", "members": []}]
    stub, module = house_files(
        [*devices, device_entry("nameless")], groups, catalogue, home_names()
    )
    (folder / "home.pyi").write_text(stub, "utf-8")
    (folder / "home.py").write_text(module, "utf-8")
    blocks = re.findall(r"```py(?:thon)?\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    assert blocks
    for number, block in enumerate(blocks):
        (folder / f"guide_{number}.py").write_text(block, "utf-8")
    return folder


def settings(language: str) -> str:
    """The settings that the guide recommends."""
    found = re.search(rf"```{language}\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture(scope="module")
def mypy(folder: Path) -> Errors:
    """What mypy finds."""
    (folder / "pyproject.toml").write_text(settings("toml"), "utf-8")
    ran = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-error-summary", "--hide-error-context", "."],
        cwd=folder,
        env={**os.environ, "MYPYPATH": str(PACKAGE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode in (0, 1), ran.stdout + ran.stderr
    errors: Errors = {}
    for file, line, text in re.findall(r"^(\S+?):(\d+): error: (.*)$", ran.stdout, re.MULTILINE):
        errors.setdefault((Path(file).name, int(line)), []).append(text)
    return errors


@pytest.fixture(scope="module")
def pyright(folder: Path) -> Errors:
    """What pyright finds. It comes with its own Node.js (`pyright[nodejs]`)."""
    config = {**json.loads(settings("json")), "extraPaths": [str(PACKAGE)]}
    (folder / "pyrightconfig.json").write_text(json.dumps(config), "utf-8")
    ran = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable],
        cwd=folder,
        env={**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode in (0, 1), ran.stdout + ran.stderr
    errors: Errors = {}
    for one in json.loads(ran.stdout)["generalDiagnostics"]:
        if one["severity"] == "error":
            line = one["range"]["start"]["line"] + 1
            errors.setdefault((Path(one["file"]).name, line), []).append(one["message"])
    return errors


def test_there_are_at_least_thirty_mistakes() -> None:
    assert len(MISTAKES) >= 30


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_what_is_right_is_accepted(checker: str, request: pytest.FixtureRequest) -> None:
    errors: Errors = request.getfixturevalue(checker)
    assert {place: texts for place, texts in errors.items() if place[0] != "mistakes.py"} == {}


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
@pytest.mark.parametrize(
    "line", MISTAKES, ids=[text.replace(" ", "_") for text in MISTAKES.values()]
)
def test_the_mistake_is_found(checker: str, line: int, request: pytest.FixtureRequest) -> None:
    errors: Errors = request.getfixturevalue(checker)
    assert errors.get(("mistakes.py", line)), MISTAKES[line]


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_nothing_else_is_called_a_mistake(checker: str, request: pytest.FixtureRequest) -> None:
    errors: Errors = request.getfixturevalue(checker)
    found = {line for file, line in errors if file == "mistakes.py"}
    # A decorator that does not fit is told at the function too.
    also = {line + 1 for line in MISTAKES}
    assert found - set(MISTAKES) - also == set()


def test_the_guide_runs(folder: Path) -> None:
    """Every block by itself, as a script without a bridge."""
    for file in sorted(folder.glob("guide_*.py")):
        subprocess.run([sys.executable, file], cwd=folder, check=True)
