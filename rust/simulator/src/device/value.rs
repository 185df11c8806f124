//! ZCL values as bytes, as far as a simulated device needs to know what they mean.

use serde_json::Value as Json;
use zigbee::zcl::DataType;

/// How many bytes the value at the front takes; `None` when they are not all there or the type is
/// not known.
pub(crate) fn length(data_type: DataType, bytes: &[u8]) -> Option<usize> {
    let fixed = match data_type.0 {
        0x00 => 0,
        number @ (0x08..=0x0f | 0x18..=0x1f | 0x20..=0x2f) => usize::from(number & 7) + 1,
        0x10 | 0x30 => 1,
        0x31 | 0x38 | 0xe8 | 0xe9 => 2,
        0x39 | 0xe0..=0xe2 | 0xea => 4,
        0x3a | 0xf0 => 8,
        0xf1 => 16,
        0x41 | 0x42 => match bytes.first()? {
            0xff => 1,
            count => usize::from(*count) + 1,
        },
        0x43 | 0x44 => match u16::from_le_bytes(bytes.get(..2)?.try_into().ok()?) {
            0xffff => 2,
            count => usize::from(count) + 2,
        },
        0x4c => {
            let mut offset = 2;
            let count = u16::from_le_bytes(bytes.get(..2)?.try_into().ok()?);
            for _ in 0..if count == 0xffff { 0 } else { count } {
                let element = DataType(*bytes.get(offset)?);
                // Structures inside structures occur in no device simulated here.
                if element == DataType::STRUCTURE {
                    return None;
                }
                offset += 1 + length(element, bytes.get(offset + 1..)?)?;
            }
            offset
        }
        _ => return None,
    };
    (bytes.len() >= fixed).then_some(fixed)
}

/// Analog types have a reportable change; the others are reported at any change.
pub(crate) fn is_analog(data_type: DataType) -> bool {
    matches!(data_type.0, 0x20..=0x2f | 0x38..=0x3a | 0xe0..=0xe2)
}

/// The number that the bytes stand for, if they stand for one.
pub(crate) fn number(data_type: DataType, bytes: &[u8]) -> Option<f64> {
    let unsigned = || {
        (bytes.len() <= 8).then(|| {
            bytes
                .iter()
                .rev()
                .fold(0_u64, |value, byte| value << 8 | u64::from(*byte))
        })
    };
    #[expect(
        clippy::cast_precision_loss,
        reason = "only differences of measured values are looked at"
    )]
    match data_type.0 {
        0x08..=0x1f | 0x20..=0x27 | 0x30 | 0x31 | 0xe0..=0xea => Some(unsigned()? as f64),
        0x28..=0x2f => {
            let shift = 64_u32.checked_sub(u32::try_from(bytes.len()).ok()? * 8)?;
            Some((unsigned()?.checked_shl(shift)?.cast_signed() >> shift) as f64)
        }
        0x39 => Some(f64::from(f32::from_le_bytes(bytes.try_into().ok()?))),
        0x3a => Some(f64::from_le_bytes(bytes.try_into().ok()?)),
        _ => None,
    }
}

/// Encodes a number, saturated to the type's range.
pub(crate) fn from_number(data_type: DataType, number: f64) -> Option<Vec<u8>> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates, which is what is wanted"
    )]
    match data_type.0 {
        0x39 => Some((number as f32).to_le_bytes().to_vec()),
        0x3a => Some(number.to_le_bytes().to_vec()),
        kind @ (0x28..=0x2f) => {
            let width = usize::from(kind & 7) + 1;
            let limit = i64::MAX >> (64 - 8 * width);
            let value = (number.round() as i64).clamp(-limit - 1, limit);
            value.to_le_bytes().get(..width).map(<[u8]>::to_vec)
        }
        _ => {
            let width = length(data_type, &[0; 16]).filter(|width| (1..=8).contains(width))?;
            let limit = u64::MAX >> (64 - 8 * width);
            let value = (number.round() as u64).min(limit);
            value.to_le_bytes().get(..width).map(<[u8]>::to_vec)
        }
    }
}

/// Encodes what a test or a person wrote: numbers, booleans, texts; octet strings as hexadecimal text.
pub(crate) fn from_json(data_type: DataType, value: &Json) -> Option<Vec<u8>> {
    let string = |bytes: &[u8]| {
        let mut value = vec![u8::try_from(bytes.len()).ok()?];
        value.extend_from_slice(bytes);
        Some(value)
    };
    match (data_type, value) {
        (DataType::CHAR_STRING, Json::String(text)) => string(text.as_bytes()),
        (DataType::OCTET_STRING, Json::String(text)) => string(&crate::hex::decode(text)?),
        (DataType::IEEE_ADDRESS, Json::String(text)) => {
            let address: zigbee::IeeeAddress = text.parse().ok()?;
            Some(address.0.to_le_bytes().to_vec())
        }
        (_, Json::Bool(value)) => from_number(data_type, f64::from(u8::from(*value))),
        (_, Json::Number(value)) => from_number(data_type, value.as_f64()?),
        (_, Json::String(text)) => {
            let number = match text.strip_prefix("0x") {
                Some(digits) => f64::from(u32::from_str_radix(digits, 16).ok()?),
                None => text.parse().ok()?,
            };
            from_number(data_type, number)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back() {
        for (data_type, value) in [
            (DataType::UINT8, 255.0),
            (DataType::INT16, -1234.0),
            (DataType::UINT24, 70_000.0),
            (DataType::INT24, -70_000.0),
            (DataType::UINT48, 123_456_789_012.0),
            (DataType::SINGLE, 12.5),
            (DataType::BOOL, 1.0),
            (DataType::ENUM16, 257.0),
        ] {
            let bytes = from_number(data_type, value).unwrap();
            assert_eq!(
                length(data_type, &bytes),
                Some(bytes.len()),
                "{data_type:?}"
            );
            assert_eq!(number(data_type, &bytes), Some(value), "{data_type:?}");
        }
    }

    #[test]
    fn numbers_saturate() {
        assert_eq!(from_number(DataType::UINT8, 300.0), Some(vec![0xff]));
        assert_eq!(from_number(DataType::INT8, -300.0), Some(vec![0x80]));
        assert_eq!(from_number(DataType::UINT8, -3.0), Some(vec![0]));
    }

    #[test]
    fn lengths_of_strings_and_structures() {
        assert_eq!(length(DataType::CHAR_STRING, b"\x02ab"), Some(3));
        assert_eq!(length(DataType::CHAR_STRING, b"\x03ab"), None);
        assert_eq!(length(DataType::CHAR_STRING, b"\xff"), Some(1));
        assert_eq!(length(DataType::STRUCTURE, &[1, 0, 0x21, 5, 6]), Some(5));
        assert_eq!(length(DataType(0x77), &[0; 9]), None);
    }
}
