"""Where the native module's log lines go: the logger `ferrobee` and those below it."""

from __future__ import annotations

import atexit
import logging
import sys

from ferrobee._core import BridgeThread

__all__ = ["connect", "to_console"]

_connected: BridgeThread | None = None


def connect(level: int = logging.INFO) -> BridgeThread:
    """Hands the lines of the native module, `level` and above, to `logging`; once per process."""
    global _connected  # noqa: PLW0603  (one process has one native log)
    if _connected is None:
        _connected = BridgeThread(_emit, level)
        # The thread must be gone before the interpreter begins to end.
        atexit.register(_connected.stop)
    return _connected


def to_console(level: int = logging.INFO, *names: str) -> None:
    """Prints the lines of some loggers, else of all of `ferrobee`, to standard error, in the form
    that Zigbee2MQTT has."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter())
    for name in names or ("ferrobee",):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.propagate = False
        logger.setLevel(level)


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
