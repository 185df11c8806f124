"""Where the house is, from the bridge: `ferrobee: {latitude, longitude}` in its configuration."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ferrobee._automations.calendar import Place
from ferrobee._automations.runner import log

if TYPE_CHECKING:
    from collections.abc import Callable

    from ferrobee._automations.runtime import Runtime
    from ferrobee._update import TopicMessage

__all__ = ["follow_place"]


def follow_place(runtime: Runtime) -> Callable[[], None]:
    """Tells the runtime of the place that `bridge/info` says; the result ends that."""
    told = False

    def heard(message: TopicMessage) -> None:
        nonlocal told
        try:
            place = _place(message.payload)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            if not told:
                told = True
                log.error("configuration.yaml: ferrobee.latitude, ferrobee.longitude: %s", error)
            return
        if place is not None:
            runtime.set_place(place)
        elif runtime.needs_place and not told:
            told = True
            log.error(
                "automations wait for the sun, but nobody says where the house is: write latitude "
                "and longitude under ferrobee: in configuration.yaml, or give them to run()"
            )

    return runtime.home.observe_topic(f"{runtime.home.base}/bridge/info", heard)


def _place(payload: bytes) -> Place | None:
    settings = json.loads(payload)["config"].get("ferrobee")
    if not settings or "latitude" not in settings:
        return None
    return Place(float(settings["latitude"]), float(settings["longitude"]))
