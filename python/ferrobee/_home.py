"""A house: the devices and groups of one bridge, as objects that stay up to date.

A `Home` hears the topics of the Zigbee2MQTT contract on a link, keeps the state of every device,
and calls back who asked for it. It has no automations itself: those are built on `observe`.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from itertools import count
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast, overload
from weakref import WeakValueDictionary

from ferrobee._any import AnyDevice, Group
from ferrobee._clock import SystemClock
from ferrobee._commands import Complaint
from ferrobee._directory import Directory
from ferrobee._ledgers import MemoryLedger
from ferrobee._node import Node
from ferrobee._scenes import Scene, find_scene
from ferrobee._scope import current
from ferrobee._span import Span, seconds
from ferrobee._topics import Topics
from ferrobee._update import HomeEvent, TopicMessage
from ferrobee.errors import CommandError, FerrobeeError, LinkClosed, UnknownName, WaitTimeout
from ferrobee.models import find

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from os import PathLike
    from types import TracebackType

    from ferrobee._clock import Clock
    from ferrobee._device import Device
    from ferrobee._ledger import Ledger
    from ferrobee._link import Link, Message
    from ferrobee._update import EventKind, Json, Update

__all__ = ["Home"]

D = TypeVar("D", bound="Device")

_log = logging.getLogger("ferrobee.home")

_EVENTS: dict[str, EventKind] = {
    "device_joined": "joined",
    "device_announce": "announced",
    "device_interview": "interview",
    "device_leave": "left",
}
_MESSAGES_KEPT = 1000
_REQUEST_TIMEOUT = 30.0


class Home:
    """The devices and groups of one bridge.

    `async with home:` connects its ears for as long as the block runs; inside a bridge the host
    does that. Everything belongs to one asyncio loop.
    """

    def __init__(
        self, link: Link, ledger: Ledger | None = None, clock: Clock | None = None
    ) -> None:
        self.link = link
        """The way to the bridge."""
        self.clock: Clock = clock if clock is not None else SystemClock()
        """Where times come from."""
        self.ledger: Ledger = ledger if ledger is not None else MemoryLedger()
        """Where durable timers and values are."""
        self.base = link.base
        """The base topic, `zigbee2mqtt` unless configured otherwise."""
        self.online: bool | None = None
        """Whether the bridge says that it runs; None while it said nothing."""
        self.steps: dict[tuple[str, str], float] = {}
        """The goals of steps under way, by device and key; `NumericSet.step` keeps them."""
        self._prefix = f"{link.base}/"
        self._nodes: dict[str, Node] = {}
        self._views: WeakValueDictionary[tuple[str, type[Device]], Device] = WeakValueDictionary()
        self._kept: list[Device] = []
        self._complained: set[tuple[str, str]] = set()
        self._models: Mapping[str, str | type[Device]] = {}
        self._directory = Directory(self)
        self._topics = Topics()
        self._event_listeners: tuple[Callable[[HomeEvent], None], ...] = ()
        self._requests: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._request_ids = count(1)
        self._runner: asyncio.Task[None] | None = None
        self._running = False
        self._closed = False

    @classmethod
    def connect(
        cls, url: str, *, base: str = "zigbee2mqtt", db: str | PathLike[str] | None = None
    ) -> Self:
        """A house at an MQTT broker, ferrobee's or Zigbee2MQTT's.

        `url` is like `mqtt://user:password@host:1883`; `base` is the base topic; `db` is the file
        for durable timers and values, without which they end with the process. Connects when the
        home runs; reconnects by itself.
        """
        from ferrobee._connect import connect

        link, ledger = connect(url, base, db)
        home = cls(link, ledger)
        # So that it runs with the file that makes it.
        current().homes.append(home)
        return home

    def __repr__(self) -> str:
        known = f"{len(self.names)} devices and groups" if self.is_known else "not known yet"
        return f"<Home {self.base!r} {known}>"

    def attach(self, link: Link, ledger: Ledger) -> None:
        """Gives a home that was made before there was a link its link. Before it runs."""
        self.link, self.ledger = link, ledger
        self.base, self._prefix = link.base, f"{link.base}/"

    # --- devices and groups -----------------------------------------------------------------------

    @overload
    def device(self, name: str) -> AnyDevice: ...
    @overload
    def device(self, name: str, model: type[D]) -> D: ...
    def device(self, name: str, model: type[Device] | None = None) -> Device:
        """A device by its name, with the class of its model from `ferrobee.models`.

        Without a class nothing about it is typed, unless `typed()` has named its model. The object
        belongs to the name: when another device gets the name, it is that one. Raises `UnknownName`
        if the house is known and has no such device, `ModelError` if it is of another model; while
        the house is not known yet, the first use does.
        """
        node = self.node(name)
        if model is None:
            model = self._expected(name) or AnyDevice
        return self._view(node, model)

    @overload
    def group(self, name: str) -> Group: ...
    @overload
    def group(self, name: str, model: type[D]) -> D: ...
    def group(self, name: str, model: type[Device] | None = None) -> Device:
        """A group by its name; with the class of a model if all members are of that.

        Raises `UnknownName` as `device()` does.
        """
        node = self.node(name)
        if node.entry is not None and not node.is_group:
            raise UnknownName(f"{name!r} is a device, not a group")
        return self._view(node, model or self._expected(name) or Group)

    def typed(self, models: Mapping[str, str | type[Device]]) -> Self:
        """Takes the models (or classes) of devices and groups by name, for who asks for them
        without a class.

        `home.py`, which `ferrobee stubs` writes, does that, so that what runs is what type checkers
        have seen.
        """
        self._models = models
        return self

    def _expected(self, name: str) -> type[Device] | None:
        model = self._models.get(name)
        return find(model) if isinstance(model, str) else model

    def _view(self, node: Node, model: type[Device]) -> Device:
        key = (node.name, model)
        view = self._views.get(key)
        if view is None:
            view = model(node)
            self._views[key] = view
            if model.__module__.startswith("ferrobee."):
                # Classes of an automation file end with it; these stay, and so what was asked for
                # does not depend on when memory is tidied up.
                self._kept.append(view)
        if self.is_known:
            view._check()
        return view

    def scene(self, scene: str | int, *, of: str | None = None) -> Scene:
        """A scene by its name or number; `of` names the group or device where that is not plain.

        Raises `UnknownName` if there is none, or more than one.
        """
        return find_scene(self, scene, of)

    @property
    def is_known(self) -> bool:
        """True once the bridge has said which devices there are."""
        return self._directory.is_known

    @property
    def names(self) -> list[str]:
        """The names of all devices and groups that the bridge has said, sorted."""
        return sorted(name for name, node in self.nodes.items() if node.entry is not None)

    @property
    def nodes(self) -> dict[str, Node]:
        """What is known by name; for the runtime and for tools.

        A copy: files are imported in threads of their own, which ask for devices meanwhile.
        """
        return self._nodes.copy()

    @property
    def node_count(self) -> int:
        """How many names are known."""
        return len(self._nodes)

    def node(self, name: str) -> Node:
        """What is known of a name; begins to know it."""
        node = self._nodes.get(name)
        if node is None:
            node = self._nodes[name] = Node(self, name)
        return node

    def _alive(self) -> list[Device]:
        """The devices and groups that somebody has asked for and still has."""
        views = (reference() for reference in self._views.valuerefs())
        return [view for view in views if view is not None]

    def check_views(self) -> None:
        """Logs what is wrong with devices that were asked for, each once while it is wrong."""
        for view in self._alive():
            what = (view.name, type(view).__name__)
            try:
                view._check()
            except FerrobeeError as error:
                if what not in self._complained:
                    self._complained.add(what)
                    _log.error("%s", error)
            else:
                self._complained.discard(what)

    def prune(self) -> None:
        """Forgets the names that were collected from topics and are nobody's."""
        asked = {view.name for view in self._alive()}
        for name, node in self.nodes.items():
            if node.entry is None and name not in asked and not node.observers:
                del self._nodes[name]

    def unknown(self, name: str) -> str:
        """The text about a name that the house does not have."""
        return self._directory.unknown(name)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Device:
            # `ferrobee stubs` declares the names of a house for type checkers.
            if name.startswith("_"):
                raise AttributeError(name)
            node = self._nodes.get(name)
            return self.group(name) if node is not None and node.is_group else self.device(name)

    # --- running ----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Hears what the house says, until `close()`."""
        if self._running:
            raise FerrobeeError("this home runs already")
        self._running = True
        try:
            while True:
                self.hear(await self.link.receive())
        except LinkClosed:
            pass
        finally:
            self._running = False
            self._fail_all(LinkClosed("the link to the bridge was closed"))

    def hear(self, messages: list[Message]) -> None:
        """Takes messages of the link, in their order; `run()` does."""
        for topic, payload, stored in messages:
            try:
                self._hear(topic, payload, stored)
            except Exception:
                # A message is foreign; none of them may end the others.
                _log.exception("a message on %r can't be used", topic)

    async def __aenter__(self) -> Self:
        self._runner = asyncio.get_running_loop().create_task(self.run(), name="ferrobee home")
        # So that what follows in the block can send commands at once.
        await asyncio.sleep(0)
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()
        if self._runner is not None:
            await self._runner
            self._runner = None

    async def ready(self, *, timeout: Span = 10.0) -> None:
        """Waits until the bridge has said which devices there are.

        Raises `WaitTimeout` if it does not within `timeout`, and `UnknownName` or `ModelError` if a
        device that was asked for is not there or is of another model.
        """
        limit = seconds(timeout, what="timeout")
        try:
            async with asyncio.timeout(limit):
                await self._directory.known()
        except TimeoutError:
            raise WaitTimeout(
                f"nothing on {self.base}/bridge/devices within {limit:g} s: is the bridge running, "
                "and is this its base topic?"
            ) from None
        for view in self._alive():
            view._check()

    def close(self) -> None:
        """Ends the link and `run()`. More than once does nothing."""
        self._closed = True
        self.link.close()

    def require_running(self) -> None:
        """Raises `FerrobeeError` unless the home runs."""
        if not self._running:
            raise LinkClosed(
                "the home is not running: use `async with home:`"
                if not self._closed
                else "the home was closed"
            )

    def _fail_all(self, error: FerrobeeError) -> None:
        for node in self.nodes.values():
            for command in node.pending:
                command.failed(error)
            node.pending.clear()
        for request in self._requests.values():
            if not request.done():
                request.set_exception(error)

    # --- listening --------------------------------------------------------------------------------

    def observe(self, name: str, callback: Callable[[Update], None]) -> Callable[[], None]:
        """Calls back for every state message of a device or group; gives what ends that.

        Called in the loop, in the order of the messages; must not block.
        """
        return self.node(name).observe(callback)

    def observe_topic(
        self, topic_filter: str, callback: Callable[[TopicMessage], None]
    ) -> Callable[[], None]:
        """Calls back for every message on the topics of an MQTT topic filter; gives what ends that.

        Raises `ValueError` if it is no topic filter.
        """
        end = self._topics.add(topic_filter, callback)
        self.link.subscribe(topic_filter)
        return end

    def observe_event(self, callback: Callable[[HomeEvent], None]) -> Callable[[], None]:
        """Calls back for what happens to the bridge and to the network; gives what ends that."""
        self._event_listeners = (*self._event_listeners, callback)

        def unobserve() -> None:
            listeners = list(self._event_listeners)
            if callback in listeners:
                listeners.remove(callback)
            self._event_listeners = tuple(listeners)

        return unobserve

    async def subscribe(self, topic_filter: str) -> AsyncIterator[TopicMessage]:
        """The messages on the topics of an MQTT topic filter, from now on.

        A reader that falls behind by 1,000 messages loses the oldest.
        """
        seen: deque[TopicMessage] = deque(maxlen=_MESSAGES_KEPT)
        more = asyncio.Event()

        def heard(message: TopicMessage) -> None:
            seen.append(message)
            more.set()

        end = self.observe_topic(topic_filter, heard)
        try:
            while True:
                await more.wait()
                more.clear()
                while seen:
                    yield seen.popleft()
        finally:
            end()

    # --- saying -----------------------------------------------------------------------------------

    def publish(
        self, topic: str, payload: Json | bytes, *, qos: int = 0, retain: bool = False
    ) -> None:
        """Publishes on a topic; returns at once. Text and bytes go as they are, others as JSON."""
        if isinstance(payload, str):
            payload = payload.encode()
        elif not isinstance(payload, bytes):
            payload = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
        self.link.publish(topic, payload, qos=qos, retain=retain)

    async def request(
        self,
        path: str,
        data: dict[str, Json] | None = None,
        *,
        timeout: Span = _REQUEST_TIMEOUT,
    ) -> Json:
        """Asks the bridge for something (`bridge/request/PATH`), and gives the data of its answer.

        Raises `CommandError` with the bridge's words if it refuses, or if there is no answer within
        `timeout`.
        """
        limit = seconds(timeout, what="timeout")
        self.require_running()
        transaction = f"ferrobee-{id(self):x}-{next(self._request_ids)}"
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._requests[transaction] = answer
        try:
            self.publish(
                f"{self._prefix}bridge/request/{path}", {**(data or {}), "transaction": transaction}
            )
            async with asyncio.timeout(limit):
                response = await answer
        except TimeoutError:
            raise CommandError(f"request {path!r}: no answer within {limit:g} s") from None
        finally:
            del self._requests[transaction]
        if response.get("status") != "ok":
            raise CommandError(f"request {path!r}: {response.get('error', 'refused')}")
        return cast("Json", response.get("data"))

    # --- messages ---------------------------------------------------------------------------------

    def _hear(self, topic: str, payload: bytes, stored: bool) -> None:
        if self._topics:
            self._topics.dispatch(topic, payload, stored)
        if not topic.startswith(self._prefix):
            return
        name = topic[len(self._prefix) :]
        node = self._nodes.get(name)
        if node is not None:
            self._state(node, payload, stored)
        elif name.startswith("bridge/"):
            self._bridge(name[7:], payload, stored)
        elif name.endswith("/availability"):
            self._availability(name[:-13], payload, stored)
        elif self._directory.may_be_named(name):
            self._state(self.node(name), payload, stored)

    def _state(self, node: Node, payload: bytes, stored: bool) -> None:
        if not payload:
            # The retained state of a name that is gone.
            node.forget()
            return
        message = json.loads(payload)
        if isinstance(message, dict):
            node.heard(message, live=not stored, at=self.clock.now())

    def _availability(self, name: str, payload: bytes, stored: bool) -> None:
        node = self._nodes.get(name)
        if node is None:
            if not self._directory.may_be_named(name):
                return
            node = self.node(name)
        before = node.available
        node.available = _online(payload)
        if not stored and node.available is not None and node.available != before:
            self._tell("available" if node.available else "unavailable", name, {})

    def _bridge(self, path: str, payload: bytes, stored: bool) -> None:
        if path == "logging":
            self._logged(json.loads(payload))
        elif path == "devices":
            self._directory.devices(payload)
        elif path == "groups":
            self._directory.groups(payload)
        elif path == "event":
            event = json.loads(payload)
            kind = _EVENTS.get(event["type"])
            if kind is not None and not stored:
                data = event.get("data", {})
                self._tell(kind, str(data.get("friendly_name", "")), data)
        elif path == "state":
            before = self.online
            self.online = _online(payload)
            if not stored and self.online is not None and self.online != before:
                self._tell("online" if self.online else "offline", "", {})
        elif path.startswith("response/") and self._requests:
            response = json.loads(payload)
            answer = self._requests.get(str(response.get("transaction")))
            if answer is not None and not answer.done():
                answer.set_result(response)

    def _logged(self, line: dict[str, Any]) -> None:
        if line.get("level") != "error":
            return
        complaint = Complaint.of(str(line.get("message", "")))
        if complaint is None:
            return
        if complaint.name is not None:
            node = self._nodes.get(complaint.name)
            if node is not None:
                node.complained(complaint)
            return
        for node in self.nodes.values():
            if node.pending and node.complained(complaint):
                return

    def _tell(self, kind: EventKind, device: str, data: dict[str, Any]) -> None:
        event = HomeEvent(kind, device, data, self.clock.now())
        for listener in self._event_listeners:
            try:
                listener(event)
            except Exception:
                _log.exception("a listener to events failed")


def _online(payload: bytes) -> bool | None:
    """Availability, as JSON or, from older bridges, as plain text; None if it says neither."""
    text = payload.decode(errors="replace").strip()
    if text.startswith("{"):
        text = str(json.loads(text).get("state"))
    return {"online": True, "offline": False}.get(text)
