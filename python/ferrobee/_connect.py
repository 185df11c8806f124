"""A link and a ledger for a script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ferrobee import _core
from ferrobee._ledger import Ledger, MemoryLedger

if TYPE_CHECKING:
    from os import PathLike

    from ferrobee._link import Link

__all__ = ["connect"]


def connect(url: str, base: str, db: str | PathLike[str] | None) -> tuple[Link, Ledger]:
    """The link to a broker, and the ledger in a file or, without one, in memory."""
    link: Link = _core.MqttLink(url, base)
    ledger: Ledger = MemoryLedger() if db is None else vars(_core)["FileLedger"](db)
    return link, ledger
