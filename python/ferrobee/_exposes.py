"""Reading the `exposes` of a definition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["exposed_properties"]


def exposed_properties(
    exposes: Sequence[Mapping[str, Any]],
) -> Iterator[Mapping[str, Any]]:
    """What is exposed under a key of its own, the features of lights and the like included."""
    for expose in exposes:
        if "property" in expose:
            yield expose
        else:
            yield from exposed_properties(expose.get("features", []))
