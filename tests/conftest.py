"""Fixtures of the tests of the whole program."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from tests.support import broker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.house import House

# How long an example takes says more about the machine than about us.
settings.register_profile("ours", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ours")


def pytest_report_header() -> str:
    """Says which broker the stories run on."""
    return f"broker: {broker.kind()}"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A house with a broker and a stick; no device yet, the bridge not started."""
    from tests.support.house import House

    house = House(tmp_path)
    yield house
    house.close()
