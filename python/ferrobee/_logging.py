"""Where the native module's log lines go: the logger `ferrobee` and those below it."""

from __future__ import annotations

import atexit
import logging
import sys
from typing import TYPE_CHECKING

from ferrobee._core import BridgeThread

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ToBridge", "connect", "namespace", "to_console"]

_connected: BridgeThread | None = None


def connect(level: int = logging.INFO) -> BridgeThread:
    """Hands the lines of the native module, `level` and above, to `logging`; once per process."""
    global _connected  # noqa: PLW0603  (one process has one native log)
    if _connected is None:
        _connected = BridgeThread(_emit, level)
        # The thread must be gone before the interpreter begins to end.
        atexit.register(_connected.stop)
    return _connected


def to_console(level: int = logging.INFO) -> None:
    """Prints the lines of `ferrobee` to standard error, in the form that Zigbee2MQTT has."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter())
    logger = logging.getLogger("ferrobee")
    logger.handlers[:] = [handler]
    logger.propagate = False
    logger.setLevel(level)


class ToBridge(logging.Handler):
    """Hands lines to a bridge, whose log they become a part of: console, files, syslog and
    `bridge/logging`, as its configuration says."""

    def __init__(self, log: Callable[[int, str, str], None]) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Also called in the threads that load files and watch the loop."""
        try:
            self._log(min(record.levelno, 255), namespace(record.name), self.format(record))
        except Exception:
            self.handleError(record)


def namespace(logger: str) -> str:
    """What a logger is called in the bridge's log: `automations:hall` for the file `hall.py`, and
    what it uses (`asyncio`) below `automations` too."""
    if logger.startswith("ferrobee."):
        return logger.removeprefix("ferrobee.")
    name = logger.removeprefix("automations").lstrip(".")
    return f"automations:{name}" if name else "automations"


def _emit(lines: list[tuple[float, int, str, str]]) -> None:
    for created, level, target, message in lines:
        logger = logging.getLogger(_name(target))
        if logger.isEnabledFor(level):
            record = logger.makeRecord(logger.name, level, "", 0, message, (), None)
            record.created = created
            logger.handle(record)


def _name(target: str) -> str:
    """The logger of a Rust module: `bridge::runtime` becomes `ferrobee.bridge.runtime`."""
    dotted = target.replace("::", ".")
    return dotted if dotted.split(".", 1)[0] == "ferrobee" else f"ferrobee.{dotted}"


class _Formatter(logging.Formatter):
    """`[2026-01-31 12:00:00] info: <tab>bridge: message`."""

    def __init__(self) -> None:
        super().__init__(datefmt="%Y-%m-%d %H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        part = ([*record.name.split(".", 2), "ferrobee"])[1] if "." in record.name else "ferrobee"
        time = self.formatTime(record, self.datefmt)
        return f"[{time}] {record.levelname.lower()}: \t{part}: {record.getMessage()}"
