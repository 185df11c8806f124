//! Messages that are nearly right: everything of the contract with one value that is not. None of them
//! makes the bridge panic, and every request is answered.

use std::time::Duration;

use bridge::core::request_paths;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::house::House;

/// A sensible message for each request, and for what devices and groups are told.
fn sensible() -> Vec<(String, Json)> {
    let endless = json!([[[[[[[[]]]]]]]]);
    let request = |path: &str| match path.trim_end_matches("/downgrade") {
        "action" => json!({"action": "raw", "params": {"ieee_address": "0x00158d0000000041",
            "network_address": 1, "dst_endpoint": 1, "cluster_key": 6, "zcl": {"frame_type": 0,
            "direction": 0, "command_key": 0, "payload": [{"attrId": 0}]}}}),
        "converter/save" | "extension/save" => json!({"name": "a.js", "code": "x"}),
        "converter/remove" | "extension/remove" => json!({"name": "a.js"}),
        "device/bind" | "device/unbind" => json!({"from": "switch", "from_endpoint": 1,
            "to": "hall/relay", "to_endpoint": "l1", "clusters": ["genOnOff", 8],
            "skip_disable_reporting": true}),
        "device/binds/clear" => json!({"target": "switch", "ieee_list": ["0x00158d0000000041"]}),
        "device/options" => json!({"id": "switch", "options": {"retain": true, "debounce": 1,
            "throttle": 1, "device_temperature_calibration": 1, "device_temperature_precision": 1,
            "filtered_attributes": ["a"], "availability": {"timeout": 3}, "homeassistant": {"name": "a"},
            "icon": "data:image/png;base64,AAAA", "qos": 1, "retention": 3, "description": "a"}}),
        "device/ota_update/check" | "device/ota_update/update" | "device/ota_update/schedule" => {
            json!({"id": "hall/relay", "url": "http://127.0.0.1/x", "hex": {"data": "0102",
                "file_name": "a"}, "image_block_request_timeout": 1000,
                "image_block_response_delay": 100, "default_maximum_data_size": 50})
        }
        "device/remove" => json!({"id": "switch", "block": false, "force": true,
            "keep_config": true, "clear_cache": true}),
        "device/rename" => json!({"from": "switch", "to": "lamp", "last": false,
            "homeassistant_rename": true}),
        "device/configure_reporting" | "device/reporting/configure" => json!({"id": "switch",
            "endpoint": 1, "cluster": "genOnOff", "attribute": "onOff",
            "minimum_report_interval": 1, "maximum_report_interval": 60, "reportable_change": 1,
            "options": {"manufacturerCode": 1}}),
        "device/reporting/read" => json!({"id": "switch", "endpoint": 1, "cluster": "genOnOff",
            "configs": [{"attribute": "onOff", "direction": 0}], "manufacturer_code": 1}),
        "group/add" => json!({"friendly_name": "more", "id": 9}),
        "group/members/add" | "group/members/remove" => json!({"group": "lights",
            "device": "switch", "endpoint": "left", "skip_disable_reporting": true}),
        "group/members/remove_all" => json!({"device": "switch", "endpoint": 1}),
        "group/options" => json!({"id": "lights", "options": {"optimistic": false, "off_state":
            "last_member_state", "transition": 2}}),
        "group/rename" => json!({"from": "lights", "to": "lamps"}),
        "install_code/add" => {
            json!({"value": "RB01SG0D836591B3CC0010000000000000000000000D6F00179F2BC9DLKD0F471C9BBA2C0208608E91EED17E2B1", "label": "a"})
        }
        "networkmap" => json!({"type": "graphviz", "routes": true}),
        "options" => json!({"options": {"advanced": {"channel": 15, "last_seen": "epoch",
            "log_level": "debug"}, "mqtt": {"keepalive": 60}, "availability": {"enabled": true,
            "active": {"timeout": 10, "max_jitter": 100}}, "device_options": {"debounce": 3},
            "health": {"interval": 10}}}),
        "permit_join" => json!({"time": 10, "device": "switch"}),
        "touchlink/factory_reset" | "touchlink/identify" => {
            json!({"ieee_address": "0x00158d0000000041", "channel": 11})
        }
        _ => json!({"id": "switch", "channel": 11}),
    };
    let mut all: Vec<_> = request_paths()
        .map(|path| (format!("z/bridge/request/{path}"), request(path)))
        .collect();
    let told = [
        json!({"state_left": "ON", "state": "toggle", "brightness": 3, "transition": 1,
            "on_time": 3, "off_wait_time": 3}),
        json!({"operation_mode_left": "decoupled", "power_outage_memory": true,
            "flip_indicator_light": "ON"}),
        json!({"interlock": true, "color": {"x": 0.3, "y": 0.3, "h": 3, "s": 3, "r": 3}}),
        json!({"read": {"cluster": "genBasic", "attributes": ["modelId", 5], "options":
            {"manufacturerCode": 4447}, "state_property": "a"}}),
        json!({"write": {"cluster": "genBasic", "payload": {"locationDesc": "a", "16":
            {"value": 3, "type": 32}}, "options": {}}}),
        json!({"command": {"cluster": "genLevelCtrl", "command": "moveToLevel", "payload":
            {"level": 3, "transtime": 4}}}),
        json!({"zclcommand": {"cluster": 6, "command": 0, "payload": {"a": 1}, "options":
            {"timeout": 1000}, "check_status": true, "frametype": 0, "logging": true}}),
        json!({"scene_add": {"ID": 3, "name": "a", "transition": 2, "group_id": 5, "state": "ON",
            "brightness": 3, "color_temp": 300, "color": {"x": 0.3, "y": 0.3}}}),
        json!({"scene_store": {"ID": 3, "name": "a", "group_id": 5}, "scene_recall": 3,
            "scene_remove": 3, "scene_rename": {"ID": 3, "name": "b"}, "scene_remove_all": ""}),
        json!({"state": endless}),
    ];
    for name in ["switch", "hall/relay", "lights", "switch/left"] {
        for verb in ["set", "get"] {
            all.extend(
                told.iter()
                    .map(|told| (format!("z/{name}/{verb}"), told.clone())),
            );
        }
    }
    all
}

