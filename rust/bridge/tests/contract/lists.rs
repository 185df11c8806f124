//! §11: the retained lists.

use adapters::Event;
use bridge::core::CoreInput;
use serde_json::{Value as Json, json};

use crate::house::{COORDINATOR, House, RELAY, SWITCH, network};

fn started() -> House {
    let mut house = House::dark(&json!({}));
    house.input(CoreInput::MqttConnected);
    house.radio(Event::Up(network()));
    house
}

#[test]
fn info_has_every_key_and_no_secret() {
    let house = started();
    let info = house.last("z/bridge/info");
    let keys: Vec<_> = info.as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        keys,
        [
            "commit",
            "config",
            "config_schema",
            "coordinator",
            "ferrobee",
            "log_level",
            "mqtt",
            "network",
            "os",
            "permit_join",
            "restart_required",
            "version",
            "zigbee_herdsman",
            "zigbee_herdsman_converters",
        ]
    );
    assert_eq!(
        info["coordinator"],
        json!({
            "ieee_address": COORDINATOR.to_string(),
            "type": "zStack3x0",
            "meta": {"revision": 20_240_710},
        })
    );
    assert_eq!(
        info["network"],
        json!({"pan_id": 0x1a62, "extended_pan_id": "0xdddddddddddddddd", "channel": 11})
    );
    assert_eq!(
        info["mqtt"],
        json!({"version": 4, "server": "mqtt://localhost:1883"})
    );
    assert_eq!(info["config"]["mqtt"]["base_topic"], "z");
    assert_eq!(info["config"]["advanced"]["last_seen"], "disable");
    assert_eq!(
        info["config"]["devices"][SWITCH.to_string()]["friendly_name"],
        "switch"
    );
    let text = info.to_string();
    for secret in [
        "secret",
        "hush",
        "network_key\":[1",
        "password\":\"",
        "auth_token\":\"",
    ] {
        assert!(!text.contains(&format!(":\"{secret}\"")) && !text.contains(&format!("{secret}@")));
    }
    assert!(info["config"]["advanced"].get("network_key").is_none());
    assert!(info["config"]["mqtt"].get("password").is_none());
}

