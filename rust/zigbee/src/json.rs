//! ZCL values as the JSON that Zigbee2MQTT makes of them, and back.
//!
//! The forms are zigbee-herdsman's: booleans are 0 and 1, integers of 7 and 8 bytes decimal text,
//! floats the double they convert to, NaN and infinity null, bytes `{"type":"Buffer","data":[..]}`.

use serde_json::{Map, Number as JsonNumber, Value as Json, json};

use crate::library::{Argument, Parameter, ParameterType};
use crate::zcl::{DataType, Date, Number, TimeOfDay, Value};

/// A value as JSON. What is not there (no data, invalid lengths) is null.
pub fn from_value(data_type: DataType, value: &Value) -> Json {
    if let Some(number) = value.as_number() {
        return from_number(data_type, number);
    }
    match value {
        Value::Text(bytes) => Json::from(String::from_utf8_lossy(bytes)),
        Value::Octets(bytes) | Value::Raw(bytes) => buffer(bytes),
        Value::Key(key) => buffer(key),
        // The invalid length reads as an empty string.
        Value::Invalid if matches!(data_type.0, 0x41 | 0x43) => buffer(&[]),
        Value::Invalid => Json::from(""),
        Value::Ieee(address) => Json::from(address.to_string()),
        Value::List { element, values } => values
            .iter()
            .flatten()
            .map(|value| from_value(*element, value))
            .collect(),
        Value::Structure(fields) => fields
            .iter()
            .flatten()
            .map(|(data_type, value)| {
                json!({"elmType": data_type.0, "elmVal": from_value(*data_type, value)})
            })
            .collect(),
        Value::TimeOfDay(time) => json!({
            "hours": used(time.hours),
            "minutes": used(time.minutes),
            "seconds": used(time.seconds),
            "hundredths": used(time.hundredths),
        }),
        Value::Date(date) => json!({
            "year": used(date.year).map(|year| u16::from(year) + 1900),
            "month": used(date.month),
            "dayOfMonth": used(date.day_of_month),
            "dayOfWeek": used(date.day_of_week),
        }),
        _ => Json::Null,
    }
}

fn from_number(data_type: DataType, number: Number) -> Json {
    // Integers beyond a double's 53 bits travel as text.
    let as_text = matches!(
        data_type.0,
        0x0e | 0x0f | 0x1e | 0x1f | 0x26 | 0x27 | 0x2e | 0x2f
    );
    match number {
        Number::Unsigned(value) if as_text => Json::from(value.to_string()),
        Number::Signed(value) if as_text => Json::from(value.to_string()),
        Number::Unsigned(value) => Json::from(value),
        Number::Signed(value) => Json::from(value),
        Number::Float(value) => from_f64(value),
    }
}

/// A float as JavaScript prints it: without a fraction when it has none, null when it is not finite.
pub fn from_f64(value: f64) -> Json {
    // 2^53: all whole numbers below it are exact.
    if value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "whole and within the range, as tested above"
        )]
        return Json::from(value as i64);
    }
    JsonNumber::from_f64(value).map_or(Json::Null, Json::Number)
}

fn buffer(bytes: &[u8]) -> Json {
    json!({"type": "Buffer", "data": bytes})
}

fn used(field: u8) -> Option<u8> {
    (field != 0xff).then_some(field)
}

/// JSON as a value of a type; `None` where it doesn't fit. Numbers may be given as text, booleans as
/// numbers, bytes as a list, as a buffer object or as text.
pub fn to_value(data_type: DataType, json: &Json) -> Option<Value> {
    if json.is_null() {
        return data_type.is_string().then_some(Value::Invalid);
    }
    match data_type {
        DataType::NO_DATA | DataType::UNKNOWN => Some(Value::NoData),
        DataType::CHAR_STRING
        | DataType::LONG_CHAR_STRING
        | DataType::OCTET_STRING
        | DataType::LONG_OCTET_STRING
        | DataType::KEY128
        | DataType::OPAQUE => Value::Octets(to_bytes(json)?).convert(data_type),
        DataType::IEEE_ADDRESS => Some(Value::Ieee(json.as_str()?.parse().ok()?)),
        DataType::ARRAY | DataType::SET | DataType::BAG => list(json),
        DataType::STRUCTURE => {
            let fields = json.as_array()?.iter().map(|field| {
                let data_type = type_of(field.get("elmType")?)?;
                Some((data_type, to_value(data_type, field.get("elmVal")?)?))
            });
            Some(Value::Structure(Some(fields.collect::<Option<_>>()?)))
        }
        DataType::TIME_OF_DAY => Some(Value::TimeOfDay(TimeOfDay {
            hours: part(json, "hours", 0)?,
            minutes: part(json, "minutes", 0)?,
            seconds: part(json, "seconds", 0)?,
            hundredths: part(json, "hundredths", 0)?,
        })),
        DataType::DATE => Some(Value::Date(Date {
            year: part(json, "year", 1900)?,
            month: part(json, "month", 0)?,
            day_of_month: part(json, "dayOfMonth", 0)?,
            day_of_week: part(json, "dayOfWeek", 0)?,
        })),
        _ => number(json)?.convert(data_type),
    }
    .filter(|value| value.fits(data_type))
}

