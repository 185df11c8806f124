//! ZCL values as JSON, for the keys that address attributes and commands by name.

use serde_json::Value as Json;
use zigbee::zcl::{DataType, Value};

use crate::number;

/// A JSON value as a value of a ZCL type; `None` where it does not fit.
pub(crate) fn from_json(data_type: DataType, json: &Json) -> Option<Value> {
    let value = match data_type {
        DataType::BOOL => match json {
            Json::Bool(value) => Value::Bool(*value),
            other => Value::Bool(match other.as_u64()? {
                0 => false,
                1 => true,
                _ => return None,
            }),
        },
        DataType::SEMI => return None,
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the nearest single-precision float is what can be sent"
        )]
        DataType::SINGLE => Value::Single(json.as_f64()? as f32),
        DataType::DOUBLE => Value::Double(json.as_f64()?),
        DataType::CHAR_STRING | DataType::LONG_CHAR_STRING => {
            Value::Text(json.as_str()?.as_bytes().to_vec())
        }
        DataType::OCTET_STRING | DataType::LONG_OCTET_STRING => Value::Octets(octets(json)?),
        DataType::IEEE_ADDRESS => Value::Ieee(json.as_str()?.parse().ok()?),
        // 0x28 to 0x2f: signed integers of 8 to 64 bits.
        DataType(0x28..=0x2f) => Value::Signed(json.as_i64()?),
        _ => match json {
            Json::Bool(value) => Value::Unsigned(u64::from(*value)),
            other => Value::Unsigned(other.as_u64()?),
        },
    };
    value.fits(data_type).then_some(value)
}

/// Bytes given as a list of numbers or as text.
pub(crate) fn octets(json: &Json) -> Option<Vec<u8>> {
    match json {
        Json::Array(list) => list
            .iter()
            .map(|byte| byte.as_u64().and_then(|byte| u8::try_from(byte).ok()))
            .collect(),
        Json::String(text) => Some(text.as_bytes().to_vec()),
        _ => None,
    }
}

/// A ZCL value as JSON; bytes become a list of numbers.
pub(crate) fn to_json(value: &Value) -> Json {
    match value {
        Value::Bool(value) => Json::Bool(*value),
        Value::Unsigned(value) => Json::from(*value),
        Value::Signed(value) => Json::from(*value),
        Value::Semi(_) | Value::Single(_) | Value::Double(_) => {
            number::of(value).map_or(Json::Null, number::json)
        }
        Value::Text(bytes) => Json::from(String::from_utf8_lossy(bytes).into_owned()),
        Value::Octets(bytes) | Value::Raw(bytes) => Json::from(bytes.clone()),
        Value::Ieee(address) => Json::from(address.to_string()),
        Value::List {
            values: Some(values),
            ..
        } => values.iter().map(to_json).collect(),
        Value::Structure(Some(members)) => {
            members.iter().map(|(_, value)| to_json(value)).collect()
        }
        _ => Json::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_do_not_fit_are_refused() {
        assert_eq!(
            from_json(DataType::UINT8, &Json::from(255)),
            Some(Value::Unsigned(255))
        );
        assert_eq!(from_json(DataType::UINT8, &Json::from(256)), None);
        assert_eq!(from_json(DataType::UINT8, &Json::from(-1)), None);
        assert_eq!(from_json(DataType::INT8, &Json::from(-129)), None);
        assert_eq!(from_json(DataType::BOOL, &Json::from(2)), None);
        assert_eq!(from_json(DataType::CHAR_STRING, &Json::from(2)), None);
        assert_eq!(
            from_json(DataType::OCTET_STRING, &serde_json::json!([1, 2])),
            Some(Value::Octets(vec![1, 2]))
        );
        assert_eq!(
            from_json(DataType::OCTET_STRING, &serde_json::json!([1, 256])),
            None
        );
    }
}
