//! Remotes: every command of the table of actions (shared/facts/mqtt-api.md §13), cubes, regions.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests"
)]

mod support;

use devices::{Definition, JsonMap, Memory};
use serde_json::{Value as Json, json};
use support::files::{devices, hex};
use support::{Bench, device_info, message};

/// A remote that sends everything.
fn everything(more: &str) -> Definition {
    let text = format!(
        r#"{{"match": [{{"model": "x"}}], "model": "X", "vendor": "V", "description": "d",
            "endpoints": [["left", 1], ["right", 2]],
            "capabilities": [{{"type": "commands", "exposed": ["on"], "hears":
                ["on_off", "level", "color", "scenes", "cover", "arm", "emergency", "panic", "identify"] {more}}}]}}"#
    );
    Definition::from_json(&text).unwrap()
}

fn decode(definition: &Definition, cluster: u16, group: Option<u16>, zcl: &str) -> JsonMap {
    let info = device_info(&devices("breadth")["IKEA_E1743"]);
    let message = message(2, cluster, group, &hex(zcl)).unwrap();
    let (none, mut memory) = (JsonMap::new(), Memory::default());
    definition
        .decode(&info, &none, &none, &mut memory, &message)
        .payload
}

/// Commands of one kind and the actions that they are.
fn assert_actions<const N: usize>(table: [(u16, &str, Json); N]) {
    let definition = everything("");
    for (cluster, zcl, expected) in table {
        let payload = decode(&definition, cluster, None, zcl);
        assert_eq!(Json::Object(payload), expected, "{cluster:04x} {zcl}");
    }
}

#[test]
fn commands_that_switch_and_dim_are_the_actions_of_the_table() {
    assert_actions([
        (0x0006, "110101", json!({"action": "on"})),
        (0x0006, "110100", json!({"action": "off"})),
        (0x0006, "1101400000", json!({"action": "off"})),
        (0x0006, "110102", json!({"action": "toggle"})),
        (
            0x0008,
            "110104c80a00",
            json!({"action": "brightness_move_to_level", "action_level": 200, "action_transition_time": 1}),
        ),
        (
            0x0008,
            "11010101ff",
            json!({"action": "brightness_move_down", "action_rate": 255}),
        ),
        (
            0x0008,
            "1101060020ffff",
            json!({"action": "brightness_step_up", "action_step_size": 32, "action_transition_time": 6553.5}),
        ),
        (0x0008, "110107", json!({"action": "brightness_stop"})),
    ]);
}

#[test]
fn commands_of_color_are_the_actions_of_the_table() {
    assert_actions([
        (
            0x0300,
            "11014b010a0099007201",
            json!({"action": "color_temperature_move_up", "action_rate": 10, "action_minimum": 153, "action_maximum": 370}),
        ),
        (
            0x0300,
            "11014b000000000000000000",
            json!({"action": "color_temperature_move_stop", "action_rate": 0, "action_minimum": 0, "action_maximum": 0}),
        ),
        (
            0x0300,
            "11014c034500050099007201",
            json!({"action": "color_temperature_step_down", "action_step_size": 69, "action_color_temperature_delta": -69, "action_transition_time": 0.5}),
        ),
        (
            0x0300,
            "11010afa000500",
            json!({"action": "color_temperature_move", "action_color_temperature": 250, "action_transition_time": 5}),
        ),
        (
            0x0300,
            "110107008000400a00",
            json!({"action": "color_move", "action_color": {"x": 0.5, "y": 0.25}, "action_transition_time": 10}),
        ),
        (
            0x0300,
            "11010064010500",
            json!({"action": "move_to_hue", "action_hue": 100, "action_direction": "increment", "action_transition_time": 0.5}),
        ),
        (
            0x0300,
            "1101010110",
            json!({"action": "hue_move", "action_rate": 16}),
        ),
        (
            0x0300,
            "1101010000",
            json!({"action": "hue_stop", "action_rate": 0}),
        ),
        (
            0x0300,
            "110102010a05",
            json!({"action": "color_hue_step_up", "action_step_size": 10, "action_transition_time": 0.5}),
        ),
        (
            0x0300,
            "110105030a05",
            json!({"action": "color_saturation_step_down", "action_step_size": 10, "action_transition_time": 0.5}),
        ),
        (
            0x0300,
            "1101037f0500",
            json!({"action": "move_to_saturation", "action_saturation": 127, "action_transition_time": 5}),
        ),
        (
            0x0300,
            "110106647f0500",
            json!({"action": "move_to_hue_and_saturation", "action_hue": 100, "action_saturation": 127, "action_transition_time": 5}),
        ),
        (
            0x0300,
            "11014300807f0500",
            json!({"action": "enhanced_move_to_hue_and_saturation", "action_enhanced_hue": 32768, "action_hue": 180, "action_saturation": 127, "action_transition_time": 5}),
        ),
        (
            0x0300,
            "1101440f0201190000ff",
            json!({"action": "color_loop_set", "action_update_flags": {"action": true, "direction": true, "time": true, "start_hue": true}, "action_action": "activate_from_enhanced_current_hue", "action_direction": "increment", "action_time": 25, "action_start_hue": 65280}),
        ),
        (0x0300, "110147", json!({"action": "stop_move_step"})),
    ]);
}

