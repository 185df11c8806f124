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
