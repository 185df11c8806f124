//! Foundation commands: bytes with their meaning.

mod common;

use common::hex;
use zigbee::zcl::{
    Attribute, DataType, Foundation, Frame, ReadRecord, ReportingDirection, Status, Value,
    Violation,
};
use zigbee::{AttributeId, CommandId};

#[test]
fn a_report_of_two_attributes_is_read_and_written_back() {
    let bytes = hex("18 2a 0a 0000 10 01 00f0 23 00 87 e9 03");
    let frame = Frame::parse(&bytes).unwrap();
    assert_eq!(frame.emit(), bytes);
    let parsed = Foundation::parse(&frame).unwrap();
    assert_eq!(
        parsed.command,
        Foundation::Report(vec![
            Attribute {
                id: AttributeId(0x0000),
                data_type: DataType::BOOL,
                value: Value::Bool(true),
            },
            Attribute {
                id: AttributeId(0xf000),
                data_type: DataType::UINT32,
                value: Value::Unsigned(0x03e9_8700),
            },
        ])
    );
    assert_eq!(parsed.violations, []);
    assert_eq!(parsed.command.id(), frame.header.command);
    assert_eq!(parsed.command.emit(), frame.payload);
}

#[test]
fn a_read_response_has_values_and_statuses() {
    let payload = hex("0400 00 42 04 4c554d49 0a00 86");
    let parsed = Foundation::parse_payload(CommandId(0x01), &payload).unwrap();
    assert_eq!(
        parsed.command,
        Foundation::ReadResponse(vec![
            ReadRecord {
                id: AttributeId(0x0004),
                result: Ok((DataType::CHAR_STRING, Value::Text(b"LUMI".to_vec()))),
            },
            ReadRecord {
                id: AttributeId(0x000a),
                result: Err(Status::UNSUPPORTED_ATTRIBUTE),
            },
        ])
    );
    assert_eq!(parsed.command.emit(), payload);
}

#[test]
fn an_analog_attribute_has_a_reportable_change_and_a_discrete_one_has_none() {
    let payload = hex("00 5500 39 0500 100e 0000803f 00 0000 10 0000 100e");
    let parsed = Foundation::parse_payload(CommandId(0x06), &payload).unwrap();
    let Foundation::ConfigureReporting(records) = &parsed.command else {
        panic!("{parsed:?}");
    };
    assert_eq!(
        records[0].direction,
        ReportingDirection::Send {
            data_type: DataType::SINGLE,
            minimum: 5,
            maximum: 3600,
            change: Some(Value::Single(1.0)),
        }
    );
    assert_eq!(
        records[1].direction,
        ReportingDirection::Send {
            data_type: DataType::BOOL,
            minimum: 0,
            maximum: 3600,
            change: None,
        }
    );
    assert_eq!(parsed.command.emit(), payload);
}

#[test]
fn a_string_that_announces_too_much_ends_with_the_frame() {
    let parsed = Foundation::parse_payload(CommandId(0x0a), &hex("01ff 42 05 0121c70b")).unwrap();
    assert_eq!(
        parsed.command,
        Foundation::Report(vec![Attribute {
            id: AttributeId(0xff01),
            data_type: DataType::CHAR_STRING,
            value: Value::Text(hex("0121c70b")),
        }])
    );
    assert_eq!(parsed.violations, [Violation::StringTooLong]);
}

#[test]
fn a_record_that_is_cut_off_leaves_those_before_it() {
    let parsed =
        Foundation::parse_payload(CommandId(0x0a), &hex("0000 10 01 0100 23 0102")).unwrap();
    let Foundation::Report(records) = &parsed.command else {
        panic!("{parsed:?}");
    };
    assert_eq!(records.len(), 1);
    assert_eq!(parsed.violations, [Violation::TruncatedRecord]);
    assert_eq!(parsed.trailing, hex("0100230102"));
}

#[test]
fn a_false_count_reserves_no_memory() {
    for payload in ["0000 48 20 feff 00", "0000 48 00 feff", "0000 4c feff"] {
        assert!(Foundation::parse_payload(CommandId(0x0a), &hex(payload)).is_err());
    }
}

#[test]
fn nesting_is_limited() {
    let mut payload = hex("0000 48");
    for _ in 0..30 {
        payload.extend(hex("48 0100"));
    }
    assert!(Foundation::parse_payload(CommandId(0x0a), &payload).is_err());
}
