//! Nothing that an owner writes into a definition makes the engine panic: each number and text of the
//! catalogue is replaced by what a mistake could put there. What is then refused says so; what is
//! taken decodes, encodes and configures without a panic, whatever the device sends.
//!
//! A sample runs each time; `HOSTILE_STRIDE=1` runs every replacement.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests"
)]

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use devices::{
    Definition, DeviceInfo, Io, JsonMap, LocalFuture, Memory, Operation, OperationError,
    OperationReply, Payload, SetRequest,
};
use serde_json::{Value as Json, json};
use support::files::devices as records;
use support::{device_info, message, run};
use zigbee::zcl::{DataType, ReadRecord, Value};

/// A device that answers every question with the same value.
struct Answering {
    device: DeviceInfo,
    memory: Mutex<Memory>,
    meta: Mutex<JsonMap>,
    value: (DataType, Value),
}

impl Io for Answering {
    fn perform(
        &self,
        operation: Operation,
    ) -> LocalFuture<'_, Result<OperationReply, OperationError>> {
        let reply = match operation {
            Operation::Read { attributes, .. } => OperationReply::Read(
                attributes
                    .into_iter()
                    .map(|id| ReadRecord {
                        id,
                        result: Ok(self.value.clone()),
                    })
                    .collect(),
            ),
            _ => OperationReply::Done,
        };
        Box::pin(async move { Ok(reply) })
    }

    fn device(&self) -> Option<DeviceInfo> {
        Some(self.device.clone())
    }

    fn state(&self, _property: &str) -> Option<Json> {
        Some(json!(254))
    }

    fn publish(&self, _state: JsonMap) {}

    fn remembered(&self, key: &str) -> Option<Json> {
        self.meta.lock().unwrap().get(key).cloned()
    }

    fn remember(&self, key: &str, value: Json) {
        self.meta.lock().unwrap().insert(key.to_owned(), value);
    }

    fn with_memory(&self, borrow: &mut dyn FnMut(&mut Memory)) {
        borrow(&mut self.memory.lock().unwrap());
    }

    fn log(&self, _text: &str) {}
}

/// Attributes that a definition names, with what a report of each could carry.
fn frames(data: &Json) -> Vec<Vec<u8>> {
    fn walk(data: &Json, out: &mut Vec<(u16, Option<u16>)>) {
        let number = |value: &Json| {
            let text = value.as_str().and_then(|text| text.strip_prefix("0x"));
            text.and_then(|text| u16::from_str_radix(text, 16).ok())
                .or_else(|| value.as_u64().and_then(|value| value.try_into().ok()))
        };
        match data {
            Json::Object(map) => {
                if let Some(attribute) = map.get("attribute").and_then(number) {
                    out.push((attribute, map.get("manufacturer").and_then(number)));
                }
                map.values().for_each(|value| walk(value, out));
            }
            Json::Array(list) => list.iter().for_each(|value| walk(value, out)),
            _ => {}
        }
    }
    let mut attributes = vec![(0, None), (0x00f7, Some(0x115f)), (0xff01, Some(0x115f))];
    walk(data, &mut attributes);
    attributes.sort_unstable();
    attributes.dedup();
    let mut frames = Vec::new();
    for (attribute, manufacturer) in attributes {
        for value in [
            "20ff",
            "21ffff",
            "23ffffffff",
            "2b00000080",
            "390000c07f",
            "27ffffffffffffffff",
            "2f0000000000000080",
            "4113010000ff05210100960064100065100095390000a8400000",
            "4203414243",
            "1001",
        ] {
            let mut frame = match manufacturer {
                Some(code) => [&[0x1c][..], &code.to_le_bytes(), &[1, 0x0a]].concat(),
                None => vec![0x18, 1, 0x0a],
            };
            frame.extend(attribute.to_le_bytes());
            frame.extend(support::files::hex(value));
            frames.push(frame);
        }
    }
    for command in [0, 1, 2, 5, 7, 9, 0x20, 0xfd] {
        for byte in [0, 0x7f, 0xff] {
            let mut frame = vec![0x09, 1, command];
            frame.extend([byte; 30]);
            frames.push(frame);
        }
    }
    frames
}

