"""Reading the `exposes` of a definition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["exposed_properties"]


def exposed_properties(
    exposes: Sequence[Mapping[str, Any]],
) -> Iterator[Mapping[str, Any]]:
    """What is exposed under a key of its own; features of lights and the like are said to be
    `within` those."""
    for expose in exposes:
        if "property" in expose:
            yield expose
        else:
            for feature in expose.get("features", []):
                if "property" in feature:
                    yield {**feature, "within": expose["type"]}
