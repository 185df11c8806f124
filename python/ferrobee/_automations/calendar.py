"""Moments that come again, computed from the calendar of the house's time zone.

A `Recurrence` gives the first moment after another one, and never the same moment twice: not when
a clock is set back, and not in the hour that daylight saving repeats.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Protocol

from ferrobee._span import Span, seconds

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Cron", "Daily", "Place", "Recurrence", "SunMoment", "civil", "cron_of", "sun"]

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")
# The sun: a year and a bit. At the poles it sets once a year.
_DAYS_AHEAD = 400


@dataclass(frozen=True, slots=True)
class Place:
    """Where the house is, in degrees: north and east are positive."""

    latitude: float
    longitude: float

    def __post_init__(self) -> None:
        if not -90 <= self.latitude <= 90:
            raise ValueError(f"latitude is from -90 to 90 degrees (it is {self.latitude})")
        if not -180 <= self.longitude <= 180:
            raise ValueError(f"longitude is from -180 to 180 degrees (it is {self.longitude})")


class Recurrence(Protocol):
    """When something is to happen again and again."""

    def after(self, moment: datetime, place: Place | None) -> datetime | None:
        """The first moment after an aware one, in its zone; None if there is none for a year.

        Raises `ValueError` if it can't be computed: the sun without a place.
        """


def civil(day: date, clock: time, like: datetime) -> datetime:
    """The moment when clocks on the wall show `clock` on `day`, in the zone of `like`.

    A time that is skipped by daylight saving is the moment of the jump; one that comes twice is the
    first of the two.
    """
    zone = like.tzinfo
    first = datetime.combine(day, clock, tzinfo=zone)
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == first.replace(tzinfo=None):
        return first
    # In a gap the two readings lie on the two sides of the jump.
    low, high = sorted((first.astimezone(UTC), first.replace(fold=1).astimezone(UTC)))
    before = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    jump = high.replace(microsecond=0)
    if jump.astimezone(zone).utcoffset() == before:
        jump += timedelta(seconds=1)
    return jump.astimezone(zone)


@dataclass(frozen=True, slots=True)
class Daily:
    """A time of day on some days of the week (0 is Monday)."""

    clock: time
    days: frozenset[int]

    @classmethod
    def parse(cls, text: str, days: str | None) -> Daily:
        """From `"07:30"` or `"07:30:15"`, and `"mon-fri"` or `"sat,sun"` (None: every day)."""
        found = _TIME.fullmatch(text.strip())
        if found is None:
            raise ValueError(f'{text!r} is no time of day; write like "07:30" or "22:05:30"')
        hour, minute, second = (int(part or 0) for part in found.groups())
        return cls(time(hour, minute, second), _days(days))

    def after(self, moment: datetime, place: Place | None) -> datetime | None:  # noqa: ARG002
        """The first such moment after `moment`."""
        day = moment.date() - timedelta(days=1)
        # The day before: its time may have been moved into this day by daylight saving.
        for _ in range(10):
            if day.weekday() in self.days:
                then = civil(day, self.clock, moment)
                if then.timestamp() > moment.timestamp():
                    return then
            day += timedelta(days=1)
        return None

    def __str__(self) -> str:
        if len(self.days) == 7:
            return f"at {self.clock}"
        return f"at {self.clock} {','.join(DAYS[day] for day in sorted(self.days))}"


def _days(text: str | None) -> frozenset[int]:
    if text is None:
        return frozenset(range(7))
    days: set[int] = set()
    for part in text.lower().replace(" ", "").split(","):
        first, dash, last = part.partition("-")
        if first not in DAYS or (dash and last not in DAYS):
            raise ValueError(f'days={text!r}: write like "mon-fri" or "sat,sun"')
        begin, end = DAYS.index(first), DAYS.index(last if dash else first)
        days.update(day % 7 for day in range(begin, end + 1 if end >= begin else end + 8))
    return frozenset(days)


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression with five fields, or six with the seconds first."""

    expression: str

    def after(self, moment: datetime, place: Place | None) -> datetime | None:  # noqa: ARG002
        """The first matching moment after `moment`."""
        from cronsim import CronSim

        for then in CronSim(self.expression, moment):
            # In a repeated hour cronsim may give a moment of its first pass.
            if then.timestamp() > moment.timestamp():
                return then
        return None

    def __str__(self) -> str:
        return f"cron {self.expression}"


