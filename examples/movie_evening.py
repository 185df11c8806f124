"""A remote for the living room: its upper button brings the scene "Movie" to the group of all
lamps, its lower one turns them off."""

from ferrobee import home, on, run
from ferrobee.models.ikea import E1743

remote = home.device("sofa_remote", E1743)
lamps = home.group("living_room")


@on(remote.action.on)
async def movie() -> None:
    await home.scene("Movie", of="living_room").recall()


@on(remote.action.off)
async def dark() -> None:
    await lamps["state"].set("OFF")


if __name__ == "__main__":
    run("mqtt://localhost:1883")
