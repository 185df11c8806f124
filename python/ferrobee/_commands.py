"""Commands that wait for their confirmation.

A `set` or `get` is answered by nothing but the device's next state messages, and its failure is a
line on `bridge/logging`; here both find the command that they belong to.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ferrobee._update import Json

__all__ = ["Complaint", "Confirms", "Pending", "is_answer"]

if TYPE_CHECKING:
    Confirms = Callable[[Json, Json], bool]
    """Whether a value that was published confirms: called with the one before and the one now."""


def is_answer(_before: Json, _now: Json) -> bool:
    """Any value is the answer to a question."""
    return True


class Pending:
    """A command on its way."""

    __slots__ = ("future", "verb", "wanted")

    def __init__(self, verb: Literal["set", "get"], wanted: Mapping[str, Confirms]) -> None:
        self.verb = verb
        self.wanted = dict(wanted)
        """The keys that are not confirmed yet."""
        self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def heard(self, message: Mapping[str, Json], before: Mapping[str, Json]) -> bool:
        """Takes a live state message; True when nothing is missing any more."""
        for key in [key for key in self.wanted if message.get(key) is not None]:
            if self.wanted[key](before.get(key), message[key]):
                del self.wanted[key]
        return self._done_if_empty()

    def superseded(self, keys: Iterable[str]) -> bool:
        """A newer command sets the keys: the newest wins, nobody waits for the older value."""
        for key in keys:
            self.wanted.pop(key, None)
        return self._done_if_empty()

    def failed(self, error: Exception) -> None:
        """Ends it with an error."""
        if not self.future.done():
            self.future.set_exception(error)

    def _done_if_empty(self) -> bool:
        if self.wanted:
            return False
        if not self.future.done():
            self.future.set_result(None)
        return True


_FAILED = re.compile(r"Publish '(set|get)' '([^']*)' to '(.*)' failed: '(.*)'\Z", re.DOTALL)
_NO_CONVERTER = re.compile(r"No converter available for '([^']*)' on '(.*)': \(", re.DOTALL)
_NO_GET = re.compile(r"No converter available for '(set|get)' '([^']*)' \(")
_REFUSED = re.compile(
    r"(?:Entity (?='.*' is unknown\Z)|Cannot publish to unsupported device )'(.*)'", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Complaint:
    """An error line of `bridge/logging` about a set or get."""

    text: str
    """Why, in the bridge's words."""
    verb: str | None = None
    key: str | None = None
    """The key without the suffix of its endpoint; None where the whole message was refused."""
    name: str | None = None
    """The device or group; None where the line does not say."""

    @classmethod
    def of(cls, line: str) -> Complaint | None:
        """What a line complains about; None for a line about something else."""
        text = line.removeprefix("z2m: ")
        if match := _FAILED.match(text):
            verb, key, name, reason = match.groups()
            return cls(reason.removeprefix("Error: "), verb, key, name)
        if match := _NO_CONVERTER.match(text):
            return cls(text, None, match[1], match[2])
        if match := _NO_GET.match(text):
            return cls(text, match[1], match[2])
        if match := _REFUSED.match(text):
            return cls(text, name=match[1])
        return None

    def concerns(self, name: str, pending: Pending) -> bool:
        """True if it is about this command to the device or group of this name."""
        if self.name not in (None, name) or self.verb not in (None, pending.verb):
            return False
        if self.key is None:
            return True
        suffixed = f"{self.key}_"
        return any(key == self.key or key.startswith(suffixed) for key in pending.wanted)
