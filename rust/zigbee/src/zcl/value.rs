//! ZCL values. A value goes together with its [`DataType`]; the pair emits the bytes it was parsed from.

use std::borrow::Cow;

use super::DataType;
use super::data_type::Layout;
use super::half;
use crate::{IeeeAddress, ParseError, Reader, Writer};

/// How deep collections may be nested (ZCL 2.6.2 allows 15 levels).
const DEPTH_LIMIT: usize = 15;

/// The meaning of a value's bytes.
///
/// Which variant a data type parses to:
/// data, bitmap, unsigned, enum, UTC time, cluster id, attribute id, BACnet OID → `Unsigned`;
/// bool 0 and 1 → `Bool`, other bool bytes → `Unsigned`; strings of invalid length (0xff, 0xffff) → `Invalid`.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// No bytes.
    NoData,
    /// A boolean.
    Bool(bool),
    /// Data, bitmaps, unsigned integers, enumerations, UTC time and identifiers, 1 to 8 bytes.
    Unsigned(u64),
    /// Signed integers, 1 to 8 bytes.
    Signed(i64),
    /// A half-precision float, kept as its bits.
    Semi(u16),
    /// A single-precision float.
    Single(f32),
    /// A double-precision float.
    Double(f64),
    /// An octet string (short or long).
    Octets(Vec<u8>),
    /// A character string (short or long), as its bytes: devices send other encodings than UTF-8.
    Text(Vec<u8>),
    /// The invalid string length.
    Invalid,
    /// An array, set or bag.
    List {
        /// The type of each element.
        element: DataType,
        /// The elements; `None` is the invalid count 0xffff.
        values: Option<Vec<Value>>,
    },
    /// A structure; `None` is the invalid count 0xffff.
    Structure(Option<Vec<(DataType, Value)>>),
    /// Time of day.
    TimeOfDay(TimeOfDay),
    /// A date.
    Date(Date),
    /// An extended address.
    Ieee(IeeeAddress),
    /// A 128-bit key.
    Key([u8; 16]),
    /// Bytes of a type without known length (opaque, unknown): all that was left of the frame.
    Raw(Vec<u8>),
}

/// Time of day (ZCL 2.6.2.18); 0xff in a field means "not used".
#[allow(missing_docs, reason = "the fields are the specification's own")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeOfDay {
    pub hours: u8,
    pub minutes: u8,
    pub seconds: u8,
    pub hundredths: u8,
}

/// A date (ZCL 2.6.2.19): `year` counts from 1900; 0xff in a field means "not used".
#[allow(missing_docs, reason = "the fields are the specification's own")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date {
    pub year: u8,
    pub month: u8,
    pub day_of_month: u8,
    pub day_of_week: u8,
}

/// A numeric value in the form that JSON prints it: floats of every precision as the double they
/// convert to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// Not negative.
    Unsigned(u64),
    /// Of a signed type.
    Signed(i64),
    /// Of a float type; may be NaN or infinite, which JSON has no number for.
    Float(f64),
}

impl Value {
    /// Reads one value. A value of a type without known length is an error: only the caller knows
    /// where it ends.
    pub fn parse(data_type: DataType, reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        Self::parse_nested(data_type, reader, 0)
    }

