"""Which devices and groups there are: `bridge/devices` and `bridge/groups`."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any

from ferrobee._names import suggestion

if TYPE_CHECKING:
    from ferrobee._home import Home

__all__ = ["Directory"]

_log = logging.getLogger("ferrobee.home")

_NAMES_BEFORE_KNOWN = 10_000
"""Names are collected from topics until the bridge says which there are; not without end."""


class Directory:
    """The devices and groups of a house, as the bridge lists them."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._devices_text = b""
        self._groups_text = b""
        self._devices: dict[str, str] = {}
        """Names by address."""
        self._groups: dict[str, str] = {}
        """Names by number."""
        self._known = asyncio.Event()

    @property
    def is_known(self) -> bool:
        """True once the bridge has said both."""
        return self._known.is_set()

    async def known(self) -> None:
        """Waits until the bridge has said both."""
        await self._known.wait()

    def may_be_named(self, name: str) -> bool:
        """Whether a topic's name could be a device's that nobody has asked for yet."""
        if self.is_known:
            return False  # all that there are have nodes
        last = name.rpartition("/")[2]
        return (
            last not in ("set", "get", "action")
            and "/set/" not in name
            and "/get/" not in name
            and self._home.node_count < _NAMES_BEFORE_KNOWN
        )

    def unknown(self, name: str) -> str:
        """The text about a name that the house does not have."""
        return f"no device or group is called {name!r}.{suggestion(name, self._home.names)}"

    def devices(self, payload: bytes) -> None:
        """Takes `bridge/devices`."""
        if payload == self._devices_text:
            return
        entries = {
            str(entry["ieee_address"]): entry
            for entry in json.loads(payload)
            if entry.get("type") != "Coordinator"
        }
        self._devices_text = payload
        self._devices = self._replace(self._devices, entries, is_group=False)
        self._said()

    def groups(self, payload: bytes) -> None:
        """Takes `bridge/groups`."""
        if payload == self._groups_text:
            return
        entries = {str(entry["id"]): entry for entry in json.loads(payload)}
        self._groups_text = payload
        self._groups = self._replace(self._groups, entries, is_group=True)
        self._said()

    def _replace(
        self, old: dict[str, str], entries: dict[str, dict[str, Any]], *, is_group: bool
    ) -> dict[str, str]:
        """Puts new entries in the place of old ones; gives the names by identity."""
        new = {key: str(entry["friendly_name"]) for key, entry in entries.items()}
        renamed = {
            key: self._home.node(name)
            for key, name in old.items()
            if key in new and new[key] != name
        }
        # First all states are taken, then given: two devices may have swapped their names.
        states = {key: node.taken() for key, node in renamed.items()}
        for name in set(old.values()) - set(new.values()):
            self._home.node(name).described(None, is_group=False)
        for key, entry in entries.items():
            node = self._home.node(new[key])
            node.described(entry, is_group=is_group)
            if key in states:
                node.given(states[key])
                _log.info("%r is called %r now", old[key], new[key])
        return new

    def _said(self) -> None:
        if not (self._devices_text and self._groups_text):
            return
        first = not self._known.is_set()
        self._known.set()
        if first:
            self._home.prune()
        self._home.check_views()
