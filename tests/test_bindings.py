"""Bindings, reporting and scenes through the real program: bytes to a stick, binding tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.support.house import Device, House


def endpoint(house: House, device: Device, number: str, *, since: int) -> dict[str, Any]:
    entry: dict[str, Any] = house.entry(device, since=since)["endpoints"][number]
    return entry


def test_a_knob_is_bound_to_a_relay_and_unbound(house: House) -> None:
    client = house.client
    bridge = house.start()
    knob = house.join("ZNXNKG02LM")
    relay = house.join("LLKZMK11LM")
    since = client.mark()
    request = {"from": knob.ieee, "to": relay.ieee, "to_endpoint": "l2"}
    response = client.request("device/bind", request)
    assert response["status"] == "ok", response
    assert response["data"]["clusters"] == ["genOnOff"]
    target = {"type": "endpoint", "ieee_address": relay.ieee, "endpoint": 2}
    binding = {"cluster": "genOnOff", "target": target}
    assert binding in endpoint(house, knob, "1", since=since)["bindings"]
    reporting = endpoint(house, relay, "2", since=since)["configured_reportings"]
    assert [(entry["attribute"], entry["maximum_report_interval"]) for entry in reporting] == [
        ("onOff", 3600)
    ]

    # What the relay itself says of it.
    question = {
        "id": relay.ieee,
        "endpoint": "l2",
        "cluster": "genOnOff",
        "configs": [{"attribute": "onOff"}],
    }
    response = client.request("device/reporting/read", question)
    assert response["data"]["configs"] == [
        {
            "status": 0,
            "direction": 0,
            "attrId": 0,
            "dataType": 16,
            "minRepIntval": 0,
            "maxRepIntval": 3600,
        }
    ], response

    # The knob tells its table, and forgets it entry by entry.
    since = client.mark()
    response = client.request("device/binds/clear", {"target": knob.ieee})
    assert response["status"] == "ok", response
    assert endpoint(house, knob, "1", since=since)["bindings"] == []
    house.stop()
    assert "panicked" not in bridge.text


def test_a_scene_is_kept_through_a_restart_and_recalled(house: House) -> None:
    client = house.client
    house.start()
    relay = house.join("LLKZMK11LM")
    house.set(relay, "state_l1", "ON")
    since = client.mark()
    client.publish(f"{relay.name}/l1/set", {"scene_store": {"ID": 3, "name": "Evening"}})
    client.wait(
        "bridge/devices",
        lambda m: any(
            entry["ieee_address"] == relay.ieee
            and entry["endpoints"]["1"]["scenes"] == [{"id": 3, "name": "Evening"}]
            for entry in m.json
        ),
        since=since,
    )
    house.stop()
    house.start()
    house.set(relay, "state_l1", "OFF")
    since = client.mark()
    client.publish(f"{relay.name}/l1/set", {"scene_recall": 3})
    client.wait(relay.name, lambda m: m.json["state_l1"] == "ON", since=since)
    house.stop()
    record = next(record for record in house.records() if record["ieeeAddr"] == relay.ieee)
    assert record["endpoints"]["1"]["meta"]["scenes"] == {
        "3_0": {"name": "Evening", "state": {"state": "ON"}}
    }
