"""What a handler waits for, and how that is bound to a runtime."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from ferrobee._automations.durable import Durable
    from ferrobee._automations.runner import Slot
    from ferrobee._automations.runtime import Runtime
    from ferrobee._home import Home

__all__ = ["Bound", "Port", "StartTrigger", "Started", "StopTrigger", "Trigger", "nothing"]

E = TypeVar("E")
E_co = TypeVar("E_co", covariant=True)


def nothing() -> None:
    """Nobody wants to know when a run has ended."""


class Bound(ABC):
    """A trigger that waits."""

    @abstractmethod
    def close(self) -> None:
        """Waits no longer. Rows stay: the file's next version goes on with them."""

    @property
    def due(self) -> float | None:
        """When it will fire, in unix seconds, if that is known."""
        return None


class Trigger(ABC, Generic[E_co]):
    """Something that handlers wait for. A declaration: it can be bound more than once."""

    @abstractmethod
    def bind(self, port: Port) -> Bound:
        """Begins to wait. Raises `FerrobeeError` or `ValueError` if that is not possible."""

    @property
    def watched(self) -> frozenset[tuple[Home, str]]:
        """The devices and groups that it is about, each with its home."""
        return frozenset()

    @abstractmethod
    def __str__(self) -> str:
        """For people, and to see whether it has changed at a reload."""


@dataclass(slots=True, eq=False)
class Port:
    """Where a bound trigger delivers."""

    owner: str
    id: str
    """Of the trigger: the handler's id and the trigger's number."""
    home: Home
    """What `home` means in the file."""
    runtime: Runtime
    slot: Slot
    body: Callable[[object], Callable[[], Coroutine[Any, Any, object]]]

    @property
    def durable(self) -> Durable:
        """The rows."""
        return self.runtime.durable

    def run(
        self, event: object, done: Callable[[], None] = nothing, *, newest: bool = False
    ) -> None:
        """It has happened."""
        self.runtime.runner.fire(self.slot, self.body(event), done, newest=newest)


@dataclass(frozen=True, slots=True)
class Started:
    """What `start` handlers may take."""

    reloaded: bool
    """True if the file ran before, in another version."""


class Quiet(Bound):
    """A trigger that the runtime itself fires."""

    def close(self) -> None:
        """There is nothing to end."""


class StartTrigger(Trigger[Started]):
    """The file begins to run."""

    def bind(self, port: Port) -> Bound:  # noqa: ARG002
        return Quiet()

    def __str__(self) -> str:
        return "start"


class StopTrigger(Trigger[None]):
    """The program ends, or the file is taken away."""

    def bind(self, port: Port) -> Bound:  # noqa: ARG002
        return Quiet()

    def __str__(self) -> str:
        return "stop"
