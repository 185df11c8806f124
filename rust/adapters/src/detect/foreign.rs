//! The greetings of other coordinators' protocols, so that a wrong stick can be named.

use super::Kind;

/// What makes other coordinators speak, and how long they may take (in milliseconds). None of it does
/// harm to the firmware of another family; the first resets an EZSP stick, which it must be anyway.
pub(crate) const GREETINGS: [(&[u8], u64); 3] = [
    // ASH: cancel, reset.
    (&[0x1a, 0xc0, 0x38, 0xbc, 0x7e], 1600),
    // deCONZ: version.
    (
        &[
            0xc0, 0x0d, 0x01, 0x00, 0x09, 0x00, 0x00, 0x00, 0x00, 0x00, 0xe9, 0xff, 0xc0,
        ],
        800,
    ),
    // Spinel: get the protocol version.
    (&[0x7e, 0x81, 0x02, 0x01, 0xc5, 0xb2, 0x7e], 500),
];

/// The family that bytes come from, judged by a whole frame with a right checksum. Z-Stack's own frames
/// are not looked for: its driver reads them.
pub fn recognize(bytes: &[u8]) -> Option<Kind> {
    if bytes.windows(16).any(|text| text == b"Gecko Bootloader") {
        return Some(Kind::Ember);
    }
    if bytes.windows(7).any(is_zboss) {
        return Some(Kind::Zboss);
    }
    if bytes.split(|byte| *byte == 0xc0).any(is_deconz) {
        return Some(Kind::Deconz);
    }
    bytes.split(|byte| *byte == 0x7e).find_map(|frame| {
        // What was cancelled is no part of an ASH frame.
        let ash = frame.rsplit(|byte| *byte == 0x1a).next().unwrap_or(frame);
        if is_ash(&unescape(ash)) {
            Some(Kind::Ember)
        } else if is_spinel(&unescape(frame)) {
            Some(Kind::Spinel)
        } else {
            None
        }
    })
}

/// Both ASH and HDLC write a reserved byte as `7D` and the byte with bit 5 inverted.
fn unescape(frame: &[u8]) -> Vec<u8> {
    let mut bytes = frame.iter();
    let mut plain = Vec::with_capacity(frame.len());
    while let Some(byte) = bytes.next() {
        match byte {
            0x7d => plain.extend(bytes.next().map(|byte| byte ^ 0x20)),
            byte => plain.push(*byte),
        }
    }
    plain
}

/// RSTACK (`C1`, version 2, reset code) or ERROR (`C2`): what an EZSP stick says after a reset.
fn is_ash(frame: &[u8]) -> bool {
    match frame {
        [0xc1 | 0xc2, 0x02, code, high, low] => {
            let kind = frame.first().copied().unwrap_or_default();
            crc_ccitt(&[kind, 0x02, *code]) == u16::from_be_bytes([*high, *low])
        }
        _ => false,
    }
}

/// A SLIP frame whose length and checksum are right.
fn is_deconz(frame: &[u8]) -> bool {
    let mut plain = Vec::with_capacity(frame.len());
    let mut bytes = frame.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            0xdb => match bytes.next() {
                Some(0xdc) => plain.push(0xc0),
                Some(0xdd) => plain.push(0xdb),
                _ => return false,
            },
            byte => plain.push(*byte),
        }
    }
    let [body @ .., low, high] = plain.as_slice() else {
        return false;
    };
    let Some(length) = body.get(3..5) else {
        return false;
    };
    let sum = body
        .iter()
        .fold(0_u16, |sum, byte| sum.wrapping_add(u16::from(*byte)));
    let length = length
        .iter()
        .rev()
        .fold(0, |all, byte| all << 8 | usize::from(*byte));
    length == body.len() && sum.wrapping_neg() == u16::from_le_bytes([*low, *high])
}

/// `DE AD`, length, type 06, flags, checksum.
fn is_zboss(window: &[u8]) -> bool {
    match window {
        [0xde, 0xad, low, high, 0x06, flags, crc] => {
            crc8_koop(&[*low, *high, 0x06, *flags]) == *crc
        }
        _ => false,
    }
}

/// Header with flag `10`, command "property is", frame check sequence.
fn is_spinel(frame: &[u8]) -> bool {
    match frame {
        [body @ .., low, high] => {
            matches!(body, [0x80..=0xbf, 0x06, ..])
                && fcs16(body) == u16::from_le_bytes([*low, *high])
        }
        _ => false,
    }
}

fn crc_ccitt(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xffff, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            (crc << 1) ^ if crc & 0x8000 == 0 { 0 } else { 0x1021 }
        })
    })
}

/// The frame check sequence of HDLC.
fn fcs16(bytes: &[u8]) -> u16 {
    !bytes.iter().fold(0xffff, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 0 { 0 } else { 0x8408 }
        })
    })
}

/// CRC-8 "KOOP": polynomial 4D, reflected.
fn crc8_koop(bytes: &[u8]) -> u8 {
    !bytes.iter().fold(0xff_u8, |crc, byte| {
        (0..8).fold(crc ^ byte, |crc, _| {
            (crc >> 1) ^ if crc & 1 == 0 { 0 } else { 0xb2 }
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn other_families_are_known_by_whole_frames() {
        let spinel = {
            let mut body = vec![0x81, 0x06, 0x01, 0x04, 0x03];
            body.extend(fcs16(&body).to_le_bytes());
            [&[0x7e][..], &body, &[0x7e]].concat()
        };
        let zboss = [0xde, 0xad, 5, 0, 6, 0xc0, crc8_koop(&[5, 0, 6, 0xc0])];
        for (bytes, kind) in [
            // RSTACK after a software reset, as published in UG101.
            (
                &[0x1a, 0xc1, 0x02, 0x0b, 0x0a, 0x52, 0x7e][..],
                Some(Kind::Ember),
            ),
            (b"\r\nGecko Bootloader v1.12\r\n", Some(Kind::Ember)),
            (GREETINGS[1].0, Some(Kind::Deconz)),
            (&spinel, Some(Kind::Spinel)),
            (&zboss, Some(Kind::Zboss)),
            (&[0xfe, 0x02, 0x61, 0x01, 0x79, 0x07, 0x1c], None),
            (&[0xc1, 0x02, 0x0b, 0x0a, 0x53, 0x7e], None),
            (b"login: ", None),
            (&[], None),
        ] {
            assert_eq!(recognize(bytes), kind, "{bytes:02x?}");
        }
    }

    #[test]
    fn the_greetings_have_right_checksums() {
        let frame = &GREETINGS[2].0[1..6];
        assert_eq!(fcs16(&frame[..3]).to_le_bytes(), frame[3..]);
        // The ASH reset's own checksum, as published in UG101.
        assert_eq!(crc_ccitt(&[0xc0]).to_be_bytes(), [0x38, 0xbc]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = recognize(&bytes);
        }
    }
}