#[test]
fn devices_are_as_the_vectors_say_with_the_coordinator_first() {
    let house = started();
    let devices = house.last("z/bridge/devices");
    let names: Vec<_> = devices
        .as_array()
        .unwrap()
        .iter()
        .map(|device| device["friendly_name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["Coordinator", "switch", "hall/relay"]);
    assert_eq!(
        devices[0],
        json!({
            "disabled": false,
            "endpoints": {},
            "friendly_name": "Coordinator",
            "ieee_address": COORDINATOR.to_string(),
            "interview_completed": true,
            "interview_state": "SUCCESSFUL",
            "interviewing": false,
            "network_address": 0,
            "supported": true,
            "type": "Coordinator",
        })
    );
    assert_eq!(devices[2]["description"], "in the hall");
    let mut compared = 0;
    for (entry, file) in [
        (
            &devices[1],
            include_str!("../../../../tests/vectors/five/QBKG41LM.jsonl"),
        ),
        (
            &devices[2],
            include_str!("../../../../tests/vectors/five/LLKZMK11LM.jsonl"),
        ),
    ] {
        for case in file.lines() {
            let case: Json = serde_json::from_str(case).unwrap();
            if case["kind"] != "definition" {
                continue;
            }
            let mut entry = entry.as_object().unwrap().clone();
            assert_eq!(
                entry.remove("definition").as_ref(),
                Some(&case["expect_definition"])
            );
            compared += 1;
            let Some(expected) = case["expect_bridge_device"].as_object() else {
                continue;
            };
            assert!(entry.remove("network_address").is_some());
            entry.remove("description");
            let mut expected = expected.clone();
            for key in ["ieee_address", "friendly_name"] {
                expected[key] = entry[key].clone();
            }
            assert_eq!(Json::Object(entry), Json::Object(expected));
            compared += 1;
        }
    }
    assert_eq!(compared, 2, "a definition and an entry");
}

#[test]
fn endpoints_and_clusters_are_shown_by_name() {
    let house = started();
    let devices = house.last("z/bridge/devices");
    let endpoint = &devices[2]["endpoints"]["1"];
    assert_eq!(endpoint["name"], "l1");
    assert_eq!(endpoint["clusters"]["input"][0], "genBasic");
}

#[test]
fn groups_are_listed() {
    let house = started();
    assert_eq!(
        house.last("z/bridge/groups"),
        json!([{
            "friendly_name": "lights",
            "id": 5,
            "members": [{"endpoint": 1, "ieee_address": RELAY.to_string()}],
            "scenes": [],
        }])
    );
}

#[test]
fn definitions_hold_the_cluster_library() {
    let house = started();
    let definitions = house.last("z/bridge/definitions");
    let on_off = &definitions["clusters"]["genOnOff"];
    assert_eq!(on_off["ID"], 6);
    assert_eq!(on_off["attributes"]["onOff"]["ID"], 0);
    assert_eq!(on_off["attributes"]["onOff"]["type"], 16);
    assert_eq!(on_off["commands"]["toggle"]["ID"], 2);
    let timed = &on_off["commands"]["onWithTimedOff"]["parameters"];
    assert_eq!(timed[1], json!({"name": "ontime", "type": 33}));
    assert!(definitions["clusters"].get("manuSpecificLumi").is_none());
    let custom = &definitions["custom_clusters"];
    assert!(custom.get(RELAY.to_string()).is_none());
    assert_eq!(custom[SWITCH.to_string()]["manuSpecificLumi"]["ID"], 0xfcc0);
}

#[test]
fn join_and_leave_are_events_after_the_list() {
    let mut house = House::new(&json!({}));
    let ieee = zigbee::IeeeAddress(0x0015_8d00_0000_0099);
    house.radio(Event::Joined {
        nwk: zigbee::NwkAddress(0x9999),
        ieee,
        parent: zigbee::NwkAddress::COORDINATOR,
    });
    let lines = house.published.clone();
    let position = |topic: &str, part: &str| {
        lines
            .iter()
            .position(|publish| {
                &*publish.topic == topic && String::from_utf8_lossy(&publish.payload).contains(part)
            })
            .unwrap_or_else(|| panic!("{topic} {part}"))
    };
    let joined = position("z/bridge/event", "device_joined");
    assert!(position("z/bridge/devices", &ieee.to_string()) < joined);
    assert!(joined < position("z/bridge/event", r#""status":"started""#));
    let settings = house.core.settings();
    assert_eq!(
        settings.device(ieee).unwrap().friendly_name,
        ieee.to_string()
    );
    assert_eq!(
        lines[joined].payload,
        format!(
            r#"{{"data":{{"friendly_name":"{ieee}","ieee_address":"{ieee}"}},"type":"device_joined"}}"#
        )
        .into_bytes()
    );
    house.forget();
    house.radio(Event::Left {
        nwk: zigbee::NwkAddress(0x1111),
        ieee: RELAY,
    });
    let events: Vec<_> = house
        .lines()
        .into_iter()
        .filter(|line| line.starts_with("z/bridge/event"))
        .collect();
    assert_eq!(
        events,
        [format!(
            r#"z/bridge/event {{"data":{{"friendly_name":"hall/relay","ieee_address":"{RELAY}"}},"type":"device_leave"}}"#
        )]
    );
}

#[test]
fn no_topic_of_the_contract_is_missing() {
    let extra = json!({
        "advanced": {"enable_external_js": true},
        "availability": {"enabled": true},
        "homeassistant": {"enabled": true},
        "devices": {(RELAY.to_string()): {"retain": true}},
    });
    let mut house = House::dark(&extra);
    house.input(CoreInput::MqttConnected);
    house.radio(Event::Up(network()));
    house.report(1, true);
    house.mqtt("z/nobody/set", "ON");
    house.request("health_check", "");
    house.radio(Event::Joined {
        nwk: zigbee::NwkAddress(0x9999),
        ieee: zigbee::IeeeAddress(0x0015_8d00_0000_0099),
        parent: zigbee::NwkAddress::COORDINATOR,
    });
    house.wait(std::time::Duration::from_secs(600));
    house.input(CoreInput::HostMeasured(bridge::core::HostUsage {
        load_average: [0.0; 3],
        memory_total_kb: 1,
        memory_free_kb: 1,
        process_memory_kb: 1,
        process_uptime_s: 1,
        mqtt_queued: 0,
    }));
    // §2.1: topic, retained, quality of service.
    for (topic, retained, qos) in [
        ("z/bridge/state", true, 1),
        ("z/bridge/info", true, 0),
        ("z/bridge/devices", true, 0),
        ("z/bridge/groups", true, 0),
        ("z/bridge/definitions", true, 0),
        ("z/bridge/extensions", true, 0),
        ("z/bridge/converters", true, 0),
        ("z/bridge/logging", false, 0),
        ("z/bridge/event", false, 0),
        ("z/bridge/health", true, 1),
        ("z/bridge/response/health_check", false, 0),
        ("z/switch", false, 0),
        ("z/switch/availability", true, 1),
        (
            "homeassistant/binary_sensor/122_0x00124b0000000001/connection_state/config",
            true,
            1,
        ),
    ] {
        let found = house
            .published
            .iter()
            .find(|publish| &*publish.topic == topic);
        let found = found.unwrap_or_else(|| panic!("nothing on {topic}"));
        assert_eq!((found.retain, found.qos as u8), (retained, qos), "{topic}");
    }
}
