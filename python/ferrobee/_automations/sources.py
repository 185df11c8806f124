"""Triggers that come from the house: conditions, properties, events of devices and of the bridge,
MQTT topics."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ferrobee._automations.calendar import SunMoment
from ferrobee._automations.durable import missed_policy
from ferrobee._automations.timed import AT, Recurring, rerun, run_due
from ferrobee._automations.triggers import Bound, Port, Trigger
from ferrobee._clock import unix
from ferrobee._conditions import Condition
from ferrobee._ledger import Change, Due, PutValue, RemoveTimer
from ferrobee._properties import Source
from ferrobee._span import Span, seconds
from ferrobee._topics import check_filter
from ferrobee._update import HomeEvent, TopicMessage, Update

if TYPE_CHECKING:
    from collections.abc import Callable

    from ferrobee._device import Device
    from ferrobee._home import Home
    from ferrobee._update import EventKind

__all__ = ["BridgeTrigger", "Source", "TopicTrigger", "bridge", "topic", "trigger_of"]


def trigger_of(source: object, *, hold: Span | None, missed: str | None) -> Trigger[Any]:
    """What `on` waits for. `TypeError` if it is nothing that can happen."""
    if isinstance(source, Condition):
        if hold is None and missed is not None:
            raise ValueError("missed= says what a timer does; this condition has none (hold=)")
        span = None if hold is None else seconds(hold, what="hold")
        return Level(source, span, missed_policy(missed or "run_late"))
    if hold is not None:
        raise ValueError(f"hold= needs a condition, like relay.power > 2000; {source} is none")
    if isinstance(source, SunMoment):
        return Recurring(source, missed or AT)
    if missed is not None:
        raise ValueError(f"missed= says what a timer does; {source} has none")
    if isinstance(source, Trigger):
        return source
    if isinstance(source, Source):
        return Happening(source)
    raise TypeError(
        f"on() takes a condition, a property, an event, topic(...), bridge.joined or a moment of "
        f"the sun; {source!r} is none of these"
    )


class Level(Trigger[Any]):
    """A condition begins to hold, or has held for long enough."""

    def __init__(self, condition: Condition, hold: float | None, missed: str) -> None:
        self.condition = condition
        self.hold = hold
        self.missed = missed

    def bind(self, port: Port) -> Bound:
        return _BoundLevel(self, port)

    @property
    def watched(self) -> frozenset[tuple[Home, str]]:
        """The devices and groups of the condition."""
        return self.condition.watched

    def __str__(self) -> str:
        hold = "" if self.hold is None else f" for {self.hold:g}s"
        return f"{self.condition!r}{hold}"


class _BoundLevel(Bound):
    """Fires on the change from not holding to holding, by a live message.

    Whether it held is written down: what changed while nothing ran is noticed at the first live
    message, and what had fired does not fire again. Stored messages only say how it is when nothing
    is written down. A value that becomes unknown is no change.
    """

    def __init__(self, trigger: Level, port: Port) -> None:
        self._trigger = trigger
        self._port = port
        self._key = f"level:{port.id}"
        # What its comparisons gave last, and whether it has held since there is somebody to see it.
        self._last: dict[Condition, bool] = {}
        self._seen = False
        holds = self._holds()
        held = port.durable.value(port.owner, self._key)
        self._held: bool | None = holds if held is None else bool(held)
        self._forget: list[Callable[[], None]] = [
            port.runtime.index.watch(home, name, trigger.condition.keys, self._heard)
            for home, name in sorted(trigger.condition.watched, key=_by_name)
        ]
        self._resume()

    @property
    def due(self) -> float | None:
        timer = self._port.durable.timer(self._port.owner, self._port.id)
        return timer.due if timer else None

    def close(self) -> None:
        for forget in self._forget:
            forget()

    def _resume(self) -> None:
        """Goes on with the row that is there."""
        port, hold = self._port, self._trigger.hold
        if hold is None:
            if port.durable.timer(port.owner, port.id) is not None:
                port.durable.commit([RemoveTimer(port.owner, port.id)])
            return
        self._forget.append(port.durable.listen(port.owner, port.id, self._due))
        data = port.durable.timer_data(port.owner, port.id)
        if data is not None and data.get("spec") != self._spec():
            # Another length: the row begins where it began.
            port.durable.commit([self._put(float(data["since"]))])
        rerun(port)

    def _spec(self) -> str:
        return f"hold {self._trigger.hold} {self._trigger.missed}"

    def _put(self, since: float) -> Change:
        port, hold = self._port, self._trigger.hold or 0.0
        return port.durable.put(
            port.owner,
            port.id,
            since + hold,
            span=hold,
            missed=self._trigger.missed,
            since=since,
            spec=self._spec(),
        )

    def _holds(self) -> bool | None:
        """Whether it holds now; None where that is unknown and may be what it was before."""
        recalled = self._trigger.condition._recall(self._last)
        holds = self._trigger.condition.holds()
        if holds is not None:
            self._seen = self._seen or holds
            return holds
        if recalled is None and self._seen:
            # What nobody ever knew is not what it held by.
            return False
        return False if recalled is False else None

    def _heard(self, update: Update) -> None:
        holds = self._holds()
        if holds is None or holds == self._held:
            return
        if not update.live:
            if self._held is None:
                self._held = holds
            return
        self._held = holds
        port = self._port
        if self._trigger.hold is None:
            if holds:
                # Written down when the run has ended: after a crash the next report fires again.
                port.run(update, self._write)
            else:
                self._write()
        elif holds:
            since = unix(port.runtime.clock.now())
            port.durable.commit([self._level(), self._put(since)])
        else:
            port.durable.commit([self._level(), RemoveTimer(port.owner, port.id)])

    def _level(self) -> Change:
        return PutValue(self._port.owner, self._key, "true" if self._held else "false")

    def _write(self) -> None:
        self._port.durable.commit([self._level()])

    def _due(self, due: Due) -> None:
        run_due(self._port, due, [RemoveTimer(self._port.owner, self._port.id)])


def _by_name(watched: tuple[Home, str]) -> str:
    """Sets have no order of their own, and what runs is to be the same each time."""
    return watched[1]


class Happening(Trigger[Any]):
    """A property changes, or an event happens."""

    def __init__(self, source: Source[Any]) -> None:
        self.source = source

    def bind(self, port: Port) -> Bound:
        return _BoundHappening(self.source, port)

    @property
    def watched(self) -> frozenset[tuple[Home, str]]:
        """The device or group of the source."""
        return self.source.watched

    def __str__(self) -> str:
        return str(self.source)


class _BoundHappening(Bound):
    def __init__(self, source: Source[Any], port: Port) -> None:
        self._source = source
        self._port = port
        self._forget = [
            port.runtime.index.watch(home, name, source.keys, self._heard)
            for home, name in sorted(source.watched, key=_by_name)
        ]

    def close(self) -> None:
        for forget in self._forget:
            forget()

    def _heard(self, update: Update) -> None:
        if update.live and (event := self._source.occurred(update)) is not None:
            self._port.run(event)


@dataclass(frozen=True, slots=True)
class _Topic(Trigger[TopicMessage]):
    filter: str
    stored: bool
    home: Home | None

    def bind(self, port: Port) -> Bound:
        home = self.home or port.home

        def heard(message: TopicMessage) -> None:
            if self.stored or not message.stored:
                port.run(message)

        return _Ending(home.observe_topic(self.filter, heard))

    def __str__(self) -> str:
        return f"topic {self.filter}"


class TopicTrigger(_Topic):
    """Messages on MQTT topics."""


def topic(filter: str, *, stored: bool = False, home: Home | None = None) -> TopicTrigger:  # noqa: A002
    """Messages on a topic; `+` and `#` as in MQTT. With `stored`, also what a broker retained.

    `ValueError` if it is no topic filter.
    """
    check_filter(filter)
    return TopicTrigger(filter, stored, home)


@dataclass(frozen=True, slots=True)
class BridgeTrigger(Trigger[HomeEvent]):
    """Something that happens to the bridge or to a device's place in the network."""

    kind: EventKind
    device: str | None = None
    """None: any."""
    home: Home | None = None

    def __call__(
        self, device: Device | str | None = None, *, home: Home | None = None
    ) -> BridgeTrigger:
        """The same of one device or group, or of another home."""
        name = device if isinstance(device, str) or device is None else device.name
        if home is None and device is not None and not isinstance(device, str):
            home = device.home
        return replace(self, device=name, home=home)

    def bind(self, port: Port) -> Bound:
        home = self.home or port.home

        def heard(event: HomeEvent) -> None:
            if event.kind == self.kind and self.device in (None, event.device):
                port.run(event)

        return _Ending(home.observe_event(heard))

    def __str__(self) -> str:
        return f"bridge.{self.kind}" + (f"({self.device!r})" if self.device else "")


class _Ending(Bound):
    def __init__(self, forget: Callable[[], None]) -> None:
        self._forget = forget

    def close(self) -> None:
        self._forget()


class _Bridge:
    """What happens to the bridge and in the network: `on(bridge.joined)`."""

    joined = BridgeTrigger("joined")
    """A device has joined."""
    interview = BridgeTrigger("interview")
    """An interview has begun, ended or failed; `event.data["status"]` says which."""
    announced = BridgeTrigger("announced")
    """A device says that it is there: often it was without power."""
    left = BridgeTrigger("left")
    """A device has left the network."""
    available = BridgeTrigger("available")
    """A device or group can be reached again."""
    unavailable = BridgeTrigger("unavailable")
    """A device or group can't be reached. That is no change of its state."""
    online = BridgeTrigger("online")
    """The bridge is there."""
    offline = BridgeTrigger("offline")
    """The bridge is gone."""

    def __repr__(self) -> str:
        return "bridge"


bridge = _Bridge()
