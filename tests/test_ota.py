"""Software over the air through the real program: a simulated relay takes an image block by block.

Nothing is downloaded: index and images are files of the data directory.
"""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.support.house import Device, House

LUMI = 0x115F
TYPE = 0x0101
OLD, NEW = 36, 47
# Blocks of 48 bytes, 20 a second.
SIZE = 6000
INDEX = "index.json"


@pytest.fixture
def relay(house: House) -> Device:
    """A relay with old software, in a house that has new software for it."""
    with (house.data / "configuration.yaml").open("a") as file:
        file.write(
            "ota:\n  image_block_response_delay: 50\n  disable_automatic_update_check: true\n"
        )
    answer = house.control("ota_image", manufacturer=LUMI, type=TYPE, version=NEW, size=SIZE)
    # As some vendors do: bytes of their own before the image.
    image = b"a vendor's own header" + bytes.fromhex(answer["image"])
    (house.data / "relay.ota").write_bytes(image)
    entry = {
        "fileName": "relay.ota",
        "fileVersion": NEW,
        "fileSize": SIZE,
        "url": "relay.ota",
        "imageType": TYPE,
        "manufacturerCode": LUMI,
        "modelId": "lumi.relay.c2acn01",
        "sha512": hashlib.sha512(image).hexdigest(),
        "releaseNotes": "better",
    }
    (house.data / INDEX).write_text(json.dumps([entry]))
    house.start()
    relay = house.join("LLKZMK11LM")
    house.act(relay, "ota", version=OLD)
    return relay


def client(house: House, relay: Device) -> dict[str, Any]:
    """How the relay's own side of the update stands."""
    answer = house.control("ota", device=relay.ieee)
    assert isinstance(answer, dict)
    return answer


def wait_for_client(house: House, relay: Device, key: str, value: object) -> dict[str, Any]:
    """Waits until the relay is so far."""
    deadline = time.monotonic() + 60
    while (now := client(house, relay))[key] != value:
        assert time.monotonic() < deadline, now
        time.sleep(0.02)
    return now


def test_a_relay_gets_new_software(house: House, relay: Device) -> None:
    mqtt = house.client
    response = mqtt.request("device/ota_update/check", {"id": relay.ieee, "url": INDEX})
    assert response["data"] == {
        "id": relay.ieee,
        "update_available": True,
        "downgrade": False,
        "source": "relay.ota",
        "release_notes": "better",
    }
    mqtt.wait(relay.name, lambda m: m.json["update"]["state"] == "available")

    since = mqtt.mark()
    # One in fifty of the messages to the relay, and of its own, is lost.
    house.control("fault", device=relay.ieee, lose=20)
    mqtt.publish("bridge/request/device/ota_update/update", {"id": relay.ieee, "url": INDEX})
    mqtt.wait(relay.name, lambda m: m.json["update"]["state"] == "updating", since=since)
    wait_for_client(house, relay, "version", NEW)
    house.control("fault", device=relay.ieee)
    response = mqtt.wait("bridge/response/device/ota_update/update", since=since, seconds=150).json
    assert response["status"] == "ok", response
    assert response["data"]["from"]["file_version"] == OLD
    assert response["data"]["to"]["file_version"] == NEW
    idle = mqtt.wait(relay.name, lambda m: m.json["update"]["state"] == "idle", since=since)
    update = idle.json["update"]
    assert (update["installed_version"], update["latest_version"]) == (NEW, NEW)
    # It is made known anew.
    mqtt.wait(
        "bridge/event",
        lambda m: m.json["type"] == "device_interview" and m.json["data"]["status"] == "successful",
        since=since,
    )
    response = mqtt.request("device/ota_update/check", {"id": relay.ieee, "url": INDEX})
    assert response["data"]["update_available"] is False
    house.stop()
    assert list((house.data / "ota").iterdir()) == []


def test_an_update_goes_on_after_the_bridge_was_killed(house: House, relay: Device) -> None:
    mqtt = house.client
    house.act(relay, "ota", stop_at=SIZE // 2)
    mqtt.publish("bridge/request/device/ota_update/update", {"id": relay.ieee, "url": INDEX})
    stopped = wait_for_client(house, relay, "phase", "stopped")
    assert SIZE // 2 <= stopped["taken"] < SIZE
    # The record is saved within a second of the beginning.
    deadline = time.monotonic() + 10
    while not any("otaTransfer" in record for record in house.records()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert house.bridge is not None
    house.bridge.kill()

    since = mqtt.mark()
    house.start()
    house.act(relay, "ota_continue")
    mqtt.wait(relay.name, lambda m: m.json["update"]["state"] == "updating", since=since)
    done = wait_for_client(house, relay, "version", NEW)
    # No block was taken twice: 125 of 48 bytes.
    assert done["blocks"] == -(-SIZE // 48)
    update = mqtt.wait(
        relay.name, lambda m: m.json["update"]["state"] == "idle", since=since, seconds=150
    ).json["update"]
    assert update["installed_version"] == NEW
    house.stop()
    assert all("otaTransfer" not in record for record in house.records())


def test_a_scheduled_update_survives_a_restart_and_begins_with_the_device(
    house: House, relay: Device
) -> None:
    mqtt = house.client
    response = mqtt.request("device/ota_update/schedule", {"id": relay.ieee, "url": INDEX})
    assert response["data"] == {"id": relay.ieee, "url": INDEX}
    mqtt.wait(relay.name, lambda m: m.json["update"]["state"] == "scheduled")
    house.stop()
    assert any(
        record.get("scheduledOta") == {"url": INDEX, "downgrade": False}
        for record in house.records()
    )
    house.start()
    since = mqtt.mark()
    house.act(relay, "ota_query")
    wait_for_client(house, relay, "version", NEW)
    mqtt.wait(relay.name, lambda m: m.json["update"]["state"] == "idle", since=since, seconds=150)
    house.stop()
    assert all("scheduledOta" not in record for record in house.records())


def test_an_image_that_was_damaged_on_its_way_is_refused_by_the_device(
    house: House, relay: Device
) -> None:
    path = house.data / "relay.ota"
    image = bytearray(path.read_bytes())
    image[-100] ^= 1
    (house.data / "damaged.ota").write_bytes(image)
    mqtt = house.client
    since = mqtt.mark()
    mqtt.publish(
        "bridge/request/device/ota_update/update", {"id": relay.ieee, "url": "damaged.ota"}
    )
    response = mqtt.wait("bridge/response/device/ota_update/update", since=since, seconds=60).json
    assert "ended the transfer with INVALID_IMAGE" in response["error"]
    assert client(house, relay)["version"] == OLD
    # With the digest in the index it is not even offered.
    path.write_bytes(image)
    response = mqtt.request("device/ota_update/update", {"id": relay.ieee, "url": INDEX})
    assert "SHA-512" in response["error"]
