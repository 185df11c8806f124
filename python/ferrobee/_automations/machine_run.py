"""A state machine that runs: its state and its timers are one commit."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any

from ferrobee._automations.runner import log
from ferrobee._automations.sources import Level, trigger_of
from ferrobee._automations.triggers import Bound, Port, nothing
from ferrobee._clock import at_unix, unix
from ferrobee._ledger import Change, Due, PutValue, RemoveTimer

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from datetime import datetime

    from ferrobee._automations.machine import Machine, State, Transition
    from ferrobee._home import Home

__all__ = ["BoundMachine"]


@dataclass(slots=True, eq=False)
class _TransitionPort(Port):
    """Delivers what a transition waits for."""

    machine: BoundMachine
    transition: Transition

    def run(
        self,
        event: object,  # noqa: ARG002
        done: Callable[[], None] = nothing,
        *,
        newest: bool = False,  # noqa: ARG002
    ) -> None:
        if self.machine.state is self.transition.source:
            self.machine.move(self.transition.target, self.transition)
        done()


@dataclass(frozen=True, slots=True)
class _Clock:
    """A timer that runs in a state."""

    id: str
    state: State
    span: float
    target: State
    transition: Transition | None
    missed: str


class BoundMachine:
    """A machine in a runtime."""

    def __init__(self, machine: Machine, port: Port) -> None:
        """`port.id` is the machine's."""
        self.machine = machine
        self._port = port
        self._key = f"machine:{port.id}"
        states = type(machine)._states
        self._initial = next(state for state in states.values() if state.initial)
        self._clocks = [clock for state in states.values() for clock in self._clocks_of(state)]
        self._transitions = [
            transition for state in states.values() for transition in state.transitions
        ]
        self.state, self._since, new = self._read(states)
        self.watched: frozenset[tuple[Home, str]] = frozenset()
        """The devices and groups that its transitions wait for."""
        machine._bound = self
        self._bounds: list[Bound] = []
        self._forget: list[Callable[[], None]] = []
        self._open(new=new)

    @property
    def since(self) -> datetime:
        """Since when it is in its state."""
        return at_unix(self._since, self._port.runtime.clock.timezone)

    @property
    def due(self) -> float | None:
        """When it leaves its state at the latest."""
        owner, durable = self._port.owner, self._port.durable
        timers = [durable.timer(owner, clock.id) for clock in self._clocks]
        return min((timer.due for timer in timers if timer is not None), default=None)

    def ids(self) -> set[str]:
        """The ids of all its rows."""
        return {
            self._port.id,
            *(clock.id for clock in self._clocks),
            *(self._id_of(transition) for transition in self._transitions),
        }

    def close(self) -> None:
        """Waits no longer; the rows stay."""
        for bound in self._bounds:
            bound.close()
        for forget in self._forget:
            forget()

    async def go(self, name: str) -> None:
        """See `Machine.go`. By name: who asks may be a run of the file's version before."""
        target = type(self.machine)._states.get(name)
        if target is None:
            raise ValueError(f"{self._port.id} has no state {name!r} any more")
        over = asyncio.get_running_loop().create_future()

        def done() -> None:
            if not over.done():
                over.set_result(None)

        transition = next(
            (
                one
                for one in self.state.transitions
                if one.target is target and one.when is None and one.after is None
            ),
            None,
        )
        within = asyncio.current_task() in self._port.slot.tasks
        self.move(target, transition, done)
        if not within:
            await over

    def move(
        self, target: State, transition: Transition | None, done: Callable[[], None] = nothing
    ) -> None:
        """Changes the state, and runs the handlers on the way."""
        port, source = self._port, self.state
        now = unix(port.runtime.clock.now())
        ended = port.durable.begin_run(
            port.owner,
            port.id,
            now,
            "run_late",
            self._changes(source, target, now),
            source=source.name,
            target=target.name,
            transition=None if transition is None else self._id_of(transition),
        )
        self.state, self._since = target, now

        def over() -> None:
            ended()
            done()

        port.runtime.runner.fire(port.slot, self._steps(source, target, transition), over)

    def _changes(self, source: State, target: State, now: float) -> list[Change]:
        port = self._port
        changes: list[Change] = [
            RemoveTimer(port.owner, clock.id)
            for clock in self._clocks
            if clock.state is source and port.durable.timer(port.owner, clock.id) is not None
        ]
        return [*changes, *self._entering(target, now)]

    def _entering(self, target: State, since: float) -> list[Change]:
        port = self._port
        value = json.dumps({"state": target.name, "since": since}, separators=(",", ":"))
        return [
            PutValue(port.owner, self._key, value),
            *(self._put(clock, since) for clock in self._clocks if clock.state is target),
        ]

    def _put(self, clock: _Clock, since: float) -> Change:
        return self._port.durable.put(
            self._port.owner,
            clock.id,
            since + clock.span,
            span=clock.span,
            missed=clock.missed,
            spec=f"{clock.span:g} {clock.missed}",
        )

    def _steps(
        self, source: State, target: State, transition: Transition | None
    ) -> Callable[[], Coroutine[Any, Any, object]]:
        actions = [*source.exits]
        if transition is not None and transition.action is not None:
            actions.append(transition.action)
        actions += target.entry
        port = self._port

        async def steps() -> None:
            for action in actions:
                try:
                    await action(self.machine)
                except Exception as error:
                    # The state has changed: what belongs to the new one still has to happen.
                    port.runtime.runner.failed(port.slot, error)

        return steps

    def _read(self, states: dict[str, State]) -> tuple[State, float, bool]:
        port = self._port
        kept = port.durable.value(port.owner, self._key)
        if isinstance(kept, dict) and kept.get("state") in states:
            return states[kept["state"]], float(kept["since"]), False
        if kept is not None:
            log.warning(
                "%s was in the state %s, which it no longer has; it begins in %s",
                port.slot.name,
                kept.get("state"),
                self._initial.name,
            )
        return self._initial, unix(port.runtime.clock.now()), True

    def _open(self, *, new: bool) -> None:
        port, durable = self._port, self._port.durable
        changes: list[Change] = []
        if new:
            changes += self._entering(self.state, self._since)
        for clock in self._clocks:
            data = durable.timer_data(port.owner, clock.id)
            here = clock.state is self.state
            if data is not None and not here:
                changes.append(RemoveTimer(port.owner, clock.id))
            elif (
                here
                and not new
                and (data is None or data.get("spec") != f"{clock.span:g} {clock.missed}")
            ):
                # New, or of another length: it began with the state.
                changes.append(self._put(clock, self._since))
        durable.commit(changes)
        for clock in self._clocks:
            hear = partial(self._hear, clock)
            self._forget.append(durable.listen(port.owner, clock.id, hear))
        self._resume()
        for transition in self._transitions:
            if transition.when is not None:
                when = transition.when
                if isinstance(when, FunctionType):
                    when = when(self.machine)
                trigger = trigger_of(when, hold=transition.hold, missed=None)
                if isinstance(trigger, Level):
                    trigger.missed = transition.missed
                self.watched |= trigger.watched
                self._bounds.append(trigger.bind(self._port_of(transition)))

    def _resume(self) -> None:
        """Runs again the handlers of changes that a crash has cut off."""
        port = self._port
        states = type(self.machine)._states
        by_id = {self._id_of(transition): transition for transition in self._transitions}
        now = unix(port.runtime.clock.now())
        for data, ended in port.durable.unfinished(port.owner, port.id, now):
            source, target = states.get(data["source"]), states.get(data["target"])
            if source is None or target is None:
                ended()
                continue
            steps = self._steps(source, target, by_id.get(data["transition"]))
            port.runtime.runner.fire(port.slot, steps, ended)

    def _hear(self, clock: _Clock, due: Due) -> None:
        port = self._port
        if clock.state is not self.state:
            return
        if due.missed:
            log.info("%s: %s was missed by %.0f s; left out", port.slot.name, clock.id, due.late)
            port.durable.commit([RemoveTimer(port.owner, clock.id)])
            return
        if clock.transition is None:
            log.warning(
                "%s was in %s for %g s, its max; it goes to %s",
                port.slot.name,
                clock.state.name,
                clock.span,
                clock.target.name,
            )
        self.move(clock.target, clock.transition)

    def _clocks_of(self, state: State) -> list[_Clock]:
        clocks = [
            _Clock(
                self._id_of(transition),
                state,
                transition.after,
                transition.target,
                transition,
                transition.missed,
            )
            for transition in state.transitions
            if transition.after is not None
        ]
        if state.max is not None:
            target = state.then or self._initial
            clocks.append(
                _Clock(
                    f"{self._port.id}/{state.name}.max", state, state.max, target, None, "run_late"
                )
            )
        return clocks

    def _id_of(self, transition: Transition) -> str:
        way = f"{transition.source.name}>{transition.target.name}{transition.name}"
        return f"{self._port.id}/{way}"

    def _port_of(self, transition: Transition) -> Port:
        port = self._port
        return _TransitionPort(
            port.owner,
            self._id_of(transition),
            port.home,
            port.runtime,
            port.slot,
            port.body,
            self,
            transition,
        )