    fn parse_nested(
        data_type: DataType,
        reader: &mut Reader<'_>,
        depth: usize,
    ) -> Result<Self, ParseError> {
        Ok(match data_type.layout() {
            Layout::Nothing => Self::NoData,
            Layout::Bool => match reader.u8()? {
                0 => Self::Bool(false),
                1 => Self::Bool(true),
                other => Self::Unsigned(other.into()),
            },
            Layout::Unsigned(width) => Self::Unsigned(reader.uint(width)?),
            Layout::Signed(width) => Self::Signed(sign_extend(reader.uint(width)?, width)),
            Layout::Float(2) => Self::Semi(reader.u16()?),
            Layout::Float(4) => Self::Single(f32::from_le_bytes(reader.array()?)),
            Layout::Float(_) => Self::Double(f64::from_le_bytes(reader.array()?)),
            Layout::Octets(width) => match string_length(reader, width)? {
                Some(length) => Self::Octets(reader.take(length)?.to_vec()),
                None => Self::Invalid,
            },
            Layout::Text(width) => match string_length(reader, width)? {
                Some(length) => Self::Text(reader.take(length)?.to_vec()),
                None => Self::Invalid,
            },
            Layout::List => Self::parse_list(reader, deeper(reader, depth)?)?,
            Layout::Structure => Self::parse_structure(reader, deeper(reader, depth)?)?,
            Layout::TimeOfDay => {
                let [hours, minutes, seconds, hundredths] = reader.array()?;
                Self::TimeOfDay(TimeOfDay {
                    hours,
                    minutes,
                    seconds,
                    hundredths,
                })
            }
            Layout::Date => {
                let [year, month, day_of_month, day_of_week] = reader.array()?;
                Self::Date(Date {
                    year,
                    month,
                    day_of_month,
                    day_of_week,
                })
            }
            Layout::Ieee => Self::Ieee(reader.ieee()?),
            Layout::Key => Self::Key(reader.array()?),
            Layout::Unknown => {
                return Err(ParseError::UnknownDataType {
                    offset: reader.offset(),
                    data_type: data_type.0,
                });
            }
        })
    }

    fn parse_list(reader: &mut Reader<'_>, depth: usize) -> Result<Self, ParseError> {
        let offset = reader.offset();
        let element = DataType(reader.u8()?);
        let count = reader.u16()?;
        if count == u16::MAX {
            return Ok(Self::List {
                element,
                values: None,
            });
        }
        if count > 0 && element.width() == Some(0) {
            // A count that no bytes stand for would let three bytes claim any amount of memory.
            return Err(ParseError::Invalid {
                offset,
                field: "element type",
            });
        }
        // Every element has at least one byte, so that a false count can't reserve memory.
        let mut values = Vec::with_capacity(usize::from(count).min(reader.rest().len()));
        for _ in 0..count {
            values.push(Self::parse_nested(element, reader, depth)?);
        }
        Ok(Self::List {
            element,
            values: Some(values),
        })
    }

    fn parse_structure(reader: &mut Reader<'_>, depth: usize) -> Result<Self, ParseError> {
        let count = reader.u16()?;
        if count == u16::MAX {
            return Ok(Self::Structure(None));
        }
        let mut fields = Vec::with_capacity(usize::from(count).min(reader.rest().len()));
        for _ in 0..count {
            let data_type = DataType(reader.u8()?);
            fields.push((data_type, Self::parse_nested(data_type, reader, depth)?));
        }
        Ok(Self::Structure(Some(fields)))
    }

    /// Appends the value's bytes as the given type has them. What doesn't fit the type (see
    /// [`Value::fits`]) is emitted in the type's own layout as nearly as it goes: integers lose their
    /// high bytes, strings what is longer than their length field can say, other mismatches are zero.
    pub fn emit(&self, data_type: DataType, writer: &mut Writer) {
        if let Self::Raw(bytes) = self {
            writer.bytes(bytes);
            return;
        }
        match data_type.layout() {
            Layout::Nothing => {}
            Layout::Bool => {
                writer.uint(self.bits(), 1);
            }
            Layout::Unsigned(width) | Layout::Signed(width) => {
                writer.uint(self.bits(), width);
            }
            Layout::Float(width) => self.emit_float(width, writer),
            Layout::Octets(width) | Layout::Text(width) => self.emit_string(width, writer),
            Layout::List => self.emit_list(writer),
            Layout::Structure => self.emit_structure(writer),
            Layout::TimeOfDay => {
                let time = match self {
                    Self::TimeOfDay(time) => {
                        [time.hours, time.minutes, time.seconds, time.hundredths]
                    }
                    _ => [0; 4],
                };
                writer.bytes(&time);
            }
            Layout::Date => {
                let date = match self {
                    Self::Date(date) => {
                        [date.year, date.month, date.day_of_month, date.day_of_week]
                    }
                    _ => [0; 4],
                };
                writer.bytes(&date);
            }
            Layout::Ieee => {
                writer.u64(self.bits());
            }
            Layout::Key => {
                writer.bytes(match self {
                    Self::Key(key) => key,
                    _ => &[0; 16],
                });
            }
            Layout::Unknown => {
                writer.bytes(self.as_bytes().unwrap_or_default());
            }
        }
    }

