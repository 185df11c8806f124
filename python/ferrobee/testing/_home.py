"""The house of a test: the real bridge and the real runtime of automations, in virtual time."""

from __future__ import annotations

import asyncio
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload
from zoneinfo import ZoneInfo

from ferrobee import _core
from ferrobee._any import AnyDevice
from ferrobee._automations.calendar import Place
from ferrobee._automations.loader import File, load
from ferrobee._automations.runtime import Runtime
from ferrobee._device import Device
from ferrobee._home import Home
from ferrobee._names import suggestion
from ferrobee._scope import Scope, entered
from ferrobee._span import Span, seconds
from ferrobee.errors import FerrobeeError, UnknownName
from ferrobee.testing._ledger import VirtualLedger
from ferrobee.testing._link import Command, Published, Records, VirtualLink
from ferrobee.testing._loop import BEGIN, PATIENCE, VirtualClock, VirtualLoop, Watched
from ferrobee.testing._simulated import Simulated

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence
    from datetime import datetime

    from ferrobee._automations.router import Router
    from ferrobee._update import Json
    from ferrobee.converters import Definition

__all__ = ["VirtualHome"]

D = TypeVar("D", bound=Device)

SETTLE = 0.1
"""Seconds that the radio and the bridge get to deal with what just happened."""
RESTORING = 60.0
"""Seconds that an empty coordinator may take to get the network."""
_FOREVER = 2**62


class _World:
    """The house for the loop."""

    def __init__(self, loop: VirtualLoop, bridge: _core.VirtualBridge) -> None:
        self._loop = loop
        self._bridge = bridge
        self.link: VirtualLink | None = None
        self.ledger: VirtualLedger | None = None

    def advance(self, until: float) -> float:
        """Lives until then, or until somebody in the loop has something to do.

        Messages that make nobody do anything, which are most, cost no turn of the loop.
        """
        end = _FOREVER if until == math.inf else min(math.ceil(until * 1e6), _FOREVER)
        loop, bridge = self._loop, self._bridge
        while True:
            reached = bridge.advance(end)
            loop.catch_up(min(reached / 1e6, until))
            if not self.give() or not loop.is_idle or reached >= end:
                return reached / 1e6

    def give(self) -> bool:
        """Hands over what the house has for the loop; true if there was something."""
        heard = self.link is not None and self.link.give()
        rung = self.ledger is not None and self.ledger.give()
        return heard or rung