#[test]
fn other_commands_are_the_actions_of_the_table() {
    assert_actions([
        (0x0005, "110105010007", json!({"action": "recall_7"})),
        (0x0005, "110104010008", json!({"action": "store_8"})),
        (0x0102, "110100", json!({"action": "open"})),
        (0x0102, "110101", json!({"action": "close"})),
        (0x0102, "110102", json!({"action": "stop"})),
        (0x0501, "110102", json!({"action": "emergency"})),
        (0x0501, "110104", json!({"action": "panic"})),
        (
            0x0501,
            "1101000104313233341b",
            json!({"action": "arm_day_zones", "action_code": "1234", "action_zone": 27}),
        ),
        (0x0003, "18010a0000210500", json!({"action": "identify"})),
    ]);
}

#[test]
fn endpoints_and_groups_stand_with_the_action() {
    let definition = everything(r#", "endpoints": ["left", "right"]"#);
    let actions = definition
        .exposes()
        .iter()
        .find(|expose| expose.name.as_deref() == Some("action"));
    assert_eq!(
        actions.unwrap().values,
        Some(vec![json!("on_left"), json!("on_right")])
    );
    let payload = decode(&definition, 6, Some(901), "110101");
    assert_eq!(
        Json::Object(payload),
        json!({"action": "on_right", "action_group": 901})
    );
    let payload = decode(&definition, 6, Some(0), "110101");
    assert_eq!(Json::Object(payload), json!({"action": "on_right"}));
    let silent = everything(r#", "without_group": true"#);
    let payload = decode(&silent, 6, Some(901), "110101");
    assert_eq!(Json::Object(payload), json!({"action": "on"}));
}

#[test]
fn what_a_remote_does_not_send_is_not_understood() {
    let definition = everything("");
    // From a server; a mode of arming that nobody knows; a step without its mode.
    for (cluster, zcl) in [(6, "190101"), (0x0501, "1101001000"), (8, "110102")] {
        assert_eq!(
            decode(&definition, cluster, None, zcl),
            JsonMap::new(),
            "{zcl}"
        );
    }
    // What is cut off behind the mode is an action all the same.
    let payload = decode(&definition, 8, None, "11010201");
    assert_eq!(
        Json::Object(payload),
        json!({"action": "brightness_step_down"})
    );
}

#[test]
fn the_last_five_transaction_numbers_are_known() {
    let bench = Bench::new(
        device_info(&devices("breadth")["IKEA_E1743"]),
        JsonMap::new(),
        JsonMap::new(),
    );
    for sequence in [1, 2, 3, 4, 5, 1, 6, 1] {
        let zcl = [0x11, sequence, 0x01];
        bench.receive(&message(1, 6, None, &zcl).unwrap());
    }
    // 1 came again while it was known, and once more when five others had come.
    assert_eq!(bench.published.borrow().len(), 7);
}

#[test]
fn a_cube_tells_its_sides() {
    let bench = Bench::new(
        device_info(&devices("breadth")["Aqara_MFKZQ01LM"]),
        JsonMap::new(),
        JsonMap::new(),
    );
    // 64 + 8 * 3 + 5: from side 3 to side 5.
    let decoded = bench.receive(&message(1, 0x12, None, &hex("18010a5500215d00")).unwrap());
    assert_eq!(
        Json::Object(decoded.payload),
        json!({
            "action": "flip90", "side": 5, "action_side": 5, "action_from_side": 3,
            "action_to_side": 5, "from_side": 3, "to_side": 5,
        })
    );
    let decoded = bench.receive(&message(1, 0x12, None, &hex("18020a5500210402")).unwrap());
    assert_eq!(
        Json::Object(decoded.payload),
        json!({"action": "tap", "side": 4})
    );
}

#[test]
fn regions_are_written_told_of_and_listed() {
    let device = device_info(&devices("breadth")["Aqara_RTCZCGQ11LM"]);
    let bench = Bench::new(device, JsonMap::new(), JsonMap::new());
    let set = |payload: Json| bench.mqtt("zigbee2mqtt/dev/set", &payload.to_string());
    let zones = json!([{"x": 2, "y": 1}, {"x": 1, "y": 1}, {"x": 4, "y": 3}]);
    assert!(set(json!({"region_upsert": {"region_id": 2, "zones": zones}})).is_empty());
    assert_eq!(bench.sent.borrow()[0]["payload"], "50014107010203080000ff");
    assert_eq!(
        bench.state.borrow()["configured_regions"],
        "2: y1=x1-2; y3=x4 (3 zones)"
    );
    assert!(set(json!({"region_delete": {"region_id": 2}})).is_empty());
    assert_eq!(bench.state.borrow()["configured_regions"], "None");
    for wrong in [
        json!({"region_upsert": {"region_id": 11, "zones": zones}}),
        json!({"region_upsert": {"region_id": 1, "zones": []}}),
        json!({"region_upsert": {"region_id": 1, "zones": [{"x": 5, "y": 1}]}}),
        json!({"region_delete": 1}),
    ] {
        assert_eq!(set(wrong.clone()).len(), 1, "{wrong}");
    }
    // Region 2, occupied.
    let zcl = hex("1c5f11010a510141020204");
    let decoded = bench.receive(&message(1, 0xfcc0, None, &zcl).unwrap());
    assert_eq!(
        Json::Object(decoded.payload),
        json!({"action": "region_2_occupied"})
    );
}
