//! A dimmer with what few lights have: a ballast, bits of a vendor's, a level of its own.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests"
)]

mod support;

use devices::{Decoded, JsonMap};
use serde_json::{Value as Json, json};
use support::files::{devices, hex};
use support::{Bench, device_info, message};

fn dimmer() -> Bench {
    let device = device_info(&devices("breadth")["Ubisys_D1"]);
    Bench::new(device, JsonMap::new(), JsonMap::new())
}

fn set(bench: &Bench, payload: &Json) -> Vec<String> {
    bench.mqtt("zigbee2mqtt/dev/set", &payload.to_string())
}

fn receive(bench: &Bench, cluster: u16, zcl: &str) -> Decoded {
    bench.receive(&message(1, cluster, None, &hex(zcl)).unwrap())
}

/// What was sent: manufacturer, command and payload.
fn sent(bench: &Bench) -> Vec<(Json, Json, Json)> {
    let sent = bench.sent.borrow();
    let frames = sent.iter();
    frames
        .map(|frame| {
            let part = |key: &str| frame[key].clone();
            (part("mfr"), part("cmd"), part("payload"))
        })
        .collect()
}

#[test]
fn all_of_the_ballast_is_read_whatever_the_device_lacks() {
    let bench = dimmer();
    bench
        .answers
        .borrow_mut()
        .push_back(json!({"delivery": "failed"}));
    let errors = bench.mqtt("zigbee2mqtt/dev/get", r#"{"ballast_minimum_level": ""}"#);
    assert_eq!(errors, Vec::<String>::new());
    let expected = [
        "0200", "1000", "1100", "1200", "1300", "1400", "1500", "2000", "3000", "3100", "3200",
        "3300", "3400", "3500",
    ];
    let expected = expected.map(|id| (Json::Null, json!(0), json!(id)));
    assert_eq!(sent(&bench), expected);
}

#[test]
fn a_ballast_tells_numbers_text_and_bits() {
    let bench = dimmer();
    for (zcl, expected) in [
        (
            "18010a02001802",
            json!({"ballast_status_non_operational": false, "ballast_status_lamp_failure": true}),
        ),
        ("18020a1000200a", json!({"ballast_minimum_level": 10})),
        // The specification starts at 1.
        ("18030a10002000", json!({})),
        ("18040a120020ff", json!({"ballast_power_on_level": null})),
        ("18050a300042034c4544", json!({"ballast_lamp_type": "LED"})),
        (
            "18060a34001801",
            json!({"ballast_lamp_alarm_lamp_burn_hours": true}),
        ),
        (
            "18070a3300220a0100",
            json!({"ballast_lamp_burn_hours": 266}),
        ),
    ] {
        let decoded = receive(&bench, 0x0301, zcl);
        assert_eq!(Json::Object(decoded.payload), expected, "{zcl}");
    }
}

#[test]
fn a_ballast_is_set_by_key_and_by_the_names_of_its_attributes() {
    let bench = dimmer();
    let both = json!({"ballast_minimum_level": 5, "ballast_maximum_level": 200});
    assert!(set(&bench, &both).is_empty());
    let config = json!({"ballast_config": {"power_on_fade_time": 20}});
    assert!(set(&bench, &config).is_empty());
    let write = |payload: &str| (Json::Null, json!(2), json!(payload));
    assert_eq!(
        sent(&bench),
        [write("110020c8"), write("10002005"), write("1300211400")]
    );
    assert_eq!(bench.state.borrow()["ballast_minimum_level"], 5);
    for wrong in [
        json!({"ballast_minimum_level": 0}),
        json!({"ballast_maximum_level": 255}),
        json!({"ballast_maximum_level": "128"}),
        json!({"ballast_config": {"min_level": -1}}),
        json!({"ballast_config": {"no_such": 1}}),
        // Can only be read.
        json!({"ballast_config": {"lamp_quantity": 1}}),
        json!({"ballast_config": 1}),
    ] {
        assert_eq!(set(&bench, &wrong).len(), 1, "{wrong}");
    }
    assert_eq!(sent(&bench).len(), 3);
}

#[test]
fn the_vendors_level_is_not_the_brightness() {
    let bench = dimmer();
    assert!(set(&bench, &json!({"minimum_on_level": 40})).is_empty());
    // 0x10f2: written, then read back.
    assert_eq!(
        sent(&bench),
        [
            (json!(0x10f2), json!(2), json!("00002028")),
            (json!(0x10f2), json!(0), json!("0000")),
        ]
    );
    let decoded = receive(&bench, 8, "1cf210010a00002028");
    assert_eq!(
        Json::Object(decoded.payload),
        json!({"minimum_on_level": 40})
    );
    let decoded = receive(&bench, 8, "18020a00002028");
    assert_eq!(Json::Object(decoded.payload), json!({"brightness": 40}));
}

#[test]
fn bits_are_told_one_by_one() {
    let bench = dimmer();
    let decoded = receive(&bench, 0xfc01, "18010a000018a1");
    assert_eq!(
        Json::Object(decoded.payload),
        json!({
            "capabilities_forward_phase_control": true,
            "capabilities_reverse_phase_control": false,
            "capabilities_reactance_discriminator": true,
            "capabilities_configurable_curve": false,
            "capabilities_overload_detection": true,
        })
    );
    let decoded = receive(&bench, 0xfc01, "18020a0100184a");
    assert_eq!(
        Json::Object(decoded.payload),
        json!({
            "status_forward_phase_control": false,
            "status_reverse_phase_control": true,
            "status_overload": true,
            "status_capacitive_load": true,
            "status_inductive_load": false,
        })
    );
    // What stands beside the choice is not looked at; 3 is no choice.
    let decoded = receive(&bench, 0xfc01, "18030a02001805");
    assert_eq!(
        Json::Object(decoded.payload),
        json!({"mode_phase_control": "forward"})
    );
    let decoded = receive(&bench, 0xfc01, "18040a02001803");
    assert_eq!(decoded.payload, JsonMap::new());
    assert_eq!(decoded.problems.len(), 1);
}
