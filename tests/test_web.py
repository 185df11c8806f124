"""The websocket `/api` of the real program (shared/facts/frontend-ws.md §5, by its numbers)."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest
from tests.support.web import Web, enable
from websockets.exceptions import InvalidStatus

if TYPE_CHECKING:
    from tests.support.house import House


def test_a_client_gets_the_lists_and_then_each_device(house: House) -> None:  # 1
    port = enable(house)
    house.start()
    relay, door = house.join("LLKZMK11LM"), house.join("ZNMS11LM")
    house.set(relay, "state_l1", "ON")
    begun = time.monotonic()
    with Web(port) as web:
        assert web.receive() == ("bridge/state", {"state": "online"})
        while not {relay.name, door.name} <= {topic for topic, _ in web.frames}:
            web.receive()
        assert time.monotonic() - begun < 1
    topics = [topic for topic, _ in web.frames]
    lists = [f"bridge/{name}" for name in ("state", "info", "devices", "groups", "definitions")]
    assert [topic for topic in topics if topic in lists] == lists
    assert topics.index(relay.name) > topics.index("bridge/definitions")
    assert dict(web.frames)[relay.name]["state_l1"] == "ON"
    house.stop()


def test_a_wrong_token_is_told_after_the_upgrade_and_never_logged(house: House) -> None:  # 2
    port = enable(house, auth_token="s3cret-t0ken")  # noqa: S106
    bridge = house.start()
    for path in ("/api", "/api?token=wr0ng-t0ken"):
        with Web(port, path) as web:
            assert web.closed() == (4401, "Unauthorized")
            assert web.frames == []
    with Web(port, "/api?token=s3cret-t0ken") as web:
        web.wait("bridge/definitions")
        info = dict(web.frames)["bridge/info"]
        assert "t0ken" not in str(info)
    house.stop()
    assert "gave a wrong token" in bridge.text or "gave no token" in bridge.text
    seen = [bridge.text, *(message.text for message in house.client.messages)]
    assert not [text for text in seen if "t0ken" in text]


def test_everything_is_below_the_base_path(house: House) -> None:  # 3
    port = enable(house, base_url="/z2m")
    house.start()
    with Web(port, "/z2m/api") as web:
        assert web.receive()[0] == "bridge/state"
    with pytest.raises(InvalidStatus) as refused:
        Web(port, "/api")
    assert refused.value.response.status_code == 400
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/z2m", timeout=10) as page:
        assert page.url.endswith("/z2m/")
        assert b"ferrobee" in page.read()
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10)
    assert error.value.code == 404
    house.stop()


def test_a_response_comes_on_all_sockets_and_on_mqtt(house: House) -> None:  # 4
    port = enable(house)
    house.start()
    with Web(port) as asking, Web(port) as other:
        since = house.client.mark()
        asking.send("bridge/request/health_check", {"transaction": "abc-1"})
        expected = {"data": {"healthy": True}, "status": "ok", "transaction": "abc-1"}
        assert asking.wait("bridge/response/health_check") == expected
        assert other.wait("bridge/response/health_check") == expected
        message = house.client.wait("bridge/response/health_check", since=since)
        assert message.json == expected
        # What comes from MQTT is answered on the sockets, too.
        house.client.publish("bridge/request/permit_join", {"time": 0, "transaction": 7})
        assert asking.wait("bridge/response/permit_join")["transaction"] == 7
    house.stop()


def test_a_set_switches_and_both_sides_hear_the_same(house: House) -> None:  # 5
    port = enable(house)
    house.start()
    relay = house.join("LLKZMK11LM")
    with Web(port) as web:
        since = house.client.mark()
        web.wait(relay.name)
        web.send(f"{relay.name}/set", {"state_l1": "ON"})
        state = web.wait(relay.name, lambda state: state.get("state_l1") == "ON")
        message = house.client.wait(
            relay.name, lambda m: m.json.get("state_l1") == "ON", since=since
        )
        assert message.json == state
        web.send(f"{relay.name}/set/state_l2", "ON")
        web.wait(relay.name, lambda state: state.get("state_l2") == "ON")
        # A person presses the button; nothing was asked.
        house.act(relay, "press", endpoint=1)
        web.wait(relay.name, lambda state: state.get("state_l1") == "OFF")
    house.stop()


def test_garbage_ends_neither_connection_nor_bridge(house: House) -> None:  # 6
    port = enable(house)
    bridge = house.start()
    with Web(port) as web:
        for garbage in ("garbage", "{", "[]", "null", '{"topic":1}', '{"payload":1}', "\0"):
            web.socket.send(garbage)
        web.socket.send(b"\x00\x01")
        for topic in ("", "/", "no/such/thing", "bridge/request/", "bridge/request/nonsense"):
            web.send(topic, {"a": [None] * 100})
        web.send("bridge/request/options", "nonsense")
        assert web.wait("bridge/response/options")["status"] == "error"
        web.send("bridge/request/health_check", {"transaction": 1})
        assert web.wait("bridge/response/health_check")["status"] == "ok"
    assert bridge.running
    house.stop()


def test_sockets_get_objects_whatever_mqtt_gets(house: House) -> None:  # 7
    path = house.data / "configuration.yaml"
    path.write_text(path.read_text().replace("advanced:\n", "advanced:\n  output: attribute\n"))
    port = enable(house)
    house.start()
    relay = house.join("LLKZMK11LM")
    with Web(port) as web:
        web.wait(relay.name)
        since = house.client.mark()
        web.send(f"{relay.name}/set", {"state_l1": "ON"})
        assert web.wait(relay.name, lambda state: state.get("state_l1") == "ON")
        house.client.wait(f"{relay.name}/state_l1", lambda m: m.text == "ON", since=since)
        assert not [m for m in house.client.messages if m.topic == f"zigbee2mqtt/{relay.name}"]
    house.stop()


def test_pings_are_answered_also_while_much_happens(house: House) -> None:  # 9
    port = enable(house)
    house.start()
    house.join("LLKZMK11LM")
    with Web(port) as web:
        house.control("load", count=2000)
        for number in range(20):
            assert web.socket.ping(f"{number}").wait(10)
    house.stop()


def test_who_is_connected_hears_that_the_bridge_stops(house: House) -> None:  # 10
    port = enable(house)
    house.start()
    with Web(port) as one, Web(port) as other:
        one.wait("bridge/definitions")
        other.wait("bridge/definitions")
        house.stop()
        for web in (one, other):
            assert web.closed()[0] == 1006
            assert web.frames[-1] == ("bridge/state", {"state": "offline"})


def test_the_web_goes_on_without_the_broker(house: House) -> None:
    port = enable(house)
    house.start()
    relay = house.join("LLKZMK11LM")
    with Web(port) as web:
        web.wait(relay.name)
        house.client.close()
        house.broker.kill()
        web.wait("bridge/logging", lambda line: "No connection to the MQTT broker" in str(line))
        web.send(f"{relay.name}/set", {"state_l1": "ON"})
        web.wait(relay.name, lambda state: state.get("state_l1") == "ON")
        web.send("bridge/request/device/rename", {"from": relay.name, "to": "hall"})
        assert web.wait("bridge/response/device/rename")["status"] == "ok"
    with Web(port) as web:
        web.wait("hall", lambda state: state["state_l1"] == "ON")
        assert any(entry["friendly_name"] == "hall" for entry in dict(web.frames)["bridge/devices"])
    house.stop()


def test_clients_that_read_nothing_hold_up_nobody(house: House) -> None:
    port = enable(house)
    house.start()
    relay = house.join("LLKZMK11LM")
    sleepy = [Web(port, max_queue=1) for _ in range(8)]
    house.control("load", count=5000)
    # Numbered values, and none is lost.
    house.client.wait(relay.name, lambda m: m.json["power"] == 5000, seconds=60)
    assert house.client.request("health_check", {})["status"] == "ok"
    for web in sleepy:
        web.socket.socket.close()
    house.stop()
