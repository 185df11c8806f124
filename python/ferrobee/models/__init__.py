"""A class for every model that ferrobee knows, in one module for each vendor.

The class of a model has the model's name: `from ferrobee.models.aqara import LLKZMK11LM`. What is
neither a letter nor a digit is written `_`, and `M` stands before a digit: the model `99140-002` is
`M99140_002`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from ferrobee.models._index import MODELS

if TYPE_CHECKING:
    from ferrobee._device import Device

__all__ = ["find"]


def find(model: str) -> type[Device] | None:
    """The class of a model by its name in `bridge/devices`; None if there is none."""
    place = MODELS.get(model)
    if place is None:
        return None
    module, name = place
    return cast("type[Device]", getattr(import_module(f"ferrobee.models.{module}"), name))
