"""Automation files that run: their handlers bound to homes and rows, and swapped for new versions.

Everything happens in one asyncio loop. A swap is one call without an `await`: no message, timer or
event comes between the old version and the new one.
"""

from __future__ import annotations

import asyncio
import contextlib
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ferrobee._automations.blocking import Watchdog
from ferrobee._automations.durable import Durable
from ferrobee._automations.index import Index
from ferrobee._automations.machine_run import BoundMachine
from ferrobee._automations.runner import Runner, Slot, log
from ferrobee._automations.store import Keeper
from ferrobee._automations.triggers import Bound, Port, Started, StartTrigger, StopTrigger
from ferrobee._scope import entered
from ferrobee.errors import FerrobeeError, LedgerError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from ferrobee._automations.calendar import Place
    from ferrobee._automations.loader import File
    from ferrobee._automations.machine import Machine
    from ferrobee._automations.router import Handler
    from ferrobee._clock import Clock
    from ferrobee._home import Home
    from ferrobee._ledger import Ledger

__all__ = ["GRACE", "Running", "Runtime"]

GRACE = 5.0
"""Seconds that handlers get to end when everything ends; then as many to be cancelled."""


@dataclass(slots=True, eq=False)
class Running:
    """A file that runs."""

    file: File
    slots: dict[str, Slot] = field(default_factory=dict)
    bounds: dict[str, list[tuple[str, Bound]]] = field(default_factory=dict)
    """By handler: what each trigger is called, and what it is bound to."""
    machines: dict[str, BoundMachine] = field(default_factory=dict)
    homes: list[asyncio.Task[None]] = field(default_factory=list)

    def missing(self) -> dict[str, str]:
        """By handler and machine: what it waits for and is not there, while it is not."""
        watched = {
            name: {place for trigger in handler.triggers for place in trigger.watched}
            for name, handler in self.file.handlers.items()
        }
        watched |= {name: set(machine.watched) for name, machine in self.machines.items()}
        found: dict[str, str] = {}
        for name, places in watched.items():
            texts = sorted(
                home.unknown(device)
                for home, device in places
                if home.is_known and home.node(device).entry is None
            )
            if texts:
                found[name] = " ".join(texts)
        return found


