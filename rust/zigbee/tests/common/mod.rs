//! What the tests share.
#![expect(
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that is wrong may panic"
)]

/// The bytes of hexadecimal digits; white space is ignored.
///
/// # Panics
/// If there is anything else in the text.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|character| !character.is_whitespace())
        .map(|character| match character.to_digit(16).map(u8::try_from) {
            Some(Ok(digit)) => digit,
            _ => panic!("{character:?} is no hexadecimal digit"),
        })
        .collect();
    assert!(digits.len().is_multiple_of(2), "half a byte in {text:?}");
    digits
        .chunks_exact(2)
        .map(|pair| (pair[0] << 4) | pair[1])
        .collect()
}
