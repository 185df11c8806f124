//! Values of the wire as functions get them.
//!
//! Unlike on MQTT nothing is lost: whole numbers stay whole numbers whatever their size, yes and no
//! stay that, bytes are `{"bytes": "hexadecimal"}`. What has no value is `null`.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};
use zigbee::zcl::{DataType, Value};

/// Bytes.
pub(crate) fn data(bytes: &[u8]) -> Json {
    json!({ "bytes": hexadecimal(bytes) })
}

/// Bytes as text.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing into a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A value.
pub(crate) fn value(value: &Value) -> Json {
    match value {
        Value::NoData | Value::Invalid => Json::Null,
        Value::Bool(yes) => (*yes).into(),
        Value::Unsigned(number) => (*number).into(),
        Value::Signed(number) => (*number).into(),
        Value::Semi(_) | Value::Single(_) | Value::Double(_) => {
            value.as_f64().map_or(Json::Null, zigbee::json::from_f64)
        }
        Value::Text(bytes) => String::from_utf8_lossy(bytes).into_owned().into(),
        Value::Octets(bytes) | Value::Raw(bytes) => data(bytes),
        Value::Key(bytes) => data(bytes),
        Value::List { values, .. } => values.iter().flatten().map(self::value).collect(),
        Value::Structure(fields) => fields
            .iter()
            .flatten()
            .map(|(_, value)| self::value(value))
            .collect(),
        Value::Ieee(address) => address.to_string().into(),
        Value::TimeOfDay(_) => zigbee::json::from_value(DataType::TIME_OF_DAY, value),
        Value::Date(_) => zigbee::json::from_value(DataType::DATE, value),
    }
}