class VirtualHome:
    """A house with simulated devices, automations and a clock that moves only when the test waits.

    It begins with the first thing that is awaited; devices that were added before are part of it
    from the beginning, later ones join.
    """

    def __init__(
        self,
        loop: VirtualLoop,
        *,
        seed: int = 1,
        begin: datetime = BEGIN,
        timezone: str = "UTC",
        latitude: float | None = None,
        longitude: float | None = None,
        configuration: Mapping[str, Json] | None = None,
        folder: Path | None = None,
    ) -> None:
        """`begin` is aware: the time of day when the test begins; `configuration` is what
        `configuration.yaml` says; `folder` is where `load()` looks for files."""
        self._loop = loop
        self._folder = folder or Path.cwd()
        self._place = None
        if latitude is not None and longitude is not None:
            self._place = Place(latitude, longitude)
        self.bridge = _core.VirtualBridge(
            seed=seed,
            unix_ms=round(begin.timestamp() * 1000),
            configuration=json.dumps(dict(configuration or {})),
        )
        """The native side: the real bridge on the simulated coordinator."""
        self.clock = VirtualClock(loop, begin, ZoneInfo(timezone))
        self._records = Records()
        self._files: list[Path | Callable[[Home], Router] | Router] = []
        self._names: set[str] = set()
        self._begun = False
        self._pump: asyncio.Task[None] | None = None
        self._errors: list[str] = []
        self._converters: dict[str, dict[str, object]] = {}
        self._early: dict[str, File] = {}
        self._world = loop.world = _World(loop, self.bridge)
        self._make_home()

    def _make_home(self) -> None:
        self._forgiven: dict[tuple[str, str], int] = {}
        self._link = VirtualLink(self.bridge, self._records, self._loop.time, self.bridge.base)
        self._ledger = VirtualLedger(self.bridge)
        self._world.link, self._world.ledger = self._link, self._ledger
        self.home = Home(self._link, self._ledger, self.clock)
        """The home that automations see. Another one after `kill()` and `restart()`."""
        self._runtime = Runtime(self.home, self._ledger, self.clock, place=self._place, watch=False)

    # --- what is in the house ---------------------------------------------------------------------

    @overload
    def add(self, model: str, name: str, **options: Json) -> Simulated[AnyDevice]: ...
    @overload
    def add(self, model: type[D], name: str, **options: Json) -> Simulated[D]: ...
    @overload
    def add(self, model: type[Definition], name: str, **options: Json) -> Simulated[AnyDevice]: ...
    def add(
        self, model: type[Device] | type[Definition] | str, name: str, **options: Json
    ) -> Simulated[Any]:
        """Adds a simulated device of a model, by its class of `ferrobee.models` or its name, or one
        that a converter's class is for.

        `options` are the device's own, as in `configuration.yaml`. Once the house has begun the
        device joins, is interviewed and gets its name, which takes some seconds of virtual time.
        `ValueError` if there is no such model, or the name is taken.
        """
        kind: type[Device] = AnyDevice
        if isinstance(model, str):
            wanted = model
        elif issubclass(model, Device):
            kind, wanted = model, model.MODEL
        else:
            self._set_converter(f"{model.__module__}.{model.__qualname__}", [model.data()], None)
            wanted = model.model
        self.bridge.add([(name, wanted, json.dumps(options))])
        self._names.add(name)
        if self._begun:
            self._link.give()
            self._loop.catch_up(self.bridge.now / 1e6)
        return Simulated(self, name, kind)

    def converter(self, path: str | Path) -> None:
        """Loads a converter file, as the bridge does; found as `load()` finds automations.

        Devices of its models are added by the model's name. Its functions run in a process of their
        own, while virtual time stands still. Raises `CompileError`.
        """
        from ferrobee.converters.compile import command, compiled

        found = self._find(Path(path))
        definitions = [one.definition for one in compiled(found)]
        self._set_converter(str(found), definitions, [*command("worker"), str(found)])

    def _set_converter(
        self, file: str, definitions: Sequence[object], worker: list[str] | None
    ) -> None:
        origin = {"kind": "user", "name": Path(file).stem, "file": file, "version": "0"}
        self._converters[file] = {"origin": origin, "definitions": definitions, "worker": worker}
        self.bridge.set_converters(json.dumps(list(self._converters.values())))

    def add_group(self, name: str, *members: Simulated[Any] | str) -> str:
        """Adds a group of these devices, with the first endpoint of each. Gives its name.

        Before the house begins (`ValueError` later): then the bridge is asked, with
        `home.home.request("group/add", ...)`.
        """
        names = [member if isinstance(member, str) else member.name for member in members]
        self.bridge.add_group(name, names)
        self._names.add(name)
        return name

    def load(self, path: str | Path) -> None:
        """Loads an automation file, as the bridge does; a file with the same name is swapped.

        A path is looked for beside the test, then in the directories above it. Raises `LoadError`
        with file and line if it can't be loaded, and `FileNotFoundError`.
        """
        found = self._find(Path(path))
        if found not in self._files:
            self._files.append(found)
        self._install(load(found, self.home))

    def use(self, router: Router | Callable[[Home], Router]) -> None:
        """Runs a router, or what a function makes of the home: `home.use(stairs)`.

        After `kill()` and `restart()` the function is called anew; a bare router does not survive
        them, as its devices belong to the home that is gone.
        """
        self._files.append(router)
        self._install(self._used(router))

    def _find(self, path: Path) -> Path:
        for folder in (self._folder, *self._folder.parents):
            if (folder / path).is_file():
                return (folder / path).resolve()
        raise FileNotFoundError(f"there is no {path} in {self._folder} or above")

    def _used(self, router: Router | Callable[[Home], Router]) -> File:
        name = getattr(router, "__name__", None) or getattr(router, "name", "") or "router"
        scope = Scope(f"{name}-{self._files.index(router)}", self.home)
        if callable(router):
            with entered(scope):
                router = router(self.home)
        scope.router.include(router)
        where = sys.modules[type(self).__module__].__file__ or ""
        file = File(scope.id, Path(where), scope, None)
        file.declare()
        return file

    def _install(self, file: File) -> None:
        if self._begun:
            self._runtime.install(file)
        else:
            self._early[file.id] = file

    # --- time -------------------------------------------------------------------------------------

    async def begin(self) -> None:
        """Begins the house. Everything that waits does it; more than once does nothing."""
        if asyncio.get_running_loop() is not self._loop:
            raise RuntimeError(
                "the house has a loop of its own, with virtual time: wait in an `async def` test "
                "that takes `home`, not in a fixture of another plugin"
            )
        if self._begun:
            return
        self._begun = True
        self.bridge.begin()
        await self._start()

    async def _start(self) -> None:
        await self._runtime.open()
        for file in self._early.values():
            self._runtime.install(file)
        self._early.clear()
        self._link.listen()
        self._pump = self._loop.create_task(self.home.run(), name="ferrobee home")
        # Once it runs, what the house says goes to it directly.
        await asyncio.sleep(0)
        self._link.sink = self.home.hear
        try:
            await self.home.ready()
        except FerrobeeError as error:
            self._errors.append(str(error))
        self._runtime.begin()
        await self.settle()

    async def advance(self, span: Span) -> None:
        """Lets so much time pass: "30min", "2d", seconds. Everything that is due happens."""
        await self.begin()
        length = seconds(span, what="advance")
        end = self._loop.time() + length
        self._loop.horizon = max(self._loop.horizon or 0.0, end + PATIENCE)
        await asyncio.sleep(length)
        await self._quiet()

    async def settle(self) -> None:
        """Lets a moment pass (0.1 s), in which what has just happened reaches everybody."""
        await self.begin()
        await asyncio.sleep(SETTLE)
        await self._quiet()

    async def _quiet(self) -> None:
        """Lets everybody do what there is to do at this instant."""
        for _ in range(10_000):
            await asyncio.sleep(0)
            if self._loop.is_idle:
                self.bridge.advance(self.bridge.now)
                if not self._world.give():
                    return

    @property
    def time(self) -> float:
        """Seconds since the test began."""
        return self._loop.time()

    def step_clock(self, span: float) -> None:
        """Somebody sets the clock of the house, by seconds forward or (negative) back."""
        self.clock.step(span)
        self.bridge.step_clock(round(span * 1000))

    # --- what automations did ---------------------------------------------------------------------

    def sent(
        self, device: Simulated[Any] | Device | str, verb: str = "set"
    ) -> list[dict[str, Json]]:
        """What automations told a device or group to do, oldest first, since `clear()`.

        `UnknownName` for a name that was never in the house: no test passes by a misspelt one.
        """
        name = device if isinstance(device, str) else device.name
        known = self._names.union(self.home.names)
        if name not in known:
            raise UnknownName(f"no device or group is called {name!r}.{suggestion(name, known)}")
        return [
            command.payload
            for command in self._records.commands
            if command.device == name and command.verb == verb
        ]

    def published(self, topic: str) -> list[Json]:
        """What automations published on a topic, oldest first, since `clear()`."""
        return [message.payload for message in self._records.published if message.topic == topic]

    @property
    def commands(self) -> Sequence[Command]:
        """All commands of automations with their times, since `clear()`."""
        return list(self._records.commands)

    @property
    def messages(self) -> Sequence[Published]:
        """All other messages of automations with their times, since `clear()`."""
        return list(self._records.published)

    async def radio(self, device: Simulated[Any] | str) -> list[dict[str, Any]]:
        """What the radio sent to a device: endpoint, cluster, payload in base 16, time."""
        name = device if isinstance(device, str) else device.name
        answer = await self.control({"cmd": "sent", "device": name})
        frames: list[dict[str, Any]] = answer["sent"]
        return frames

    def clear(self) -> None:
        """Forgets what automations did so far."""
        self._records.clear()

    def take_errors(self) -> list[str]:
        """What handlers raised since the last call, and what else went wrong.

        A test that leaves some fails.
        """
        errors, self._errors = [*self._errors, *self.bridge.failures()], []
        for running in self._runtime.files.values():
            for slot in running.slots.values():
                place = (slot.owner, slot.id)
                if slot.errors > self._forgiven.get(place, 0):
                    self._forgiven[place] = slot.errors
                    errors.append(f"{slot.name}: {slot.last_error}")
        return errors

    def log(self) -> list[tuple[str, str, str]]:
        """What the bridge logged since the last call: level, namespace, text."""
        return self.bridge.log()

    # --- what others do ---------------------------------------------------------------------------

    async def publish(self, topic: str, payload: Json | bytes, *, retain: bool = False) -> None:
        """Somebody else publishes at the broker."""
        await self.begin()
        if isinstance(payload, str):
            payload = payload.encode()
        elif not isinstance(payload, bytes):
            payload = json.dumps(payload).encode()
        self.bridge.publish(topic, payload, retain=retain)
        await self.settle()

    async def control(self, command: Mapping[str, Json]) -> dict[str, Any]:
        """A command of the simulator. `ValueError` if it refuses."""
        await self.begin()
        answer: dict[str, Any] = json.loads(self.bridge.control(json.dumps(dict(command))))
        await self.settle()
        return answer

    # --- what goes wrong --------------------------------------------------------------------------

    def set_faults(self, device: str | None, *, lose: float = 0.0, delay: float = 0.0) -> None:
        """Damage in the air around a device, or everywhere; in the place of what was set before."""
        if not 0 <= lose <= 1:
            raise ValueError(f"lose: {lose!r} is no share from 0 to 1")
        command: dict[str, Json] = {
            "cmd": "fault",
            "lose": round(lose * 1000),
            "delay_ms": round(delay * 1000),
        }
        if device is not None:
            command["device"] = device
        self.bridge.control(json.dumps(command))

    async def lose(self, share: float) -> None:
        """From now on this share (0 to 1) of all messages in the air is lost; 0 for none."""
        self.set_faults(None, lose=share)
        await self.settle()

    async def delay(self, span: float) -> None:
        """From now on all messages in the air take so many seconds longer; 0 for no longer."""
        self.set_faults(None, delay=span)
        await self.settle()

    async def unplug(self) -> None:
        """The coordinator is pulled out."""
        await self.control({"cmd": "unplug"})

    async def plug(self) -> None:
        """The coordinator is put back; the bridge finds it within a second or so."""
        await self.control({"cmd": "plug"})
        await asyncio.sleep(2)
        await self._quiet()

    async def forget(self) -> None:
        """The coordinator is replaced by an empty one, as from the factory, while the bridge runs.

        Returns when the bridge has put its network onto it from its backup, after some seconds;
        `FerrobeeError` if it has not within a minute.
        """
        await self.control({"cmd": "forget"})
        end = self._loop.time() + RESTORING
        while not self.bridge.up:
            if self._loop.time() >= end:
                raise FerrobeeError("the bridge has not restored its network; home.log() says why")
            await asyncio.sleep(1)
        await self._quiet()

    async def restart(self) -> None:
        """The bridge is stopped as by SIGTERM, with its automations, and starts again at once."""
        await self.begin()
        await self._runtime.close()
        await self._end()
        self.bridge.stop()
        self._loop.catch_up(self.bridge.now / 1e6)
        await self._again()

    async def kill(self, *, down: Span = 0.0) -> None:
        """The bridge and its automations are killed, and start again after `down`.

        What was not written down is gone.
        """
        await self.begin()
        await self._end()
        self.bridge.kill()
        if down:
            await asyncio.sleep(seconds(down, what="down"))
        await self._again()

    async def _end(self) -> None:
        """The process of the automations is gone, with everything that runs in it."""
        self._link.close()
        self._ledger.die()
        self._errors = self.take_errors()
        me = asyncio.current_task()
        tasks = [task for task in asyncio.all_tasks(self._loop) if task is not me]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _again(self) -> None:
        self.bridge.start()
        self._make_home()
        files, self._files = self._files, []
        self._begun = False
        for file in files:
            if isinstance(file, Path):
                self.load(file)
            elif callable(file):
                self.use(file)
            else:
                raise FerrobeeError(
                    "use() got a router, whose devices belong to the home that is gone: give it a "
                    "function that makes the router of a home"
                )
        self._begun = True
        # The network is there again within a moment.
        await asyncio.sleep(2)
        await self._start()

    def run(self, test: Coroutine[Any, Any, object]) -> None:
        """Runs a test, which may wait for an hour of virtual time in vain, but no longer."""
        self._loop.run_until_complete(self._loop.create_task(Watched(self._loop, test)))

    async def close(self) -> None:
        """Ends automations and bridge."""
        if self._begun:
            await self._runtime.close()
            await self._end()
