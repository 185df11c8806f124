//! Install codes as they are printed on devices (§12.2).
//!
//! A code is a secret: it is in no error text and in no log.

use adapters::Secret;
use zigbee::IeeeAddress;

/// Lengths of a code with its CRC (base device behaviour specification 10.1: 48, 64, 96 and 128 bits).
const LENGTHS: [usize; 4] = [8, 10, 14, 18];
/// The bytes of the CRC.
const CRC: usize = 2;

/// How a code is repaired whose CRC does not fit.
const WRONG: &str = "its CRC was wrong and is repaired";

/// What a text says.
#[derive(Debug)]
pub(super) struct InstallCode {
    pub(super) device: IeeeAddress,
    /// With its CRC.
    pub(super) code: Secret<Vec<u8>>,
    /// The text had no CRC: then it may be a key that was derived from a code already, as old devices
    /// have them.
    pub(super) derived: Option<Secret<Vec<u8>>>,
    /// What was wrong with it and is right now.
    pub(super) repair: Option<&'static str>,
}

/// Reads a text in any of the forms that makers print.
pub(super) fn parse(text: &str) -> Result<InstallCode, String> {
    let text = text.trim();
    let (ieee, key) = split(text).ok_or_else(|| {
        format!(
            "Unsupported install code, got {} chars, expected 95 or 91 chars, or known format",
            text.chars().count()
        )
    })?;
    let device = u64::from_str_radix(ieee, 16)
        .map(IeeeAddress)
        .map_err(|_| "The IEEE address in the install code is not hexadecimal".to_owned())?;
    let bytes = bytes(key).ok_or("The key in the install code is not hexadecimal")?;
    if LENGTHS.contains(&bytes.len()) {
        let (code, crc) = bytes.split_at(bytes.len() - CRC);
        let right = checksum(code).to_le_bytes();
        let is_right = crc == right;
        return Ok(InstallCode {
            device,
            code: [code, &right].concat().into(),
            derived: None,
            repair: (!is_right).then_some(WRONG),
        });
    }
    if LENGTHS.contains(&(bytes.len() + CRC)) {
        let right = checksum(&bytes).to_le_bytes();
        return Ok(InstallCode {
            device,
            code: [&bytes[..], &right].concat().into(),
            derived: (bytes.len() == 16).then(|| bytes.into()),
            repair: Some("its CRC was missing and is added"),
        });
    }
    Err(format!(
        "Install code has invalid size: {} bytes instead of 16 and 2 of CRC",
        bytes.len()
    ))
}

/// A text for the same device that is as complete and as right, with another code: what is kept of a
/// request must not hold the code. `None` if this is no install code.
pub(crate) fn disguise(text: &str, other: &[u8; 16]) -> Option<String> {
    let read = parse(text).ok()?;
    let length = read.code.len().checked_sub(CRC)?;
    let code = other.get(..length)?;
    let mut bytes = code.to_vec();
    match read.repair {
        None => bytes.extend(checksum(code).to_le_bytes()),
        Some(repair) if repair == WRONG => bytes.extend((!checksum(code)).to_le_bytes()),
        Some(_) => {}
    }
    let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
    Some(format!(
        "{:016x}|{}",
        read.device.0,
        digits.collect::<String>()
    ))
}

/// Address and key.
fn split(text: &str) -> Option<(&str, &str)> {
    after_marks(text, "Z:", "$I:")
        .or_else(|| piped(text))
        .or_else(|| {
            let rest = text.strip_prefix("G$M:")?;
            let (ieee, key) = after_marks(rest, "$A:", "$I:")?;
            rest.ends_with(key).then_some((ieee, key))
        })
        .or_else(|| hue(text))
        .or_else(|| printed(text))
}

/// `...<first><address><second><key>...`, as Ubisys, Danfoss, Inovelli, Ledvance and Aqara print it.
fn after_marks<'a>(text: &'a str, first: &str, second: &str) -> Option<(&'a str, &'a str)> {
    text.match_indices(first).find_map(|(at, _)| {
        let (ieee, rest) = text.get(at + first.len()..)?.split_at_checked(16)?;
        let key = word(rest.strip_prefix(second)?);
        (is_word(ieee) && !key.is_empty()).then_some((ieee, key))
    })
}

/// `<address>|<key>` (Müller-Licht, Innr), or with bars around it (frient).
fn piped(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix('|').unwrap_or(text);
    let text = text.strip_suffix('|').unwrap_or(text);
    let (ieee, key) = text.split_once('|')?;
    (ieee.len() == 16 && is_word(ieee) && is_word(key)).then_some((ieee, key))
}

/// `HUE:Z:<key> M:<address>...`.
fn hue(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix("HUE:Z:")?;
    let key = word(rest);
    let ieee = rest.strip_prefix(key)?.strip_prefix(" M:")?.get(..16)?;
    (is_word(ieee) && !key.is_empty()).then_some((ieee, key))
}

/// 95 characters that end with a code and its CRC, or 91 that end with a key; three characters before
/// it ends the address.
fn printed(text: &str) -> Option<(&str, &str)> {
    let key = match text.len() {
        95 => 36,
        91 => 32,
        _ => return None,
    };
    let (rest, key) = text.split_at_checked(text.len() - key)?;
    let ieee = rest.get(rest.len().checked_sub(19)?..rest.len() - 3)?;
    Some((ieee, key))
}

