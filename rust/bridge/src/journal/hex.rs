//! Bytes and addresses as text.

use std::borrow::Cow;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes that are written as two hexadecimal digits each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hex<'a>(pub(crate) Cow<'a, [u8]>);

impl<'a> Hex<'a> {
    pub(crate) fn borrowed(bytes: &'a [u8]) -> Self {
        Self(Cow::Borrowed(bytes))
    }

    pub(crate) fn owned(bytes: Vec<u8>) -> Self {
        Self(Cow::Owned(bytes))
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0.into_owned()
    }
}

/// The digits of a byte.
fn digits(byte: u8) -> [u8; 2] {
    let digit = |value: u8| if value < 10 { b'0' } else { b'a' - 10 } + value;
    [digit(byte >> 4), digit(byte & 0xf)]
}

/// Writes bytes.
pub(crate) fn text(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| digits(*byte));
    digits.map(char::from).collect()
}

/// Appends bytes as text.
pub(crate) fn append(to: &mut Vec<u8>, bytes: &[u8]) {
    let begin = to.len();
    to.resize(begin + 2 * bytes.len(), b'0');
    let (pairs, _) = to.get_mut(begin..).unwrap_or_default().as_chunks_mut::<2>();
    for (pair, byte) in pairs.iter_mut().zip(bytes) {
        *pair = digits(*byte);
    }
}

/// Reads bytes; `None` if the text is something else.
pub(crate) fn bytes(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16)?).ok();
    if !text.len().is_multiple_of(2) {
        return None;
    }
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| match *pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        })
        .collect()
}

impl Serialize for Hex<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&text(&self.0))
    }
}

impl<'de> Deserialize<'de> for Hex<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'_, str>::deserialize(deserializer)?;
        let bytes = bytes(&text).ok_or_else(|| D::Error::custom("not pairs of hex digits"))?;
        Ok(Self(Cow::Owned(bytes)))
    }
}

/// `0x` and sixteen digits.
pub(crate) mod address {
    use std::borrow::Cow;

    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};
    use zigbee::IeeeAddress;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
    pub(crate) fn serialize<S: Serializer>(
        address: &IeeeAddress,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(address)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<IeeeAddress, D::Error> {
        let text = Cow::<'_, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}