fn number(json: &Json) -> Option<Value> {
    match json {
        Json::Bool(value) => Some(Value::Bool(*value)),
        Json::Number(number) => number
            .as_u64()
            .map(Value::Unsigned)
            .or_else(|| number.as_i64().map(Value::Signed))
            .or_else(|| number.as_f64().map(Value::Double)),
        Json::String(text) => {
            let text = text.trim();
            if let Some(digits) = text.strip_prefix("0x") {
                return u64::from_str_radix(digits, 16).ok().map(Value::Unsigned);
            }
            text.parse()
                .map(Value::Unsigned)
                .or_else(|_| text.parse().map(Value::Signed))
                .or_else(|_| text.parse().map(Value::Double))
                .ok()
        }
        _ => None,
    }
}

/// Bytes given as a list of numbers, a buffer object or text.
pub fn to_bytes(json: &Json) -> Option<Vec<u8>> {
    match json {
        Json::String(text) => Some(text.as_bytes().to_vec()),
        Json::Array(list) => list
            .iter()
            .map(|byte| byte.as_u64().and_then(|byte| u8::try_from(byte).ok()))
            .collect(),
        Json::Object(object) => to_bytes(object.get("data").filter(|data| data.is_array())?),
        _ => None,
    }
}

fn list(json: &Json) -> Option<Value> {
    let element = type_of(json.get("elementType")?)?;
    let values = json.get("elements")?.as_array()?;
    Some(Value::List {
        element,
        values: Some(
            values
                .iter()
                .map(|value| to_value(element, value))
                .collect::<Option<_>>()?,
        ),
    })
}

fn type_of(json: &Json) -> Option<DataType> {
    json.as_u64()
        .and_then(|number| u8::try_from(number).ok())
        .map(DataType)
}

/// A field of a date or time; one that is not there is not used.
fn part(json: &Json, name: &str, base: u64) -> Option<u8> {
    match json.as_object()?.get(name) {
        None | Some(Json::Null) => Some(0xff),
        Some(number) => u8::try_from(number.as_u64()?.checked_sub(base)?).ok(),
    }
}

/// A command's argument as JSON.
pub fn from_argument(kind: ParameterType, argument: &Argument) -> Json {
    match argument {
        Argument::Value(value) => match kind {
            ParameterType::Zcl(data_type) => from_value(data_type, value),
            _ => from_value(DataType::UINT32, value),
        },
        Argument::List(values) => {
            let element = match kind {
                ParameterType::List(element) => element,
                _ => DataType::UINT32,
            };
            values
                .iter()
                .map(|value| from_value(element, value))
                .collect()
        }
        Argument::Records(records) => records
            .iter()
            .map(|record| {
                let fields: Map<String, Json> = record
                    .iter()
                    .map(|(name, argument)| ((*name).to_owned(), from_argument(kind, argument)))
                    .collect();
                Json::Object(fields)
            })
            .collect(),
        Argument::Bytes(bytes) => buffer(bytes),
    }
}

/// JSON as an argument for a parameter; `None` where it doesn't fit.
pub fn to_argument(parameter: &Parameter, json: &Json) -> Option<Argument> {
    // The fields of each record, with the type of those that are numbers.
    let fields: &[(&'static str, Option<DataType>)] = match parameter.kind {
        ParameterType::Zcl(data_type) => {
            return to_value(data_type, json).map(Argument::Value);
        }
        ParameterType::List(element) => {
            let values = match json {
                Json::Array(values) => values,
                // A buffer where a list of bytes is due.
                Json::Object(_) if element == DataType::UINT8 => {
                    return to_bytes(json).map(Argument::Bytes);
                }
                _ => return None,
            };
            let values = values.iter().map(|value| to_value(element, value));
            return values.collect::<Option<_>>().map(Argument::List);
        }
        ParameterType::Bytes => return to_bytes(json).map(Argument::Bytes),
        ParameterType::Zones => &[
            ("zoneID", Some(DataType::UINT8)),
            ("zoneStatus", Some(DataType::UINT16)),
        ],
        ParameterType::Transitions => &[
            ("transitionTime", Some(DataType::UINT16)),
            ("heatSetpoint", Some(DataType::INT16)),
            ("coolSetpoint", Some(DataType::INT16)),
        ],
        ParameterType::Datapoints => &[
            ("dp", Some(DataType::UINT8)),
            ("datatype", Some(DataType::UINT8)),
            ("data", None),
        ],
        ParameterType::ExtensionFieldSets => &[
            ("clstId", Some(DataType::UINT16)),
            ("len", Some(DataType::UINT8)),
            ("extField", None),
        ],
    };
    let records = json.as_array()?.iter().map(|record| {
        let record = record.as_object()?;
        let fields = fields.iter().filter_map(|(name, data_type)| {
            let json = record.get(*name)?;
            let argument = match (data_type, parameter.kind, json) {
                (Some(data_type), ..) => to_value(*data_type, json).map(Argument::Value),
                (None, ParameterType::ExtensionFieldSets, Json::Array(values)) => values
                    .iter()
                    .map(number)
                    .collect::<Option<_>>()
                    .map(Argument::List),
                (None, ..) => to_bytes(json).map(Argument::Bytes),
            };
            Some(argument.map(|argument| (*name, argument)))
        });
        fields.collect::<Option<Vec<_>>>()
    });
    records.collect::<Option<_>>().map(Argument::Records)
}
