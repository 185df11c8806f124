//! The structure in which Lumi devices (Xiaomi, Aqara) report many values at once.
//!
//! Attribute 0xff01 of genBasic (a character string) and 0x00f7 of manuSpecificLumi (an octet
//! string) hold a sequence of tag, ZCL type, value. The length of the string that carries it is
//! often wrong: of 36 captured 0xff01 reports 13 announce one byte too many, one three too many, and
//! three have a stray byte behind it. The values' own types say where the structure ends.
//!
//! Attribute 0xff02 is an ordinary ZCL structure ([`Value::Structure`]) whose fields have no tags.

use crate::zcl::{Attribute, DataType, Value};
use crate::{AttributeId, ParseError, Reader, Writer};

/// A field of the structure.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// What it is; the meaning depends on the model.
    pub tag: u8,
    /// The type of the value.
    pub data_type: DataType,
    /// The value.
    pub value: Value,
}

/// Where a structure breaks off or what is left of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Problem {
    /// A type without known length, or without any: nothing behind it can be read.
    #[error("tag 0x{tag:02x} at offset {offset} has the unknown type 0x{:02x}", .data_type.0)]
    UnknownType {
        /// Where the field starts.
        offset: usize,
        /// The field's tag.
        tag: u8,
        /// Its type.
        data_type: DataType,
    },
    /// A value is cut off.
    #[error("tag 0x{tag:02x} at offset {offset} is cut off")]
    Truncated {
        /// Where the field starts.
        offset: usize,
        /// The field's tag.
        tag: u8,
    },
    /// A value breaks the form of its type (a count without elements, too many levels).
    #[error("tag 0x{tag:02x} at offset {offset} is malformed")]
    Malformed {
        /// Where the field starts.
        offset: usize,
        /// The field's tag.
        tag: u8,
    },
    /// Bytes behind the last field that can't be one.
    #[error("{count} stray bytes at offset {offset}")]
    Stray {
        /// Where they start.
        offset: usize,
        /// How many.
        count: usize,
    },
}

/// A parsed structure. What is unreadable ends it: fields before that are good, nothing is guessed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LumiStruct {
    /// The fields in order.
    pub fields: Vec<Field>,
    /// What was wrong with the bytes.
    pub problems: Vec<Problem>,
}

impl LumiStruct {
    /// Reads a structure.
    pub fn parse(bytes: &[u8]) -> Self {
        // Most fields are of one or two bytes behind tag and type.
        let mut fields = Vec::with_capacity(bytes.len() / 3);
        let problem = walk(bytes, |field| fields.push(field));
        Self {
            fields,
            problems: problem.into_iter().collect(),
        }
    }

    /// The structure in an attribute of a report, with the bytes that stand behind the report's last
    /// record ([`crate::zcl::Parsed::trailing`]): the structure goes on there if the string
    /// announces too few bytes. `None`: the value is no string.
    pub fn of(attribute: &Attribute, trailing: &[u8]) -> Option<Self> {
        let (Value::Text(bytes) | Value::Octets(bytes)) = &attribute.value else {
            return None;
        };
        if trailing.is_empty() || end(bytes, trailing).cut.is_none() {
            return Some(Self::parse(bytes));
        }
        let mut whole = bytes.clone();
        whole.extend_from_slice(trailing);
        Some(Self::parse(&whole))
    }

    /// The value of a tag; the last one if there are several.
    pub fn get(&self, tag: u8) -> Option<&Value> {
        self.fields
            .iter()
            .rev()
            .find(|field| field.tag == tag)
            .map(|field| &field.value)
    }

    /// The structure's bytes.
    pub fn emit(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        for field in &self.fields {
            writer.u8(field.tag).u8(field.data_type.0);
            field.value.emit(field.data_type, &mut writer);
        }
        writer.into_bytes()
    }
}

/// Reads fields up to the end, or to what makes it impossible to go on.
fn walk(bytes: &[u8], mut found: impl FnMut(Field)) -> Option<Problem> {
    let mut reader = Reader::new(bytes);
    loop {
        let offset = reader.offset();
        match parse_field(&mut reader) {
            Some(Ok(field)) => found(field),
            Some(Err(problem)) => return Some(problem),
            None => {
                let count = reader.rest().len();
                return (count > 0).then_some(Problem::Stray { offset, count });
            }
        }
    }
}

/// Reads one field. `None`: fewer bytes are left than a tag and a type need.
fn parse_field(reader: &mut Reader<'_>) -> Option<Result<Field, Problem>> {
    let offset = reader.offset();
    let &[tag, data_type, ..] = reader.rest() else {
        return None;
    };
    let data_type = DataType(data_type);
    // Two bytes are there, as the pattern above says.
    reader.take(2).ok()?;
    if data_type.width() == Some(0) {
        // No device says nothing: this is padding, or not a structure.
        return Some(Err(Problem::UnknownType {
            offset,
            tag,
            data_type,
        }));
    }
    Some(match Value::parse(data_type, reader) {
        Ok(value) => Ok(Field {
            tag,
            data_type,
            value,
        }),
        Err(ParseError::UnknownDataType { .. }) => Err(Problem::UnknownType {
            offset,
            tag,
            data_type,
        }),
        Err(ParseError::Truncated { .. }) => Err(Problem::Truncated { offset, tag }),
        Err(ParseError::TooDeep { .. } | ParseError::Invalid { .. }) => {
            Err(Problem::Malformed { offset, tag })
        }
    })
}

