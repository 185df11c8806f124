"""The kinds of properties: numeric, binary, enum, text, composite, list.

Each kind has one class for every way that a property can be used, so that a type checker knows it:

| class | is published | `.get()` | `.set()` |
|---|---|---|---|
| `Numeric` | yes | | |
| `NumericGet` | yes | yes | |
| `NumericSet` | yes | | yes |
| `NumericGetSet` | yes | yes | yes |
| `NumericCommand` | | | yes |
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypedDict, TypeVar, cast

from ferrobee._names import suggestion
from ferrobee._node import TIMEOUT
from ferrobee._properties import Commanded, Gettable, Property, Readable, Settable
from ferrobee.errors import CommandError

if TYPE_CHECKING:
    from ferrobee._conditions import Condition
    from ferrobee._node import Node
    from ferrobee._span import Span
    from ferrobee._update import Json

__all__ = [
    "Binary",
    "BinaryCommand",
    "BinaryGet",
    "BinaryGetSet",
    "BinarySet",
    "Color",
    "Composite",
    "CompositeCommand",
    "CompositeGet",
    "CompositeGetSet",
    "CompositeSet",
    "Enum",
    "EnumCommand",
    "EnumGet",
    "EnumGetSet",
    "EnumSet",
    "List",
    "ListCommand",
    "ListGet",
    "ListGetSet",
    "ListSet",
    "Number",
    "Numeric",
    "NumericCommand",
    "NumericGet",
    "NumericGetSet",
    "NumericSet",
    "Ordered",
    "Switch",
    "Text",
    "TextCommand",
    "TextGet",
    "TextGetSet",
    "TextSet",
    "step",
    "toggle",
]

T = TypeVar("T")
C = TypeVar("C")


# --- numeric --------------------------------------------------------------------------------------


class Number(Property):
    """What numbers have in common."""

    def __init__(
        self,
        key: str,
        *,
        unit: str | None = None,
        minimum: float | None = None,
        maximum: float | None = None,
        resolution: float | None = None,
        category: str | None = None,
    ) -> None:
        super().__init__(key, unit=unit, category=category)
        self.minimum = minimum
        """The least value; None where none is known."""
        self.maximum = maximum
        """The greatest value; None where none is known."""
        self.resolution = resolution
        """The step between values; None where none is known."""

    def _wire(self, value: Any) -> Json:  # noqa: ANN401
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"{self}: {value!r} is no number")
        if not math.isfinite(value):
            raise ValueError(f"{self}: {value!r} is no number that a device could have")
        return value

    def _clamped(self, value: float) -> float:
        if self.minimum is not None:
            value = max(value, self.minimum)
        if self.maximum is not None:
            value = min(value, self.maximum)
        return value

    def _confirms(self, asked: Json, before: Json, now: Json) -> bool:
        # Devices round and clamp: a value that moved is an answer too.
        if not isinstance(asked, int | float) or not isinstance(now, int | float):
            return now == asked
        near = abs(now - self._clamped(asked)) < (self.resolution or 1e-9)
        return near or (before is not None and now != before)


class Ordered(Readable[T]):
    """What can be less or more."""

    def __lt__(self, other: T | Readable[T]) -> Condition:
        return self._compare("<", other, lambda value, than: bool(value < than))

    def __le__(self, other: T | Readable[T]) -> Condition:
        return self._compare("<=", other, lambda value, than: bool(value <= than))

    def __gt__(self, other: T | Readable[T]) -> Condition:
        return self._compare(">", other, lambda value, than: bool(value > than))

    def __ge__(self, other: T | Readable[T]) -> Condition:
        return self._compare(">=", other, lambda value, than: bool(value >= than))


class Numeric(Number, Ordered[float]):
    """A number."""

    def _read(self, value: Json) -> float | None:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        return None

    def _shown(self) -> str:
        value = self._known()
        if value is None:
            return "unknown"
        return f"{value:g} {self.unit}" if self.unit else f"{value:g}"


async def step(known: Number, by: float, timeout: Span) -> None:
    """Moves a settable number by so much; see `NumericSet.step`."""
    steps = known._node.home.steps
    slot = (known._node.name, known.key)
    published = known._node.state.get(known.key)
    goal = steps.get(slot, published if isinstance(published, int | float) else None)
    if goal is None:
        raise CommandError(f"{known}: its value is not known yet, so there is nothing to step from")
    goal = known._clamped(goal + cast("float", Number._wire(known, by)))
    under_way = slot in steps
    steps[slot] = goal
    if under_way:
        return
    try:
        sent = None
        while sent != steps[slot]:
            sent = steps[slot]
            await known._set(sent, timeout)
    finally:
        del steps[slot]


class NumericGet(Numeric, Gettable):
    """A number that the device can be asked for."""


class NumericSet(Numeric, Settable[float]):
    """A number that can be set."""

    async def step(self, by: float, *, timeout: Span = TIMEOUT) -> None:
        """Moves it by so much, within its range; newest wins.

        Steps add up: while one is on its way, further ones only move its goal, so that a knob that
        turns fast sends no more than the device can follow. Raises what `set()` raises, and
        `CommandError` while the value is not known.
        """
        await step(self, by, timeout)


class NumericGetSet(NumericSet, NumericGet):
    """A number that can be set, and that the device can be asked for."""


class NumericCommand(Number, Commanded[float]):
    """A number that can be sent."""


# --- binary ---------------------------------------------------------------------------------------


class _TwoValues(Property, Generic[T]):
    """What has two values in common."""

    def __init__(
        self,
        key: str,
        *,
        on: T,
        off: T,
        toggle: str | None = None,
        category: str | None = None,
    ) -> None:
        super().__init__(key, category=category)
        self.on_value = on
        """The value that means on."""
        self.off_value = off
        """The value that means off."""
        self.toggle_value = toggle
        """What the device is told to change to the other; None where it has to be told which."""

    def _wire(self, value: Any) -> Json:  # noqa: ANN401
        for known in (self.on_value, self.off_value, self.toggle_value):
            if value == known and type(value) is type(known):
                return cast("Json", value)
        kind = TypeError if not isinstance(value, type(self.on_value)) else ValueError
        raise kind(
            f"{self}: {value!r} is none of its values {self.on_value!r} and {self.off_value!r}"
        )


class Binary(_TwoValues[T], Readable[T]):
    """Something that is on or off, in the device's own words."""

    def _read(self, value: Json) -> T | None:
        for known in (self.on_value, self.off_value):
            if value == known and type(value) is type(known):
                return known
        return None

    @property
    def turned_on(self) -> Condition:
        """A condition: it is on."""
        return self == self.on_value

    @property
    def turned_off(self) -> Condition:
        """A condition: it is off."""
        return self == self.off_value


