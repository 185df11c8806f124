//! Bytes and what they mean, in tests/data/*.jsonl: each line is parsed, compared with its meaning
//! as JSON, and emitted again.

#[path = "../common/mod.rs"]
mod common;
mod foundation;
mod zdo;

use std::fs;
use std::path::Path;

use common::hex;
use serde_json::{Value as Json, json};
use zigbee::zcl::{DataType, Foundation, Frame, Number, Value};
use zigbee::{ClusterId, zdo::Response};

#[expect(clippy::unwrap_used, reason = "without the data there is no test")]
fn lines(file: &str) -> Vec<Json> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(file);
    fs::read_to_string(path)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn type_name(data_type: DataType) -> String {
    format!("{data_type:?}")
}

/// A value as JSON: numbers and booleans as such, bytes as hexadecimal digits.
fn value(value: &Value) -> Json {
    if let Value::Bool(value) = value {
        return json!(value);
    }
    match value.as_number() {
        Some(Number::Unsigned(number)) => return json!(number),
        Some(Number::Signed(number)) => return json!(number),
        Some(Number::Float(number)) => return json!(number),
        None => {}
    }
    match value {
        Value::Text(_) => json!({"text": value.as_str_lossy()}),
        Value::Octets(bytes) | Value::Raw(bytes) => json!({"bytes": digits(bytes)}),
        Value::Key(key) => json!({"bytes": digits(key)}),
        Value::Ieee(address) => json!(address.to_string()),
        Value::List { element, values } => json!({
            "element": type_name(*element),
            "values": values.as_ref().map(|values| values.iter().map(self::value).collect::<Vec<_>>()),
        }),
        Value::Structure(fields) => json!({
            "fields": fields.as_ref().map(|fields| {
                fields
                    .iter()
                    .map(|(data_type, value)| json!([type_name(*data_type), self::value(value)]))
                    .collect::<Vec<_>>()
            }),
        }),
        Value::TimeOfDay(time) => {
            json!([time.hours, time.minutes, time.seconds, time.hundredths])
        }
        Value::Date(date) => {
            json!([date.year, date.month, date.day_of_month, date.day_of_week])
        }
        _ => Json::Null,
    }
}

fn digits(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

#[test]
fn foundation_commands_mean_what_the_data_says() {
    let mut count = 0;
    for line in lines("foundation.jsonl") {
        let bytes = hex(line["frame"].as_str().unwrap());
        let frame = Frame::parse(&bytes).unwrap();
        assert_eq!(frame.emit(), bytes, "{line}");
        let parsed = Foundation::parse(&frame).unwrap();
        assert_eq!(foundation::meaning(&parsed), line["meaning"], "{line}");
        if parsed.violations.is_empty() {
            assert_eq!(parsed.command.emit(), frame.payload, "{line}");
        }
        count += 1;
    }
    println!("{count} frames");
    assert!(count >= 40);
}

#[test]
fn zdo_responses_mean_what_the_data_says() {
    let mut count = 0;
    for line in lines("zdo.jsonl") {
        let cluster = u16::from_str_radix(&line["cluster"].as_str().unwrap()[2..], 16).unwrap();
        let payload = hex(line["payload"].as_str().unwrap());
        let parsed = Response::parse(ClusterId(cluster), &payload)
            .unwrap()
            .unwrap();
        assert_eq!(zdo::meaning(&parsed), line["meaning"], "{line}");
        if let Ok(response) = &parsed
            && line.get("differs").is_none()
        {
            assert_eq!(response.emit(), payload, "{line}");
        }
        count += 1;
    }
    println!("{count} responses");
    assert!(count >= 12);
}
