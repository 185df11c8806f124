"""A service of systemd's `Type=notify`: ready, alive, stopping."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from tests.support.house import House


def test_systemd_is_told_of_start_life_and_end(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        path = tmp_path / "notify"
        manager.bind(str(path))
        manager.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        monkeypatch.setenv("WATCHDOG_USEC", "200000")

        def hear(word: str) -> None:
            while manager.recv(1000).decode().strip() != word:
                pass

        house.start()
        hear("READY=1")
        hear("WATCHDOG=1")
        hear("WATCHDOG=1")
        house.stop()
        hear("STOPPING=1")


def test_a_watchdog_that_waits_for_nothing_does_not_end_the_bridge(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "0")
    house.start()
    house.stop()