/// The letters and digits that a text begins with.
fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric());
    text.get(..end.unwrap_or(text.len())).unwrap_or_default()
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && word(text).len() == text.len()
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let pairs = text.as_bytes().chunks_exact(2);
    pairs
        .map(|pair| match pair {
            [high, low] => u8::try_from(digit(high)? * 16 + digit(low)?).ok(),
            _ => None,
        })
        .collect()
}

/// CRC-16/X-25: reflected polynomial 0x1021, all bits set before, inverted after.
fn checksum(bytes: &[u8]) -> u16 {
    let mut crc = 0xffff_u16;
    for byte in bytes {
        crc ^= u16::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                crc >> 1 ^ 0x8408
            } else {
                crc >> 1
            };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the base device behaviour specification, 10.1.1.
    const CODE: &str = "83FED3407A939723A5C639B26916D505";
    const WITH_CRC: &str = "83FED3407A939723A5C639B26916D505C3B5";
    const IEEE: &str = "000b57fffe1938a5";

    fn code(text: &str) -> (String, String, bool, Option<&'static str>) {
        use std::fmt::Write as _;
        let code = parse(text).unwrap();
        let mut hex = String::new();
        for byte in &*code.code {
            write!(hex, "{byte:02X}").unwrap();
        }
        let derived = code.derived.is_some();
        (code.device.to_string(), hex, derived, code.repair)
    }

    #[test]
    fn every_printed_form_gives_address_and_code() {
        let upper = IEEE.to_uppercase();
        let long = "x".repeat(95 - 36 - 19);
        for text in [
            format!("Z:{upper}$I:{WITH_CRC}"),
            format!("ZB3.0$Z:{upper}$I:{WITH_CRC}%M:1234$D:0001"),
            format!("{IEEE}|{WITH_CRC}"),
            format!("|{upper}|{WITH_CRC}|"),
            format!("G$M:69775$S:680S00003915$D:0000000017B2335C%Z$A:{upper}$I:{WITH_CRC}"),
            format!("HUE:Z:{WITH_CRC} M:{upper} D:L3B A:1184"),
            format!("{long}{upper}abc{WITH_CRC}"),
            format!(" {IEEE}|{WITH_CRC}\n"),
        ] {
            let expected = (format!("0x{IEEE}"), WITH_CRC.to_owned(), false, None);
            assert_eq!(code(&text), expected, "{text}");
        }
    }

    #[test]
    fn a_missing_crc_is_added_and_a_wrong_one_repaired() {
        let (_, hex, derived, repair) = code(&format!("{IEEE}|{CODE}"));
        assert_eq!((hex.as_str(), derived), (WITH_CRC, true));
        assert_eq!(repair, Some("its CRC was missing and is added"));
        let (_, hex, derived, repair) = code(&format!("{IEEE}|{CODE}0000"));
        assert_eq!((hex.as_str(), derived), (WITH_CRC, false));
        assert_eq!(repair, Some("its CRC was wrong and is repaired"));
        // 91 characters.
        let text = format!("{}{IEEE}abc{CODE}", "x".repeat(91 - 32 - 19));
        assert_eq!(code(&text).1, WITH_CRC);
    }

    #[test]
    fn what_is_no_code_says_so_without_showing_it() {
        let cases = [
            ("", "Unsupported install code, got 0 chars"),
            (WITH_CRC, "Unsupported install code, got 36 chars"),
            ("0123456789abcdeX|83FED3407A93", "The IEEE address"),
            ("000b57fffe1938a5|XYZ", "The key in the install code"),
            ("000b57fffe1938a5|83FED3407", "The key in the install code"),
            (
                "000b57fffe1938a5|83FED340",
                "Install code has invalid size: 4",
            ),
        ];
        for (text, begin) in cases {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(begin), "{error}");
            assert!(!error.contains("83FED3"), "{error}");
        }
        let odd = ["Z:\u{e4}\u{e4}$I:1", "HUE:Z:1 M:\u{e4}", "|", "||", "G$M:"];
        for text in odd
            .map(str::to_owned)
            .into_iter()
            .chain(["\u{e4}".repeat(46) + "abc", "\u{e4}".repeat(45) + "a"])
        {
            assert!(parse(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_disguised_code_is_read_alike_and_is_another() {
        for text in [
            format!("{IEEE}|{WITH_CRC}"),
            format!("{IEEE}|{CODE}"),
            format!("{IEEE}|{CODE}0000"),
            format!("{IEEE}|83FED3407A93"),
        ] {
            let (device, hex, derived, repair) = code(&text);
            let other = code(&disguise(&text, &[0x5a; 16]).unwrap());
            assert_eq!((&other.0, other.2, other.3), (&device, derived, repair));
            assert_eq!(other.1.len(), hex.len());
            assert_eq!(other.1[..12], *"5A5A5A5A5A5A");
        }
        assert_eq!(disguise("4711", &[0x5a; 16]), None);
    }

    #[test]
    fn the_code_is_in_no_debug_text() {
        let code = parse(&format!("{IEEE}|{CODE}")).unwrap();
        assert!(!format!("{code:?}").contains("131"), "{code:?}");
    }
}
