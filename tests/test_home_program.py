"""Devices in Python beside the real program: a real broker, real sockets, the simulated stick."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.support.program import ferrobee

from ferrobee import Home
from ferrobee.errors import UnknownName
from ferrobee.models.aqara import LLKZMK11LM, ZNXNKG02LM

if TYPE_CHECKING:
    from tests.support.house import House


def test_a_program_of_its_own_commands_devices_over_a_broker(house: House) -> None:
    house.start()
    name = house.join("LLKZMK11LM").name
    house.join("ZNXNKG02LM")

    async def main() -> None:
        async with Home.connect(house.broker.url) as home:
            await home.ready()
            relay = home.device(name, LLKZMK11LM)
            await asyncio.gather(relay.state_l1.on(), relay.state_l2.on())
            assert (relay.state_l1.value, relay.state_l2.value) == ("ON", "ON")
            await relay.state_l1.toggle()
            assert relay.known["state_l1"] == "OFF"
            assert await home.request("health_check") == {"healthy": True}
            with pytest.raises(UnknownName):
                home.device("nobody", ZNXNKG02LM)

    asyncio.run(main())
    house.stop()
    stubs = ferrobee("stubs", "--data", house.data, "--output", "-")
    assert stubs.returncode == 0, stubs.stderr
    assert f"Literal['{name}']) -> LLKZMK11LM: ..." in stubs.stdout
    assert "ZNXNKG02LM" in stubs.stdout
