"""Writes the classes of `ferrobee.models` from the catalogue.

    .venv/bin/python -m tests.tools.generate_models

A test says when they are not up to date.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from ferrobee._core import catalogue
from ferrobee._stubs.modules import model_modules

MODELS = Path(__file__).parents[2] / "python" / "ferrobee" / "models"
BY_HAND = {"__init__.py"}


def generate(into: Path) -> None:
    """Writes the modules into a directory, as the formatter of this repository wants them."""
    for name, text in model_modules(json.loads(catalogue())).items():
        (into / f"{name}.py").write_text(text, encoding="utf-8")
    for task in (["check", "--select", "I,F401,RUF022", "--fix", "--quiet"], ["format", "--quiet"]):
        subprocess.run(
            [sys.executable, "-m", "ruff", *task, "--config", "pyproject.toml", str(into)],
            check=True,
            cwd=Path(__file__).parents[2],
        )


def main() -> None:
    for old in MODELS.glob("*.py"):
        if old.name not in BY_HAND:
            old.unlink()
    generate(MODELS)


if __name__ == "__main__":
    main()
