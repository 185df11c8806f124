"""The bridge on a broker that is reached through a websocket."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml
from tests.support import broker

if TYPE_CHECKING:
    from tests.support.house import House

pytestmark = pytest.mark.skipif(
    broker.kind() != "mosquitto", reason="the embedded broker has no websockets"
)


def test_a_house_lives_on_a_websocket_and_comes_back_with_the_broker(house: House) -> None:
    port = broker.free_port()
    house.broker.kill()
    house.broker.add_websockets(port)
    house.broker.start()
    path = house.data / "configuration.yaml"
    configuration = yaml.safe_load(path.read_text())
    configuration["mqtt"]["server"] = f"ws://127.0.0.1:{port}/mqtt"
    path.write_text(yaml.safe_dump(configuration))
    house.start()
    relay = house.join("LLKZMK11LM")
    house.set(relay, "state_l1", "ON")
    since = house.client.mark()
    house.broker.kill()
    house.broker.start()
    house.client.wait("bridge/state", lambda m: m.json["state"] == "online", since=since)
    house.set(relay, "state_l1", "OFF")
    since = house.client.mark()
    house.stop()
    house.client.wait("bridge/state", lambda m: m.json["state"] == "offline", since=since)