/// True for the attributes that hold such a structure in a string.
pub(crate) fn is_structure(id: AttributeId) -> bool {
    matches!(id.0, 0xff01 | 0x00f7)
}

/// How a string and the structure that it should hold end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    /// Where the string's last whole field ends.
    pub(crate) fields: usize,
    /// Set if the structure goes on behind the string.
    pub(crate) cut: Option<Cut>,
}

/// Where a string ends too early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Within a field.
    InField,
    /// Between two fields.
    BetweenFields,
}

/// Compares a string with what is behind it. Its structure goes on there if the bytes complete a field
/// that the string cuts off, or are fields of their own, and end with a field or one stray byte.
///
/// Attribute records are seldom taken for fields: the place of a field's type is the high byte of an
/// attribute's id, mostly 0x00 or 0xf0 to 0xff.
pub(crate) fn end(bytes: &[u8], behind: &[u8]) -> End {
    let (fields, cut) = match walk(bytes, drop) {
        None => (bytes.len(), Some(Cut::BetweenFields)),
        Some(Problem::Truncated { offset, .. } | Problem::Stray { offset, .. }) => {
            (offset, Some(Cut::InField))
        }
        Some(Problem::UnknownType { offset, .. } | Problem::Malformed { offset, .. }) => {
            (offset, None)
        }
    };
    // Behind a whole structure one byte is a stray one: a field has three.
    let least = if cut == Some(Cut::InField) { 1 } else { 3 };
    if cut.is_none() || behind.len() < least {
        return End { fields, cut: None };
    }
    let mut rest = bytes.get(fields..).unwrap_or_default().to_vec();
    rest.extend_from_slice(behind);
    let mut any = false;
    let problem = walk(&rest, |_| any = true);
    let goes_on = any && matches!(problem, None | Some(Problem::Stray { count: 1, .. }));
    End {
        fields,
        cut: cut.filter(|_| goes_on),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn structure(text: &[u8]) -> (Vec<(u8, Value)>, Vec<Problem>) {
        let parsed = LumiStruct::parse(text);
        let fields = parsed
            .fields
            .into_iter()
            .map(|field| (field.tag, field.value))
            .collect();
        (fields, parsed.problems)
    }

    #[test]
    fn fields_are_read_until_the_end() {
        let (fields, problems) = structure(&[0x03, 0x28, 0x1d, 0x05, 0x21, 0xbe, 0x2d]);
        assert_eq!(
            fields,
            [(0x03, Value::Signed(29)), (0x05, Value::Unsigned(11710))]
        );
        assert_eq!(problems, []);
    }

    #[test]
    fn an_unknown_type_ends_the_structure() {
        let (fields, problems) = structure(&[0x03, 0x28, 0x1d, 0x07, 0x77, 0x01, 0x05, 0x20, 0x01]);
        assert_eq!(fields.len(), 1);
        assert_eq!(
            problems,
            [Problem::UnknownType {
                offset: 3,
                tag: 0x07,
                data_type: DataType(0x77)
            }]
        );
    }

    #[test]
    fn a_stray_byte_is_no_field() {
        let (fields, problems) = structure(&[0x0c, 0x28, 0x00, 0x00]);
        assert_eq!(fields, [(0x0c, Value::Signed(0))]);
        assert_eq!(
            problems,
            [Problem::Stray {
                offset: 3,
                count: 1
            }]
        );
    }

    #[test]
    fn a_structure_that_goes_on_behind_its_string_is_read_whole() {
        let attribute = Attribute {
            id: AttributeId(0xff01),
            data_type: DataType::CHAR_STRING,
            value: Value::Text(vec![0x03, 0x28, 0x1d, 0x05, 0x21]),
        };
        let parsed = LumiStruct::of(&attribute, &[0xbe, 0x2d]).unwrap();
        assert_eq!(parsed.get(0x05), Some(&Value::Unsigned(11710)));
        assert_eq!(parsed.problems, []);
    }

    #[test]
    fn whole_fields_behind_a_string_belong_to_its_structure() {
        let attribute = Attribute {
            id: AttributeId(0xff01),
            data_type: DataType::CHAR_STRING,
            value: Value::Text(vec![0x03, 0x28, 0x1d]),
        };
        let parsed = LumiStruct::of(&attribute, &[0x0c, 0x28, 0x05]).unwrap();
        assert_eq!(parsed.get(0x0c), Some(&Value::Signed(5)));
        assert_eq!(parsed.problems, []);
    }

    #[test]
    fn a_stray_byte_behind_a_whole_structure_is_left_alone() {
        let attribute = Attribute {
            id: AttributeId(0xff01),
            data_type: DataType::CHAR_STRING,
            value: Value::Text(vec![0x03, 0x28, 0x1d]),
        };
        let parsed = LumiStruct::of(&attribute, &[0x00]).unwrap();
        assert_eq!(parsed.fields.len(), 1);
        assert_eq!(parsed.problems, []);
    }
}
