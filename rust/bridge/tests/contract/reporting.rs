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
