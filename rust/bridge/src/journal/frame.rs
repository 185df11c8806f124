//! Frames from devices in a short form: nearly all that a journal holds are such.
//!
//! A line is `{"f":"...","d":97,"h":123}` with `d`, `u` and `h` of a [`Record`], whose number is the next
//! one. What `f` says are bytes as pairs of digits, numbers with their high byte first: the source (2),
//! its endpoint, ours, the cluster (2), the link quality, which of the following there are (bit 0: group,
//! bit 1: it was a broadcast, bit 2: profile), group (2), profile (2), and the frame.

use std::borrow::Cow;

use serde::Deserialize;

use super::hex::{self, Hex};
use super::input::{Message, Recorded};
use super::record::Record;

/// What such a line begins with.
const BEGIN: &[u8] = b"{\"f\":\"";

const GROUP: u8 = 1;
const BROADCAST: u8 = 2;
const PROFILE: u8 = 4;

/// Appends a line without the digest.
pub(crate) fn append(lines: &mut Vec<u8>, record: &Record<'_>, message: &Message<'_>) {
    lines.extend_from_slice(BEGIN);
    let mut flags = 0;
    if message.group.is_some() {
        flags |= GROUP;
    }
    if message.broadcast {
        flags |= BROADCAST;
    }
    if message.profile.is_some() {
        flags |= PROFILE;
    }
    let [source, address] = message.source.to_be_bytes();
    let [cluster, number] = message.cluster.to_be_bytes();
    let (endpoint, to, lqi) = (message.endpoint, message.to, message.lqi);
    hex::append(
        lines,
        &[source, address, endpoint, to, cluster, number, lqi, flags],
    );
    for number in message.group.into_iter().chain(message.profile) {
        hex::append(lines, &number.to_be_bytes());
    }
    hex::append(lines, &message.zcl.0);
    lines.push(b'"');
    if record.d != 0 {
        lines.extend_from_slice(b",\"d\":");
        digits(lines, record.d);
    }
    if record.u != 0 {
        lines.extend_from_slice(b",\"u\":");
        if record.u < 0 {
            lines.push(b'-');
        }
        digits(lines, record.u.unsigned_abs());
    }
    lines.extend_from_slice(b"}\n");
}

/// A number in decimal digits.
pub(crate) fn digits(lines: &mut Vec<u8>, number: u64) {
    // Writing to a vector does not fail.
    let _ = serde_json::to_writer(lines, &number);
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    f: Hex<'a>,
    #[serde(default)]
    d: u64,
    #[serde(default)]
    u: i64,
    #[serde(default)]
    h: Option<u32>,
}

/// Whether a line has this form.
pub(crate) fn is_frame(line: &[u8]) -> bool {
    line.starts_with(BEGIN)
}

/// Reads a line; its number is `n`.
pub(crate) fn read(line: &[u8], n: u64) -> Result<Record<'static>, serde_json::Error> {
    let Line { f, d, u, h } = serde_json::from_slice(line)?;
    let message =
        message(&f.0).ok_or_else(|| serde::de::Error::custom("a frame in it is cut short"))?;
    let m = Recorded::Message(message);
    Ok(Record { n, d, u, m, h })
}

fn message(bytes: &[u8]) -> Option<Message<'static>> {
    let mut rest = bytes;
    let mut byte = || {
        let (first, others) = rest.split_first()?;
        rest = others;
        Some(*first)
    };
    let mut number =
        |count: u8| (0..count).try_fold(0_u16, |number, _| Some(number << 8 | u16::from(byte()?)));
    let source = number(2)?;
    let [endpoint, to] = number(2)?.to_be_bytes();
    let cluster = number(2)?;
    let [lqi, flags] = number(2)?.to_be_bytes();
    let mut if_there = |flag| match flags & flag {
        0 => Some(None),
        _ => number(2).map(Some),
    };
    let (group, profile) = (if_there(GROUP)?, if_there(PROFILE)?);
    Some(Message {
        source,
        endpoint,
        to,
        group,
        broadcast: flags & BROADCAST != 0,
        profile,
        cluster,
        lqi,
        zcl: Hex(Cow::Owned(rest.to_vec())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_frame_is_read_as_it_was_written(
            (source, endpoint, to, cluster, lqi) in any::<(u16, u8, u8, u16, u8)>(),
            (group, broadcast, profile) in any::<(Option<u16>, bool, Option<u16>)>(),
            zcl in proptest::collection::vec(any::<u8>(), 0..100),
            (n, d, u) in any::<(u64, u64, i64)>(),
        ) {
            let zcl = Hex::owned(zcl);
            let message =
                Message { source, endpoint, to, group, broadcast, profile, cluster, lqi, zcl };
            let record = Record { n, d, u, m: Recorded::Message(message.clone()), h: None };
            let mut lines = Vec::new();
            append(&mut lines, &record, &message);
            prop_assert!(is_frame(&lines));
            prop_assert_eq!(read(&lines, n).unwrap(), record);
        }

        #[test]
        fn a_frame_that_was_cut_is_refused(length in 0_usize..16) {
            let digits = "1000010100060004".get(..length).unwrap();
            let line = format!("{{\"f\":\"{digits}\"}}");
            prop_assert!(read(line.as_bytes(), 0).is_err());
        }
    }
}
