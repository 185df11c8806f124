"""Automations and converters under test: the real runtime on a simulated house, in virtual time.

The pytest plugin gives the fixture `home`, a `VirtualHome`; `async def` tests that use it need
nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ferrobee.testing._home import VirtualHome
    from ferrobee.testing._link import Command, Published
    from ferrobee.testing._loop import StuckError, VirtualClock, VirtualLoop
    from ferrobee.testing._simulated import Simulated

__all__ = [
    "Command",
    "Published",
    "Simulated",
    "StuckError",
    "VirtualClock",
    "VirtualHome",
    "VirtualLoop",
]

_MODULES = {
    "Command": "_link",
    "Published": "_link",
    "Simulated": "_simulated",
    "StuckError": "_loop",
    "VirtualClock": "_loop",
    "VirtualHome": "_home",
    "VirtualLoop": "_loop",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        # The plugin is imported by every run of pytest; what it needs comes with its fixture.
        from importlib import import_module

        if name not in _MODULES:
            raise AttributeError(f"module 'ferrobee.testing' has no attribute {name!r}")
        return getattr(import_module(f"ferrobee.testing.{_MODULES[name]}"), name)
