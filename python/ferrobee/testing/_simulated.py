"""Simulated devices: what a person does to them, and what goes wrong with them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Generic, TypeVar

from ferrobee._device import Device
from ferrobee._exposes import exposed_properties
from ferrobee._names import suggestion

if TYPE_CHECKING:
    from ferrobee._update import Json
    from ferrobee.testing._home import VirtualHome

__all__ = ["Simulated"]

D_co = TypeVar("D_co", bound=Device, covariant=True)


class Simulated(Generic[D_co]):
    """A simulated device. `device` is what automations see of it, the rest is its own life.

    Each thing that happens to it is followed by a moment of virtual time (0.1 s), in which what
    comes of it reaches automations.
    """

    def __init__(self, house: VirtualHome, name: str, model: type[D_co]) -> None:
        self._house = house
        self._model = model
        self.name = name
        """Its name in the house."""

    @property
    def device(self) -> D_co:
        """The device as automations see it."""
        return self._house.home.device(self.name, self._model)

    async def report(self, **attributes: Json) -> None:
        """It measures or notices something: `report(power=2500)`, `report(occupancy=True)`.

        Sends what the device sends on the air when these are its values. `ValueError` if the model
        never says such a thing.
        """
        await self._house.begin()
        for key, value in attributes.items():
            try:
                self._house.bridge.report(self.name, key, json.dumps(value))
            except ValueError as error:
                raise ValueError(f"{error}.{self._near(key, value)}") from None
        await self._house.settle()

    def _near(self, key: str, value: Json) -> str:
        """Which properties or values are close to one that it never says."""
        definition = self.device.info.get("definition") or {}
        known = {one["property"]: one for one in exposed_properties(definition.get("exposes", ()))}
        if key not in known:
            return suggestion(key, known)
        return suggestion(str(value), known[key].get("values", ()))

    async def press(self, action: str = "single") -> None:
        """Somebody presses it: what comes of it is this value of `action`."""
        await self.report(action=action)

    async def rotate(self, degrees: float = 30, *, seconds: float = 0.5) -> None:
        """Somebody turns it, clockwise unless `degrees` is negative. Knobs only."""
        milliseconds = max(1, round(seconds * 1000))
        await self.act("turn", degrees=degrees, milliseconds=milliseconds)

    async def act(self, action: str, **parameters: Json) -> None:
        """Does what only this simulated model can: an action of the simulator, by its name."""
        command = {"cmd": "act", "device": self.name, "action": action, **parameters}
        await self._house.control(command)

    async def leave(self) -> None:
        """Somebody resets it: it leaves the network."""
        await self._house.control({"cmd": "leave", "device": self.name})

    async def unplug(self) -> None:
        """It is without power, or out of range."""
        await self._house.control({"cmd": "reach", "device": self.name, "reachable": False})

    async def plug(self) -> None:
        """It is back, and says so."""
        await self._house.control({"cmd": "reach", "device": self.name, "reachable": True})
        await self._house.control({"cmd": "announce", "device": self.name})

    async def forget(self) -> None:
        """Its power is cut for a moment: it forgets what this model does not keep."""
        await self.act("power_cut")

    async def lose(self, share: float) -> None:
        """From now on this share (0 to 1) of the messages to and from it is lost; 0 for none."""
        self._house.set_faults(self.name, lose=share)
        await self._house.settle()

    async def delay(self, seconds: float) -> None:
        """From now on messages to and from it take so much longer; 0 for no longer."""
        self._house.set_faults(self.name, delay=seconds)
        await self._house.settle()

    async def fail_next(self, *statuses: int) -> None:
        """The next deliveries to it fail with these statuses of Z-Stack; without any one, with
        0xe9: it did not answer."""
        await self._house.control(
            {"cmd": "fail", "device": self.name, "statuses": list(statuses) or [0xE9]}
        )

    def __repr__(self) -> str:
        return f"<simulated {self._model.MODEL or self._model.__name__} {self.name!r}>"