def cron_of(expression: str) -> Cron:
    """A checked `Cron`; `ValueError` says what is wrong."""
    from cronsim import CronSim, CronSimError

    try:
        CronSim(expression, datetime.now(UTC))
    except CronSimError as error:
        raise ValueError(
            f'{expression!r} is no cron expression ({error}); write like "30 7 * * mon-fri": '
            "minute, hour, day of the month, month, day of the week"
        ) from error
    return Cron(" ".join(expression.split()))


@dataclass(frozen=True, slots=True)
class SunMoment:
    """A moment of the sun's day, moved by `offset` seconds: `sun.set - "20min"`."""

    kind: str
    offset: float = 0.0

    def __add__(self, span: Span) -> SunMoment:
        return replace(self, offset=self.offset + seconds(span, what=f"sun.{self.kind}"))

    def __sub__(self, span: Span) -> SunMoment:
        return replace(self, offset=self.offset - seconds(span, what=f"sun.{self.kind}"))

    def after(self, moment: datetime, place: Place | None) -> datetime | None:
        """The first such moment after `moment`; days that have none are passed over."""
        if place is None:
            raise ValueError(
                "the sun needs to know where the house is: write latitude and longitude under "
                "ferrobee: in configuration.yaml, or give them to run()"
            )
        offset = timedelta(seconds=self.offset)
        day = (moment.astimezone(UTC) - offset).date() - timedelta(days=2)
        for _ in range(_DAYS_AHEAD):
            then = _sun_on(self.kind, day, place)
            if then is not None and (then + offset).timestamp() > moment.timestamp():
                return (then + offset).astimezone(moment.tzinfo)
            day += timedelta(days=1)
        return None

    def __str__(self) -> str:
        if not self.offset:
            return f"sun.{self.kind}"
        return f"sun.{self.kind} {'+' if self.offset > 0 else '-'} {abs(self.offset):g}s"


def _sun_on(kind: str, day: date, place: Place) -> datetime | None:
    """The sun's moment on a solar day, to the second; None if that has none."""
    from datetime import timezone

    from astral import Observer
    from astral import sun as astral

    functions: dict[str, Callable[..., datetime]] = {
        "dawn": astral.dawn,
        "rise": astral.sunrise,
        "noon": astral.noon,
        "set": astral.sunset,
        "dusk": astral.dusk,
    }
    # astral counts days by a zone. In this one the moment is far from midnight, even where it is
    # about to vanish for the summer: so each day has one, or none.
    aside = {"dawn": 6, "rise": 6, "noon": 0, "set": -6, "dusk": -6}[kind]
    zone = timezone(timedelta(hours=round(place.longitude / 15 + aside)))
    # At the very poles all directions are the same and the equations have no solution.
    observer = Observer(max(-89.9, min(89.9, place.latitude)), place.longitude)
    try:
        then = functions[kind](observer, day, tzinfo=zone)
    except (ValueError, ZeroDivisionError):
        return None
    return then.astimezone(UTC).replace(microsecond=0)


class _Sun:
    """The sun at the place of the house, for `on`; with an offset: `sun.set - "20min"`."""

    dawn = SunMoment("dawn")
    """6 degrees below the horizon, in the morning."""
    rise = SunMoment("rise")
    """Its upper edge comes over the horizon."""
    noon = SunMoment("noon")
    """At its highest."""
    set = SunMoment("set")
    """Its upper edge goes below the horizon."""
    dusk = SunMoment("dusk")
    """6 degrees below the horizon, in the evening."""

    def __repr__(self) -> str:
        return "sun"


sun = _Sun()
