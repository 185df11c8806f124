//! Values as integers, and values of one type as those of another.

use super::data_type::Layout;
use super::{DataType, Value, half};
use crate::IeeeAddress;

impl DataType {
    /// The number that means "no value" in this type (ZCL table 2-11). Floats have NaN instead,
    /// strings and collections their invalid length ([`Value::Invalid`]).
    pub fn non_value(self) -> Option<i128> {
        match (self.layout(), self.0) {
            (Layout::Bool, _) => Some(0xff),
            (Layout::Unsigned(width), 0x20..=0x27 | 0x30 | 0x31 | 0xe0..=0xea) => {
                Some((1 << (8 * width)) - 1)
            }
            (Layout::Signed(width), _) => Some(-(1 << (8 * width - 1))),
            _ => None,
        }
    }
}

impl Value {
    /// The number of a boolean, an integer or an extended address.
    pub fn as_integer(&self) -> Option<i128> {
        match self {
            Self::Bool(value) => Some(i128::from(*value)),
            Self::Unsigned(value) => Some(i128::from(*value)),
            Self::Signed(value) => Some(i128::from(*value)),
            Self::Ieee(address) => Some(i128::from(address.0)),
            _ => None,
        }
    }

    /// The same number, text or bytes as a value of another type. `None` where the type can't hold
    /// it: out of range, a fraction in an integer, text that is no address.
    pub fn convert(&self, data_type: DataType) -> Option<Self> {
        // Devices send booleans other than 0 and 1; asking for one is a mistake.
        if self.fits(data_type) && data_type != DataType::BOOL {
            return Some(self.clone());
        }
        let converted = match data_type.layout() {
            Layout::Bool => match self.whole()? {
                0 => Self::Bool(false),
                1 => Self::Bool(true),
                _ => return None,
            },
            Layout::Unsigned(_) => Self::Unsigned(u64::try_from(self.whole()?).ok()?),
            Layout::Signed(_) => Self::Signed(i64::try_from(self.whole()?).ok()?),
            Layout::Float(2) => Self::Semi(half::from_f64(self.as_f64()?)),
            #[expect(
                clippy::cast_possible_truncation,
                reason = "rounding to the nearest single is what the type asks for"
            )]
            Layout::Float(4) => Self::Single(self.as_f64()? as f32),
            Layout::Float(_) => Self::Double(self.as_f64()?),
            Layout::Octets(_) => Self::Octets(self.as_bytes()?.to_vec()),
            Layout::Text(_) => Self::Text(self.as_bytes()?.to_vec()),
            Layout::Key => Self::Key(self.as_bytes()?.try_into().ok()?),
            Layout::Ieee => match self.as_str_lossy() {
                Some(text) => Self::Ieee(text.parse().ok()?),
                None => Self::Ieee(IeeeAddress(u64::try_from(self.whole()?).ok()?)),
            },
            Layout::Unknown => Self::Raw(self.as_bytes()?.to_vec()),
            Layout::Nothing
            | Layout::List
            | Layout::Structure
            | Layout::TimeOfDay
            | Layout::Date => return None,
        };
        converted.fits(data_type).then_some(converted)
    }

    /// An integer, or a float without fraction.
    fn whole(&self) -> Option<i128> {
        if let Some(integer) = self.as_integer() {
            return Some(integer);
        }
        let number = self.as_f64()?;
        // Beyond 2^64 no type takes it anyway.
        if number.fract() != 0.0 || number.abs() > 2f64.powi(64) {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "whole and within the range, as tested above"
        )]
        Some(number as i128)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_convert_where_they_fit() {
        for (value, data_type, converted) in [
            (Value::Unsigned(1), DataType::BOOL, Some(Value::Bool(true))),
            (Value::Unsigned(2), DataType::BOOL, None),
            (Value::Unsigned(5), DataType::INT16, Some(Value::Signed(5))),
            (Value::Signed(-1), DataType::UINT8, None),
            (Value::Unsigned(256), DataType::UINT8, None),
            (
                Value::Double(3.0),
                DataType::ENUM8,
                Some(Value::Unsigned(3)),
            ),
            (Value::Double(3.5), DataType::ENUM8, None),
            (Value::Double(f64::NAN), DataType::ENUM8, None),
            (
                Value::Unsigned(3),
                DataType::SINGLE,
                Some(Value::Single(3.0)),
            ),
            (
                Value::Text(b"0x00158d0001020304".to_vec()),
                DataType::IEEE_ADDRESS,
                Some(Value::Ieee(IeeeAddress(0x0015_8d00_0102_0304))),
            ),
            (
                Value::Octets(vec![1, 2]),
                DataType::CHAR_STRING,
                Some(Value::Text(vec![1, 2])),
            ),
            (Value::Octets(vec![0; 15]), DataType::KEY128, None),
        ] {
            assert_eq!(
                value.convert(data_type),
                converted,
                "{value:?} {data_type:?}"
            );
        }
    }

    #[test]
    fn non_values_are_those_of_the_specification() {
        assert_eq!(DataType::BOOL.non_value(), Some(0xff));
        assert_eq!(DataType::UINT24.non_value(), Some(0xff_ffff));
        assert_eq!(DataType::UINT64.non_value(), Some(i128::from(u64::MAX)));
        assert_eq!(DataType::INT16.non_value(), Some(-0x8000));
        assert_eq!(DataType::INT64.non_value(), Some(i128::from(i64::MIN)));
        assert_eq!(DataType::ENUM8.non_value(), Some(0xff));
        assert_eq!(DataType::CLUSTER_ID.non_value(), Some(0xffff));
        assert_eq!(DataType::BITMAP8.non_value(), None);
        assert_eq!(DataType::SINGLE.non_value(), None);
    }
}
