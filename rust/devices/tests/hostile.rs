//! Nothing that a device or a client sends makes the engine panic.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests"
)]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use devices::{Catalogue, JsonMap, Memory, Payload, SetRequest};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use support::files::devices;
use support::{Bench, device_info, message, run};

fn cluster() -> impl Strategy<Value = u16> {
    prop_oneof![
        Just(0x0000),
        Just(0x0006),
        Just(0x000c),
        Just(0x0010),
        Just(0x0012),
        Just(0x0101),
        Just(0xfcc0),
        any::<u16>()
    ]
}

/// Frames near those that mean something: a report of a known attribute with any bytes behind it.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let attribute = prop_oneof![
        Just(0xff01_u16),
        Just(0xff02),
        Just(0x00f7),
        Just(0xfff0),
        Just(0xff10),
        Just(0xff11),
        Just(0xfff6),
        Just(0xfff2),
        Just(0x0000),
        Just(0x0055),
        Just(0x0200),
        Just(0x023a),
        any::<u16>()
    ];
    let near = (
        any::<bool>(),
        attribute,
        any::<u8>(),
        proptest::collection::vec(any::<u8>(), 0..80),
    )
        .prop_map(|(response, attribute, data_type, bytes)| {
            let mut frame = vec![0x1c, 0x5f, 0x11, 0x01, if response { 0x01 } else { 0x0a }];
            frame.extend(attribute.to_le_bytes());
            if response {
                frame.push(0);
            }
            frame.push(data_type);
            frame.extend(bytes);
            frame
        });
    prop_oneof![near, proptest::collection::vec(any::<u8>(), 0..80)]
}

fn value() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        ".{0,12}".prop_map(Json::from),
        Just(json!({"state": "decoupled"})),
        Just(json!([1, [2, {}]])),
        Just(
            json!({"cluster": "genOnOff", "attributes": ["onOff", 7, {}], "payload": {"onTime": 1e300},
                    "command": "on"})
        ),
    ]
}

proptest! {
    #[test]
    fn any_bytes_from_a_device(endpoint in any::<u8>(), cluster in cluster(), zcl in frame()) {
        let catalogue = Catalogue::builtin();
        let device = device_info(&devices("five")["lumi.lock.aq1"]);
        if let Some(message) = message(endpoint, cluster, None, &zcl) {
            for definition in catalogue.all() {
                let decoded = definition.decode(
                    &device, &JsonMap::new(), &JsonMap::new(), &mut Memory::default(), &message,
                );
                // What is published is JSON that can be written.
                prop_assert!(serde_json::to_string(&decoded.payload).is_ok());
            }
        }
    }

    #[test]
    fn any_keys_and_values_from_a_client(
        keys in proptest::collection::vec(
            (prop_oneof![
                Just("state".to_owned()), Just("state_l1".to_owned()), Just("on_time".to_owned()),
                Just("power_outage_memory".to_owned()), Just("interlock".to_owned()),
                Just("read".to_owned()), Just("write".to_owned()), Just("command".to_owned()),
                Just("scene_recall".to_owned()), ".{0,8}",
            ], value()),
            0..5,
        ),
        endpoint in proptest::option::of(".{0,4}"),
        get in any::<bool>(),
    ) {
        let devices: BTreeMap<_, _> = devices("five");
        for name in ["lumi.relay.c2acn01/fw47", "lumi.switch.b1nc01"] {
            let bench = Bench::new(device_info(&devices[name]), JsonMap::new(), JsonMap::new());
            let request = SetRequest {
                payload: keys.iter().cloned().collect::<Payload>(),
                endpoint: endpoint.clone(),
                options: Arc::new(JsonMap::new()),
            };
            let outcome = if get {
                run(bench.definition.get(&bench, request))
            } else {
                run(bench.definition.set(&bench, request))
            };
            for error in outcome.errors {
                prop_assert!(!error.message.is_empty());
            }
        }
    }
}
