//! Values and arguments as JSON, in zigbee-herdsman's forms.

mod common;

use common::hex;
use serde_json::json;
use zigbee::json::{from_argument, from_value, to_argument, to_value};
use zigbee::library;
use zigbee::zcl::{DataType, Direction, Value};
use zigbee::{Reader, Writer};

/// Bytes of a type, the JSON they give, and back.
#[test]
fn values_go_to_json_and_back() {
    for (data_type, bytes, expected) in [
        (DataType::BOOL, "01", json!(1)),
        (DataType::UINT8, "ff", json!(255)),
        (DataType::INT16, "feff", json!(-2)),
        (
            DataType::UINT48,
            "ffffffffffff",
            json!(281_474_976_710_655_u64),
        ),
        (
            DataType::UINT64,
            "ffffffffffffffff",
            json!("18446744073709551615"),
        ),
        (DataType::INT64, "ffffffffffffffff", json!("-1")),
        (DataType::SINGLE, "55555540", json!(3.333_333_253_860_473_6)),
        (DataType::SINGLE, "0000a040", json!(5)),
        (DataType::CHAR_STRING, "0568656c6c6f", json!("hello")),
        (
            DataType::OCTET_STRING,
            "020102",
            json!({"type": "Buffer", "data": [1, 2]}),
        ),
        (
            DataType::IEEE_ADDRESS,
            "0807060504030201",
            json!("0x0102030405060708"),
        ),
        (
            DataType::STRUCTURE,
            "0200 20 05 10 00",
            json!([{"elmType": 0x20, "elmVal": 5}, {"elmType": 0x10, "elmVal": 0}]),
        ),
        (
            DataType::TIME_OF_DAY,
            "0c1eff00",
            json!({"hours": 12, "minutes": 30, "seconds": null, "hundredths": 0}),
        ),
        (
            DataType::DATE,
            "7e01ff02",
            json!({"year": 2026, "month": 1, "dayOfMonth": null, "dayOfWeek": 2}),
        ),
    ] {
        let bytes = hex(bytes);
        let value = Value::parse(data_type, &mut Reader::new(&bytes)).unwrap();
        let json = from_value(data_type, &value);
        assert_eq!(json, expected, "{data_type:?}");
        let back = to_value(data_type, &json).unwrap();
        let mut writer = Writer::new();
        back.emit(data_type, &mut writer);
        assert_eq!(writer.into_bytes(), bytes, "{data_type:?}");
    }
}

#[test]
fn what_is_no_number_is_null() {
    assert_eq!(
        from_value(DataType::SINGLE, &Value::Single(f32::NAN)),
        json!(null)
    );
    assert_eq!(from_value(DataType::NO_DATA, &Value::NoData), json!(null));
}

#[test]
fn lists_name_their_element_type() {
    let list = json!({"elementType": 0x21, "elements": [1, 2]});
    let value = to_value(DataType::ARRAY, &list).unwrap();
    assert_eq!(from_value(DataType::ARRAY, &value), json!([1, 2]));
}

#[test]
fn what_does_not_fit_is_refused() {
    for (data_type, json) in [
        (DataType::UINT8, json!(256)),
        (DataType::UINT8, json!(-1)),
        (DataType::UINT8, json!(1.5)),
        (DataType::UINT8, json!("ON")),
        (DataType::UINT8, json!(null)),
        (DataType::BOOL, json!(2)),
        (DataType::CHAR_STRING, json!(5)),
        (DataType::KEY128, json!([1, 2])),
        (DataType::IEEE_ADDRESS, json!("0x12")),
        (DataType::DATE, json!({"year": 1899})),
        (DataType::OCTET_STRING, json!([256])),
    ] {
        assert_eq!(to_value(data_type, &json), None, "{data_type:?} {json}");
    }
}

#[test]
fn arguments_go_to_json_and_back() {
    for (cluster, direction, command, payload) in [
        (
            "genGroups",
            Direction::ToServer,
            "getMembership",
            "02 0100 0200",
        ),
        (
            "hvacThermostat",
            Direction::ToServer,
            "setWeeklySchedule",
            "01 02 01 6801 d007",
        ),
        (
            "ssIasAce",
            Direction::ToClient,
            "getZoneStatusRsp",
            "01 01 05 0100",
        ),
        (
            "genScenes",
            Direction::ToServer,
            "add",
            "0100 05 0a00 00 0600 01 01 0800 01 fe",
        ),
        (
            "manuSpecificTuya",
            Direction::ToServer,
            "dataRequest",
            "0001 04 02 0004 000000c8",
        ),
        (
            "genOta",
            Direction::ToClient,
            "imageBlockResponse",
            "00 5f11 0100 02000000 00000000 03 aabbcc",
        ),
    ] {
        let command = library::cluster_by_name(cluster)
            .and_then(|cluster| cluster.command_by_name(direction, command))
            .unwrap();
        let payload = hex(payload);
        let decoded = command.decode(&payload);
        assert_eq!(decoded.violations, [], "{}", command.name);
        let arguments: Vec<_> = decoded
            .arguments
            .iter()
            .map(|(name, argument)| {
                let parameter = command
                    .parameters
                    .iter()
                    .find(|parameter| parameter.name == *name)
                    .unwrap();
                let json = from_argument(parameter.kind, argument);
                (*name, to_argument(parameter, &json).unwrap())
            })
            .collect();
        assert_eq!(command.encode(&arguments), Ok(payload), "{}", command.name);
    }
}
