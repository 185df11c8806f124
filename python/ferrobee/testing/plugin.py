"""The pytest plugin: the fixture `home`, and `async def` tests that use it.

    async def test_the_knob_turns_the_lamp_on(home):
        knob = home.add(ZNXNKG02LM, "knob")
        home.load("hall.py")
        await knob.press("single")
        assert home.sent("lamp") == [{"state": "ON"}]

`@pytest.mark.ferrobee(begin=..., timezone=..., latitude=..., longitude=..., seed=...,
configuration=...)` says how the house begins.
"""

from __future__ import annotations

import asyncio
import inspect
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ferrobee.testing._home import VirtualHome

_MARK = "ferrobee(begin, timezone, latitude, longitude, seed, configuration): how `home` begins"


def pytest_configure(config: pytest.Config) -> None:
    """Makes the mark known."""
    config.addinivalue_line("markers", _MARK)


@pytest.fixture
def home(request: pytest.FixtureRequest) -> Iterator[VirtualHome]:
    """A virtual house with the real bridge and the real runtime of automations."""
    from ferrobee.testing._home import VirtualHome
    from ferrobee.testing._loop import VirtualLoop

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)  # noqa: S101
        house = VirtualHome(loop, folder=request.path.parent, **_options(request.node))
        yield house
        loop.horizon = loop.time() + 60
        runner.run(house.close())
        loop.horizon = loop.time() + 60
        errors = house.take_errors()
    if errors:
        pytest.fail("automations failed:\n" + "\n".join(errors), pytrace=False)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> object | None:
    """Runs an `async def` test in the loop of its house."""
    test = pyfuncitem.obj
    if pyfuncitem.get_closest_marker("asyncio"):
        # pytest-asyncio has wrapped it for a loop whose time is the real one.
        test = getattr(test, "__wrapped__", test)
    if not inspect.iscoroutinefunction(test) or "home" not in pyfuncitem.funcargs:
        return None
    from ferrobee.testing._home import VirtualHome

    house = pyfuncitem.funcargs["home"]
    if not isinstance(house, VirtualHome):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    house.run(test(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


def _options(node: pytest.Item) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for mark in reversed(list(node.iter_markers("ferrobee"))):
        if mark.args:
            raise pytest.UsageError("@pytest.mark.ferrobee takes arguments by name only")
        options.update(mark.kwargs)
    begin = options.get("begin")
    if isinstance(begin, str):
        begin = datetime.fromisoformat(begin)
    if isinstance(begin, datetime):
        if begin.tzinfo is None:
            begin = begin.replace(tzinfo=ZoneInfo(options.get("timezone", "UTC")))
        options["begin"] = begin.astimezone(UTC)
    return options
