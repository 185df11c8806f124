//! A cursor over bytes and a buffer to emit into. Zigbee is little endian everywhere.

use crate::address::{IeeeAddress, NwkAddress};

/// Why bytes could not be parsed. `offset` counts from the start of the slice given to the parser.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The bytes end before the value does.
    #[error("truncated at offset {offset}: {needed} more bytes needed")]
    Truncated {
        /// Where the value starts.
        offset: usize,
        /// How many bytes are missing.
        needed: usize,
    },
    /// A ZCL data type whose length is not known, so that nothing behind it can be read.
    #[error("data type 0x{data_type:02x} at offset {offset} has no known length")]
    UnknownDataType {
        /// Where the type stands.
        offset: usize,
        /// The type's number.
        data_type: u8,
    },
    /// Arrays and structures nested deeper than any device needs.
    #[error("nested deeper than {limit} levels at offset {offset}")]
    TooDeep {
        /// Where the innermost value starts.
        offset: usize,
        /// The greatest depth that is read.
        limit: usize,
    },
    /// A field has a value that its format rules out.
    #[error("invalid {field} at offset {offset}")]
    Invalid {
        /// Where the field stands.
        offset: usize,
        /// The field's name in the specification.
        field: &'static str,
    },
}

/// Reads a byte slice from front to back.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    /// How many bytes have been read.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The bytes not yet read.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.offset..).unwrap_or_default()
    }

    /// True when nothing is left.
    pub fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }

    /// Reads `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], ParseError> {
        let rest = self.rest();
        let taken = rest.get(..count).ok_or(ParseError::Truncated {
            offset: self.offset,
            needed: count.saturating_sub(rest.len()),
        })?;
        self.offset += count;
        Ok(taken)
    }

    /// Reads everything that is left.
    pub fn take_rest(&mut self) -> &'a [u8] {
        let rest = self.rest();
        self.offset = self.bytes.len();
        rest
    }

    /// Reads `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], ParseError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// Reads an unsigned integer of `width` bytes, at most 8.
    pub fn uint(&mut self, width: usize) -> Result<u64, ParseError> {
        let bytes = self.take(width.min(8))?;
        Ok(bytes
            .iter()
            .rev()
            .fold(0, |value, byte| (value << 8) | u64::from(*byte)))
    }

    /// Reads one byte.
    pub fn u8(&mut self) -> Result<u8, ParseError> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Reads a signed byte.
    pub fn i8(&mut self) -> Result<i8, ParseError> {
        self.array().map(i8::from_le_bytes)
    }

    /// Reads two bytes.
    pub fn u16(&mut self) -> Result<u16, ParseError> {
        self.array().map(u16::from_le_bytes)
    }

    /// Reads four bytes.
    pub fn u32(&mut self) -> Result<u32, ParseError> {
        self.array().map(u32::from_le_bytes)
    }

    /// Reads eight bytes.
    pub fn u64(&mut self) -> Result<u64, ParseError> {
        self.array().map(u64::from_le_bytes)
    }

    /// Reads a network address.
    pub fn nwk(&mut self) -> Result<NwkAddress, ParseError> {
        self.u16().map(NwkAddress)
    }

    /// Reads an extended address.
    pub fn ieee(&mut self) -> Result<IeeeAddress, ParseError> {
        self.u64().map(IeeeAddress)
    }
}

/// Collects bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Appends bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Appends the low `width` bytes (at most 8) of an integer.
    pub fn uint(&mut self, value: u64, width: usize) -> &mut Self {
        self.bytes
            .extend(value.to_le_bytes().into_iter().take(width));
        self
    }

    /// Appends one byte.
    pub fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes.push(value);
        self
    }

    /// Appends a signed byte.
    pub fn i8(&mut self, value: i8) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Appends two bytes.
    pub fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Appends four bytes.
    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Appends eight bytes.
    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Appends a network address.
    pub fn nwk(&mut self, address: NwkAddress) -> &mut Self {
        self.u16(address.0)
    }

    /// Appends an extended address.
    pub fn ieee(&mut self, address: IeeeAddress) -> &mut Self {
        self.u64(address.0)
    }
}
