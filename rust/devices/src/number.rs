//! Numbers as JavaScript prints and rounds them, and numbers in the catalogue's JSON.

use std::fmt;

use serde::de::{self, Deserializer, Visitor};
use zigbee::zcl::Value;

pub(crate) use zigbee::json::from_f64 as json;

/// JavaScript's `Math.round`: ties go towards plus infinity.
pub(crate) fn round(value: f64) -> f64 {
    let floor = value.floor();
    if value - floor >= 0.5 {
        floor + 1.0
    } else {
        floor
    }
}

/// Rounds to `digits` decimals the way Zigbee2MQTT does: scale, round, scale back.
pub(crate) fn round_to(value: f64, digits: u8) -> f64 {
    let factor = 10f64.powi(i32::from(digits));
    round(value * factor) / factor
}

/// The number in a ZCL value; `None` for what is not a number. Booleans count as 0 and 1.
pub(crate) fn of(value: &Value) -> Option<f64> {
    value.as_f64()
}

/// The whole number in a ZCL value; `None` for fractions and for what is not a number.
pub(crate) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Bool(value) => Some(i64::from(*value)),
        Value::Unsigned(value) => i64::try_from(*value).ok(),
        Value::Signed(value) => Some(*value),
        _ => None,
    }
}

/// Reads a number that may be written as a number or as text in base 16 (`"0xfcc0"`), the form in
/// which protocol numbers are known.
pub(crate) fn hexadecimal<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<u64>,
{
    struct Number;

    impl Visitor<'_> for Number {
        type Value = u64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number, or hexadecimal text such as \"0xfcc0\"")
        }

        fn visit_u64<E: de::Error>(self, value: u64) -> Result<u64, E> {
            Ok(value)
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
            text.strip_prefix("0x")
                .and_then(|digits| u64::from_str_radix(digits, 16).ok())
                .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
        }
    }

    let number = deserializer.deserialize_any(Number)?;
    T::try_from(number).map_err(|_| de::Error::custom(format_args!("{number:#x} is too large")))
}

/// Bytes written as hexadecimal text without separators.
pub(crate) fn bytes(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_print_as_javascript_prints_them() {
        for (value, text) in [
            (230.0, "230"),
            (-0.0, "0"),
            (f64::from(3.333_333_3_f32), "3.3333332538604736"),
            (f64::NAN, "null"),
            (f64::INFINITY, "null"),
            (0.5, "0.5"),
        ] {
            assert_eq!(json(value).to_string(), text);
        }
    }

    #[test]
    fn ties_round_towards_plus_infinity() {
        assert_eq!(json(round_to(32.5, 0)), 33);
        assert_eq!(json(round_to(-0.5, 0)), 0);
        assert_eq!(json(round_to(-1.5, 0)), -1);
        assert_eq!(json(round(0.499_999_999_999_999_94)), 0);
        assert_eq!(
            json(round_to(36.612_014_770_507_81, 2)).to_string(),
            "36.61"
        );
    }

    #[test]
    fn half_precision_floats() {
        let json = |bits| of(&Value::Semi(bits)).map(json);
        assert_eq!(json(0x3c00), Some(1.into()));
        assert_eq!(json(0xc000), Some((-2).into()));
        assert_eq!(json(0x7bff), Some(65504.into()));
        assert_eq!(json(0x7c00), Some(serde_json::Value::Null));
    }

    #[test]
    fn hexadecimal_bytes() {
        assert_eq!(bytes("aa8005"), Some(vec![0xaa, 0x80, 0x05]));
        assert_eq!(bytes("aa8"), None);
        assert_eq!(bytes("zz"), None);
    }
}
