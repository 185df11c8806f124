"""When it comes again: daylight saving, leap days, clock steps, the sun at the poles."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferrobee._automations.calendar import Daily, Place, Recurrence, civil, cron_of, sun
from ferrobee._clock import local_timezone
from ferrobee._span import seconds

if TYPE_CHECKING:
    from pathlib import Path

BERLIN = ZoneInfo("Europe/Berlin")
OSLO = ZoneInfo("Europe/Oslo")
TROMSO = Place(69.65, 18.96)


def series(
    recurrence: Recurrence, begin: datetime, count: int, place: Place | None = None
) -> list[str]:
    found, moment = [], begin
    for _ in range(count):
        then = recurrence.after(moment, place)
        assert then is not None
        found.append(then.isoformat())
        moment = then
    return found


def test_a_time_that_daylight_saving_skips_is_the_moment_of_the_jump() -> None:
    begin = datetime(2026, 3, 28, 12, tzinfo=BERLIN)
    expected = ["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"]
    assert series(Daily.parse("02:30", None), begin, 2) == expected
    assert series(cron_of("30 2 * * *"), begin, 2) == expected


def test_a_time_that_comes_twice_is_once_the_first() -> None:
    begin = datetime(2026, 10, 24, 12, tzinfo=BERLIN)
    expected = ["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"]
    assert series(Daily.parse("02:30", None), begin, 2) == expected
    assert series(cron_of("30 2 * * *"), begin, 2) == expected


def test_within_the_repeated_hour_nothing_of_its_first_pass_comes() -> None:
    second_pass = datetime(2026, 10, 25, 2, 10, tzinfo=BERLIN, fold=1)
    for recurrence in (Daily.parse("02:30", None), cron_of("30 2 * * *")):
        assert series(recurrence, second_pass, 1) == ["2026-10-26T02:30:00+01:00"]


def test_every_quarter_of_an_hour_by_cron_goes_through_both_hours() -> None:
    begin = datetime(2026, 10, 25, 1, 50, tzinfo=BERLIN)
    found = series(cron_of("*/15 * * * *"), begin, 9)
    assert len({datetime.fromisoformat(text).timestamp() for text in found}) == 9
    assert found[-1] == "2026-10-25T03:00:00+01:00"


def test_midnight_that_does_not_exist() -> None:
    # Beirut springs forward at midnight.
    beirut = ZoneInfo("Asia/Beirut")
    begin = datetime(2026, 3, 28, 12, tzinfo=beirut)
    assert series(Daily.parse("00:00", None), begin, 2) == [
        "2026-03-29T01:00:00+03:00",
        "2026-03-30T00:00:00+03:00",
    ]


def test_leap_day() -> None:
    begin = datetime(2026, 1, 1, tzinfo=BERLIN)
    assert series(cron_of("0 12 29 2 *"), begin, 2) == [
        "2028-02-29T12:00:00+01:00",
        "2032-02-29T12:00:00+01:00",
    ]
    assert series(Daily.parse("07:00", None), datetime(2028, 2, 28, 8, tzinfo=BERLIN), 2) == [
        "2028-02-29T07:00:00+01:00",
        "2028-03-01T07:00:00+01:00",
    ]


def test_days_of_the_week() -> None:
    friday = datetime(2026, 1, 9, 8, tzinfo=BERLIN)
    assert series(Daily.parse("07:30", "mon-fri"), friday, 2) == [
        "2026-01-12T07:30:00+01:00",
        "2026-01-13T07:30:00+01:00",
    ]
    assert Daily.parse("7:30", "fri-mon") == Daily.parse("07:30", "sat,sun, mon,Fri")


@given(
    st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2035, 1, 1)),  # noqa: DTZ001
    st.integers(0, 23),
    st.integers(0, 59),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Beirut"]),
)
def test_the_next_moment_is_later_at_most_a_day_and_a_jump_and_once_a_day(
    moment: datetime, hour: int, minute: int, zone: str
) -> None:
    begin = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    daily = Daily(time(hour, minute), frozenset(range(7)))
    first = daily.after(begin, None)
    assert first is not None
    assert 0 < first.timestamp() - begin.timestamp() <= 26 * 3600
    second = daily.after(first, None)
    assert second is not None
    assert 22 * 3600 <= second.timestamp() - first.timestamp() <= 26 * 3600


@given(st.dates(min_value=date(2020, 1, 1), max_value=date(2035, 1, 1)), st.times())
def test_what_clocks_show_is_what_was_asked_for_unless_it_is_skipped(
    day: date, clock: time
) -> None:
    like = datetime(2026, 1, 1, tzinfo=BERLIN)
    moment = civil(day, clock.replace(fold=0), like)
    wanted = datetime.combine(day, clock.replace(fold=0))
    shown = moment.replace(tzinfo=None, fold=0)
    assert shown == wanted or (
        shown.minute == 0 and timedelta(0) < shown - wanted <= timedelta(hours=1)
    )


def test_the_sun_at_a_known_place() -> None:
    berlin, begin = Place(52.52, 13.40), datetime(2026, 6, 20, tzinfo=BERLIN)
    # From the almanac, to a minute.
    for kind, expected in (
        (sun.rise, time(4, 43)),
        (sun.set, time(21, 33)),
        (sun.noon, time(13, 8)),
    ):
        moment = kind.after(begin, berlin)
        assert moment is not None
        wanted = datetime.combine(begin.date(), expected, tzinfo=BERLIN)
        assert abs(moment - wanted) < timedelta(seconds=90)
    early = (sun.set - "20min").after(begin, berlin)
    late = (sun.set + "1h").after(begin, berlin)
    assert early is not None
    assert late is not None
    assert late - early == timedelta(minutes=80)
    assert str(sun.set - "20min") == "sun.set - 1200s"


def test_where_the_sun_does_not_set_the_next_day_that_has_it_counts() -> None:
    sets = series(sun.set, datetime(2026, 5, 14, tzinfo=OSLO), 6, TROMSO)
    days = [text[:10] for text in sets]
    # The last one before the summer is after midnight, the first one after it is in July.
    assert days[:4] == ["2026-05-14", "2026-05-15", "2026-05-16", "2026-05-18"]
    assert days[4] == "2026-07-27"


def test_two_sunsets_on_one_date_are_both_there() -> None:
    sets = series(sun.set, datetime(2026, 7, 26, tzinfo=OSLO), 2, TROMSO)
    assert [text[:10] for text in sets] == ["2026-07-27", "2026-07-27"]


def test_in_the_polar_night_noon_still_comes_and_sunrise_waits_for_january() -> None:
    begin = datetime(2026, 12, 10, tzinfo=OSLO)
    assert series(sun.noon, begin, 1, TROMSO)[0].startswith("2026-12-10T11:3")
    assert series(sun.rise, begin, 1, TROMSO)[0].startswith("2027-01-1")


@pytest.mark.parametrize("latitude", [90.0, -90.0])
def test_the_poles_are_places_too(latitude: float) -> None:
    begin = datetime(2026, 6, 1, tzinfo=UTC)
    assert sun.noon.after(begin, Place(latitude, 0)) is not None
    assert sun.rise.after(begin, Place(latitude, 0)) is not None


@given(st.floats(-65, 65), st.floats(-180, 180), st.integers(0, 364))
def test_below_the_polar_circles_the_sun_sets_once_a_day(
    latitude: float, longitude: float, day: int
) -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)
    place = Place(latitude, longitude)
    first = sun.set.after(begin, place)
    assert first is not None
    second = sun.set.after(first, place)
    assert second is not None
    assert timedelta(hours=23.3) < second - first < timedelta(hours=24.7)


def test_the_sun_without_a_place_says_where_to_write_it() -> None:
    with pytest.raises(
        ValueError, match=r"latitude and longitude under ferrobee: in configuration"
    ):
        sun.set.after(datetime(2026, 6, 1, tzinfo=UTC), None)


@pytest.mark.parametrize(("latitude", "longitude"), [(91, 0), (0, 181), (float("nan"), 0)])
def test_places_that_are_none(latitude: float, longitude: float) -> None:
    with pytest.raises(ValueError, match="degrees"):
        Place(latitude, longitude)


@pytest.mark.parametrize("text", ["7", "24:00", "07:60", "half past seven", ""])
def test_times_of_day_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r'write like "07:30"'):
        Daily.parse(text, None)


@pytest.mark.parametrize("days", ["", "monday", "mon-", "mon,,tue"])
def test_days_that_are_none(days: str) -> None:
    with pytest.raises(ValueError, match="mon-fri"):
        Daily.parse("07:30", days)


@pytest.mark.parametrize("text", ["", "* * * *", "61 * * * *", "0 0 31 2 *", "every day"])
def test_cron_expressions_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r'write like "30 7 \* \* mon-fri"'):
        cron_of(text)


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ("300ms", 0.3),
        ("30s", 30),
        ("5min", 300),
        ("5 min", 300),
        ("1h30min", 5400),
        ("1h 30m", 5400),
        ("2d", 172800),
        ("1w", 604800),
        ("0.5s", 0.5),
        (20, 20),
        (timedelta(minutes=2), 120),
    ],
)
def test_spans(span: str | float | timedelta, expected: float) -> None:
    assert seconds(span) == pytest.approx(expected)


@pytest.mark.parametrize(
    "span", ["", "5", "min", "5 minutes ago", "-5s", "0s", -1, float("nan"), "99999d"]
)
def test_spans_that_are_none(span: str | float) -> None:
    with pytest.raises(ValueError, match=r"hold: .* is none; write like"):
        seconds(span, what="hold")


def test_the_machines_zone_is_tz_or_what_localtime_points_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TZ", raising=False)
    zones = tmp_path / "zoneinfo" / "Europe"
    zones.mkdir(parents=True)
    (zones / "Berlin").write_bytes(b"")
    localtime = tmp_path / "localtime"
    localtime.symlink_to(zones / "Berlin")
    assert local_timezone(localtime).key == "Europe/Berlin"
    assert local_timezone(tmp_path / "missing").key == "UTC"
    monkeypatch.setenv("TZ", "Europe/Oslo")
    assert local_timezone(localtime).key == "Europe/Oslo"
