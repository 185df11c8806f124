//! The structure of tagged values in which LUMI devices report themselves: attribute 0xff01 of
//! genBasic on older models, 0x00f7 of 0xfcc0 on newer ones.
//!
//! Each entry is a tag, a ZCL data type and a value. Sources: the real reports in tests/captures
//! and the published attribute tables of deCONZ and zigpy for these clusters.

use zigbee::Reader;
use zigbee::zcl::{DataType, Value};

/// The entries of a structure, ascending by tag; of a tag that comes twice the last value counts.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Structure {
    entries: Vec<(u8, Value)>,
}

/// Why a structure could not be read to its end. What stands before is in the structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StructureError {
    /// The last entry is cut off.
    Truncated,
    /// An entry has a type whose length is not known; it and what follows cannot be read.
    UnknownType(u8),
}

impl Structure {
    /// Reads a structure as far as it can be read.
    pub(crate) fn parse(bytes: &[u8]) -> (Self, Option<StructureError>) {
        let mut structure = Self::default();
        let mut reader = Reader::new(bytes);
        while !reader.is_empty() {
            match entry(&mut reader) {
                Ok((tag, value)) => structure.put(tag, value),
                Err(why) => return (structure, Some(why)),
            }
        }
        (structure, None)
    }

    /// As [`Structure::parse`], for strings of wrong length: a single byte behind the last whole
    /// entry, as some firmware adds, is no entry and no error.
    pub(crate) fn parse_loose(bytes: &[u8]) -> (Self, Option<StructureError>) {
        let mut structure = Self::default();
        let mut reader = Reader::new(bytes);
        while reader.rest().len() > 1 {
            match entry(&mut reader) {
                Ok((tag, value)) => structure.put(tag, value),
                Err(why) => return (structure, Some(why)),
            }
        }
        (structure, None)
    }

    /// A structure of numbered members, as in attribute 0xff02.
    pub(crate) fn members(values: &[(DataType, Value)]) -> Self {
        Self {
            entries: (0..=u8::MAX)
                .zip(values)
                .map(|(index, (_, value))| (index, value.clone()))
                .collect(),
        }
    }

    /// The value of a tag.
    pub(crate) fn get(&self, tag: u8) -> Option<&Value> {
        let at = self
            .entries
            .binary_search_by_key(&tag, |(tag, _)| *tag)
            .ok()?;
        self.entries.get(at).map(|(_, value)| value)
    }

    fn put(&mut self, tag: u8, value: Value) {
        match self.entries.binary_search_by_key(&tag, |(tag, _)| *tag) {
            Ok(at) => {
                if let Some((_, old)) = self.entries.get_mut(at) {
                    *old = value;
                }
            }
            Err(at) => self.entries.insert(at, (tag, value)),
        }
    }
}

fn entry(reader: &mut Reader<'_>) -> Result<(u8, Value), StructureError> {
    let tag = reader.u8().map_err(|_| StructureError::Truncated)?;
    let data_type = reader.u8().map_err(|_| StructureError::Truncated)?;
    let value = match data_type {
        0x10 => uint(reader, 0).map(|value| match value {
            0 => Value::Bool(false),
            1 => Value::Bool(true),
            other => Value::Unsigned(other),
        }),
        // Data, bitmaps and unsigned integers of 1 to 8 bytes.
        0x08..=0x0f | 0x18..=0x1f | 0x20..=0x27 => {
            uint(reader, data_type & 0x07).map(Value::Unsigned)
        }
        0x28..=0x2f => {
            let width = (data_type & 0x07) + 1;
            bytes(reader, usize::from(width)).map(|bytes| {
                let negative = bytes.last().is_some_and(|high| high & 0x80 != 0);
                let mut wide = if negative { [0xff; 8] } else { [0; 8] };
                for (to, from) in wide.iter_mut().zip(bytes) {
                    *to = *from;
                }
                Value::Signed(i64::from_le_bytes(wide))
            })
        }
        0x30 => uint(reader, 0).map(Value::Unsigned),
        0x31 => uint(reader, 1).map(Value::Unsigned),
        0x38 => reader
            .u16()
            .map(Value::Semi)
            .map_err(|_| StructureError::Truncated),
        0x39 => reader
            .array()
            .map(|bytes| Value::Single(f32::from_le_bytes(bytes)))
            .map_err(|_| StructureError::Truncated),
        0x3a => reader
            .array()
            .map(|bytes| Value::Double(f64::from_le_bytes(bytes)))
            .map_err(|_| StructureError::Truncated),
        0x41 | 0x42 => {
            let length = reader.u8().map_err(|_| StructureError::Truncated)?;
            bytes(reader, usize::from(length)).map(|bytes| Value::Octets(bytes.to_vec()))
        }
        // Not a ZCL type; four bytes of unknown meaning.
        0x5f => bytes(reader, 4).map(|bytes| Value::Raw(bytes.to_vec())),
        other => Err(StructureError::UnknownType(other)),
    }?;
    Ok((tag, value))
}

