//! The frames of tests/vectors: what Zigbee2MQTT sends is read without violation and written back.

mod common;

use std::fs;
use std::path::Path;

use common::hex;
use serde_json::Value as Json;
use zigbee::ClusterId;
use zigbee::library;
use zigbee::zcl::{Foundation, Frame, FrameType};

/// Every object that has a ZCL frame, with its direction as the vectors name it (`rx`, `tx`).
fn frames<'a>(json: &'a Json, name: &'a str, found: &mut Vec<(&'a str, u16, Vec<u8>)>) {
    match json {
        Json::Object(fields) => {
            if let (Some(Json::String(zcl)), Some(cluster)) = (
                fields.get("zcl"),
                fields.get("cluster").and_then(Json::as_u64),
            ) {
                found.push((name, u16::try_from(cluster).unwrap_or_default(), hex(zcl)));
            }
            for (name, value) in fields {
                frames(value, name, found);
            }
        }
        Json::Array(values) => {
            for value in values {
                frames(value, name, found);
            }
        }
        _ => {}
    }
}

#[test]
fn every_frame_is_read_and_those_sent_are_written_back() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors");
    let (mut received, mut sent, mut commands, mut refused) = (0, 0, 0, 0);
    for folder in fs::read_dir(root).unwrap() {
        let folder = folder.unwrap().path();
        if !folder.is_dir() {
            continue;
        }
        for file in fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path
                .extension()
                .is_none_or(|extension| extension != "jsonl")
            {
                continue;
            }
            for line in fs::read_to_string(&path).unwrap().lines() {
                let json: Json = serde_json::from_str(line).unwrap();
                let mut found = Vec::new();
                frames(&json, "", &mut found);
                for (name, cluster, bytes) in found {
                    let Ok(frame) = Frame::parse(&bytes) else {
                        // Vectors with frames cut off within their header.
                        assert_eq!(name, "rx", "{line}");
                        refused += 1;
                        continue;
                    };
                    assert_eq!(frame.emit(), bytes);
                    if name == "tx" {
                        sent += 1;
                    } else {
                        received += 1;
                    }
                    if frame.header.frame_type == FrameType::Global {
                        let parsed = Foundation::parse(&frame);
                        if name == "tx" {
                            let parsed = parsed.unwrap();
                            assert_eq!(parsed.violations, [], "{line}");
                            assert_eq!(parsed.command.emit(), frame.payload, "{line}");
                        }
                        continue;
                    }
                    let header = &frame.header;
                    let Some(command) = library::cluster(ClusterId(cluster))
                        .and_then(|cluster| cluster.command(header.direction, header.command))
                    else {
                        continue;
                    };
                    commands += 1;
                    let decoded = command.decode(&frame.payload);
                    if decoded.violations.is_empty() || name == "tx" {
                        let encoded = command.encode(&decoded.arguments);
                        assert_eq!(encoded, Ok(frame.payload), "{} {line}", command.name);
                    }
                }
            }
        }
    }
    println!(
        "{received} received, {sent} sent, {commands} of them cluster commands; {refused} without a header"
    );
    assert!(received >= 400 && sent >= 200);
}
