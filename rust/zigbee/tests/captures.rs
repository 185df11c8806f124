//! Every raw frame of tests/captures parses, and to what other tools read in it.

mod common;

use std::fs;
use std::path::Path;

use common::hex;
use serde_json::Value as Json;
use zigbee::lumi::{LumiStruct, Problem};
use zigbee::zcl::{Attribute, Foundation, Frame, FrameType, Number, Parsed, Value, Violation};
use zigbee::{AttributeId, CommandId};

#[expect(clippy::unwrap_used, reason = "without the captures there is no test")]
fn captures() -> Vec<Json> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/captures/captures.jsonl");
    fs::read_to_string(path)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn bytes(json: &Json) -> Option<Vec<u8>> {
    match json {
        Json::String(text) => Some(hex(text)),
        Json::Array(numbers) => numbers
            .iter()
            .map(|number| u8::try_from(number.as_u64()?).ok())
            .collect(),
        _ => None,
    }
}

/// The ZCL frame of a capture: as it is, or out of a ZNP `AF_INCOMING_MSG`.
fn frame(capture: &Json) -> Option<Vec<u8>> {
    for key in ["zcl_hex", "zcl_bytes"] {
        if let Some(json) = capture.get(key) {
            return bytes(json);
        }
    }
    if let Some(json) = capture.get("attr_records_hex") {
        let mut frame = hex("18 00 0a");
        frame.extend(bytes(json)?);
        return Some(frame);
    }
    let znp = bytes(capture.get("raw_frame_bytes")?)?;
    // Start, length, AF_INCOMING_MSG, 16 bytes of addressing, the length of the data.
    if znp.get(2..4) != Some(&[0x44, 0x81]) {
        return None;
    }
    let length = usize::from(*znp.get(20)?);
    znp.get(21..21 + length).map(<[u8]>::to_vec)
}

