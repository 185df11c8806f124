"""State machines that are still where they were after a restart.

class Boiler(Machine):
    idle = State(initial=True)
    heating = State(max="2h")

    @idle.to(heating, when=relay.state_l1 == "ON")
    async def began(self) -> None: ...

    @heating.to(idle, after="40min")
    async def off(self) -> None:
        await relay.state_l1.set("OFF")

boiler = Boiler()
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from ferrobee._automations.durable import missed_policy
from ferrobee._automations.sources import trigger_of
from ferrobee._scope import current
from ferrobee._span import Span, seconds
from ferrobee.errors import FerrobeeError

if TYPE_CHECKING:
    from datetime import datetime

    from ferrobee._automations.machine_run import BoundMachine

__all__ = ["Machine", "State", "Transition"]

Action = Callable[[Any], Coroutine[Any, Any, object]]
A = TypeVar("A", bound=Action)


@dataclass(slots=True, eq=False)
class Transition:
    """A way from one state to another."""

    source: State
    target: State
    when: Any
    """What `on` takes, or a function of the machine that gives it."""
    hold: Span | None
    after: float | None
    """Seconds in the source state."""
    missed: str
    name: str
    """Stable: names its rows."""
    action: Action | None = None


class State:
    """A state of a machine."""

    def __init__(
        self,
        *,
        initial: bool = False,
        max: Span | None = None,  # noqa: A002
        then: State | None = None,
    ) -> None:
        """`initial`: where a machine begins; just one is. `max`: the longest time in it; then the
        machine goes to `then`, else to the initial state, and the log has a warning."""
        self.name = ""
        self.initial = initial
        self.max = None if max is None else seconds(max, what="max")
        self.then = then
        self.transitions: list[Transition] = []
        self.entry: list[Action] = []
        self.exits: list[Action] = []

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<State {self.name}>"

    def to(
        self,
        target: State,
        *,
        when: Any = None,  # noqa: ANN401  (what `on` takes, or a function of the machine)
        hold: Span | None = None,
        after: Span | None = None,
        missed: str = "run_late",
    ) -> Callable[[A], A]:
        """A transition; the decorated method, if any, runs between exit and entry.

        `when` is what `on` takes (with `hold`), or `lambda self: ...` that gives it; it counts if
        it happens in this state. `after` is the time in this state. With neither, `go()` uses it.
        """
        if when is not None and after is not None:
            raise ValueError("a transition has when= or after=; write two for both")
        number = sum(other.target is target for other in self.transitions)
        transition = Transition(
            self,
            target,
            when,
            hold,
            None if after is None else seconds(after, what="after"),
            missed_policy(missed),
            f"~{number + 1}" if number else "",
        )
        if when is None and hold is not None:
            raise ValueError("hold= needs when=")
        if when is not None and not isinstance(when, FunctionType):
            # What is wrong with it is told at its line.
            trigger_of(when, hold=hold, missed=None)
        self.transitions.append(transition)

        def decorate(action: A) -> A:
            transition.action = _checked(action)
            return action

        return decorate

    def enter(self, action: A) -> A:
        """A method that runs whenever the machine has come into this state."""
        self.entry.append(_checked(action))
        return action

    def exit(self, action: A) -> A:
        """A method that runs whenever the machine leaves this state."""
        self.exits.append(_checked(action))
        return action


def _checked(action: A) -> A:
    if not inspect.iscoroutinefunction(action):
        raise TypeError(f"{action!r} must be an async method")
    return action


class Machine:
    """A state machine; a subclass says its states and transitions, an instance runs."""

    _states: ClassVar[dict[str, State]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._states = {
            name: value
            for kind in reversed(cls.__mro__)
            for name, value in vars(kind).items()
            if isinstance(value, State)
        }
        initial = [state.name for state in cls._states.values() if state.initial]
        if len(initial) != 1:
            raise TypeError(
                f"{cls.__name__}: one state is initial (State(initial=True)), not "
                f"{len(initial)}{': ' if initial else ''}{', '.join(initial)}"
            )
        known = set(cls._states.values())
        for state in cls._states.values():
            targets = [transition.target for transition in state.transitions]
            if any(target not in known for target in [*targets, *filter(None, [state.then])]):
                raise TypeError(f"{cls.__name__}.{state.name} leads to a state of another machine")

    def __init__(self, name: str = "") -> None:
        """`name` tells the instances of a class apart; it names their rows."""
        kind = type(self)
        if not kind._states:
            raise TypeError("Machine is the base of machines; write a subclass with states")
        self.name = name
        base = kind.__qualname__.rpartition("<locals>.")[2]
        self.id = f"{base}({name})" if name else base
        code = inspect.currentframe()
        while code is not None and code.f_code.co_name == "__init__":
            code = code.f_back
        self._file = code.f_code.co_filename if code else "?"
        self._line = code.f_lineno if code else 0
        self._bound: BoundMachine | None = None
        current().router.add_machine(self)

    def __repr__(self) -> str:
        state = self._bound.state.name if self._bound else "not running"
        return f"<{self.id} {state}>"

    @property
    def state(self) -> State:
        """Where it is: `boiler.state is Boiler.heating`."""
        return self._running().state

    @property
    def since(self) -> datetime:
        """Since when it is there."""
        return self._running().since

    async def go(self, state: State | str) -> None:
        """Goes to a state, whatever the present one, and waits for the handlers on the way.

        A method of the machine itself doesn't wait: the handlers run when it has ended. Going to
        the present state leaves and enters it, and begins its times anew.
        """
        found = self._states.get(state if isinstance(state, str) else state.name)
        if found is None or (isinstance(state, State) and found is not state):
            raise ValueError(f"{self.id} has no state {state!r}; it has {', '.join(self._states)}")
        await self._running().go(found.name)

    def _running(self) -> BoundMachine:
        if self._bound is None:
            raise FerrobeeError(f"{self.id}: its file does not run yet; use it in a handler")
        return self._bound
