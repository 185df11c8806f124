//! The simulated devices against `tests/vectors`: what the five are, and what they answer.

#![expect(clippy::unwrap_used, reason = "a test that fails may say so this way")]

use std::collections::BTreeMap;
use std::path::{Path as FilePath, PathBuf};

use serde_json::Value as Json;
use simulator::{Device, Incoming, Io, Model, Path, Target};
use zigbee::IeeeAddress;
use zigbee::zdo::LogicalType;

/// The key in `devices.json` and the model here.
const MODELS: [(&str, &str); 8] = [
    ("lumi.relay.c2acn01/fw47", "LLKZMK11LM"),
    ("lumi.relay.c2acn01/fw36", "LLKZMK11LM/fw36"),
    ("lumi.lock.aq1", "ZNMS11LM"),
    ("lumi.switch.b2nc01", "QBKG41LM"),
    ("lumi.switch.b2nc01/buttons", "QBKG41LM/buttons"),
    ("lumi.remote.rkba01", "ZNXNKG02LM"),
    ("lumi.remote.rkba01/fcc0", "ZNXNKG02LM/fcc0"),
    ("lumi.switch.b1nc01", "QBKG40LM"),
];

fn folder() -> PathBuf {
    FilePath::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/five")
}

fn text(device: &Device, attribute: u16) -> String {
    let path = Path {
        endpoint: 1,
        cluster: 0,
        attribute,
    };
    let value = device.node.get(path).unwrap();
    String::from_utf8(value.get(1..).unwrap().to_vec()).unwrap()
}

fn number(device: &Device, attribute: u16) -> Json {
    let path = Path {
        endpoint: 1,
        cluster: 0,
        attribute,
    };
    device.node.get(path).unwrap().first().copied().into()
}

#[test]
fn the_five_are_as_the_interview_data_has_them() {
    let known: BTreeMap<String, Json> =
        serde_json::from_str(&std::fs::read_to_string(folder().join("devices.json")).unwrap())
            .unwrap();
    assert_eq!(known.len(), MODELS.len());
    for (key, name) in MODELS {
        let wanted = known.get(key).unwrap();
        let device = Device::new(IeeeAddress(1), Model::built_in(name).unwrap());
        let model = &device.node.model;
        assert_eq!(text(&device, 5), wanted["modelID"], "{key}");
        assert_eq!(text(&device, 4), wanted["manufacturerName"], "{key}");
        assert_eq!(text(&device, 6), wanted["dateCode"], "{key}");
        assert_eq!(
            text(&device, 0x4000),
            wanted["swBuildId"].as_str().unwrap_or(""),
            "{key}"
        );
        assert_eq!(number(&device, 0), wanted["zclVersion"], "{key}");
        assert_eq!(number(&device, 1), wanted["appVersion"], "{key}");
        assert_eq!(number(&device, 2), wanted["stackVersion"], "{key}");
        assert_eq!(number(&device, 3), wanted["hwVersion"], "{key}");
        assert_eq!(number(&device, 7), wanted["power"], "{key}");
        assert_eq!(wanted["manufacturerID"], model.manufacturer_code, "{key}");
        let router = model.logical_type == LogicalType::Router;
        assert_eq!(
            wanted["type"],
            if router { "Router" } else { "EndDevice" },
            "{key}"
        );
        let endpoints: Vec<Json> = model
            .endpoints
            .iter()
            .map(|endpoint| {
                serde_json::json!({
                    "id": endpoint.id, "profile": endpoint.profile, "device": endpoint.device,
                    "in": endpoint.inputs, "out": endpoint.outputs,
                })
            })
            .collect();
        assert_eq!(Json::from(endpoints), wanted["endpoints"], "{key}");
    }
}

fn bytes(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().as_chunks::<2>().0;
    digits
        .iter()
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// What a device answers to a frame, as hexadecimal text; reports are left out.
fn answer(device: &mut Device, endpoint: u8, cluster: u16, zcl: &[u8]) -> Option<String> {
    let mut io = Io::new(adapters::Instant(0));
    let message = Incoming {
        from: Target::Coordinator(1),
        endpoint,
        cluster,
        unicast: true,
        group: None,
        payload: zcl.to_vec(),
    };
    device.receive(&message, &mut io);
    io.outgoing
        .into_iter()
        .map(|outgoing| outgoing.payload)
        // A report has command 0x0a.
        .find(|payload| !(payload.first() == Some(&0x18) && payload.get(2) == Some(&0x0a)))
        .map(|payload| {
            payload
                .iter()
                .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
        })
}

/// True for an answer that says how it went, not what a value is: a value depends on the case.
fn is_status(reply: &str) -> bool {
    let reply = bytes(reply);
    let command = if reply.first().is_some_and(|control| control & 4 != 0) {
        4
    } else {
        2
    };
    reply.get(command) != Some(&0x01)
}

#[test]
fn what_the_five_answer_is_what_the_vectors_saw() {
    let mut compared = 0;
    for file in [
        "LLKZMK11LM",
        "ZNMS11LM",
        "QBKG41LM",
        "QBKG40LM",
        "ZNXNKG02LM",
    ] {
        let cases = std::fs::read_to_string(folder().join(format!("{file}.jsonl"))).unwrap();
        for line in cases.lines() {
            let case: Json = serde_json::from_str(line).unwrap();
            let steps = case["steps"].as_array().map_or(&[][..], Vec::as_slice);
            let key = case["device"].as_str().unwrap_or_default();
            // The fake device of the vectors takes a setting at an endpoint that does not have it.
            if case["id"] == "QBKG41LM-162" {
                continue;
            }
            let Some((_, name)) = MODELS.iter().find(|(known, _)| *known == key) else {
                continue;
            };
            let mut device = Device::new(IeeeAddress(1), Model::built_in(name).unwrap());
            for step in steps {
                // In these steps the fake device refuses everything.
                if step.get("unsupported").is_some() || step.get("write_status").is_some() {
                    continue;
                }
                for tx in step["expect"].as_array().map_or(&[][..], Vec::as_slice) {
                    let tx = &tx["tx"];
                    let (Some(zcl), Some(reply)) = (tx["zcl"].as_str(), tx["reply"].as_str())
                    else {
                        continue;
                    };
                    // Scenes are taken by the simulated devices, and on no case does it matter how.
                    let cluster = u16::try_from(tx["cluster"].as_u64().unwrap()).unwrap();
                    if !is_status(reply) || cluster == 5 {
                        continue;
                    }
                    let endpoint = u8::try_from(tx["ep"].as_u64().unwrap()).unwrap();
                    let given = answer(&mut device, endpoint, cluster, &bytes(zcl));
                    assert_eq!(given.as_deref(), Some(reply), "{}: {zcl}", case["id"]);
                    compared += 1;
                }
            }
        }
    }
    println!("{compared} answers compared");
    assert!(compared > 50, "{compared}");
}
