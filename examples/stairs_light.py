"""Light on the stairs when somebody comes, off two minutes after the last one went."""

from ferrobee import home, on, run, sun
from ferrobee.models.ikea import LED1624G9
from ferrobee.models.trust import ZPIR_8000

motion = home.device("stairs_motion", ZPIR_8000)
light = home.device("stairs_light", LED1624G9)


@on(motion.occupancy.turned_on)
async def bright() -> None:
    await light.light.set(state="ON", brightness=200)


@on(motion.occupancy.turned_off, hold="2min")
async def dark() -> None:
    await light.light.off(transition=3)


@on(sun.rise)
async def morning() -> None:
    # Whatever happened at night.
    await light.light.off()


if __name__ == "__main__":
    run("mqtt://localhost:1883", latitude=52.52, longitude=13.40)
