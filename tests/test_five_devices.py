"""What is asked of the five first devices is held by tests, row by row."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
VECTORS = ROOT / "tests/vectors"


def test_each_row_names_tests_that_exist() -> None:
    cases = {
        json.loads(line)["id"]
        for folder in ("five", "five_legacy", "ours")
        for file in (VECTORS / folder).glob("*.jsonl")
        for line in file.read_text().splitlines()
    }
    rows = [
        line.split(" | ")[-1]
        for line in (VECTORS / "DEVICES.md").read_text().splitlines()
        if line.startswith("| ") and not line.startswith("| what")
    ]
    assert len(rows) > 30
    for row in rows:
        named = set(re.findall(r"\b[A-Z0-9]+LM-(?:[a-z]+-)?\d+\b", row))
        assert named <= cases
        tests = re.findall(r"`([^`]+)::(\w+)`", row)
        for file, name in tests:
            assert re.search(rf"\b(?:fn|def) {name}\(", (ROOT / file).read_text()), name
        assert named or tests or row == "decisions.json, each with its reason |"
