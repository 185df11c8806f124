"""Scenes that groups and devices remember."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ferrobee._names import suggestion
from ferrobee._node import TIMEOUT
from ferrobee.errors import UnknownName

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ferrobee._home import Home
    from ferrobee._update import Json

__all__ = ["Scene", "find_scene"]


@dataclass(frozen=True, slots=True)
class Scene:
    """A scene of a group or device."""

    home: Home
    """Its house."""
    of: str
    """The name of the group or device."""
    number: int
    """Its number, as in `scene_recall`."""
    name: str
    """What people call it."""

    async def recall(self) -> None:
        """Brings it back. Returns at once: what changes, the members say."""
        await self.home.node(self.of).command("set", {"scene_recall": self.number}, {}, TIMEOUT)

    async def store(self, name: str | None = None) -> None:
        """Remembers under its number how everything is now, with another name if one is given.

        A number that the group or device does not know yet is a new one:
        `await home.scene(3, of="living_room").store("Evening")`. Returns at once.
        """
        stored: dict[str, Json] = {"ID": self.number, "name": name or self.name}
        await self.home.node(self.of).command("set", {"scene_store": stored}, {}, TIMEOUT)

    def __repr__(self) -> str:
        return f"<Scene {self.name!r} of {self.of!r}>"


def find_scene(home: Home, wanted: str | int, of: str | None) -> Scene:
    """A scene by its name or number. Raises `UnknownName` if there is not exactly one."""
    known = [
        Scene(home, name, int(scene["id"]), str(scene["name"]))
        for name, node in home.nodes.items()
        if node.entry is not None and of in (None, name)
        for scene in _scenes(node.entry)
    ]
    found = [scene for scene in known if wanted in (scene.name, scene.number)]
    if len(found) == 1:
        return found[0]
    if of is not None and isinstance(wanted, int) and not found:
        # A bridge does not know the scenes that a remote has stored.
        return Scene(home, of, wanted, f"Scene {wanted}")
    where = "" if of is None else f" of {of!r}"
    if found:
        owners = ", ".join(repr(scene.of) for scene in found)
        raise UnknownName(f"scene {wanted!r}{where} could be that of {owners}: say which with of=")
    raise UnknownName(
        f"there is no scene {wanted!r}{where}.{suggestion(str(wanted), [s.name for s in known])}"
    )


def _scenes(entry: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The scenes of an entry of `bridge/groups` or `bridge/devices`."""
    yield from entry.get("scenes", ())
    for endpoint in entry.get("endpoints", {}).values():
        yield from endpoint.get("scenes", ())
