//! What web interfaces ask for, in the form in which they ask (shared/facts/frontend-ws.md §3.3 and §4).

use bridge::core::{CoreInput, CoreOutput, SocketId};
use hub::{Fetch, Fetched};
use serde_json::{Value as Json, json};

use crate::house::{House, RELAY, SWITCH};

/// The status of the response to a request with this payload and a transaction; `None` without one.
fn status(path: &str, payload: &Json) -> Option<String> {
    let mut house = House::new(&json!({"frontend": {"enabled": true}}));
    house.input(CoreInput::SocketOpened(SocketId(1)));
    let mut payload = payload.clone();
    payload["transaction"] = json!("k3x9a-7");
    house.input(CoreInput::SocketMessage {
        topic: format!("bridge/request/{path}"),
        payload: payload.to_string().into_bytes(),
    });
    // Devices answer nothing here, and no file can be had; all limits pass.
    for _ in 0..20 {
        for output in std::mem::take(&mut house.others) {
            if let CoreOutput::Ask(id, _) = output {
                house.input(CoreInput::Answered(id, Ok(json!({}))));
                continue;
            }
            let CoreOutput::Fetch(id, fetch) = output else {
                continue;
            };
            let fetched = match fetch {
                Fetch::Index(_) => Fetched::Index(Err("no file".to_owned())),
                Fetch::Image { .. } => Fetched::Image(Err("no file".to_owned())),
            };
            house.input(CoreInput::Fetched(id, fetched));
        }
        house.wait(std::time::Duration::from_secs(30));
    }
    // As Zigbee2MQTT answers (mqtt-api.md §12.7).
    let answered = path.strip_suffix("/downgrade").unwrap_or(path);
    let topic = format!("z/bridge/response/{answered}");
    let mut responses = house
        .published
        .iter()
        .filter(|publish| *publish.topic == *topic)
        .map(|publish| serde_json::from_slice::<Json>(&publish.payload).unwrap());
    let response = responses.next()?;
    assert_eq!(response["transaction"], "k3x9a-7", "{path}: {response}");
    Some(response["status"].as_str().unwrap().to_owned())
}

#[test]
fn requests_succeed_in_the_form_of_the_interfaces() {
    let switch = SWITCH.to_string();
    for (path, payload) in [
        ("restart", json!({})),
        ("permit_join", json!({"time": 254})),
        ("permit_join", json!({"time": 254, "device": null})),
        ("permit_join", json!({"time": 254, "device": "switch"})),
        (
            "options",
            json!({"options": {"advanced": {"log_level": "debug"}}}),
        ),
        (
            "device/options",
            json!({"id": switch, "options": {"qos": 1, "description": "x"}}),
        ),
        (
            "device/rename",
            json!({"from": "switch", "to": "lamp", "homeassistant_rename": false}),
        ),
        ("group/add", json!({"friendly_name": "attic"})),
        ("group/add", json!({"friendly_name": "attic", "id": "77"})),
        ("group/add", json!({"friendly_name": "attic", "id": 77})),
        ("group/rename", json!({"from": "lights", "to": "lamps"})),
        (
            "group/options",
            json!({"id": "5", "options": {"retain": true}}),
        ),
    ] {
        let status = status(path, &payload);
        assert_eq!(status.as_deref(), Some("ok"), "{path} {payload}");
    }
}

/// Devices here answer nothing, so that most of these fail; but each is known and answered.
#[test]
fn every_request_of_the_interfaces_is_answered() {
    let (switch, relay) = (SWITCH.to_string(), RELAY.to_string());
    let ota =
        json!({"id": switch, "image_block_request_timeout": 150_000, "url": "http://localhost/x"});
    for (path, payload) in [
        ("touchlink/scan", json!({})),
        ("touchlink/scan", json!({"value": true})),
        (
            "touchlink/identify",
            json!({"ieee_address": switch, "channel": 12}),
        ),
        (
            "touchlink/factory_reset",
            json!({"ieee_address": switch, "channel": 12}),
        ),
        ("device/configure", json!({"id": switch})),
        ("device/interview", json!({"id": switch})),
        (
            "device/remove",
            json!({"id": switch, "force": true, "block": false, "keep_config": true, "clear_cache": false}),
        ),
        ("device/generate_external_definition", json!({"id": switch})),
        (
            "device/bind",
            json!({"from": switch, "from_endpoint": 1, "to": relay, "to_endpoint": 1, "clusters": ["genOnOff"]}),
        ),
        (
            "device/bind",
            json!({"from": switch, "from_endpoint": "left", "to": 5, "clusters": ["genOnOff"]}),
        ),
        (
            "device/unbind",
            json!({"from": switch, "from_endpoint": 1, "to": 5, "clusters": ["genOnOff"]}),
        ),
        (
            "device/binds/clear",
            json!({"target": switch, "ieee_list": ["0xffffffffffffffff"]}),
        ),
        (
            "device/reporting/read",
            json!({"id": switch, "endpoint": 1, "cluster": "genOnOff", "configs": [{"attribute": "onOff"}]}),
        ),
        (
            "device/reporting/configure",
            json!({"id": switch, "endpoint": 1, "cluster": "genOnOff", "attribute": "onOff", "minimum_report_interval": 1, "maximum_report_interval": 60, "option": {}}),
        ),
        (
            "device/configure_reporting",
            json!({"id": switch, "endpoint": 1, "cluster": "genOnOff", "attribute": "onOff", "minimum_report_interval": 1, "maximum_report_interval": 60, "reportable_change": 0}),
        ),
        ("device/ota_update/check", ota.clone()),
        ("device/ota_update/check/downgrade", ota.clone()),
        ("device/ota_update/update", ota.clone()),
        ("device/ota_update/update/downgrade", ota.clone()),
        ("device/ota_update/schedule", ota.clone()),
        ("device/ota_update/schedule/downgrade", ota.clone()),
        ("device/ota_update/unschedule", json!({"id": switch})),
        ("device/ota_update/update/abort", json!({"id": switch})),
        (
            "group/members/add",
            json!({"group": "5", "endpoint": 1, "device": switch}),
        ),
        (
            "group/members/remove",
            json!({"group": "5", "endpoint": 1, "device": relay}),
        ),
        (
            "group/members/add",
            json!({"group": "lights", "endpoint": "left", "device": "switch/left"}),
        ),
        ("group/remove", json!({"id": "5"})),
        ("converter/save", json!({"name": "x.mjs", "code": "1"})),
        ("converter/remove", json!({"name": "x.mjs"})),
        ("extension/save", json!({"name": "x.mjs", "code": "1"})),
        ("extension/remove", json!({"name": "x.mjs"})),
        (
            "install_code/add",
            json!({"value": "83FED3407A939723A5C639B26916D505C3B5"}),
        ),
        ("networkmap", json!({"type": "raw", "routes": false})),
        ("networkmap", json!({"type": "graphviz", "routes": true})),
        ("health_check", json!({})),
        ("coordinator_check", json!({})),
    ] {
        let status = status(path, &payload);
        assert!(status.is_some(), "{path} {payload}");
    }
}
