"""`/metrics`: what the bridge counts, as Prometheus reads it."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from tests.support.web import enable

if TYPE_CHECKING:
    from tests.support.house import House


def _scrape(port: int, **headers: str) -> dict[tuple[str, str | None], float]:
    """Values by the name of the sample and the name of the device."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers=headers)
    with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310
        assert reply.headers["content-type"].startswith("application/openmetrics-text")
        parse: Any = text_string_to_metric_families  # has no types
        families = parse(reply.read().decode())
        return {
            (sample.name, sample.labels.get("name")): sample.value
            for family in families
            for sample in family.samples
        }


def test_the_metrics_parse_and_count(house: House) -> None:
    port = enable(house)
    house.start()
    relay = house.join("LLKZMK11LM")
    name = 'hall "relay" \\ 1'
    response = house.client.request("device/rename", {"from": relay.ieee, "to": name})
    assert response["status"] == "ok", response
    relay.name = name
    house.set(relay, "state_l1", "ON")
    before = _scrape(port)
    assert before["ferrobee_coordinator_up", None] == 1
    assert before["ferrobee_mqtt_connected", None] == 1
    assert before["ferrobee_process_memory_bytes", None] > 1_000_000
    assert 0 < before["ferrobee_device_link_quality", name] <= 255
    assert before["ferrobee_device_last_seen_timestamp_seconds", name] > 1_700_000_000
    house.set(relay, "state_l1", "OFF")
    after = _scrape(port)
    for counter in ("device_messages_total", "device_requests_total"):
        key = (f"ferrobee_{counter}", name)
        assert after[key] > before[key] > 0
    house.stop()


def test_the_metrics_are_for_those_who_have_the_token(house: House) -> None:
    port = enable(house, auth_token="s3cret-t0ken")  # noqa: S106
    bridge = house.start()
    for headers in ({}, {"authorization": "Bearer wr0ng-t0ken"}):
        with pytest.raises(urllib.error.HTTPError) as refused:
            _scrape(port, **headers)
        assert refused.value.code == 401
    assert _scrape(port, authorization="Bearer s3cret-t0ken")["ferrobee_mqtt_connected", None] == 1
    house.stop()
    assert "t0ken" not in bridge.text