class _Toggled(Protocol):
    on_value: Any
    off_value: Any
    toggle_value: str | None
    key: str

    @property
    def _node(self) -> Node: ...
    async def _set(self, wire: Json, timeout: Span) -> None: ...


async def toggle(known: _Toggled, timeout: Span) -> None:
    """Changes one of two values to the other; see `BinarySet.toggle`."""
    value = known._node.state.get(known.key)
    if known.toggle_value is not None:
        await known._set(known.toggle_value, timeout)
    elif value == known.on_value:
        await known._set(known.off_value, timeout)
    elif value == known.off_value:
        await known._set(known.on_value, timeout)
    else:
        raise CommandError(f"{known}: it is not known yet which value the other is")


class BinaryGet(Binary[T], Gettable):
    """Something that is on or off, and that the device can be asked for."""


class BinarySet(Binary[T], Settable[T]):
    """Something that can be turned on and off."""

    async def on(self, *, timeout: Span = TIMEOUT) -> None:
        """Turns it on; see `set()`."""
        await self.set(self.on_value, timeout=timeout)

    async def off(self, *, timeout: Span = TIMEOUT) -> None:
        """Turns it off; see `set()`."""
        await self.set(self.off_value, timeout=timeout)

    async def toggle(self, *, timeout: Span = TIMEOUT) -> None:
        """Changes it to the other; see `set()`.

        The device itself does that where it can; elsewhere the value has to be known, else
        `CommandError`.
        """
        await toggle(self, timeout)

    def _confirms(self, asked: Json, before: Json, now: Json) -> bool:
        if asked == self.toggle_value:
            return now != before
        return now == asked


class BinaryGetSet(BinarySet[T], BinaryGet[T]):
    """Something that can be turned on and off, and that the device can be asked for."""


class Switch(BinaryGetSet[T]):
    """A switch: the state of a relay, a plug, one gang of a wall switch."""


class BinaryCommand(_TwoValues[T], Commanded[T]):
    """Something that can be told to be on or off, and says nothing itself."""

    async def on(self) -> None:
        """Sends on."""
        await self.set(self.on_value)

    async def off(self) -> None:
        """Sends off."""
        await self.set(self.off_value)


