"""A knob dims a bulb; pressing it turns the bulb on and off."""

from ferrobee import home, on, run
from ferrobee.models.aqara import ZNXNKG02LM, ZNXNKG02LMRotation
from ferrobee.models.innr import RB_285_C

knob = home.device("study_knob", ZNXNKG02LM)
bulb = home.device("study_bulb", RB_285_C)


@on(knob.action.single)
async def toggle() -> None:
    await bulb.light.toggle()


@on(knob.action.rotation, policy="parallel")
async def dim(event: ZNXNKG02LMRotation) -> None:
    # Steps add up: of many quick turns only the sum goes over the air.
    await bulb.brightness.step(event.percent * 2.54)


if __name__ == "__main__":
    run("mqtt://localhost:1883")
