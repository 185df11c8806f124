"""The bridge on MQTT 5: the same story, and the retention that only MQTT 5 has."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING

import pytest
import yaml
from paho.mqtt.client import Client as Paho
from paho.mqtt.client import MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from tests.support import broker

if TYPE_CHECKING:
    from tests.support.house import House

pytestmark = pytest.mark.skipif(
    broker.kind() != "mosquitto", reason="the embedded broker speaks MQTT 3.1.1 only"
)


def test_a_house_lives_on_mqtt_5_and_retention_is_the_message_expiry(house: House) -> None:
    path = house.data / "configuration.yaml"
    configuration = yaml.safe_load(path.read_text())
    configuration["mqtt"]["version"] = 5
    configuration["device_options"] = {"retain": True, "qos": 2}
    path.write_text(yaml.safe_dump(configuration))
    house.start()
    relay = house.join("LLKZMK11LM")
    response = house.client.request(
        "device/options", {"id": relay.ieee, "options": {"retention": 300}}
    )
    assert response["status"] == "ok", response
    house.set(relay, "state_l1", "ON")

    messages: queue.Queue[MQTTMessage] = queue.Queue()
    later = Paho(CallbackAPIVersion.VERSION2, protocol=MQTTv5)
    later.on_connect = lambda client, *_: client.subscribe(f"zigbee2mqtt/{relay.name}") and None
    later.on_message = lambda _client, _data, message: messages.put(message)
    later.connect("127.0.0.1", house.broker.port)
    later.loop_start()
    try:
        state = messages.get(timeout=10)
    finally:
        later.disconnect()
        later.loop_stop()
    assert state.retain
    expiry = getattr(state.properties, "MessageExpiryInterval", None)
    assert expiry is not None
    assert 200 < expiry <= 300

    since = house.client.mark()
    house.broker.kill()
    house.broker.start()
    house.client.wait("bridge/state", lambda m: m.json["state"] == "online", since=since)
    since = house.client.mark()
    house.stop()
    house.client.wait("bridge/state", lambda m: m.json["state"] == "offline", since=since)
