//! Frames of real devices (tests/captures): every one decodes, those of our models to what was seen.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests"
)]

mod support;

use devices::{Catalogue, JsonMap, Memory, Message, MessageKind};
use serde_json::{Value as Json, json};
use support::files::{devices, hex};
use support::{Bench, device_info, message};
use zigbee::zcl::{Attribute, DataType, Direction, Foundation, FrameType, Header, Parsed, Value};
use zigbee::{AttributeId, ClusterId, CommandId, EndpointId};

fn captures() -> Vec<Json> {
    support::files::read("captures/captures.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn capture(id: &str) -> Json {
    captures()
        .into_iter()
        .find(|capture| capture["id"] == id)
        .unwrap()
}

/// The frame of a capture as a message, if it holds one.
fn frame(capture: &Json) -> Option<Message> {
    let cluster = capture["cluster"].as_str().unwrap_or("0x0000");
    let cluster = u16::from_str_radix(cluster.trim_start_matches("0x"), 16).unwrap_or(0);
    let cluster = capture["af_incoming_msg"]["clusterid"]
        .as_u64()
        .map_or(cluster, |id| u16::try_from(id).unwrap());
    let endpoint = capture["src_endpoint"].as_u64().unwrap_or(1);
    let zcl = if let Some(text) = capture["zcl_hex"].as_str() {
        hex(text)
    } else if let Some(bytes) = capture["zcl_bytes"].as_array() {
        bytes
            .iter()
            .map(|byte| u8::try_from(byte.as_u64().unwrap()).unwrap())
            .collect()
    } else if let Some(text) = capture["attr_records_hex"].as_str() {
        // Only the records were kept: a report of the vendor's.
        [hex("1c5f11010a"), hex(&text.to_lowercase())].concat()
    } else if capture["layer"] == "znp_unpi" && capture["af_incoming_msg"].is_object() {
        // AF_INCOMING_MSG: 17 bytes of fields, then the length of the frame and the frame.
        let bytes: Vec<u8> = capture["raw_frame_bytes"]
            .as_array()?
            .iter()
            .map(|byte| u8::try_from(byte.as_u64().unwrap()).unwrap())
            .collect();
        let length = usize::from(*bytes.get(20)?);
        bytes.get(21..21 + length)?.to_vec()
    } else {
        return None;
    };
    message(u8::try_from(endpoint).unwrap(), cluster, None, &zcl)
}

/// A bench for a model of ours.
fn bench(device: &str) -> Bench {
    Bench::new(
        device_info(&devices("five")[device]),
        JsonMap::new(),
        JsonMap::new(),
    )
}

/// A report that a log shows in parsed form.
fn parsed(endpoint: u8, cluster: u16, attributes: Vec<(u16, DataType, Value)>) -> Message {
    let attributes = attributes
        .into_iter()
        .map(|(id, data_type, value)| Attribute {
            id: AttributeId(id),
            data_type,
            value,
        })
        .collect();
    Message {
        endpoint: EndpointId(endpoint),
        group: None,
        cluster: ClusterId(cluster),
        header: Header {
            frame_type: FrameType::Global,
            direction: Direction::ToClient,
            disable_default_response: true,
            manufacturer: None,
            sequence: 1,
            command: CommandId(0x0a),
            reserved: 0,
        },
        kind: MessageKind::Foundation(Parsed {
            command: Foundation::Report(attributes),
            violations: Vec::new(),
            trailing: Vec::new(),
        }),
    }
}

fn decode(bench: &Bench, message: &Message) -> Json {
    Json::Object(bench.receive(message).payload)
}

#[test]
fn every_frame_decodes_with_every_definition() {
    let catalogue = Catalogue::builtin();
    let device = device_info(&devices("five")["lumi.relay.c2acn01/fw47"]);
    let mut frames = 0;
    for capture in captures() {
        let Some(message) = frame(&capture) else {
            continue;
        };
        frames += 1;
        for definition in catalogue.all() {
            definition.decode(
                &device,
                &JsonMap::new(),
                &JsonMap::new(),
                &mut Memory::default(),
                &message,
            );
        }
    }
    println!(
        "{frames} frames with each of {} definitions",
        catalogue.all().count()
    );
    assert!(frames >= 80, "{frames} frames");
}

#[test]
fn frames_of_the_relay_give_what_their_tags_say() {
    let relay = "lumi.relay.c2acn01/fw47";
    let mut checked = 0;
    for (id, expected) in [
        (
            "cap-006",
            json!({"consumption": 0.001_249_999_972_060_322_8, "current": 0.01,
                   "device_temperature": 38, "energy": 0, "power": 0.03, "power_outage_count": 10,
                   "state_l1": "OFF", "state_l2": "OFF", "voltage": 236.95}),
        ),
        // One stray zero byte behind the string.
        (
            "cap-008",
            json!({"consumption": 17.503_437_042_236_328, "current": 0, "device_temperature": 35,
                   "energy": 17.5, "power": 0.02, "power_outage_count": 45, "state_l1": "OFF",
                   "state_l2": "OFF", "voltage": 225.47}),
        ),
        // Tags in an unusual order; channel 2 is not reported.
        (
            "cap-011",
            json!({"consumption": 307.183_746_337_890_6, "device_temperature": 35,
                   "energy": 307.18, "power": 0, "power_outage_count": 135, "state_l1": "OFF"}),
        ),
        ("cap-012", json!({"state_l1": "OFF"})),
        ("cap-013", json!({"state_l2": "ON"})),
        ("cap-014", json!({"power": 123.39})),
        ("cap-015", json!({"power": 107.63})),
    ] {
        let message = frame(&capture(id)).unwrap();
        assert_eq!(decode(&bench(relay), &message), expected, "{id}");
        checked += 1;
    }
    println!("{checked} frames of the relay");
}

#[test]
fn observed_messages_give_the_observed_values() {
    let relay = bench("lumi.relay.c2acn01/fw47");
    // cap-001: a report with the vendor's attribute 0xf000 beside onOff.
    let message = parsed(
        2,
        0x0006,
        vec![
            (0xf000, DataType::UINT32, Value::Unsigned(117_440_673)),
            (0x0000, DataType::BOOL, Value::Bool(true)),
        ],
    );
    assert_eq!(
        decode(&relay, &message),
        json!({"state_l2": "ON"}),
        "cap-001"
    );
    // cap-002
    let message = parsed(
        1,
        0x000c,
        vec![(0x0055, DataType::SINGLE, Value::Single(13.542_448))],
    );
    assert_eq!(decode(&relay, &message), json!({"power": 13.54}), "cap-002");
    // cap-004 and cap-161
    for (topic, text, endpoint, command) in [
        ("zigbee2mqtt/dev/set", r#"{"state_l2": "ON"}"#, 2, 1),
        ("zigbee2mqtt/dev/l1/set", "OFF", 1, 0),
    ] {
        relay.sent.borrow_mut().clear();
        assert!(relay.mqtt(topic, text).is_empty());
        let sent = relay.sent.borrow().clone();
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0]["ep"], endpoint);
        assert_eq!(sent[0]["cluster"], 6);
        assert_eq!(sent[0]["cmd"], command);
    }
    // cap-160: a bare payload on the topic of an endpoint.
    relay.mqtt("zigbee2mqtt/dev/l1/set", "ON");
    assert_eq!(relay.state.borrow()["state_l1"], "ON");
}

