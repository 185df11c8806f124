"""`store`: what a file wants to remember."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeVar, overload

from ferrobee._ledger import PutValue, RemoveValue
from ferrobee._scope import current
from ferrobee.errors import FerrobeeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ferrobee._automations.durable import Durable
    from ferrobee._update import Json

__all__ = ["Keeper", "Store", "store"]

T = TypeVar("T", bound="Json")


class Keeper:
    """The values of one file, while it runs."""

    def __init__(self, owner: str, durable: Durable) -> None:
        self.owner = owner
        self.durable = durable


class Store:
    """JSON values under keys, kept through restarts, reloads and `kill -9`; each file has its own.

    For handlers: while a file is loaded, nothing can be read or written.
    """

    @overload
    def get(self, key: str) -> Json: ...
    @overload
    def get(self, key: str, default: T) -> T: ...
    def get(self, key: str, default: Json = None) -> Json:
        """The value, else `default`.

        Raises `TypeError` if a default is given and the value is of another type than that: what
        was stored by another version of the file is found where it is read.
        """
        keeper = self._keeper()
        value: Json = keeper.durable.value(keeper.owner, f"store:{key}")
        if value is None:
            return default
        if default is not None and not _fits(value, default):
            raise TypeError(
                f"store: {key!r} is {value!r}, which is no {type(default).__name__} as its default"
            )
        return value

    def set(self, key: str, value: Json) -> None:
        """Sets a value. `TypeError` if it is no JSON, `LedgerError` if it is too much."""
        try:
            text = json.dumps(value, separators=(",", ":"), allow_nan=False)
        except ValueError as error:
            raise TypeError(f"store: {key!r}: {error}") from error
        keeper = self._keeper()
        keeper.durable.commit([PutValue(keeper.owner, f"store:{key}", text)])

    def delete(self, key: str) -> None:
        """Removes a value, if it is there."""
        keeper = self._keeper()
        keeper.durable.commit([RemoveValue(keeper.owner, f"store:{key}")])

    def __contains__(self, key: str) -> bool:
        keeper = self._keeper()
        return key in keeper.durable.keys(keeper.owner, "store:")

    def __iter__(self) -> Iterator[str]:
        keeper = self._keeper()
        return iter(keeper.durable.keys(keeper.owner, "store:"))

    def __repr__(self) -> str:
        return "store"

    def _keeper(self) -> Keeper:
        keeper = current().keeper
        if keeper is None:
            raise FerrobeeError(
                "store: nothing can be kept while the file is loaded; use it in handlers, the "
                "first of which is @start"
            )
        return keeper


def _fits(value: Json, default: Json) -> bool:
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    if isinstance(default, float):
        return isinstance(value, int | float)
    return isinstance(value, type(default))


store = Store()
