//! §5 and §6: states, set and get.

use adapters::Event;
use bridge::core::{CoreInput, Save};
use serde_json::json;

use crate::house::{House, SWITCH, network};

#[test]
fn a_report_is_one_message_with_sorted_keys_and_no_whitespace() {
    let mut house = House::new(&json!({}));
    house.report(1, true);
    assert_eq!(
        house.lines(),
        [r#"z/switch {"linkquality":100,"state_left":"ON"}"#]
    );
    house.report(2, false);
    assert_eq!(
        house.lines(),
        [r#"z/switch {"linkquality":100,"state_left":"OFF"}"#]
    );
}

#[test]
fn retain_and_qos_are_the_devices_own() {
    let extra = json!({"devices": {(SWITCH.to_string()): {"retain": true, "qos": 2}}});
    let mut house = House::new(&extra);
    house.report(1, true);
    assert_eq!(
        house.lines(),
        [r#"z/switch retained qos2 {"linkquality":100,"state_left":"ON"}"#]
    );
}

#[test]
fn retention_is_the_devices_own_and_holds_for_attributes_too() {
    let extra = json!({
        "mqtt": {"version": 5},
        "advanced": {"output": "attribute_and_json"},
        "devices": {(SWITCH.to_string()): {"retain": true, "retention": 300}},
    });
    let mut house = House::new(&extra);
    house.report(1, true);
    assert_eq!(
        house.lines(),
        [
            r#"z/switch retained 300s {"linkquality":100,"state_left":"ON"}"#,
            "z/switch/linkquality retained 300s 100",
            "z/switch/state_left retained 300s ON",
        ]
    );
}

#[test]
fn without_a_cache_a_message_has_only_what_came() {
    let states = [(SWITCH, json!({"state_right": "ON"}))];
    for (cached, expected) in [
        (
            true,
            r#"z/switch {"linkquality":100,"state_left":"ON","state_right":"ON"}"#,
        ),
        (false, r#"z/switch {"linkquality":100,"state_left":"ON"}"#),
    ] {
        let extra = json!({"advanced": {"cache_state": cached}});
        let mut house = House::with_states(&extra, &states);
        house.input(CoreInput::MqttConnected);
        house.radio(Event::Up(network()));
        house.forget();
        house.report(1, true);
        assert_eq!(house.lines(), [expected]);
    }
}

#[test]
fn cached_states_are_published_at_the_start_unless_the_owner_says_no() {
    let states = [(SWITCH, json!({"state_left": "ON"}))];
    for (wanted, expected) in [(true, 1), (false, 0)] {
        let extra = json!({"advanced": {"cache_state_send_on_startup": wanted}});
        let mut house = House::with_states(&extra, &states);
        house.input(CoreInput::MqttConnected);
        house.radio(Event::Up(network()));
        let lines = house.lines();
        let told = lines.iter().filter(|line| line.starts_with("z/switch "));
        assert_eq!(told.count(), expected, "{lines:?}");
    }
}

#[test]
fn states_are_saved_unless_the_owner_says_no() {
    for wanted in [true, false] {
        let extra = json!({"advanced": {"cache_state_persistent": wanted}});
        let mut house = House::new(&extra);
        house.report(1, true);
        house.input(CoreInput::Stop);
        assert_eq!(house.saved.contains(&Save::State), wanted);
    }
}

#[test]
fn attributes_have_topics_of_their_own_when_the_owner_wants_it() {
    let mut house = House::new(&json!({"advanced": {"output": "attribute"}}));
    house.report(1, true);
    assert_eq!(
        house.lines(),
        ["z/switch/linkquality 100", "z/switch/state_left ON"]
    );
    let mut house = House::new(&json!({"advanced": {"output": "attribute_and_json"}}));
    house.report(1, true);
    assert_eq!(
        house.lines(),
        [
            r#"z/switch {"linkquality":100,"state_left":"ON"}"#,
            "z/switch/linkquality 100",
            "z/switch/state_left ON",
        ]
    );
}

#[test]
fn the_device_object_names_the_device() {
    let mut house = House::new(&json!({"mqtt": {"include_device_information": true}}));
    house.report(1, true);
    let state = house.last("z/switch");
    assert_eq!(state["device"]["friendlyName"], "switch");
    assert_eq!(state["device"]["ieeeAddr"], SWITCH.to_string());
    assert_eq!(state["device"]["model"], "QBKG41LM");
    assert_eq!(state["device"]["powerSource"], "Mains (single phase)");
    house.request("device/rename", r#"{"from":"switch","to":"wall"}"#);
    house.report(1, false);
    assert_eq!(house.last("z/wall")["device"]["friendlyName"], "wall");
}

#[test]
fn the_device_object_follows_output_and_filters() {
    let mut house = House::new(&json!({
        "mqtt": {"include_device_information": true},
        "advanced": {"output": "attribute"},
    }));
    house.report(1, true);
    let lines = house.lines();
    assert!(lines.contains(&"z/switch/device-model QBKG41LM".to_owned()));
    assert!(lines.contains(&"z/switch/device-friendlyName switch".to_owned()));
    let mut house = House::new(&json!({
        "mqtt": {"include_device_information": true},
        "device_options": {"filtered_attributes": ["device"]},
    }));
    house.report(1, true);
    assert_eq!(house.last("z/switch").get("device"), None);
}

#[test]
fn set_works_by_every_form_of_topic() {
    let forms = [
        ("z/switch/set", r#"{"state_left":"ON"}"#),
        ("z/switch/set/state_left", "ON"),
        ("z/switch/left/set", r#"{"state":"ON"}"#),
        ("z/switch/left/set", "on"),
        ("z/switch/1/set/state", "ON"),
        ("z/switch/left/set/state_left", "ON"),
        ("z/0x00158d0000000041/left/set", "ON"),
    ];
    for (topic, payload) in forms {
        let mut house = House::new(&json!({}));
        house.mqtt(topic, payload);
        let frames = house.frames();
        assert_eq!(
            frames.len(),
            1,
            "{topic} {payload}: {:?}",
            house.log_lines()
        );
        assert_eq!(frames[0].cluster.0, 6);
        assert_eq!(
            frames[0].destination,
            adapters::Destination::Device(zigbee::NwkAddress(0x4141), zigbee::EndpointId(1))
        );
        assert_eq!(frames[0].payload[2], 1, "the command on");
    }
}

#[test]
fn names_with_slashes_are_found_before_endpoints() {
    for (topic, payload) in [
        ("z/hall/relay/set", r#"{"state_l2":"OFF"}"#),
        ("z/hall/relay/l2/set", "OFF"),
    ] {
        let mut house = House::new(&json!({}));
        house.mqtt(topic, payload);
        let frames = house.frames();
        assert_eq!(frames.len(), 1, "{:?}", house.log_lines());
        assert_eq!(
            frames[0].destination,
            adapters::Destination::Device(zigbee::NwkAddress(0x1111), zigbee::EndpointId(2))
        );
    }
}

#[test]
fn get_reads_from_the_device() {
    for (topic, payload) in [
        ("z/switch/get", r#"{"state_left":""}"#),
        ("z/switch/left/get/state", ""),
    ] {
        let mut house = House::new(&json!({}));
        house.mqtt(topic, payload);
        let frames = house.frames();
        assert_eq!(frames.len(), 1, "{:?}", house.log_lines());
        assert_eq!(&frames[0].payload[2..], [0, 0, 0], "read attribute 0");
    }
}

#[test]
fn what_cannot_be_set_is_told_in_the_log_and_nowhere_else() {
    let cases = [
        ("z/nobody/set", "ON", "Entity 'nobody' is unknown"),
        (
            "z/switch/set",
            "maybe",
            "Invalid message 'undefined', skipping...",
        ),
        (
            "z/switch/set",
            "null",
            "Invalid message 'null', skipping...",
        ),
        ("z/switch/set", "\"ON\"", "JSON but no object"),
        ("z/switch/set", "17", "JSON but no object"),
        (
            "z/switch/set/nonsense",
            "1",
            "No converter available for 'nonsense'",
        ),
        ("z/switch/middle/set", "ON", "has no endpoint 'middle'"),
        (
            "z/switch/set",
            r#"{"state_left":17}"#,
            "' to 'switch' failed: ",
        ),
        (
            "z/coordinator/set",
            "ON",
            "Cannot publish to unsupported device",
        ),
    ];
    for (topic, payload, part) in cases {
        let mut house = House::new(&json!({}));
        house.mqtt(topic, payload);
        let log = house.log_lines();
        assert!(
            log.len() == 1 && log[0].starts_with("Error") && log[0].contains(part),
            "{topic} {payload}: {log:?}"
        );
        assert!(house.frames().is_empty());
        assert_eq!(house.published.len(), 1, "only bridge/logging");
        assert_eq!(&*house.published[0].topic, "z/bridge/logging");
        assert_eq!(house.last("z/bridge/logging")["level"], "error");
    }
}

#[test]
fn what_we_publish_is_not_taken_for_a_command() {
    let extra = json!({"devices": {(SWITCH.to_string()): {"friendly_name": "a/set"}}});
    let mut house = House::new(&extra);
    house.report(1, true);
    house.forget();
    house.mqtt("z/a/set", r#"{"linkquality":100,"state_left":"ON"}"#);
    assert!(house.log.is_empty() && house.published.is_empty());
}

#[test]
fn log_lines_carry_their_namespace_and_repeat_once_only() {
    let mut house = House::new(&json!({"advanced": {"log_level": "info"}}));
    house.report(1, true);
    assert_eq!(
        house.lines(),
        [
            r#"z/switch {"linkquality":100,"state_left":"ON"}"#,
            r#"z/bridge/logging {"level":"info","message":"z2m:mqtt: MQTT publish: topic 'z/switch', payload '{\"linkquality\":100,\"state_left\":\"ON\"}'"}"#,
        ]
    );
    house.mqtt("z/nobody/set", "ON");
    house.mqtt("z/nobody/set", "ON");
    assert_eq!(
        house.lines(),
        [r#"z/bridge/logging {"level":"error","message":"z2m: Entity 'nobody' is unknown"}"#]
    );
    assert_eq!(house.log.len(), 3);
}
