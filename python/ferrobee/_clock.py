"""The time of day and the time that only passes, injected so that tests can move them."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

__all__ = ["Clock", "SystemClock", "local_timezone"]

_ETC_LOCALTIME = Path("/etc/localtime")


class Clock(Protocol):
    """Where automations get the time from. Waiting is done by the asyncio loop only."""

    @property
    def timezone(self) -> ZoneInfo:
        """The zone of the house."""

    def now(self) -> datetime:
        """The time of day, aware, in the zone of the house."""

    def monotonic(self) -> float:
        """Seconds that never go back; only differences mean something."""


class SystemClock:
    """The machine's clock, in its zone or in another one."""

    def __init__(self, timezone: ZoneInfo | None = None) -> None:
        self.timezone = timezone or local_timezone()

    def now(self) -> datetime:
        """The time of day, aware, in the zone of the house."""
        return datetime.now(self.timezone)

    def monotonic(self) -> float:
        """Seconds that never go back; only differences mean something."""
        return time.monotonic()


def local_timezone(localtime: Path = _ETC_LOCALTIME) -> ZoneInfo:
    """The machine's time zone: `TZ`, else what /etc/localtime is, else UTC."""
    name = os.environ.get("TZ", "").removeprefix(":")
    if not name:
        try:
            name = str(localtime.resolve(strict=True)).rpartition("/zoneinfo/")[2]
        except OSError:
            return ZoneInfo("UTC")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    try:
        with localtime.open("rb") as file:
            return ZoneInfo.from_file(file, key="localtime")
    except (ValueError, OSError):
        return ZoneInfo("UTC")


def unix(moment: datetime) -> float:
    """Seconds since 1970 of an aware moment."""
    return moment.timestamp()


def at_unix(seconds: float, timezone: ZoneInfo) -> datetime:
    """The aware moment of seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC).astimezone(timezone)
