"""Who listens to which MQTT topics."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ferrobee._update import TopicMessage

if TYPE_CHECKING:
    from collections.abc import Callable

    Listener = Callable[[TopicMessage], None]

__all__ = ["Topics", "check_filter", "matches"]

_log = logging.getLogger("ferrobee.home")


class Topics:
    """Listeners by topic filter; those to one topic are found without asking the others."""

    def __init__(self) -> None:
        self._exact: dict[str, list[Listener]] = {}
        self._wild: list[tuple[list[str], Listener]] = []

    def __bool__(self) -> bool:
        return bool(self._exact or self._wild)

    def add(self, topic_filter: str, listener: Listener) -> Callable[[], None]:
        """Adds a listener; gives what removes it. Raises `ValueError` if it is no topic filter."""
        check_filter(topic_filter)
        levels = topic_filter.split("/")
        if "+" in levels or levels[-1] == "#":
            entry = (levels, listener)
            self._wild.append(entry)

            def remove_wild() -> None:
                self._wild = [other for other in self._wild if other is not entry]

            return remove_wild
        self._exact.setdefault(topic_filter, []).append(listener)

        def remove() -> None:
            listeners = self._exact.get(topic_filter, [])
            if listener in listeners:
                listeners = [*listeners]
                listeners.remove(listener)
                self._exact[topic_filter] = listeners
            if not listeners:
                self._exact.pop(topic_filter, None)

        return remove

    def dispatch(self, topic: str, payload: bytes, stored: bool) -> None:
        """Calls those who listen."""
        listeners = self._exact.get(topic, [])
        if self._wild:
            levels = topic.split("/")
            wild = [listener for wanted, listener in self._wild if matches(wanted, levels)]
            listeners = [*listeners, *wild]
        if not listeners:
            return
        message = TopicMessage(topic, payload, stored)
        for listener in listeners:
            try:
                listener(message)
            except Exception:
                _log.exception("a listener to %r failed", topic)


def check_filter(topic_filter: str) -> None:
    """Raises `ValueError` if it is no MQTT topic filter."""
    levels = topic_filter.split("/")
    if not topic_filter or "\0" in topic_filter:
        raise ValueError(f"{topic_filter!r} is no topic filter")
    for place, level in enumerate(levels):
        if "#" in level and (level != "#" or place != len(levels) - 1):
            raise ValueError(f"{topic_filter!r} is no topic filter: # stands alone, at the end")
        if "+" in level and level != "+":
            raise ValueError(f"{topic_filter!r} is no topic filter: + stands alone in its level")


def matches(wanted: list[str], levels: list[str]) -> bool:
    """True if a topic, in levels, is one of those of a filter."""
    # Topics that begin with $ are the broker's own; wildcards at the beginning leave them out.
    if levels[0].startswith("$") and wanted[0] in ("+", "#"):
        return False
    for place, level in enumerate(wanted):
        if level == "#":
            return True
        if place >= len(levels) or (level != "+" and level != levels[place]):
            return False
    return len(wanted) == len(levels)
