//! §12.3: reporting is set up by request.

use std::time::Duration;

use adapters::Request;
use serde_json::json;
use zigbee::zdo::{self, BindTarget};
use zigbee::{ClusterId, EndpointId};

use crate::house::{COORDINATOR, House, SWITCH};

const ON_OFF: &str = r#"{"id":"switch","endpoint":"right","cluster":"genOnOff","attribute":"onOff","minimum_report_interval":5,"maximum_report_interval":3600,"transaction":"t"}"#;

#[test]
fn the_cluster_is_bound_and_the_device_asked_to_report() {
    for path in ["device/reporting/configure", "device/configure_reporting"] {
        let mut house = House::new(&json!({}));
        assert_eq!(house.request(path, ON_OFF), "no response");
        assert!(house.asked.iter().any(|request| matches!(
            request,
            Request::Zdo(
                _,
                zdo::Request::Bind {
                    source: SWITCH,
                    endpoint: EndpointId(2),
                    cluster: ClusterId(6),
                    target: BindTarget::Endpoint(COORDINATOR, EndpointId(1)),
                }
            )
        )));
        let frames = house.frames();
        assert_eq!(frames.len(), 1, "{frames:?}");
        let sent = &frames[0].payload;
        assert_eq!(
            (sent[2], &sent[3..]),
            (0x06, &[0, 0, 0, 0x10, 5, 0, 0x10, 0x0e][..])
        );
        house.frame(0x4141, 2, 6, &[0x18, sent[1], 0x07, 0]);
        let response = house.lines().pop().unwrap();
        assert_eq!(
            response,
            format!(
                r#"z/bridge/response/{path} {{"data":{{"attribute":"onOff","cluster":"genOnOff","endpoint":"right","id":"switch","maximum_report_interval":3600,"minimum_report_interval":5}},"status":"ok","transaction":"t"}}"#
            )
        );
        let endpoint = &house.core.hub().device(SWITCH).unwrap().info.endpoints[&EndpointId(2)];
        assert!(
            endpoint
                .reportings
                .iter()
                .any(|known| known.cluster == ClusterId(6)
                    && (known.minimum, known.maximum) == (5, 3600))
        );
    }
}

#[test]
fn a_least_change_goes_with_values_that_have_one() {
    let mut house = House::new(&json!({}));
    house.request(
        "device/reporting/configure",
        r#"{"id":"switch","endpoint":1,"cluster":"msTemperatureMeasurement","attribute":"measuredValue","minimum_report_interval":0,"maximum_report_interval":65535,"reportable_change":100}"#,
    );
    let frames = house.frames();
    assert_eq!(
        frames[0].payload[3..],
        [0, 0, 0, 0x29, 0, 0, 0xff, 0xff, 100, 0]
    );
}

