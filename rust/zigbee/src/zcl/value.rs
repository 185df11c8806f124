//! ZCL values. A value goes together with its [`DataType`]; the pair emits the bytes it was parsed from.

use super::DataType;
use crate::IeeeAddress;

/// The meaning of a value's bytes.
///
/// Which variant a data type parses to:
/// data, bitmap, unsigned, enum, UTC time, cluster id, attribute id, `BACnet` OID → `Unsigned`;
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
