"""A wall switch whose left button no longer switches its relay but a smart bulb, which so keeps its
power. If the bulb does not answer, the relay takes over, so that there is light in any case."""

from ferrobee import CommandError, home, on, run, start
from ferrobee.models.aqara import QBKG41LM
from ferrobee.models.innr import RB_285_C

switch = home.device("hall_switch", QBKG41LM)
bulb = home.device("hall_bulb", RB_285_C)


@start
async def decouple() -> None:
    await switch.state_left.set("ON")
    await switch.operation_mode_left.set("decoupled")


@on(switch.action.single_left)
async def toggle() -> None:
    try:
        await bulb.light.toggle(timeout="3s")
    except CommandError:
        await switch.state_left.toggle()


if __name__ == "__main__":
    run("mqtt://localhost:1883")
