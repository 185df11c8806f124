"""Who is to hear of which property of which device: what does not match costs nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ferrobee._home import Home
    from ferrobee._update import Update

__all__ = ["Index"]

log = logging.getLogger("ferrobee.automations")

Heard = Callable[["Update"], None]


class Index:
    """Listeners by home, device and property."""

    def __init__(self) -> None:
        self._devices: dict[tuple[int, str], _Device] = {}

    def watch(self, home: Home, name: str, keys: Iterable[str], heard: Heard) -> Callable[[], None]:
        """Calls back for messages of a device that carry one of the keys; gives what ends that."""
        place = (id(home), name)
        device = self._devices.get(place)
        if device is None:
            device = self._devices[place] = _Device(home, name)
        device.add(keys, heard)

        def forget() -> None:
            if device.remove(keys, heard) and self._devices.get(place) is device:
                del self._devices[place]

        return forget


class _Device:
    """The listeners of one device."""

    def __init__(self, home: Home, name: str) -> None:
        self._keys: dict[str, tuple[Heard, ...]] = {}
        self._unobserve = home.observe(name, self._update)
        # It keeps the home alive: its id is the key.
        self.home = home

    def add(self, keys: Iterable[str], heard: Heard) -> None:
        for key in keys:
            self._keys[key] = (*self._keys.get(key, ()), heard)

    def remove(self, keys: Iterable[str], heard: Heard) -> bool:
        """True if nobody is left."""
        for key in keys:
            left = list(self._keys.get(key, ()))
            if heard in left:
                left.remove(heard)
            if left:
                self._keys[key] = tuple(left)
            else:
                self._keys.pop(key, None)
        if self._keys:
            return False
        self._unobserve()
        return True

    def _update(self, update: Update) -> None:
        called: set[Heard] | None = None
        for key in update.message:
            listeners = self._keys.get(key)
            if listeners is None:
                continue
            for heard in listeners:
                # One that watches two properties hears of their message once.
                if called is None:
                    called = set()
                if heard in called:
                    continue
                called.add(heard)
                try:
                    heard(update)
                except Exception:
                    log.exception("a trigger on %s of %r failed", key, update.device)
