"""A class for every model that ferrobee knows, in one module for each vendor."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ferrobee._device import Device

__all__ = ["find"]


def find(model: str) -> type[Device] | None:
    """The class of a model by its name in `bridge/devices`; None if there is none."""
    del model
    return None
