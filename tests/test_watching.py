"""Watching properties, and conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.thing import Thing, begun
from tests.test_home import play, settle

from ferrobee._conditions import Condition
from ferrobee.errors import WaitTimeout

if TYPE_CHECKING:
    from tests.support.fake_link import FakeLink

    from ferrobee._home import Home

# --- watching -------------------------------------------------------------------------------------


def test_changes_are_live_and_new() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        thing = home.device("thing", Thing)
        seen: list[float] = []

        async def watch() -> None:
            async for power in thing.power.changes():
                seen.append(power)
                if len(seen) == 3:
                    break

        task = await begun(watch())
        link.say("thing", {"power": 1}, stored=True)
        link.say("thing", {"power": 2})
        link.say("thing", {"power": 2})
        link.say("thing", {"power": "?"})
        link.say("thing", {"state": "ON"})
        link.say("thing", {"power": 3})
        link.say("thing", {"power": 4})
        await task
        await settle()
        assert seen == [2, 3, 4]
        assert home.node("thing").observers == ()

    play(scene)


def test_one_is_not_true() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        thing = home.device("thing", Thing)
        updates: list[Any] = []
        home.observe("thing", lambda update: updates.append(thing.child_lock.occurred(update)))
        link.say("thing", {"child_lock": 1})
        link.say("thing", {"child_lock": True})
        await settle()
        assert [change and change.new for change in updates] == [None, True]

    play(scene)


def test_waiting_ends_when_the_condition_holds() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        thing = home.device("thing", Thing)
        other = home.device("other", Thing)
        link.say("thing", {"power": 3})
        await settle()
        await thing.power.wait_until(3)
        task = await begun(thing.power.wait_until((thing.power < 2) & other.state.turned_on))
        link.say("thing", {"power": 1})
        await settle()
        assert not task.done()
        link.say("other", {"state": "ON"})
        await task
        with pytest.raises(WaitTimeout, match=r"thing\.power == 9 did not hold within 180 s"):
            await thing.power.wait_until(9, timeout="3min")
        assert home.node("thing").observers == ()

    play(scene)


# --- conditions -----------------------------------------------------------------------------------


def test_a_condition_compares_what_is_known() -> None:
    async def scene(link: FakeLink, home: Home) -> None:
        thing = home.device("thing", Thing)
        conditions = {
            "thing.power > 3": thing.power > 3,
            "thing.power >= 3": thing.power >= 3,
            "thing.power < 3": thing.power < 3,
            "thing.power <= 3": thing.power <= 3,
            "thing.power == 3": thing.power == 3,
            "thing.power != 3": thing.power != 3,
            "thing.power in (3, 4)": thing.power.is_in(3, 4),
            "thing.power > thing.temperature": thing.power > thing.temperature,
            "thing.contact == False": thing.contact.turned_on,
            "thing.mode == 'fast'": thing.mode == "fast",
        }
        assert [repr(condition) for condition in conditions.values()] == list(conditions)
        assert {condition.holds() for condition in conditions.values()} == {None}
        link.say("thing", {"power": 3, "temperature": 2, "contact": False, "mode": "fast"})
        await settle()
        assert [condition.holds() for condition in conditions.values()] == [
            False,
            True,
            False,
            True,
            True,
            False,
            True,
            True,
            True,
            True,
        ]

    play(scene)


class Given(Condition):
    """A condition that holds as it is told."""

    def __init__(self, value: bool | None) -> None:
        self.value = value

    watched = frozenset()
    keys = frozenset()

    def holds(self) -> bool | None:
        return self.value


@given(st.sampled_from([True, False, None]), st.sampled_from([True, False, None]))
def test_combinations_follow_the_truth_table_of_what_may_be_unknown(
    left: bool | None, right: bool | None
) -> None:
    def possible(value: bool | None) -> set[bool]:
        return {True, False} if value is None else {value}

    def certain(values: set[bool]) -> bool | None:
        return values.pop() if len(values) == 1 else None

    pairs = [(a, b) for a in possible(left) for b in possible(right)]
    assert (Given(left) & Given(right)).holds() is certain({a and b for a, b in pairs})
    assert (Given(left) | Given(right)).holds() is certain({a or b for a, b in pairs})
    assert (~Given(left)).holds() is certain({not a for a in possible(left)})


def test_a_condition_knows_its_devices() -> None:
    async def scene(_link: FakeLink, home: Home) -> None:
        thing, other = home.device("thing", Thing), home.device("other", Thing)
        condition = (thing.power > 3) & ~(other.state == "ON") | (thing.power < other.power)
        assert condition.devices == {"thing", "other"}
        assert condition.watched == {(home, "thing"), (home, "other")}

    play(scene)


def test_neither_conditions_nor_properties_are_true_or_false() -> None:
    async def scene(_link: FakeLink, home: Home) -> None:
        thing = home.device("thing", Thing)
        with pytest.raises(TypeError, match=r"combine them with & \| ~ instead of and, or, not"):
            bool(thing.power > 3)
        with pytest.raises(TypeError, match=r"compare its \.value"):
            bool(thing.power)
        with pytest.raises(TypeError):
            bool(thing.effect)

    play(scene)


def test_comparing_with_what_can_not_be_is_refused() -> None:
    async def scene(_link: FakeLink, home: Home) -> None:
        thing = home.device("thing", Thing)
        with pytest.raises(TypeError, match="no number"):
            _ = thing.power == "3"
        with pytest.raises(ValueError, match="none of its values"):
            _ = thing.state == "on"
        with pytest.raises(ValueError, match="Did you mean 'fast'"):
            thing.mode.is_in("fsat")  # type: ignore[arg-type]

    play(scene)


def test_properties_are_themselves_in_sets_and_dicts() -> None:
    async def scene(_link: FakeLink, home: Home) -> None:
        thing = home.device("thing", Thing)
        assert len({thing.power, thing.level, thing.power}) == 2
        assert {thing.power: 1}[thing.power] == 1
        assert home.device("thing", Thing) is thing

    play(scene)