class Runtime:
    """Runs automation files on a home."""

    def __init__(
        self,
        home: Home,
        ledger: Ledger,
        clock: Clock,
        *,
        place: Place | None = None,
        grace: float = GRACE,
        watch: bool = True,
    ) -> None:
        """`place` is for the sun. `watch`: whether handlers that block the loop are looked for."""
        self.home = home
        self.clock = clock
        self.place = place
        self.durable = Durable(ledger)
        self.index = Index()
        self.files: dict[str, Running] = {}
        self.changed: Callable[[], None] = lambda: None
        """Called when what people look at has changed: files, errors."""
        self._watchdog = Watchdog() if watch else None
        self.runner = Runner(watchdog=self._watchdog, changed=self._tell)
        self._grace = grace
        self._timers: asyncio.Task[None] | None = None
        self._place_listeners: list[Callable[[], None]] = []
        self._started = False
        self._unwatch: Callable[[], None] = lambda: None

    async def open(self) -> None:
        """Reads the rows. Before the first file."""
        self._unwatch = self.runner.watch(asyncio.get_running_loop())
        await self.durable.open()

    def begin(self) -> None:
        """The house is known: timers go off, what has happened since `open` is handled, and the
        `start` handlers of the files that are there run."""
        self._timers = asyncio.get_running_loop().create_task(
            self.durable.run(), name="ferrobee timers"
        )
        self._started = True
        for running in self.files.values():
            self._name_missing(running)
            self._fire(running, StartTrigger, Started(reloaded=False))
        self.runner.begin()

    def install(self, file: File) -> None:
        """Runs a file; one with the same id is swapped for it.

        Timers, machines and holds are matched by their ids and go on; those that the new version
        lacks are removed. Runs of the old version end by themselves, but for those of handlers with
        the policy `restart`, which are cancelled.
        """
        old = self.files.get(file.id)
        running = Running(file)
        file.scope.keeper = Keeper(file.id, self.durable)
        if old is not None:
            self._unbind(old)
            self._cancel_restarting(old)
        self.files[file.id] = running
        with entered(file.scope):
            context = copy_context()
        before = old.slots if old else {}
        for name, handler in file.handlers.items():
            slot = _slot(file, name, handler.where, before.get(name))
            slot.policy = handler.policy
            slot.context = context
            running.slots[name] = slot
            running.bounds[name] = self._bind(running, name, handler, slot)
        for name, machine in file.machines.items():
            where = f"{file.path.name}:{machine._line} {name}"
            slot = _slot(file, name, where, before.get(name))
            slot.policy = "queued"
            slot.context = context
            running.slots[name] = slot
            self._bind_machine(running, name, machine, slot)
            if old is not None and name in old.machines and name in running.machines:
                # Runs of the old version that go on mean the machine that is there now.
                old.machines[name].machine._bound = running.machines[name]
        self._forget_rows(running)
        self._connect(running, old)
        for text in file.left_out():
            log.warning("%s", text)
        if self._started:
            self._name_missing(running)
            self._fire(running, StartTrigger, Started(reloaded=old is not None))
        self.changed()

    async def remove(self, id: str, *, keep: bool = False) -> None:  # noqa: A002
        """Takes a file away, with its timers and machines; what it stored stays.

        With `keep` timers and machines stay, too, for when the file is back.
        """
        running = self.files.pop(id)
        self._fire(running, StopTrigger, None)
        self._unbind(running)
        if not keep:
            self.durable.forget(id, set())
        self.changed()
        tasks = [task for slot in running.slots.values() for task in slot.tasks]
        if tasks:
            await asyncio.wait(tasks, timeout=self._grace)
        for slot in running.slots.values():
            self.runner.cancel(slot)
        await self._disconnect(running)

    async def close(self) -> None:
        """Runs the `stop` handlers, lets runs end, cancels them after the grace."""
        for running in self.files.values():
            self._unbind(running)
            self._fire(running, StopTrigger, None)
        if self._timers is not None:
            self._timers.cancel()
            # The ledger of a bridge that has ended says so.
            with contextlib.suppress(asyncio.CancelledError, LedgerError):
                await self._timers
        await self.runner.close(self._grace)
        for running in self.files.values():
            await self._disconnect(running)
        self._unwatch()
        if self._watchdog is not None:
            self._watchdog.close()
        # What a bridge that has ended did not write is begun again at the next start.
        with contextlib.suppress(LedgerError):
            await self.durable.saved()

    def on_place(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Calls back once the place of the house is known, and when it changes."""
        self._place_listeners.append(listener)
        if self.place is not None:
            listener()
        return lambda: self._place_listeners.remove(listener)

    def set_place(self, place: Place) -> None:
        """The bridge has said where the house is."""
        if place != self.place:
            self.place = place
            for listener in list(self._place_listeners):
                listener()

    @property
    def needs_place(self) -> bool:
        """True if a handler waits for the sun and nobody said where the house is."""
        return self.place is None and bool(self._place_listeners)

    def _tell(self) -> None:
        self.changed()

    # Binding.

    def _bind(
        self,
        running: Running,
        id: str,  # noqa: A002
        handler: Handler,
        slot: Slot,
    ) -> list[tuple[str, Bound]]:
        file, bound = running.file, []
        for number, trigger in enumerate(handler.triggers):
            port = Port(
                file.id, _trigger_id(id, number), self._home_of(file), self, slot, handler.body
            )
            try:
                bound.append((str(trigger), trigger.bind(port)))
            except (FerrobeeError, ValueError, TypeError) as error:
                self.runner.failed(slot, error)
        return bound

    def _bind_machine(self, running: Running, id: str, machine: Machine, slot: Slot) -> None:  # noqa: A002
        port = Port(running.file.id, id, self._home_of(running.file), self, slot, _no_body)
        try:
            running.machines[id] = BoundMachine(machine, port)
        except (FerrobeeError, ValueError, TypeError) as error:
            self.runner.failed(slot, error)

    def _name_missing(self, running: Running) -> None:
        """Says which handlers wait for devices that are not there."""
        for name, text in running.missing().items():
            log.error("%s waits for what is not there: %s", running.slots[name].name, text)

    def _home_of(self, file: File) -> Home:
        return file.scope.home or self.home

    def _unbind(self, running: Running) -> None:
        for bounds in running.bounds.values():
            for _, bound in bounds:
                bound.close()
        for machine in running.machines.values():
            machine.close()

    def _cancel_restarting(self, running: Running) -> None:
        for slot in running.slots.values():
            if slot.policy == "restart":
                self.runner.cancel(slot)

    def _forget_rows(self, running: Running) -> None:
        kept = {
            _trigger_id(name, number)
            for name, handler in running.file.handlers.items()
            for number in range(len(handler.triggers))
        }
        for machine in running.machines.values():
            kept |= machine.ids()
        broken = running.file.machines.keys() - running.machines.keys()
        if not broken:
            self.durable.forget(running.file.id, kept)

    def _fire(self, running: Running, kind: type[object], event: object) -> None:
        for name, handler in running.file.handlers.items():
            if any(isinstance(trigger, kind) for trigger in handler.triggers):
                self.runner.fire(running.slots[name], handler.body(event))

    # Other homes of a file.

    def _connect(self, running: Running, old: Running | None) -> None:
        loop = asyncio.get_running_loop()
        for home in running.file.scope.homes:
            running.homes.append(loop.create_task(home.run(), name=f"ferrobee {running.file.id}"))
        if old is not None:
            for home in old.file.scope.homes:
                home.close()

    async def _disconnect(self, running: Running) -> None:
        for home in running.file.scope.homes:
            home.close()
        if running.homes:
            await asyncio.wait(running.homes, timeout=self._grace)


def _slot(file: File, id: str, name: str, before: Slot | None) -> Slot:  # noqa: A002
    slot = Slot(file.id, id, name, str(file.path))
    if before is not None:
        slot.runs, slot.errors, slot.skipped = before.runs, before.errors, before.skipped
        slot.blocked, slot.last_error = before.blocked, before.last_error
    return slot


def _trigger_id(id: str, number: int) -> str:  # noqa: A002
    return id if number == 0 else f"{id}/{number}"


def _no_body(event: object) -> Callable[[], Coroutine[Any, Any, object]]:
    """A machine's port is given to its transitions only, which run no handler."""
    raise AssertionError(f"no handler belongs to the port of a machine (event {event!r})")
