"""Everything that ferrobee raises, under one root.

The native module looks these classes up once and raises them; they are declared here so that
editors, type checkers and `help()` see them.
"""

from __future__ import annotations

__all__ = [
    "BrokerError",
    "CommandError",
    "ConfigurationError",
    "CoordinatorError",
    "DataError",
    "FerrobeeError",
    "GetTimeout",
    "LedgerError",
    "LinkClosed",
    "ModelError",
    "SetTimeout",
    "UnknownName",
    "WaitTimeout",
]


class FerrobeeError(Exception):
    """The root of all errors of ferrobee. Its text says what was wrong and what to do."""


class ConfigurationError(FerrobeeError):
    """The configuration can't be used. The text names file, line, key, value and the fix."""


class DataError(FerrobeeError):
    """A file of the data directory can't be read or written."""


class CoordinatorError(FerrobeeError):
    """The Zigbee coordinator can't be used: not there, of another kind, or of another network."""


class BrokerError(FerrobeeError):
    """The MQTT broker can't be used."""


class LinkClosed(FerrobeeError):  # noqa: N818  # an end, not always a fault
    """The link to the bridge was closed: nothing comes in or goes out any more."""


class LedgerError(FerrobeeError):
    """Timers or values can't be kept: too many of them, or the file can't be used."""


class UnknownName(FerrobeeError, AttributeError, LookupError):  # noqa: N818  # says what it is
    """No device, group, scene or property has this name. The text names those that are close."""


class ModelError(FerrobeeError):
    """A device is of another model than the class that it was asked for with."""


class CommandError(FerrobeeError):
    """A command was not carried out. The text is the bridge's, or says what was missing."""


class SetTimeout(CommandError, TimeoutError):  # noqa: N818  # a time limit, as in `TimeoutError`
    """No state message confirmed a set within its time limit."""


class GetTimeout(CommandError, TimeoutError):  # noqa: N818
    """No state message answered a get within its time limit."""


class WaitTimeout(FerrobeeError, TimeoutError):  # noqa: N818
    """What was waited for did not come true within the time limit."""