#[test]
fn observed_messages_of_the_knob() {
    // cap-038. The version of that log also published device_temperature, power_outage_count and
    // state from the tags; today's (tests/vectors, ZNXNKG02LM-065) publishes these two.
    let capture_038 = capture("cap-038");
    let bytes: Vec<u8> = capture_038["parsed"]["data"]["247"]
        .as_array()
        .unwrap()
        .iter()
        .map(|byte| u8::try_from(byte.as_u64().unwrap()).unwrap())
        .collect();
    let message = parsed(
        1,
        0xfcc0,
        vec![(0x00f7, DataType::OCTET_STRING, Value::Octets(bytes))],
    );
    let got = decode(&bench("lumi.remote.rkba01"), &message);
    assert_eq!(got, json!({"battery": 100, "voltage": 3095}));
    for key in ["battery", "voltage"] {
        assert_eq!(got[key], capture_038["published"]["payload"][key]);
    }
    // cap-039: a turn to the left begins.
    let capture_039 = capture("cap-039");
    let attributes = capture_039["parsed"]["data"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(id, value)| {
            (
                id.parse().unwrap(),
                DataType::INT32,
                Value::Signed(value.as_i64().unwrap()),
            )
        })
        .collect();
    let got = decode(
        &bench("lumi.remote.rkba01"),
        &parsed(71, 0xfcc0, attributes),
    );
    for (key, value) in capture_039["expected_published_subset"]
        .as_object()
        .unwrap()
    {
        assert_eq!(got[key], *value, "{key}");
    }
}

#[test]
fn frames_that_a_lock_encrypted_for_its_hub_give_nothing_and_are_no_error() {
    let mut checked = 0;
    for capture in captures() {
        if capture["zigbee_model"]
            .as_str()
            .is_some_and(|model| model.starts_with("lumi.lock"))
            && let Some(message) = frame(&capture)
        {
            let decoded = bench("lumi.lock.aq1").receive(&message);
            assert!(decoded.payload.is_empty(), "{}", capture["id"]);
            assert!(decoded.problems.is_empty(), "{}", capture["id"]);
            checked += 1;
        }
    }
    println!("{checked} encrypted frames");
    assert!(checked >= 8);
}
