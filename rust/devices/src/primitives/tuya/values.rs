//! What datapoints mean: numbers with a scale, choices, text, bytes.

use serde::Deserialize;
use serde_json::Value as Json;

use super::frame::{Datapoint, Kind};
use crate::encode::Failure;
use crate::number;

/// How a datapoint's data is understood and made.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Form {
    /// A number.
    Number(Scale),
    /// One of several values.
    Lookup(Lookup),
    /// Text.
    Text,
    /// Bytes, a list of numbers.
    Raw,
}

/// Between a number on MQTT and a datapoint's.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scale {
    /// The datapoint counts this many for one.
    #[serde(default)]
    divide: Option<f64>,
    /// Two ranges that lie on each other: on MQTT and of the datapoint. Rounded both ways.
    #[serde(default)]
    map: Option<((f64, f64), (f64, f64))>,
    /// Negative numbers are sent with this added.
    #[serde(default)]
    wrap: Option<f64>,
    /// Values outside are no readings.
    #[serde(default)]
    limits: Option<(f64, f64)>,
}

/// Values and what they are on the wire.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lookup {
    /// What they are sent as.
    send: Sent,
    /// Values on MQTT with the datapoint's. Of a binary value the first is on.
    pub(crate) values: Vec<(Json, i64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Sent {
    Bool,
    Enum,
    Value,
    Bitmap,
}

/// Data of a datapoint to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Data {
    pub(crate) kind: Kind,
    pub(crate) bytes: Vec<u8>,
}

impl Scale {
    fn read(&self, raw: f64) -> Option<f64> {
        let raw = match self.wrap {
            Some(wrap) if raw > wrap / 2.0 => raw - wrap,
            _ => raw,
        };
        let value = match (self.divide, self.map) {
            (_, Some((own, wire))) => number::round(between(raw, wire, own)),
            (Some(divisor), None) => raw / divisor,
            (None, None) => raw,
        };
        let (least, greatest) = self.limits.unwrap_or((f64::MIN, f64::MAX));
        (least..=greatest).contains(&value).then_some(value)
    }

    fn write(&self, value: f64) -> Option<i32> {
        let raw = match (self.divide, self.map) {
            (_, Some((own, wire))) => between(value, own, wire),
            (Some(divisor), None) => value * divisor,
            (None, None) => value,
        };
        let raw = number::round(raw);
        let raw = match self.wrap {
            Some(wrap) if raw < 0.0 => raw + wrap,
            _ => raw,
        };
        #[expect(
            clippy::cast_possible_truncation,
            reason = "whole and within the range, checked beside it"
        )]
        (f64::from(i32::MIN)..=f64::from(i32::MAX))
            .contains(&raw)
            .then_some(raw as i32)
    }
}

/// A place in one range as the same place in another.
fn between(value: f64, from: (f64, f64), to: (f64, f64)) -> f64 {
    to.0 + (value - from.0) * (to.1 - to.0) / (from.1 - from.0)
}

impl Form {
    /// What a datapoint says; `Err` for what has another type, `Ok(None)` for what is no reading.
    pub(crate) fn read(&self, datapoint: &Datapoint<'_>) -> Result<Option<Json>, ()> {
        match self {
            Self::Number(scale) => {
                let raw = datapoint.number().ok_or(())?;
                #[expect(clippy::cast_precision_loss, reason = "32 bits at most")]
                let raw = raw as f64;
                Ok(scale.read(raw).map(number::json))
            }
            Self::Lookup(lookup) => {
                let raw = datapoint.number().ok_or(())?;
                let found = lookup.values.iter().find(|(_, known)| *known == raw);
                found.map(|(value, _)| Some(value.clone())).ok_or(())
            }
            Self::Text => Ok(Some(Json::from(String::from_utf8_lossy(datapoint.data)))),
            Self::Raw => Ok(Some(Json::from(datapoint.data))),
        }
    }