    fn emit_float(&self, width: usize, writer: &mut Writer) {
        match (self, width) {
            (Self::Semi(bits), 2) => {
                writer.u16(*bits);
            }
            (Self::Single(value), 4) => {
                writer.bytes(&value.to_le_bytes());
            }
            (other, 2) => {
                writer.u16(half::from_f64(other.as_f64().unwrap_or_default()));
            }
            (other, 4) => {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "rounding to the nearest single is what the type asks for"
                )]
                let value = other.as_f64().unwrap_or_default() as f32;
                writer.bytes(&value.to_le_bytes());
            }
            (other, _) => {
                writer.bytes(&other.as_f64().unwrap_or_default().to_le_bytes());
            }
        }
    }

    fn emit_string(&self, width: usize, writer: &mut Writer) {
        let invalid = if width == 1 { 0xff } else { 0xffff };
        match self.as_bytes() {
            Some(bytes) => {
                let bytes = bytes.get(..invalid - 1).unwrap_or(bytes);
                writer.uint(bytes.len() as u64, width).bytes(bytes);
            }
            None => {
                writer.uint(invalid as u64, width);
            }
        }
    }

    fn emit_list(&self, writer: &mut Writer) {
        let (element, values) = match self {
            Self::List { element, values } => (*element, values.as_deref()),
            _ => (DataType::NO_DATA, None),
        };
        writer.u8(element.0);
        let Some(values) = values else {
            writer.u16(u16::MAX);
            return;
        };
        let values = values.get(..COUNT_LIMIT).unwrap_or(values);
        writer.uint(values.len() as u64, 2);
        for value in values {
            value.emit(element, writer);
        }
    }

    fn emit_structure(&self, writer: &mut Writer) {
        let Self::Structure(Some(fields)) = self else {
            writer.u16(u16::MAX);
            return;
        };
        let fields = fields.get(..COUNT_LIMIT).unwrap_or(fields);
        writer.uint(fields.len() as u64, 2);
        for (data_type, value) in fields {
            writer.u8(data_type.0);
            value.emit(*data_type, writer);
        }
    }

    /// True when the value is one that parsing the type can give.
    pub fn fits(&self, data_type: DataType) -> bool {
        match (data_type.layout(), self) {
            (Layout::Nothing, Self::NoData)
            | (Layout::Bool, Self::Bool(_))
            | (Layout::Float(2), Self::Semi(_))
            | (Layout::Float(4), Self::Single(_))
            | (Layout::Float(8), Self::Double(_))
            | (Layout::Octets(_) | Layout::Text(_), Self::Invalid)
            | (Layout::List, Self::List { values: None, .. })
            | (Layout::Structure, Self::Structure(None))
            | (Layout::TimeOfDay, Self::TimeOfDay(_))
            | (Layout::Date, Self::Date(_))
            | (Layout::Ieee, Self::Ieee(_))
            | (Layout::Key, Self::Key(_))
            | (Layout::Unknown, Self::Raw(_)) => true,
            (Layout::Bool, Self::Unsigned(value)) => (2..=0xff).contains(value),
            (Layout::Unsigned(width), Self::Unsigned(value)) => {
                width >= 8 || value >> (8 * width) == 0
            }
            (Layout::Signed(width), Self::Signed(value)) => {
                sign_extend(value.cast_unsigned(), width) == *value
            }
            (Layout::Octets(width), Self::Octets(bytes))
            | (Layout::Text(width), Self::Text(bytes)) => {
                bytes.len() < if width == 1 { 0xff } else { 0xffff }
            }
            (
                Layout::List,
                Self::List {
                    element,
                    values: Some(values),
                },
            ) => {
                values.len() <= COUNT_LIMIT
                    && (values.is_empty() || element.width() != Some(0))
                    && values.iter().all(|value| value.fits(*element))
            }
            (Layout::Structure, Self::Structure(Some(fields))) => {
                fields.len() <= COUNT_LIMIT
                    && fields
                        .iter()
                        .all(|(data_type, value)| value.fits(*data_type))
            }
            _ => false,
        }
    }

    /// The value as an integer's bit pattern, sign extended; zero for what has none.
    fn bits(&self) -> u64 {
        match self {
            Self::Bool(value) => u64::from(*value),
            Self::Unsigned(value) => *value,
            Self::Signed(value) => value.cast_unsigned(),
            Self::Ieee(address) => address.0,
            _ => 0,
        }
    }

    /// The value as a number; booleans are 0 and 1. `None` for what is not numeric.
    pub fn as_number(&self) -> Option<Number> {
        Some(match self {
            Self::Bool(value) => Number::Unsigned(u64::from(*value)),
            Self::Unsigned(value) => Number::Unsigned(*value),
            Self::Signed(value) => Number::Signed(*value),
            Self::Semi(bits) => Number::Float(half::to_f64(*bits)),
            Self::Single(value) => Number::Float(f64::from(*value)),
            Self::Double(value) => Number::Float(*value),
            _ => return None,
        })
    }

    /// A boolean or an integer that is not negative.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Bool(value) => Some(u64::from(*value)),
            Self::Unsigned(value) => Some(*value),
            Self::Signed(value) => u64::try_from(*value).ok(),
            _ => None,
        }
    }

    /// A boolean or an integer within the range of `i64`.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Bool(value) => Some(i64::from(*value)),
            Self::Unsigned(value) => i64::try_from(*value).ok(),
            Self::Signed(value) => Some(*value),
            _ => None,
        }
    }

    /// Any numeric value. Singles are exactly the double they convert to (no shortest decimal);
    /// integers beyond 2^53 are rounded.
    pub fn as_f64(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "documented above")]
        self.as_number().map(|number| match number {
            Number::Unsigned(value) => value as f64,
            Number::Signed(value) => value as f64,
            Number::Float(value) => value,
        })
    }

    /// A boolean; of integers only 0 and 1.
    pub fn as_bool(&self) -> Option<bool> {
        match self.as_u64()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    /// The bytes of a string, a key or raw bytes.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Octets(bytes) | Self::Text(bytes) | Self::Raw(bytes) => Some(bytes),
            Self::Key(key) => Some(key),
            _ => None,
        }
    }

    /// A string's text; bytes that are not UTF-8 become U+FFFD.
    pub fn as_str_lossy(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Octets(bytes) | Self::Text(bytes) => Some(String::from_utf8_lossy(bytes)),
            _ => None,
        }
    }
}

/// The greatest count of a collection; 0xffff means invalid.
const COUNT_LIMIT: usize = 0xfffe;

fn sign_extend(value: u64, width: usize) -> i64 {
    let shift = 64 - 8 * width.clamp(1, 8);
    (value << shift).cast_signed() >> shift
}

fn string_length(reader: &mut Reader<'_>, width: usize) -> Result<Option<usize>, ParseError> {
    Ok(if width == 1 {
        let length = reader.u8()?;
        (length != u8::MAX).then_some(usize::from(length))
    } else {
        let length = reader.u16()?;
        (length != u16::MAX).then_some(usize::from(length))
    })
}

fn deeper(reader: &Reader<'_>, depth: usize) -> Result<usize, ParseError> {
    if depth >= DEPTH_LIMIT {
        return Err(ParseError::TooDeep {
            offset: reader.offset(),
            limit: DEPTH_LIMIT,
        });
    }
    Ok(depth + 1)
}