fn attributes(parsed: &Parsed) -> Vec<Attribute> {
    match &parsed.command {
        Foundation::Report(attributes) => attributes.clone(),
        Foundation::ReadResponse(records) => records
            .iter()
            .filter_map(|record| {
                let (data_type, value) = record.result.clone().ok()?;
                Some(Attribute {
                    id: record.id,
                    data_type,
                    value,
                })
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn same(value: &Value, expected: &Json) -> bool {
    match (value.as_number(), expected) {
        (Some(Number::Unsigned(value)), Json::Number(number)) => number.as_u64() == Some(value),
        (Some(Number::Signed(value)), Json::Number(number)) => number.as_i64() == Some(value),
        (Some(Number::Float(value)), Json::Number(number)) => {
            number.as_f64().map(f64::to_bits) == Some(value.to_bits())
        }
        (None, Json::String(text)) => value.as_str_lossy().is_some_and(|value| value == *text),
        _ => false,
    }
}

/// Compares a structure with an object of tags; says what differs.
fn compare_structure(structure: &LumiStruct, expected: &Json) -> Vec<String> {
    let Some(expected) = expected.as_object() else {
        return Vec::new();
    };
    expected
        .iter()
        .filter_map(|(tag, expected)| {
            let tag = tag.parse().ok()?;
            match structure.get(tag) {
                Some(value) if same(value, expected) => None,
                other => Some(format!("tag {tag}: {other:?}, expected {expected}")),
            }
        })
        .collect()
}

#[test]
fn every_raw_frame_parses() {
    let (mut frames, mut compared) = (0, 0);
    let mut wrong = Vec::new();
    for capture in captures() {
        let id = capture["id"].as_str().unwrap();
        let Some(bytes) = frame(&capture) else {
            continue;
        };
        frames += 1;
        let frame = Frame::parse(&bytes).unwrap();
        assert_eq!(frame.emit(), bytes, "{id}");
        if frame.header.frame_type != FrameType::Global {
            continue;
        }
        let parsed = Foundation::parse(&frame).unwrap();
        if parsed.violations.is_empty() {
            assert_eq!(parsed.command.emit(), frame.payload, "{id}");
        }
        let attributes = attributes(&parsed);
        let Some(decoded) = capture.get("decoded").and_then(Json::as_object) else {
            continue;
        };
        for attribute in attributes {
            let Some(expected) = decoded.get(&attribute.id.0.to_string()) else {
                continue;
            };
            compared += 1;
            if attribute.id == AttributeId(0xff01) {
                let structure = LumiStruct::of(&attribute, &parsed.trailing).unwrap();
                for difference in compare_structure(&structure, expected) {
                    wrong.push(format!("{id}: {difference}"));
                }
            } else if let Value::Structure(Some(fields)) = &attribute.value {
                for ((_, value), expected) in fields.iter().zip(expected.as_array().unwrap()) {
                    assert!(same(value, &expected[1]), "{id}: {value:?}");
                }
            } else if !same(&attribute.value, expected) {
                wrong.push(format!("{id}: {:?}, expected {expected}", attribute.value));
            }
        }
    }
    println!("{frames} frames, {compared} attributes compared");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(frames >= 90 && compared >= 30, "{frames} {compared}");
}

#[test]
fn lumi_structures_parse_whatever_their_strings_announce() {
    let (mut exact, mut long, mut stray) = (0, 0, 0);
    for capture in captures() {
        let id = capture["id"].as_str().unwrap();
        let Some(length) = capture.get("ff01_length") else {
            continue;
        };
        let bytes = frame(&capture).unwrap();
        let parsed = Foundation::parse(&Frame::parse(&bytes).unwrap()).unwrap();
        let attribute = attributes(&parsed)
            .into_iter()
            .find(|attribute| attribute.id == AttributeId(0xff01))
            .unwrap();
        let structure = LumiStruct::of(&attribute, &parsed.trailing).unwrap();
        assert_eq!(structure.problems, [], "{id}");
        let size = length["tlv_bytes"].as_u64().unwrap();
        assert_eq!(structure.emit().len() as u64, size, "{id}");
        match parsed.violations.as_slice() {
            [] => exact += 1,
            [Violation::StringTooLong] => long += 1,
            [Violation::TrailingBytes] => stray += 1,
            other => panic!("{id}: {other:?}"),
        }
    }
    println!("{exact} exact, {long} too long, {stray} with a stray byte");
    assert_eq!((exact, long, stray), (19, 14, 3));
}

#[test]
fn bare_structures_parse() {
    let mut structures = 0;
    for capture in captures() {
        let Some(text) = capture.get("struct_hex") else {
            continue;
        };
        structures += 1;
        let structure = LumiStruct::parse(&bytes(text).unwrap());
        let stray = |problem: &Problem| matches!(problem, Problem::Stray { .. });
        assert!(structure.problems.iter().all(stray), "{capture}");
        let differences = compare_structure(&structure, &capture["decoded"]);
        assert!(differences.is_empty(), "{capture}: {differences:?}");
    }
    println!("{structures} structures");
    assert!(structures >= 6);
}

#[test]
fn a_string_that_announces_too_little_still_gives_all_its_values() {
    let structure = hex("0121c70b 0328 1d 0421a813 0521 7100 0624 0000000000 0a21 0000 6410 01");
    let whole = LumiStruct::parse(&structure);
    assert_eq!(whole.problems, []);
    // In the middle of a field and between fields; with a stray byte and without.
    for missing in 1..=12 {
        for stray in [&[][..], &[0x00]] {
            let mut payload = hex("01ff42");
            payload.push(u8::try_from(structure.len() - missing).unwrap());
            payload.extend(&structure);
            payload.extend(stray);
            let parsed = Foundation::parse_payload(CommandId(0x0a), &payload).unwrap();
            assert_eq!(parsed.violations, [Violation::StringTooShort]);
            let attributes = attributes(&parsed);
            assert_eq!(attributes.len(), 1);
            let read = LumiStruct::of(&attributes[0], &parsed.trailing).unwrap();
            assert_eq!(read.fields, whole.fields, "{missing} bytes missing");
            assert_eq!(read.problems.len(), stray.len());
        }
    }
}

#[test]
fn attributes_behind_a_structure_stay_attributes() {
    for behind in [
        "0500 42 04 6c756d69",
        "0100 20 05",
        "f0ff 41 02 aa10 0000 10 01",
    ] {
        let mut payload = hex("01ff42 03 03281d");
        payload.extend(hex(behind));
        let parsed = Foundation::parse_payload(CommandId(0x0a), &payload).unwrap();
        assert_eq!(parsed.violations, [], "{behind}");
        assert!(attributes(&parsed).len() >= 2);
    }
}

#[test]
fn attributes_behind_a_string_that_announces_too_much_are_read() {
    let structure = hex("0121c70b 0328 1d 0a21 0000");
    for too_many in 1..=3 {
        let mut payload = hex("01ff42");
        payload.push(u8::try_from(structure.len() + too_many).unwrap());
        payload.extend(&structure);
        payload.extend(hex("0500 42 04 6c756d69 0100 20 05"));
        let parsed = Foundation::parse_payload(CommandId(0x0a), &payload).unwrap();
        assert_eq!(parsed.violations, [Violation::StringTooLong]);
        let attributes = attributes(&parsed);
        assert_eq!(attributes.len(), 3, "{too_many} too many");
        assert_eq!(attributes[1].value, Value::Text(b"lumi".to_vec()));
        let read = LumiStruct::of(&attributes[0], &parsed.trailing).unwrap();
        assert_eq!(read.problems, []);
    }
}
