//! Tells at little cost that a text has nothing like a secret in it, which is so for nearly all of them.
//!
//! All that `secrets` looks for has one of a few signs of five characters in it, so that one of the three
//! in a row at every third place of the text belongs to a sign. Only those are looked up.

use std::sync::LazyLock;

/// Five characters of each name of a secret, whatever stands between its parts, and of each short key
/// with its quote. What is in names of other things, such as `linkquality` and `networkAddress`, is not
/// among them.
const SIGNS: [&[u8; 5]; 28] = [
    b"passw", b"passp", b"secre", b"token", b"workk", b"work_", b"work ", b"work-", b"insta",
    b"pinco", b"pin_c", b"pin c", b"pin-c", b"nkkey", b"nk_ke", b"nk ke", b"nk-ke", b"secur",
    b"apike", b"api_k", b"api k", b"api-k", b"crede", b"priva", b"\"zip\"", b"\"pin\"", b"\"psk\"",
    b"\"user",
];

/// Makes letters small. What else becomes the same is looked at twice, nothing more.
const SMALL: u8 = 0x20;

fn small([a, b, c]: [u8; 3]) -> u32 {
    u32::from_le_bytes([a | SMALL, b | SMALL, c | SMALL, 0])
}

/// Where a row of three characters stands in the table.
fn place(three: u32) -> (u16, u64) {
    let hash = three.wrapping_mul(0x9e37_79b1) >> 16;
    let word = (hash >> 6) as u16;
    (word, 1 << (hash & 63))
}

/// Five characters as a number, letters small.
fn five(bytes: &[u8]) -> u64 {
    let small = bytes.iter().map(|byte| u64::from(byte | SMALL));
    small.fold(0, |number, byte| number << 8 | byte)
}

/// The signs, and the rows of three that they are made of.
struct Signs {
    fives: Vec<u64>,
    threes: Vec<u32>,
    /// A bit for each row of three at its place, and by accident for one of a thousand others.
    table: [u64; 1024],
}

static KNOWN: LazyLock<Signs> = LazyLock::new(|| {
    let threes = SIGNS.iter().flat_map(|sign| sign.windows(3));
    let threes: Vec<_> = threes
        .filter_map(|three| Some(small(three.try_into().ok()?)))
        .collect();
    let mut table = [0; 1024];
    for three in &threes {
        let (word, bit) = place(*three);
        if let Some(word) = table.get_mut(usize::from(word)) {
            *word |= bit;
        }
    }
    let fives = SIGNS.iter().map(|sign| five(*sign)).collect();
    Signs {
        fives,
        threes,
        table,
    }
});

/// False for a text that has no secret by any of the patterns of `secrets`.
pub(super) fn is_suspicious(text: &str) -> bool {
    let bytes = text.as_bytes();
    // What these lead to has less than five certain characters: a text in a text, a user in an address.
    if bytes.contains(&b'\\') || bytes.contains(&b'@') {
        return true;
    }
    let known = &*KNOWN;
    let (chunks, _) = bytes.as_chunks::<3>();
    chunks.iter().enumerate().any(|(index, chunk)| {
        let three = small(*chunk);
        let (word, bit) = place(three);
        let word = known.table.get(usize::from(word));
        word.is_some_and(|word| word & bit != 0)
            && known.threes.contains(&three)
            && known.has_sign(bytes, index * 3)
    })
}

impl Signs {
    /// True when a sign stands around the three characters at a place.
    #[cold]
    fn has_sign(&self, bytes: &[u8], at: usize) -> bool {
        (at.saturating_sub(2)..=at)
            .filter_map(|start| bytes.get(start..start + 5))
            .any(|found| self.fives.contains(&five(found)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_found_wherever_they_stand_and_whatever_their_letters() {
        for sign in SIGNS {
            let sign = std::str::from_utf8(sign).unwrap();
            for before in 0..7 {
                for after in 0..4 {
                    let dots = |count| ".".repeat(count);
                    for sign in [sign.to_owned(), sign.to_ascii_uppercase()] {
                        let text = format!("{}{sign}{}", dots(before), dots(after));
                        assert!(is_suspicious(&text), "{text}");
                        assert!(!is_suspicious(&text.replace(&sign, &sign[..4])));
                    }
                }
            }
        }
    }

    #[test]
    fn what_devices_say_is_not_suspicious() {
        for text in [
            r#"{"current":0.52,"device_temperature":31,"linkquality":180,"power_outage_count":12,
                "state_l1":"ON","pressure":1003.2,"occupancy":false,"detection_distance":"near"}"#,
            r#"{"device":{"applicationVersion":47,"dateCode":"09-22-2021","friendlyName":"relay",
                "ieeeAddr":"0x00158d0001000000","manufacturerID":4151,"manufacturerName":"LUMI",
                "model":"LLKZMK11LM","networkAddress":4096,"powerSource":"Mains (single phase)",
                "stackVersion":2,"type":"Router","zclVersion":3},"elapsed":7,
                "last_seen":"2026-11-21T20:21:40.123Z"}"#,
        ] {
            assert!(!is_suspicious(text), "{text}");
        }
    }
}