fn exercise(definition: &Definition, data: &Json, device: &DeviceInfo) {
    let _ = definition.describe();
    let _ = definition.poll_interval(&JsonMap::new());
    let options: Vec<JsonMap> = vec![
        JsonMap::new(),
        definition
            .options()
            .iter()
            .filter_map(|option| Some((option.name.clone()?, json!(3))))
            .collect(),
    ];
    let mut memory = Memory::default();
    for cluster in definition.clusters().collect::<Vec<_>>() {
        for (index, frame) in frames(data).iter().enumerate() {
            let Some(message) = message(1, cluster.0, None, frame) else {
                continue;
            };
            memory.set_time(Duration::from_secs(index as u64));
            let options = &options[index % 2];
            let decoded =
                definition.decode(device, options, &JsonMap::new(), &mut memory, &message);
            assert!(serde_json::to_string(&decoded.payload).is_ok());
        }
    }
    let io = Answering {
        device: device.clone(),
        memory: Mutex::new(memory),
        meta: Mutex::default(),
        value: (DataType::UINT16, Value::Unsigned(0xffff)),
    };
    let _ = run(definition.configure(&io));
    run(definition.poll(&io, &options[1]));
    for property in definition.properties() {
        for value in [
            json!(0),
            json!(-1),
            json!(255),
            json!(1e300),
            json!("ON"),
            json!("decoupled"),
            json!({"x": 0.3, "y": 0.3}),
            json!({"user": 0, "pin_code": "1234", "state": "ON", "r": 1, "g": 2, "b": 3}),
        ] {
            let request = |value| SetRequest {
                payload: Payload::one(property, value),
                endpoint: None,
                options: Arc::new(options[1].clone()),
            };
            let _ = run(definition.set(&io, request(value.clone())));
            let _ = run(definition.get(&io, request(value)));
        }
    }
    run(definition.reconcile(&io, &options[0]));
}

/// Every place of a number or a text in it.
fn leaves(data: &Json, path: &str, out: &mut Vec<String>) {
    match data {
        Json::Object(map) => {
            for (key, value) in map {
                leaves(value, &format!("{path}/{key}"), out);
            }
        }
        Json::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                leaves(value, &format!("{path}/{index}"), out);
            }
        }
        Json::Number(_) | Json::String(_) => out.push(path.to_owned()),
        _ => {}
    }
}

#[test]
fn no_number_and_no_text_in_a_definition_makes_the_engine_panic() {
    let stride: usize = std::env::var("HOSTILE_STRIDE")
        .ok()
        .and_then(|stride| stride.parse().ok())
        .unwrap_or(499);
    let device = device_info(&records("five")["lumi.relay.c2acn01/fw47"]);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/catalogue");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .filter(|path| !path.ends_with("schema.json"))
        .collect();
    files.sort();
    let (mut count, mut taken) = (0, 0);
    let mut failures = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(file).unwrap();
        let catalogue: Json = serde_json::from_str(&text).unwrap();
        for data in catalogue["definitions"].as_array().unwrap() {
            let mut places = Vec::new();
            leaves(data, "", &mut places);
            for place in places {
                let extremes = if data.pointer(&place).unwrap().is_number() {
                    vec![
                        json!(0),
                        json!(-1),
                        json!(1),
                        json!(255),
                        json!(65_535),
                        json!(u64::from(u32::MAX)),
                        json!(i64::MIN),
                        json!(u64::MAX),
                        json!(1e308),
                        json!(1e-308),
                    ]
                } else {
                    vec![json!(""), json!("0x0"), json!("0xffff"), json!("ü/\u{0}")]
                };
                for extreme in extremes {
                    count += 1;
                    if count % stride != 0 {
                        continue;
                    }
                    let mut changed = data.clone();
                    *changed.pointer_mut(&place).unwrap() = extreme.clone();
                    let outcome = catch_unwind(AssertUnwindSafe(|| {
                        let definition = Definition::from_json(&changed.to_string());
                        if let Ok(definition) = &definition {
                            exercise(definition, data, &device);
                        }
                        definition.is_ok()
                    }));
                    match outcome {
                        Ok(is_taken) => taken += usize::from(is_taken),
                        Err(_) => failures.push(format!("{}{place} = {extreme}", data["model"])),
                    }
                }
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
    assert!(taken > 0, "{count}");
}
