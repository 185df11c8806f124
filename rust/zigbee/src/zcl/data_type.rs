//! ZCL data type identifiers (ZCL specification 2.6.2, table 2-11).

use std::fmt;

/// A data type's number. Unknown numbers are kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataType(pub u8);

macro_rules! data_types {
    ($($name:ident = $number:literal),* $(,)?) => {
        #[allow(missing_docs, reason = "the names are the specification's own")]
        impl DataType {
            $(pub const $name: Self = Self($number);)*
        }

        impl fmt::Debug for DataType {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.0 {
                    $($number => f.write_str(stringify!($name)),)*
                    number => write!(f, "DataType(0x{number:02x})"),
                }
            }
        }
    };
}

data_types! {
    NO_DATA = 0x00,
    DATA8 = 0x08, DATA16 = 0x09, DATA24 = 0x0a, DATA32 = 0x0b,
    DATA40 = 0x0c, DATA48 = 0x0d, DATA56 = 0x0e, DATA64 = 0x0f,
    BOOL = 0x10,
    BITMAP8 = 0x18, BITMAP16 = 0x19, BITMAP24 = 0x1a, BITMAP32 = 0x1b,
    BITMAP40 = 0x1c, BITMAP48 = 0x1d, BITMAP56 = 0x1e, BITMAP64 = 0x1f,
    UINT8 = 0x20, UINT16 = 0x21, UINT24 = 0x22, UINT32 = 0x23,
    UINT40 = 0x24, UINT48 = 0x25, UINT56 = 0x26, UINT64 = 0x27,
    INT8 = 0x28, INT16 = 0x29, INT24 = 0x2a, INT32 = 0x2b,
    INT40 = 0x2c, INT48 = 0x2d, INT56 = 0x2e, INT64 = 0x2f,
    ENUM8 = 0x30, ENUM16 = 0x31,
    SEMI = 0x38, SINGLE = 0x39, DOUBLE = 0x3a,
    OCTET_STRING = 0x41, CHAR_STRING = 0x42,
    LONG_OCTET_STRING = 0x43, LONG_CHAR_STRING = 0x44,
    ARRAY = 0x48, STRUCTURE = 0x4c, SET = 0x50, BAG = 0x51,
    TIME_OF_DAY = 0xe0, DATE = 0xe1, UTC_TIME = 0xe2,
    CLUSTER_ID = 0xe8, ATTRIBUTE_ID = 0xe9, BACNET_OID = 0xea,
    IEEE_ADDRESS = 0xf0, KEY128 = 0xf1, OPAQUE = 0xf2, UNKNOWN = 0xff,
}

/// How a type's bytes are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// No bytes.
    Nothing,
    /// One byte, 0 or 1.
    Bool,
    /// An unsigned integer of this many bytes.
    Unsigned(usize),
    /// A signed integer of this many bytes.
    Signed(usize),
    /// 2, 4 or 8 bytes of IEEE 754.
    Float(usize),
    /// A length of this many bytes, then octets.
    Octets(usize),
    /// A length of this many bytes, then characters.
    Text(usize),
    /// Element type, count, elements.
    List,
    /// Count, then a type before each element.
    Structure,
    /// Four bytes.
    TimeOfDay,
    /// Four bytes.
    Date,
    /// Eight bytes.
    Ieee,
    /// Sixteen bytes.
    Key,
    /// A length that only the sender knows.
    Unknown,
}

impl DataType {
    /// The type's layout (ZCL table 2-11).
    pub(crate) fn layout(self) -> Layout {
        let low = usize::from(self.0 & 0x07) + 1;
        match self.0 {
            0x00 | 0xff => Layout::Nothing,
            0x08..=0x0f | 0x18..=0x27 | 0x30 | 0x31 => Layout::Unsigned(low),
            0x10 => Layout::Bool,
            0x28..=0x2f => Layout::Signed(low),
            0x38 => Layout::Float(2),
            0x39 => Layout::Float(4),
            0x3a => Layout::Float(8),
            0x41 => Layout::Octets(1),
            0x42 => Layout::Text(1),
            0x43 => Layout::Octets(2),
            0x44 => Layout::Text(2),
            0x48 | 0x50 | 0x51 => Layout::List,
            0x4c => Layout::Structure,
            0xe0 => Layout::TimeOfDay,
            0xe1 => Layout::Date,
            0xe2 | 0xea => Layout::Unsigned(4),
            0xe8 | 0xe9 => Layout::Unsigned(2),
            0xf0 => Layout::Ieee,
            0xf1 => Layout::Key,
            _ => Layout::Unknown,
        }
    }

    /// The number of bytes of every value of this type; `None` for strings, collections and types
    /// whose length is not known.
    pub fn width(self) -> Option<usize> {
        match self.layout() {
            Layout::Nothing => Some(0),
            Layout::Bool => Some(1),
            Layout::Unsigned(width) | Layout::Signed(width) | Layout::Float(width) => Some(width),
            Layout::TimeOfDay | Layout::Date => Some(4),
            Layout::Ieee => Some(8),
            Layout::Key => Some(16),
            Layout::Octets(_)
            | Layout::Text(_)
            | Layout::List
            | Layout::Structure
            | Layout::Unknown => None,
        }
    }

    /// True for types that are measured: their reporting configuration has a reportable change
    /// (ZCL table 2-11, column "Analog/Discrete").
    pub fn is_analog(self) -> bool {
        matches!(self.0, 0x20..=0x2f | 0x38..=0x3a | 0xe0..=0xe2)
    }

    /// True for octet and character strings, short and long.
    pub fn is_string(self) -> bool {
        self.length_width().is_some()
    }

    /// How many bytes the length of a string has; `None` for what is no string.
    pub(crate) fn length_width(self) -> Option<usize> {
        match self.layout() {
            Layout::Octets(width) | Layout::Text(width) => Some(width),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_follow_the_specification() {
        for (data_type, width) in [
            (DataType::NO_DATA, Some(0)),
            (DataType::DATA8, Some(1)),
            (DataType::DATA64, Some(8)),
            (DataType::BOOL, Some(1)),
            (DataType::BITMAP24, Some(3)),
            (DataType::UINT8, Some(1)),
            (DataType::UINT56, Some(7)),
            (DataType::INT40, Some(5)),
            (DataType::ENUM16, Some(2)),
            (DataType::SEMI, Some(2)),
            (DataType::SINGLE, Some(4)),
            (DataType::DOUBLE, Some(8)),
            (DataType::CHAR_STRING, None),
            (DataType::STRUCTURE, None),
            (DataType::UTC_TIME, Some(4)),
            (DataType::ATTRIBUTE_ID, Some(2)),
            (DataType::BACNET_OID, Some(4)),
            (DataType::IEEE_ADDRESS, Some(8)),
            (DataType::KEY128, Some(16)),
            (DataType::OPAQUE, None),
            (DataType(0x77), None),
            (DataType::UNKNOWN, Some(0)),
        ] {
            assert_eq!(data_type.width(), width, "{data_type:?}");
        }
    }
}
