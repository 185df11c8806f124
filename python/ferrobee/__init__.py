"""ferrobee: a Zigbee to MQTT bridge, drop-in for Zigbee2MQTT.

The names of automations are looked up when they are first used: a bridge without automations does
not import their runtime.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ferrobee._core import __version__
from ferrobee.errors import (
    BrokerError,
    CommandError,
    ConfigurationError,
    CoordinatorError,
    DataError,
    FerrobeeError,
    GetTimeout,
    LedgerError,
    LinkClosed,
    ModelError,
    SetTimeout,
    UnknownName,
    WaitTimeout,
)

if TYPE_CHECKING:
    from ferrobee._automations.calendar import sun
    from ferrobee._automations.durable import Moment
    from ferrobee._automations.machine import Machine, State
    from ferrobee._automations.operators import debounce, newest_wins, throttle
    from ferrobee._automations.public import (
        after,
        at,
        cron,
        every,
        include,
        on,
        run_blocking,
        start,
        stop,
    )
    from ferrobee._automations.router import Router
    from ferrobee._automations.script import run
    from ferrobee._automations.sources import bridge, topic
    from ferrobee._automations.store import store
    from ferrobee._automations.triggers import Started
    from ferrobee._conditions import Condition
    from ferrobee._home import Home
    from ferrobee._update import Change, HomeEvent, TopicMessage, Update

    home: Home
    """The house of the file that is loaded; of a script, the one that `run()` connects."""

__all__ = [
    "BrokerError",
    "Change",
    "CommandError",
    "Condition",
    "ConfigurationError",
    "CoordinatorError",
    "DataError",
    "FerrobeeError",
    "GetTimeout",
    "Home",
    "HomeEvent",
    "LedgerError",
    "LinkClosed",
    "Machine",
    "ModelError",
    "Moment",
    "Router",
    "SetTimeout",
    "Started",
    "State",
    "TopicMessage",
    "UnknownName",
    "Update",
    "WaitTimeout",
    "__version__",
    "after",
    "at",
    "bridge",
    "cron",
    "debounce",
    "every",
    "home",
    "include",
    "newest_wins",
    "on",
    "run",
    "run_blocking",
    "start",
    "stop",
    "store",
    "sun",
    "throttle",
    "topic",
]

_MODULES = {
    "_automations.calendar": ("sun",),
    "_automations.durable": ("Moment",),
    "_automations.machine": ("Machine", "State"),
    "_automations.operators": ("debounce", "newest_wins", "throttle"),
    "_automations.public": (
        "after",
        "at",
        "cron",
        "every",
        "include",
        "on",
        "run_blocking",
        "start",
        "stop",
    ),
    "_automations.router": ("Router",),
    "_automations.script": ("run",),
    "_automations.sources": ("bridge", "topic"),
    "_automations.store": ("store",),
    "_automations.triggers": ("Started",),
    "_conditions": ("Condition",),
    "_home": ("Home",),
    "_update": ("Change", "HomeEvent", "TopicMessage", "Update"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name == "home":
            # Another one for each file: so it is not kept here.
            from ferrobee._automations.script import current_home

            return current_home()
        module = _MODULE_OF.get(name)
        if module is None:
            raise AttributeError(f"module 'ferrobee' has no attribute {name!r}")
        value = getattr(import_module(f"ferrobee.{module}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
