"""Heating as a state machine: warm by day, cooler at night, off while a window is open, but for an
hour at most."""

from ferrobee import Machine, State, at, home, run
from ferrobee.models.aqara import MCCGQ11LM
from ferrobee.models.bosch import BTH_RA

window = home.device("bedroom_window", MCCGQ11LM)
radiator = home.device("bedroom_radiator", BTH_RA)

# A contact sensor says True while it is closed.
opened = window.contact.is_in(False)
closed = window.contact.is_in(True)


class Heating(Machine):
    day = State(initial=True)
    night = State()
    airing = State(max="1h")

    day.to(airing, when=opened, hold="30s")
    night.to(airing, when=opened, hold="30s")
    airing.to(day, when=closed)

    @day.enter
    async def warm(self) -> None:
        await radiator.occupied_heating_setpoint.set(21)

    @night.enter
    async def cool(self) -> None:
        await radiator.occupied_heating_setpoint.set(17)

    @airing.enter
    async def off(self) -> None:
        await radiator.occupied_heating_setpoint.set(5)


heating = Heating()


@at("06:30")
async def morning() -> None:
    await heating.go(Heating.day)


@at("22:00")
async def evening() -> None:
    await heating.go(Heating.night)


if __name__ == "__main__":
    run("mqtt://localhost:1883")