# --- enum -----------------------------------------------------------------------------------------


class _OneOf(Property):
    """What has a fixed set of values."""

    VALUES: ClassVar[tuple[Any, ...]] = ()
    """All values that there are."""

    def _wire(self, value: Any) -> Json:  # noqa: ANN401
        if value in self.VALUES:
            return cast("Json", value)
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise TypeError(f"{self}: {value!r} is none of its values")
        raise ValueError(
            f"{self}: {value!r} is none of its values.{suggestion(str(value), self.VALUES)}"
        )


class Enum(_OneOf, Readable[T]):
    """One of several values; a subclass has them as `VALUES` and as attributes."""

    def _read(self, value: Json) -> T | None:
        return cast("T", value) if isinstance(value, str | int) else None


class EnumGet(Enum[T], Gettable):
    """One of several values, which the device can be asked for."""


class EnumSet(Enum[T], Settable[T]):
    """One of several values, which can be set."""


class EnumGetSet(EnumSet[T], EnumGet[T]):
    """One of several values, which can be set and which the device can be asked for."""


class EnumCommand(_OneOf, Commanded[T]):
    """One of several values, which can be sent."""


# --- text -----------------------------------------------------------------------------------------


class _Characters(Property):
    def _wire(self, value: Any) -> Json:  # noqa: ANN401
        if not isinstance(value, str):
            raise TypeError(f"{self}: {value!r} is no text")
        return value


class Text(_Characters, Readable[str]):
    """Text."""

    def _read(self, value: Json) -> str | None:
        return value if isinstance(value, str) else None


class TextGet(Text, Gettable):
    """Text that the device can be asked for."""


class TextSet(Text, Settable[str]):
    """Text that can be set."""


class TextGetSet(TextSet, TextGet):
    """Text that can be set, and that the device can be asked for."""


class TextCommand(_Characters, Commanded[str]):
    """Text that can be sent."""


# --- composite ------------------------------------------------------------------------------------


class Color(TypedDict, total=False):
    """A color, in one of the forms that lights understand; they tell all that they have."""

    x: float
    """With `y`: CIE 1931, 0 to 1."""
    y: float
    hue: float
    """0 to 360, with `saturation`."""
    saturation: float
    """0 to 100."""
    r: float
    """With `g` and `b`: 0 to 255."""
    g: float
    b: float
    h: float
    """0 to 360, with `s`, and with `v` for the brightness too."""
    s: float
    """0 to 100."""
    v: float
    """0 to 100."""
    hex: str
    """Like `#2e6696`."""


class _Fields(Property):
    def _wire(self, value: Any) -> Json:  # noqa: ANN401
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            raise TypeError(f"{self}: {value!r} is no dict of fields")
        return cast("Json", value)

    def _confirms(self, asked: Json, before: Json, now: Json) -> bool:
        if not isinstance(asked, dict) or not isinstance(now, dict):
            return now == asked
        common = asked.keys() & now.keys()
        # A color may be asked for in another form than it is told in.
        if not common or now != before:
            return True
        return all(now[key] == asked[key] for key in common)


class Composite(_Fields, Readable[C]):
    """Several fields that belong together: a dict."""

    def _read(self, value: Json) -> C | None:
        return cast("C", value) if isinstance(value, dict) else None


class CompositeGet(Composite[C], Gettable):
    """Fields that the device can be asked for."""


class CompositeSet(Composite[C], Settable[C]):
    """Fields that can be set."""


class CompositeGetSet(CompositeSet[C], CompositeGet[C]):
    """Fields that can be set, and that the device can be asked for."""


class CompositeCommand(_Fields, Commanded[C]):
    """Fields that can be sent."""


# --- list -----------------------------------------------------------------------------------------


class _Items(Property):
    def _wire(self, value: Any) -> Json:  # noqa: ANN401
        if not isinstance(value, list):
            raise TypeError(f"{self}: {value!r} is no list")
        return cast("Json", value)


class List(_Items, Readable[list[T]]):
    """A list."""

    def _read(self, value: Json) -> list[T] | None:
        return cast("list[T]", value) if isinstance(value, list) else None


class ListGet(List[T], Gettable):
    """A list that the device can be asked for."""


class ListSet(List[T], Settable[list[T]]):
    """A list that can be set."""


class ListGetSet(ListSet[T], ListGet[T]):
    """A list that can be set, and that the device can be asked for."""


class ListCommand(_Items, Commanded[list[T]]):
    """A list that can be sent."""
