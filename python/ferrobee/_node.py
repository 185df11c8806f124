"""What is known of one name: the state, the entry of `bridge/devices` or `bridge/groups`, who
listens and which commands are on their way. Devices and groups are views of a node."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

from ferrobee._commands import Pending
from ferrobee._exposes import exposed_properties
from ferrobee._span import Span, seconds
from ferrobee._update import Update
from ferrobee.errors import CommandError, GetTimeout, LinkClosed, SetTimeout

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from ferrobee._commands import Complaint, Confirms
    from ferrobee._home import Home
    from ferrobee._update import Json

__all__ = ["TIMEOUT", "Node"]

TIMEOUT = 10.0
"""Seconds that a command waits for its confirmation unless `timeout=` says otherwise."""

_ASK_AFTER = 1.0
"""Seconds of silence after a set until the device is asked whether it has taken it."""
_GET = 4
"""The bit of an expose's `access` that says that the value can be asked for."""

_log = logging.getLogger("ferrobee.home")

Known = tuple["Mapping[str, Json]", "dict[str, datetime]", "bool | None"]
"""What a node knows of the state: values, times, availability."""


class Node:
    """One name of a house: of a device, of a group, or one that somebody asked for."""

    __slots__ = (
        "available",
        "entry",
        "exposes",
        "home",
        "is_group",
        "model",
        "name",
        "observers",
        "pending",
        "state",
        "times",
    )

    def __init__(self, home: Home, name: str) -> None:
        self.home = home
        self.name = name
        self.state: Mapping[str, Json] = {}
        """Replaced by every message, never changed: `Update` hands it out."""
        self.times: dict[str, datetime] = {}
        """When a live message last carried each key."""
        self.available: bool | None = None
        """None while nobody said, as with availability off."""
        self.observers: tuple[Callable[[Update], None], ...] = ()
        self.pending: list[Pending] = []
        self.entry: Mapping[str, Any] | None = None
        """The entry of `bridge/devices` or `bridge/groups`; None if there is no such name."""
        self.is_group = False
        self.model: str | None = None
        """Of the device's definition; None for a group and for a device without definition."""
        self.exposes: dict[str, Mapping[str, Any]] = {}
        """What the definition exposes, by property."""

    def heard(self, message: Mapping[str, Json], *, live: bool, at: datetime) -> None:
        """Takes a state message."""
        before = self.state
        after = {**before, **message}
        after.pop("action", None)
        self.state = after
        if live:
            self.times.update(dict.fromkeys(message, at))
            if self.pending:
                self.pending = [
                    command for command in self.pending if not command.heard(message, before)
                ]
        if self.observers:
            update = Update(self.name, message, before, after, live, at)
            for observer in self.observers:
                try:
                    observer(update)
                except Exception:
                    _log.exception("a listener to %r failed", self.name)

    def described(self, entry: Mapping[str, Any] | None, *, is_group: bool) -> None:
        """Takes the entry of `bridge/devices` or `bridge/groups`; None if there is none now."""
        self.entry = entry
        self.is_group = is_group
        definition = (entry or {}).get("definition") or {}
        self.model = definition.get("model")
        self.exposes = {
            str(exposed["property"]): exposed
            for exposed in exposed_properties(definition.get("exposes", []))
        }

    def forget(self) -> None:
        """The state is not known any more."""
        self.taken()

    def taken(self) -> Known:
        """What is known of the state, for whoever has it under another name now."""
        known = (self.state, self.times, self.available)
        self.state, self.times, self.available = {}, {}, None
        return known

    def given(self, known: Known) -> None:
        """Takes over what was known under another name; what came under the new one is newer."""
        state, times, available = known
        self.state = {**state, **self.state}
        self.times = {**times, **self.times}
        if self.available is None:
            self.available = available

    def observe(self, callback: Callable[[Update], None]) -> Callable[[], None]:
        """Calls back for every state message from now on; gives what ends that."""
        self.observers = (*self.observers, callback)

        def unobserve() -> None:
            observers = list(self.observers)
            if callback in observers:
                observers.remove(callback)
            self.observers = tuple(observers)

        return unobserve

    def complained(self, complaint: Complaint) -> bool:
        """Takes an error line; True if it ended a command."""
        for command in self.pending:
            if complaint.concerns(self.name, command):
                about = ", ".join(command.wanted)
                command.failed(
                    CommandError(f"{self.name}: {command.verb} {about}: {complaint.text}")
                )
                self.pending.remove(command)
                return True
        return False

    async def command(
        self,
        verb: Literal["set", "get"],
        payload: Mapping[str, Json],
        wanted: Mapping[str, Confirms],
        timeout: Span,
    ) -> None:
        """Publishes to `NAME/set` or `NAME/get`, then waits until the wanted keys are confirmed.

        There are settings of which neither ferrobee nor Zigbee2MQTT publishes anything until the
        device reports them, which it may never do: what is still silent after a second is asked
        for, once, where the definition says that it can be.
        """
        limit = seconds(timeout, what="timeout")
        self.home.require_running()
        if verb == "set":
            self.pending = [
                older
                for older in self.pending
                if older.verb == "get" or not older.superseded(payload)
            ]
        command = Pending(verb, wanted)
        self.home.publish(f"{self.home.base}/{self.name}/{verb}", dict(payload))
        if not wanted:
            return
        self.pending.append(command)
        asking = None
        if verb == "set":
            after = min(_ASK_AFTER, limit / 2)
            asking = asyncio.get_running_loop().call_later(after, self._ask_for, command)
        try:
            async with asyncio.timeout(limit):
                await command.future
        except TimeoutError:
            kind = SetTimeout if verb == "set" else GetTimeout
            raise kind(self._silence(verb, command, payload, limit)) from None
        finally:
            if asking is not None:
                asking.cancel()
            if command in self.pending:
                self.pending.remove(command)

    def _ask_for(self, command: Pending) -> None:
        if command.future.done():
            return
        silent = [
            key for key in command.wanted if self.exposes.get(key, {}).get("access", 0) & _GET
        ]
        if silent:
            with suppress(LinkClosed):  # then the command fails anyway
                self.home.publish(f"{self.home.base}/{self.name}/get", dict.fromkeys(silent, ""))

    def _silence(
        self, verb: str, command: Pending, payload: Mapping[str, Json], limit: float
    ) -> str:
        what = ", ".join(
            f"{key} to {payload[key]!r}" if verb == "set" and key in payload else key
            for key in command.wanted
        )
        why = "; the device is unavailable" if self.available is False else ""
        return f"{self.name}: {verb} {what}: nothing confirmed it within {limit:g} s{why}"
