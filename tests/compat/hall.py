"""The automation that `tests.compat.script` runs beside ferrobee and beside Zigbee2MQTT."""

from __future__ import annotations

import asyncio
import sys

from ferrobee import CommandError, home, on, run, start, topic
from ferrobee.models.aqara import LLKZMK11LM, QBKG41LM

relay = home.device("hall_relay", LLKZMK11LM)
wall = home.device("hall_switch", QBKG41LM)
SAID = "zigbee2mqtt/script/said"


@start
async def ready() -> None:
    home.publish(SAID, "ready")


@on(wall.state_left.turned_on)
async def both() -> None:
    await asyncio.gather(relay.state_l1.on(), relay.state_l2.on())
    home.publish(SAID, f"on {relay.state_l1.value} {relay.state_l2.value}")


@on(relay.state_l2.turned_on, hold="2s")
async def enough() -> None:
    await relay.state_l2.off()
    home.publish(SAID, f"off {relay.state_l2.value}")


@on(topic("zigbee2mqtt/script/ask"))
async def ask() -> None:
    await relay.state_l1.get()
    try:
        await relay.interlock.set(True, timeout="5s")
    except CommandError as error:
        home.publish(SAID, f"refused: {error}")
    else:
        home.publish(SAID, f"interlock {relay.interlock.value}")
    await relay.interlock.set(False)
    hall = home.group("hall")
    await hall["state"].set("OFF")
    home.publish(SAID, f"group {hall['state'].value}")


if __name__ == "__main__":
    run(sys.argv[1], db=sys.argv[2])
