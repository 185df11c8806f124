"""What the documentation promises is there: each test that it names exists, each row is present."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "python" / "docs").glob("*.md")])
FEATURES = ROOT / "python" / "docs" / "features.md"
PROMISES = ROOT / "python" / "docs" / "promises.md"

# `rust/hub/tests/wire.rs::a_relay_is_switched` or `tests/test_ota.py::test_it`
_TEST = re.compile(r"`([\w./-]+\.(?:rs|py))::(\w+)`")
_LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_test_that_is_named_exists(document: Path) -> None:
    missing = []
    for path, name in _TEST.findall(document.read_text()):
        file = ROOT / path
        word = "def" if path.endswith(".py") else "fn"
        if not file.is_file() or not re.search(rf"\b{word} {name}\(", file.read_text()):
            missing.append(f"{path}::{name}")
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_to_a_file_leads_somewhere(document: Path) -> None:
    links = _LINK.findall(document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_every_promise_has_a_test() -> None:
    rows = re.findall(r"^\| (.+) \| (.+) \|$", PROMISES.read_text(), re.M)
    promises = [row for row in rows if row not in [("promise", "test"), ("---", "---")]]
    assert len(promises) >= 45
    assert [promise for promise, shown in promises if not _TEST.search(shown)] == []


def test_every_feature_has_a_row_with_a_test_or_a_reason() -> None:
    rows = re.findall(r"^\| (\d+) \|([^|]*)\|([^|]*)\|([^|]*)\|$", FEATURES.read_text(), re.M)
    assert [int(number) for number, *_ in rows] == list(range(1, 79))
    for number, _, cell, shown in rows:
        state = cell.strip()
        assert state in ("yes", "partly", "not yet"), f"row {number}: {state}"
        if state != "not yet":
            assert _TEST.search(shown), f"row {number} names no test"
        if state != "yes":
            assert len(shown.strip()) > 20, f"row {number} gives no reason"
