"""ferrobee: a Zigbee to MQTT bridge, drop-in for Zigbee2MQTT."""

from __future__ import annotations

from ferrobee._core import __version__
from ferrobee._home import Home
from ferrobee.errors import (
    BrokerError,
    ConfigurationError,
    CoordinatorError,
    DataError,
    FerrobeeError,
    LedgerError,
    LinkClosed,
)

__all__ = [
    "BrokerError",
    "ConfigurationError",
    "CoordinatorError",
    "DataError",
    "FerrobeeError",
    "Home",
    "LedgerError",
    "LinkClosed",
    "__version__",
]