fn bytes<'a>(reader: &mut Reader<'a>, count: usize) -> Result<&'a [u8], StructureError> {
    reader.take(count).map_err(|_| StructureError::Truncated)
}

/// Reads `width_code + 1` bytes: the low three bits of a ZCL integer type count from one byte.
fn uint(reader: &mut Reader<'_>, width_code: u8) -> Result<u64, StructureError> {
    reader
        .uint(usize::from(width_code) + 1)
        .map_err(|_| StructureError::Truncated)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(hex: &str) -> (Structure, Option<StructureError>) {
        Structure::parse(&crate::number::bytes(hex).unwrap())
    }

    #[test]
    fn every_width_is_read() {
        let (structure, error) = parse(
            "07270500000000000000062405000000000b25010000000000102201000026260000000000000003281f",
        );
        assert_eq!(error, None);
        assert_eq!(structure.get(7), Some(&Value::Unsigned(5)));
        assert_eq!(structure.get(6), Some(&Value::Unsigned(5)));
        assert_eq!(structure.get(0x0b), Some(&Value::Unsigned(1)));
        assert_eq!(structure.get(3), Some(&Value::Signed(31)));
        let (structure, _) = parse("0328ec953a0000000000002940");
        assert_eq!(structure.get(3), Some(&Value::Signed(-20)));
        assert_eq!(structure.get(0x95), Some(&Value::Double(12.5)));
    }

    /// Structures of tests/captures with what another tool made of them.
    #[test]
    fn captured_structures_are_read_as_other_tools_read_them() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/captures/captures.jsonl"
        );
        let mut checked = 0;
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let capture: serde_json::Value = serde_json::from_str(line).unwrap();
            let records = |text: &str| text.to_lowercase().find("01ff42").or(text.find("f70041"));
            let hex = if let Some(text) = capture["struct_hex"].as_str() {
                text.to_lowercase()
            } else if let Some(text) = ["zcl_hex", "attr_records_hex"]
                .iter()
                .find_map(|key| capture[*key].as_str())
                && let Some(at) = records(text)
            {
                text.to_lowercase().split_off(at + 8)
            } else {
                continue;
            };
            let decoded = ["own_decode", "decoded"]
                .iter()
                .find_map(|key| capture[*key].as_object());
            let Some(decoded) = decoded else { continue };
            let tags = decoded
                .get("65281")
                .or(decoded.get("247"))
                .and_then(serde_json::Value::as_object)
                .unwrap_or(decoded);
            let (structure, _) = Structure::parse_loose(&crate::number::bytes(&hex).unwrap());
            for (tag, expected) in tags {
                let (Ok(tag), Some(expected)) = (tag.parse::<u8>(), expected.as_f64()) else {
                    continue;
                };
                let got = structure.get(tag).and_then(crate::number::of);
                assert_eq!(got, Some(expected), "{} tag {tag}", capture["id"]);
            }
            checked += 1;
        }
        println!("{checked} captured structures");
        assert!(checked >= 30, "{checked} captured structures");
    }

    #[test]
    fn of_a_tag_that_comes_twice_the_last_value_counts() {
        let (structure, _) = parse("03281403281e");
        assert_eq!(structure.get(3), Some(&Value::Signed(30)));
    }

    #[test]
    fn what_stands_before_an_error_is_kept() {
        let (structure, error) = parse("0328219839000048");
        assert_eq!(error, Some(StructureError::Truncated));
        assert_eq!(structure.get(3), Some(&Value::Signed(33)));
        let (structure, error) = parse("0328219b770105210800");
        assert_eq!(error, Some(StructureError::UnknownType(0x77)));
        assert_eq!(structure.get(5), None);
    }
}
