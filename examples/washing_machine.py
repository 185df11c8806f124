"""Says when the washing machine is done: its plug has supplied almost nothing for three minutes."""

from ferrobee import home, on, run, store
from ferrobee.models.innr import SP_240

plug = home.device("washing_machine", SP_240)


@on(plug.power > 20)
async def begun() -> None:
    store.set("running", True)


@on(plug.power < 5, hold="3min")  # a restart in between changes nothing
async def done() -> None:
    if store.get("running", False):
        store.set("running", False)
        home.publish("notify/phone", "The washing is done.")


if __name__ == "__main__":
    run("mqtt://localhost:1883")
