"""Where the house is, from the bridge: `ferrobee: {latitude, longitude}` in its configuration."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ferrobee._automations.calendar import Place
from ferrobee._automations.runner import log

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ferrobee._automations.runtime import Runtime
    from ferrobee._update import TopicMessage

__all__ = ["NO_PLACE", "follow_place", "place_in"]

NO_PLACE = (
    "automations wait for the sun, but nobody says where the house is: write latitude and "
    "longitude under ferrobee: in configuration.yaml, or give them to run()"
)


def follow_place(runtime: Runtime) -> Callable[[], None]:
    """Tells the runtime of the place that `bridge/info` says; the result ends that."""
    told = False

    def heard(message: TopicMessage) -> None:
        nonlocal told
        try:
            place = place_in(json.loads(message.payload)["config"])
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            if not told:
                told = True
                log.error("configuration.yaml: ferrobee.latitude, ferrobee.longitude: %s", error)
            return
        if place is not None:
            runtime.set_place(place)
        elif runtime.needs_place and not told:
            told = True
            log.error(NO_PLACE)

    return runtime.home.observe_topic(f"{runtime.home.base}/bridge/info", heard)


def place_in(settings: Mapping[str, Any]) -> Place | None:
    """What the settings of a bridge say, if they do. `ValueError` or its like if it is wrong."""
    ours = settings.get("ferrobee")
    if not ours or "latitude" not in ours:
        return None
    return Place(float(ours["latitude"]), float(ours["longitude"]))