/// The places of all values in it.
fn places(value: &Json, path: &str, out: &mut Vec<String>) {
    out.push(path.to_owned());
    match value {
        Json::Object(map) => {
            for (key, value) in map {
                places(value, &format!("{path}/{key}"), out);
            }
        }
        Json::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                places(value, &format!("{path}/{index}"), out);
            }
        }
        _ => {}
    }
}

fn extreme() -> impl Strategy<Value = Json> {
    let long = "a/".repeat(5000);
    proptest::sample::select(vec![
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1),
        json!(255),
        json!(256),
        json!(65_535),
        json!(65_536),
        json!(u32::MAX),
        json!(i64::MIN),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(1e300),
        json!(-1e300),
        json!(1e-300),
        json!(0.5),
        json!(""),
        json!("ü"),
        json!("0x"),
        json!("0xffffffffffffffff"),
        json!("99999999999999999999"),
        json!("switch"),
        json!("Coordinator"),
        json!("default_bind_group"),
        json!("lights"),
        json!(format!("{long}b")),
        json!([]),
        json!({}),
        json!([[], {}, null]),
        json!({"a": {"b": [1]}, "type": 255, "value": 1e300}),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn one_wrong_value_never_makes_the_bridge_panic(
        steps in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), extreme()), 24),
    ) {
        let all = sensible();
        let mut house = House::new(&json!({"homeassistant": {"enabled": true}}));
        for (which, place, value) in steps {
            let (topic, message) = which.get(&all);
            let mut message = message.clone();
            let mut known = Vec::new();
            places(&message, "", &mut known);
            if let Some(there) = message.pointer_mut(known[place.index(known.len())].as_str()) {
                *there = value;
            }
            house.mqtt(topic, message.to_string().into_bytes());
            house.wait(Duration::from_secs(2));
        }
        house.wait(Duration::from_secs(60));
        house.forget();
        prop_assert_eq!(
            house.request("health_check", ""),
            r#"{"data":{"healthy":true},"status":"ok"}"#
        );
    }
}

#[test]
fn a_name_of_thousands_of_levels_costs_one_subscription() {
    let mut house = House::new(&json!({}));
    let name = format!("{}b", "a/".repeat(10_000));
    let request = json!({"from": "switch", "to": name}).to_string();
    let response = house.request("device/rename", request);
    assert!(
        response.ends_with(r#""status":"ok"}"#),
        "{}",
        response.len()
    );
    let size: usize = house.subscribed.iter().map(String::len).sum();
    assert!(size < 20_000, "{size}");
    let deepest = format!("z/{}#", "+/".repeat(32));
    assert_eq!(house.subscribed.last(), Some(&deepest));
    house.mqtt(&format!("z/{name}/left/set"), "ON");
    assert_eq!(house.frames().len(), 1);
}
