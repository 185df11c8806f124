"""Everything that ferrobee raises, under one root.

The native module looks these classes up once and raises them; they are declared here so that
editors, type checkers and `help()` see them.
"""

from __future__ import annotations

__all__ = [
    "BrokerError",
    "ConfigurationError",
    "CoordinatorError",
    "DataError",
    "FerrobeeError",
    "LedgerError",
    "LinkClosed",
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
