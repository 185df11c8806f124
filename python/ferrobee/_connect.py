"""A link and a ledger for a script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ferrobee import _core
from ferrobee._ledgers import FileLedger, MemoryLedger

if TYPE_CHECKING:
    from os import PathLike

    from ferrobee._ledger import Ledger
    from ferrobee._link import Link

__all__ = ["connect"]


def connect(url: str, base: str, db: str | PathLike[str] | None) -> tuple[Link, Ledger]:
    """The link to a broker, and the ledger in a file or, without one, in memory."""
    # Before the link: it is the one that may be refused.
    ledger: Ledger = MemoryLedger() if db is None else FileLedger(db)
    return _core.MqttLink(url, base), ledger