#[test]
fn a_refusal_or_silence_is_an_error() {
    let mut house = House::new(&json!({}));
    house.request("device/reporting/configure", ON_OFF);
    let sequence = house.frames()[0].payload[1];
    // UNREPORTABLE_ATTRIBUTE.
    house.frame(0x4141, 2, 6, &[0x18, sequence, 0x07, 0x8c, 0, 0, 0]);
    let refused = house.lines().pop().unwrap();
    assert!(
        refused.contains(r#""error":"status "#) && refused.ends_with(r#""transaction":"t"}"#),
        "{refused}"
    );
    house.request("device/reporting/configure", ON_OFF);
    house.wait(Duration::from_secs(120));
    let silent = house.lines().join("\n");
    assert!(silent.contains(r#""error":"timeout after"#), "{silent}");
}

#[test]
fn bad_requests_about_reporting_say_why() {
    let whole = |key: &str, value: serde_json::Value| {
        let mut request: serde_json::Value = serde_json::from_str(ON_OFF).unwrap();
        request[key] = value;
        request.to_string()
    };
    let cases = [
        ("{}".to_owned(), "Invalid payload"),
        ("switch".to_owned(), "Invalid payload"),
        (
            whole("minimum_report_interval", json!("5")),
            "Invalid payload",
        ),
        (
            whole("maximum_report_interval", json!(65536)),
            "Invalid payload",
        ),
        (
            whole("maximum_report_interval", json!(-1)),
            "Invalid payload",
        ),
        (whole("id", json!("nope")), "Device 'nope' does not exist"),
        (
            whole("endpoint", json!("top")),
            "Device '0x00158d0000000041' does not have endpoint 'top'",
        ),
        (
            whole("cluster", json!("genNothing")),
            r#"Cluster \"genNothing\" does not exist"#,
        ),
        (
            whole("attribute", json!("nothing")),
            r#"Cluster 'genOnOff' has no attribute \"nothing\""#,
        ),
    ];
    for (payload, error) in cases {
        let mut house = House::new(&json!({}));
        let response = house.request("device/reporting/configure", &payload);
        assert!(
            response.starts_with(&format!(
                r#"{{"data":{{}},"error":"{error}","status":"error""#
            )),
            "{payload}: {response}"
        );
        assert!(house.frames().is_empty());
    }
}

const READ: &str = r#"{"id":"switch","endpoint":"right","cluster":"genOnOff","configs":[{"attribute":"onOff"},{"attribute":16384,"direction":0}],"transaction":7}"#;

/// The reportings of the switch's right button as `bridge/devices` shows them.
fn shown(house: &House) -> serde_json::Value {
    let list = house.last("z/bridge/devices");
    let entry = list.as_array().unwrap().iter();
    let mut entry = entry.filter(|entry| entry["ieee_address"] == SWITCH.to_string());
    entry.next().unwrap()["endpoints"]["2"]["configured_reportings"].clone()
}

#[test]
fn what_a_device_was_configured_to_report_is_read_and_remembered() {
    let mut house = House::new(&json!({}));
    assert_eq!(house.request("device/reporting/read", READ), "no response");
    let frames = house.frames();
    let sent = &frames[0].payload;
    assert_eq!(
        (sent[0], sent[2], &sent[3..]),
        (0x10, 0x08, &[0, 0, 0, 0, 0x00, 0x40][..])
    );
    // The first is configured; of the other it knows nothing.
    let mut answer = vec![0x18, sent[1], 0x09];
    answer.extend([0, 0, 0, 0, 0x10, 1, 0, 0x2c, 0x01]);
    answer.extend([0x8b, 0, 0x00, 0x40]);
    house.frame(0x4141, 2, 6, &answer);
    let topic = "z/bridge/response/device/reporting/read";
    assert_eq!(
        house.last(topic),
        json!({
            "data": {
                "id": "switch",
                "endpoint": "right",
                "cluster": "genOnOff",
                "configs": [
                    {"status": 0, "direction": 0, "attrId": 0, "dataType": 16,
                        "minRepIntval": 1, "maxRepIntval": 300},
                    {"status": 139, "direction": 0, "attrId": 16384},
                ],
            },
            "status": "ok",
            "transaction": 7,
        })
    );
    assert_eq!(
        shown(&house),
        json!([{"cluster": "genOnOff", "attribute": "onOff",
            "minimum_report_interval": 1, "maximum_report_interval": 300}])
    );
    // The list is there before the response.
    let topics: Vec<_> = house
        .published
        .iter()
        .map(|publish| publish.topic.clone())
        .collect();
    let at = |wanted: &str| topics.iter().position(|topic| **topic == *wanted);
    assert!(at("z/bridge/devices") < at(topic), "{topics:?}");

    // Later it has forgotten: so does the list.
    house.request("device/reporting/read", READ);
    let sequence = house.frames()[0].payload[1];
    house.frame(0x4141, 2, 6, &[0x18, sequence, 0x09, 0x8b, 0, 0, 0]);
    assert_eq!(shown(&house), json!([]));
}

#[test]
fn reporting_of_a_makers_attribute_is_read_with_his_code_and_a_least_change_is_shown() {
    let mut house = House::new(&json!({}));
    house.request(
        "device/reporting/read",
        r#"{"id":"switch","endpoint":1,"cluster":"genAnalogInput","configs":[{"attribute":"presentValue"}],"manufacturer_code":4447}"#,
    );
    let frames = house.frames();
    let sent = &frames[0].payload;
    assert_eq!(sent[..3], [0x14, 0x5f, 0x11]);
    let mut answer = vec![0x1c, 0x5f, 0x11, sent[3], 0x09];
    answer.extend([0, 0, 85, 0, 0x39, 10, 0, 100, 0]);
    answer.extend(1.5_f32.to_le_bytes());
    house.frame(0x4141, 1, 12, &answer);
    let response = house.last("z/bridge/response/device/reporting/read");
    assert_eq!(response["data"]["manufacturer_code"], 4447);
    assert_eq!(response["data"]["configs"][0]["repChange"], 1.5);
}

#[test]
fn a_device_that_does_not_tell_its_reporting_is_an_error() {
    let mut house = House::new(&json!({}));
    house.request("device/reporting/read", READ);
    let sequence = house.frames()[0].payload[1];
    // A default response: UNSUP_GENERAL_COMMAND.
    house.frame(0x4141, 2, 6, &[0x18, sequence, 0x0b, 0x08, 0x82]);
    let refused = house.lines().pop().unwrap();
    assert!(
        refused.contains(r#""error":"status UNSUP_GENERAL_COMMAND""#),
        "{refused}"
    );
    house.request("device/reporting/read", READ);
    house.wait(Duration::from_secs(120));
    let silent = house.lines().join("\n");
    assert!(silent.contains(r#""error":"timeout after"#), "{silent}");
}

#[test]
fn bad_requests_to_read_reporting_say_why() {
    let whole = |key: &str, value: serde_json::Value| {
        let mut request: serde_json::Value = serde_json::from_str(READ).unwrap();
        request[key] = value;
        request.to_string()
    };
    let cases = [
        ("{}".to_owned(), "Invalid payload"),
        ("switch".to_owned(), "Invalid payload"),
        (whole("configs", json!([])), "Invalid payload"),
        (whole("configs", json!([{}])), "Invalid payload"),
        (
            whole("configs", json!([{"attribute": 70000}])),
            "Invalid payload",
        ),
        (whole("manufacturer_code", json!("Lumi")), "Invalid payload"),
        (whole("id", json!("nope")), "Device 'nope' does not exist"),
        (
            whole("endpoint", json!(9)),
            "Device '0x00158d0000000041' does not have endpoint '9'",
        ),
        (
            whole("configs", json!([{"attribute": "nothing"}])),
            r#"Cluster 'genOnOff' has no attribute \"nothing\""#,
        ),
    ];
    for (payload, error) in cases {
        let mut house = House::new(&json!({}));
        let response = house.request("device/reporting/read", &payload);
        assert!(
            response.starts_with(&format!(
                r#"{{"data":{{}},"error":"{error}","status":"error""#
            )),
            "{payload}: {response}"
        );
        assert!(house.frames().is_empty());
    }
}