    /// A value as a datapoint's data, with the spelling of the value that is published.
    pub(crate) fn write(&self, name: &str, value: &Json) -> Result<Data, Failure> {
        match self {
            Self::Number(scale) => {
                let given = value.as_f64().ok_or_else(|| {
                    Failure::value(format!("{name} must be a number, got {value}"))
                })?;
                let raw = scale.write(given).ok_or_else(|| {
                    Failure::value(format!("{name} cannot be {value}: out of range"))
                })?;
                Ok(Data {
                    kind: Kind::Value,
                    bytes: raw.to_be_bytes().to_vec(),
                })
            }
            Self::Lookup(lookup) => lookup.write(name, value),
            Self::Text => match value {
                Json::String(text) => Ok(Data {
                    kind: Kind::Text,
                    bytes: text.as_bytes().to_vec(),
                }),
                _ => Err(Failure::value(format!("{name} must be text, got {value}"))),
            },
            Self::Raw => zigbee::json::to_bytes(value)
                .map(|bytes| Data {
                    kind: Kind::Raw,
                    bytes,
                })
                .ok_or_else(|| Failure::value(format!("{name} must be a list of bytes"))),
        }
    }
}

impl Lookup {
    fn write(&self, name: &str, value: &Json) -> Result<Data, Failure> {
        let found = self.values.iter().find(|(known, _)| match (known, value) {
            (Json::String(known), Json::String(given)) => known.eq_ignore_ascii_case(given),
            _ => known == value,
        });
        let Some((_, raw)) = found else {
            let names: Vec<String> = self
                .values
                .iter()
                .map(|(value, _)| {
                    value
                        .as_str()
                        .map_or_else(|| value.to_string(), str::to_owned)
                })
                .collect();
            return Err(Failure::value(format!(
                "Value {value} not allowed for {name}, choose between: {}",
                names.join(", ")
            )));
        };
        let bytes = raw.to_be_bytes();
        let width = match self.send {
            Sent::Bool | Sent::Enum => 1,
            Sent::Value | Sent::Bitmap => 4,
        };
        Ok(Data {
            kind: match self.send {
                Sent::Bool => Kind::Bool,
                Sent::Enum => Kind::Enum,
                Sent::Value => Kind::Value,
                Sent::Bitmap => Kind::Bitmap,
            },
            bytes: bytes
                .get(bytes.len() - width..)
                .unwrap_or_default()
                .to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn number(form: &Form, kind: Kind, data: &[u8]) -> Option<Json> {
        form.read(&Datapoint { id: 1, kind, data }).unwrap()
    }

    #[test]
    fn wrapped_numbers_are_negative() {
        let form: Form = serde_json::from_value(json!({"number": {"wrap": 4096}})).unwrap();
        let data = form.write("calibration", &json!(-30)).unwrap();
        assert_eq!(data.bytes, [0, 0, 0x0f, 0xe2], "Moes_BHT-002-03");
        assert_eq!(number(&form, Kind::Value, &data.bytes), Some(json!(-30)));
    }

    #[test]
    fn ranges_are_mapped_and_rounded() {
        let form: Form =
            serde_json::from_value(json!({"number": {"map": [[0, 254], [0, 1000]]}})).unwrap();
        assert_eq!(form.write("b", &json!(127)).unwrap().bytes, [0, 0, 1, 0xf4]);
        assert_eq!(number(&form, Kind::Value, &[0, 0, 0, 1]), Some(json!(0)));
        assert!(form.write("b", &json!(1e15)).is_err());
        assert!(form.write("b", &json!("full")).is_err());
    }

    #[test]
    fn what_is_no_choice_is_refused() {
        let form: Form = serde_json::from_value(
            json!({"lookup": {"send": "enum", "values": [["low", 0], ["high", 2]]}}),
        )
        .unwrap();
        assert_eq!(form.write("volume", &json!("HIGH")).unwrap().bytes, [2]);
        assert!(form.write("volume", &json!("loud")).is_err());
        let unknown = Datapoint {
            id: 1,
            kind: Kind::Enum,
            data: &[1],
        };
        assert!(form.read(&unknown).is_err());
    }

    proptest! {
        #[test]
        fn scaled_numbers_come_back(value in -100_000i32..100_000) {
            let form: Form = serde_json::from_value(json!({"number": {"divide": 10}})).unwrap();
            let value = number::json(f64::from(value) / 10.0);
            let data = form.write("n", &value).unwrap();
            prop_assert_eq!(number(&form, data.kind, &data.bytes), Some(value));
        }
    }
}
