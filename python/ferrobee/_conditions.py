"""Conditions: what must hold, as a value that can be combined, watched and printed.

`relay.power > 2000` is a condition; so are `a & b`, `a | b`, `~a`. A condition is asked with
`holds()`, which is None while a value that matters is not known.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

    from ferrobee._home import Home

MYPY = False
"""Only mypy takes it for true. It takes what follows a call that never returns for unreachable and
checks it no more; without `__bool__` its `truthy-bool` finds the same mistakes."""

__all__ = ["Both", "Comparison", "Condition", "Either", "Not", "Operand"]


class Operand(ABC):
    """What conditions compare: a property whose value may be known."""

    @property
    @abstractmethod
    def watched(self) -> frozenset[tuple[Home, str]]:
        """The devices and groups that it is about, each with its home."""

    @property
    @abstractmethod
    def keys(self) -> frozenset[str]:
        """The keys of messages that may change it."""

    @abstractmethod
    def _known(self) -> Any:  # noqa: ANN401  (each kind of property says what)
        """The value; None while it is not known."""


class Condition(ABC):
    """Something that holds, does not hold, or is not known."""

    __slots__ = ()

    @property
    @abstractmethod
    def watched(self) -> frozenset[tuple[Home, str]]:
        """The devices and groups that it is about, each with its home."""

    @property
    def devices(self) -> frozenset[str]:
        """The names of the devices and groups that it is about."""
        return frozenset(name for _, name in self.watched)

    @property
    @abstractmethod
    def keys(self) -> frozenset[str]:
        """The keys of messages that may change whether it holds."""

    @abstractmethod
    def holds(self) -> bool | None:
        """Whether it holds now; None while a value that matters is not known."""

    def _recall(self, last: dict[Condition, bool]) -> bool | None:
        """As `holds()`, but comparisons whose values have become unknown are what they were last.

        `last` is the caller's, and keeps what they were.
        """
        now = self.holds()
        if now is None:
            return last.get(self)
        last[self] = now
        return now

    def __and__(self, other: Condition) -> Condition:
        if not isinstance(other, Condition):
            return NotImplemented
        return Both(self, other)

    def __or__(self, other: Condition) -> Condition:
        if not isinstance(other, Condition):
            return NotImplemented
        return Either(self, other)

    def __invert__(self) -> Condition:
        return Not(self)

    if not MYPY:

        def __bool__(self) -> NoReturn:
            raise TypeError(
                f"{self!r} is a condition: combine them with & | ~ instead of and, or, not and "
                "a < b < c, write .is_in(...) instead of in; ask with .holds(), or compare the "
                "property's .value"
            )


class Comparison(Condition):
    """A property compared with a value or with another property."""

    __slots__ = ("_holds", "_left", "_right", "_sign")

    def __init__(
        self, left: Operand, sign: str, right: object, holds: Callable[[Any, Any], bool]
    ) -> None:
        self._left = left
        self._sign = sign
        self._right = right
        self._holds = holds

    @property
    def watched(self) -> frozenset[tuple[Home, str]]:
        """The devices and groups that it is about, each with its home."""
        if isinstance(self._right, Operand):
            return self._left.watched | self._right.watched
        return self._left.watched

    @property
    def keys(self) -> frozenset[str]:
        """The keys of messages that may change whether it holds."""
        if isinstance(self._right, Operand):
            return self._left.keys | self._right.keys
        return self._left.keys

    def holds(self) -> bool | None:
        """Whether it holds now; None while a value that matters is not known."""
        left = self._left._known()
        right = self._right._known() if isinstance(self._right, Operand) else self._right
        if left is None or right is None:
            return None
        return self._holds(left, right)

    def __repr__(self) -> str:
        right = str(self._right) if isinstance(self._right, Operand) else repr(self._right)
        return f"{self._left} {self._sign} {right}"


class _Pair(Condition):
    """Two conditions, and a rule for both."""

    __slots__ = ("_left", "_right")

    def __init__(self, left: Condition, right: Condition) -> None:
        self._left = left
        self._right = right

    @staticmethod
    @abstractmethod
    def _joined(left: bool | None, right: bool | None) -> bool | None:
        """What the two give."""

    @property
    def watched(self) -> frozenset[tuple[Home, str]]:
        """The devices and groups that it is about, each with its home."""
        return self._left.watched | self._right.watched

    @property
    def keys(self) -> frozenset[str]:
        """The keys of messages that may change whether it holds."""
        return self._left.keys | self._right.keys

    def holds(self) -> bool | None:
        """Whether it holds now; None if what is unknown decides."""
        return self._joined(self._left.holds(), self._right.holds())

    def _recall(self, last: dict[Condition, bool]) -> bool | None:
        return self._joined(self._left._recall(last), self._right._recall(last))


class Both(_Pair):
    """Two conditions that both hold; not, as soon as one does not, whatever the other."""

    __slots__ = ()

    @staticmethod
    def _joined(left: bool | None, right: bool | None) -> bool | None:
        if left is False or right is False:
            return False
        return None if left is None or right is None else True

    def __repr__(self) -> str:
        return f"({self._left!r}) & ({self._right!r})"


class Either(_Pair):
    """Two conditions of which one holds at least; as soon as one does, whatever the other."""

    __slots__ = ()

    @staticmethod
    def _joined(left: bool | None, right: bool | None) -> bool | None:
        if left or right:
            return True
        return None if left is None or right is None else False

    def __repr__(self) -> str:
        return f"({self._left!r}) | ({self._right!r})"


class Not(Condition):
    """A condition that does not hold."""

    __slots__ = ("_inner",)

    def __init__(self, inner: Condition) -> None:
        self._inner = inner

    @property
    def watched(self) -> frozenset[tuple[Home, str]]:
        """The devices and groups that it is about, each with its home."""
        return self._inner.watched

    @property
    def keys(self) -> frozenset[str]:
        """The keys of messages that may change whether it holds."""
        return self._inner.keys

    def holds(self) -> bool | None:
        """The opposite of the inner one; None if that is not known."""
        inner = self._inner.holds()
        return None if inner is None else not inner

    def _recall(self, last: dict[Condition, bool]) -> bool | None:
        inner = self._inner._recall(last)
        return None if inner is None else not inner

    def __repr__(self) -> str:
        return f"~({self._inner!r})"
