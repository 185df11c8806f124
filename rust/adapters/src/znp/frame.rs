//! The MT frame: `FE`, length, two command bytes, data, checksum.
//!
//! There is no escaping: `FE` may stand anywhere inside a frame. So a damaged frame is left by dropping
//! only its first byte and looking for the next `FE`; a corrupted length then costs one frame, not all
//! that it claims to cover.

use std::fmt;
use std::time::Duration;

use crate::Instant;

/// Starts every frame.
pub const START: u8 = 0xfe;
/// The most data bytes that a frame holds.
pub const MAX_DATA: usize = 250;
/// How long a frame may take from its first byte to its last. A slower one is noise that looked like
/// a start byte.
pub const FRAME_TIME: Duration = Duration::from_secs(1);
/// Bytes around the data: start, length, two command bytes, checksum.
const OVERHEAD: usize = 5;

/// What kind of message a frame is: the upper three bits of its first command byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    /// A poll. Not used on a serial line.
    Poll,
    /// A synchronous request: answered by one [`Type::Srsp`].
    Sreq,
    /// An asynchronous message, either way.
    Areq,
    /// The answer to a [`Type::Sreq`].
    Srsp,
    /// A reserved value, 4 to 7.
    Other(u8),
}

impl Type {
    const fn from_bits(bits: u8) -> Self {
        match bits {
            0 => Self::Poll,
            1 => Self::Sreq,
            2 => Self::Areq,
            3 => Self::Srsp,
            other => Self::Other(other),
        }
    }

    const fn bits(self) -> u8 {
        match self {
            Self::Poll => 0,
            Self::Sreq => 1,
            Self::Areq => 2,
            Self::Srsp => 3,
            Self::Other(bits) => bits & 0b111,
        }
    }
}

/// A part of the firmware: the lower five bits of the first command byte. Unknown ones are kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subsystem(pub u8);

impl Subsystem {
    /// RPC errors: the answer to a command that the firmware doesn't know.
    pub const RPC_ERROR: Self = Self(0x00);
    /// System: reset, version, non-volatile memory.
    pub const SYS: Self = Self(0x01);
    /// MAC.
    pub const MAC: Self = Self(0x02);
    /// Network layer.
    pub const NWK: Self = Self(0x03);
    /// Application framework: endpoints and data.
    pub const AF: Self = Self(0x04);
    /// Zigbee Device Object.
    pub const ZDO: Self = Self(0x05);
    /// Simple API.
    pub const SAPI: Self = Self(0x06);
    /// Utilities.
    pub const UTIL: Self = Self(0x07);
    /// Debug.
    pub const DEBUG: Self = Self(0x08);
    /// Applications.
    pub const APP: Self = Self(0x09);
    /// Application configuration: base device behaviour (Z-Stack 3).
    pub const APP_CNF: Self = Self(0x0f);
    /// Green Power.
    pub const GREEN_POWER: Self = Self(0x15);
}

impl fmt::Debug for Subsystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subsystem(0x{:02x})", self.0)
    }
}

/// The two command bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Header {
    /// The kind of message.
    pub kind: Type,
    /// The part of the firmware, 0 to 31.
    pub subsystem: Subsystem,
    /// The command within the subsystem.
    pub id: u8,
}

impl Header {
    /// Reads the two command bytes.
    pub const fn from_bytes(cmd0: u8, cmd1: u8) -> Self {
        Self {
            kind: Type::from_bits(cmd0 >> 5),
            subsystem: Subsystem(cmd0 & 0x1f),
            id: cmd1,
        }
    }

    /// The two command bytes.
    pub const fn to_bytes(self) -> [u8; 2] {
        [self.kind.bits() << 5 | self.subsystem.0 & 0x1f, self.id]
    }
}

/// A frame whose checksum was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The command.
    pub header: Header,
    /// Its data, at most [`MAX_DATA`] bytes.
    pub data: &'a [u8],
}

/// The data doesn't fit into a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} bytes do not fit into a frame of at most {MAX_DATA}")]
pub struct TooLong(pub usize);

impl Frame<'_> {
    /// Appends the frame's bytes.
    pub fn emit(&self, out: &mut Vec<u8>) -> Result<(), TooLong> {
        let length = u8::try_from(self.data.len())
            .ok()
            .filter(|length| usize::from(*length) <= MAX_DATA)
            .ok_or(TooLong(self.data.len()))?;
        let [cmd0, cmd1] = self.header.to_bytes();
        out.reserve(self.data.len() + OVERHEAD);
        out.extend_from_slice(&[START, length, cmd0, cmd1]);
        out.extend_from_slice(self.data);
        out.push(
            self.data
                .iter()
                .fold(length ^ cmd0 ^ cmd1, |fcs, byte| fcs ^ byte),
        );
        Ok(())
    }

    /// The frame's bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, TooLong> {
        let mut out = Vec::new();
        self.emit(&mut out)?;
        Ok(out)
    }
}

/// What a [`Decoder`] threw away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Discarded {
    /// Bytes outside of frames.
    pub bytes: u64,
    /// Start bytes whose frame had a wrong checksum or an impossible length.
    pub damaged: u64,
    /// Start bytes whose frame did not complete within [`FRAME_TIME`].
    pub expired: u64,
}

/// Finds frames in a stream of bytes that arrives in pieces of any size.
///
/// After each [`Decoder::feed`], call [`Decoder::next_frame`] until it gives `None`; then less than one
/// frame is held.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// What of `buffer` was already consumed.
    start: usize,
    /// Consumed bytes since the beginning: names a position in the stream.
    position: u64,
    now: Instant,
    /// The position of an incomplete frame and when it was first seen.
    partial: Option<(u64, Instant)>,
    discarded: Discarded,
}

impl Decoder {
    /// A decoder that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes that arrived.
    pub fn feed(&mut self, now: Instant, bytes: &[u8]) {
        self.now = now;
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// Gives up an incomplete frame that has waited too long, so that frames behind its start byte are
    /// found.
    pub fn expire(&mut self, now: Instant) {
        self.now = now;
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            self.discarded.expired += 1;
            self.discarded.bytes += 1;
            self.advance(1);
            self.partial = None;
        }
    }

    /// When [`Decoder::expire`] has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        self.partial.map(|(_, since)| since + FRAME_TIME)
    }

    /// What was thrown away so far.
    pub fn discarded(&self) -> Discarded {
        self.discarded
    }

    /// The next complete frame.
    pub fn next_frame(&mut self) -> Option<Frame<'_>> {
        let total = loop {
            match scan(self.buffer.get(self.start..).unwrap_or_default()) {
                Scan::Frame(total) => break total,
                Scan::Skip(count) => {
                    self.discarded.bytes += count as u64;
                    self.advance(count);
                }
                Scan::Damaged => {
                    self.discarded.damaged += 1;
                    self.discarded.bytes += 1;
                    self.advance(1);
                }
                Scan::Partial => {
                    if self
                        .partial
                        .is_none_or(|(position, _)| position != self.position)
                    {
                        self.partial = Some((self.position, self.now));
                    }
                    return None;
                }
                Scan::Empty => {
                    self.buffer.clear();
                    self.start = 0;
                    self.partial = None;
                    return None;
                }
            }
        };
        let start = self.start;
        self.advance(total);
        match self.buffer.get(start..start + total)? {
            [_, _, cmd0, cmd1, data @ .., _] => Some(Frame {
                header: Header::from_bytes(*cmd0, *cmd1),
                data,
            }),
            // `scan` gives `Frame` only for at least five bytes.
            _ => None,
        }
    }

    fn advance(&mut self, count: usize) {
        self.start += count;
        self.position += count as u64;
    }
}

/// What stands at the front of the bytes.
enum Scan {
    /// A whole frame of so many bytes.
    Frame(usize),
    /// So many bytes that belong to no frame.
    Skip(usize),
    /// A start byte whose frame is damaged.
    Damaged,
    /// The beginning of a frame.
    Partial,
    /// Nothing.
    Empty,
}

fn scan(bytes: &[u8]) -> Scan {
    match bytes {
        [] => Scan::Empty,
        [START] => Scan::Partial,
        [START, claimed, rest @ ..] => {
            let length = usize::from(*claimed);
            if length > MAX_DATA {
                return Scan::Damaged;
            }
            // Behind the length: two command bytes, the data, the checksum.
            let Some((fcs, body)) = rest.get(..length + 3).and_then(<[u8]>::split_last) else {
                return Scan::Partial;
            };
            let sum = body.iter().fold(*claimed, |fcs, byte| fcs ^ byte);
            if sum == *fcs {
                Scan::Frame(length + OVERHEAD)
            } else {
                Scan::Damaged
            }
        }
        other => Scan::Skip(
            other
                .iter()
                .position(|byte| *byte == START)
                .unwrap_or(other.len()),
        ),
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    type Owned = (Header, Vec<u8>);

    fn drain(decoder: &mut Decoder) -> Vec<Owned> {
        let mut frames = Vec::new();
        while let Some(frame) = decoder.next_frame() {
            frames.push((frame.header, frame.data.to_vec()));
        }
        frames
    }

    fn bytes((header, data): &Owned) -> Vec<u8> {
        let (header, data) = (*header, data.as_slice());
        Frame { header, data }.to_bytes().unwrap()
    }

    fn frame() -> impl Strategy<Value = Owned> {
        (any::<[u8; 2]>(), vec(any::<u8>(), 0..=MAX_DATA))
            .prop_map(|([cmd0, cmd1], data)| (Header::from_bytes(cmd0, cmd1), data))
    }

    /// Noise that can't be taken for the start of a frame.
    fn noise() -> impl Strategy<Value = Vec<u8>> {
        vec(
            any::<u8>().prop_filter("no start", |byte| *byte != START),
            0..40,
        )
    }

    #[test]
    fn known_frames_have_the_published_bytes() {
        for (cmd0, cmd1, data, expected) in [
            (0x21, 0x01, &[][..], &[0xfe, 0x00, 0x21, 0x01, 0x20][..]),
            (0x41, 0x00, &[0x01], &[0xfe, 0x01, 0x41, 0x00, 0x01, 0x41]),
            (0x21, 0x02, &[], &[0xfe, 0x00, 0x21, 0x02, 0x23]),
        ] {
            let header = Header::from_bytes(cmd0, cmd1);
            assert_eq!(Frame { header, data }.to_bytes().unwrap(), expected);
        }
    }

    #[test]
    fn data_of_more_than_250_bytes_is_refused() {
        let header = Header::from_bytes(0x24, 0x01);
        let data = &[0; 251];
        assert_eq!(Frame { header, data }.to_bytes(), Err(TooLong(251)));
    }

    #[test]
    fn a_corrupted_length_costs_only_its_own_frame() {
        let ping = (Header::from_bytes(0x61, 0x01), vec![0x79, 0x07]);
        let mut stream = bytes(&ping);
        stream[1] = 0x30;
        for _ in 0..40 {
            stream.extend(bytes(&ping));
        }
        let mut decoder = Decoder::new();
        decoder.feed(Instant(0), &stream);
        assert_eq!(drain(&mut decoder).len(), 40);
        assert_eq!(decoder.discarded().damaged, 1);
    }

    #[test]
    fn a_frame_that_never_completes_is_given_up_after_a_second() {
        let ping = (Header::from_bytes(0x61, 0x01), vec![0x79, 0x07]);
        let mut decoder = Decoder::new();
        decoder.feed(Instant(5), &[START, 0xc8]);
        assert_eq!(drain(&mut decoder), []);
        decoder.feed(Instant(10), &bytes(&ping));
        assert_eq!(drain(&mut decoder), []);
        assert_eq!(decoder.deadline(), Some(Instant(1_000_005)));
        decoder.expire(Instant(1_000_004));
        assert_eq!(drain(&mut decoder), []);
        decoder.expire(Instant(1_000_005));
        assert_eq!(drain(&mut decoder), [ping]);
        assert_eq!(decoder.deadline(), None);
    }

    #[test]
    fn garbage_is_not_kept() {
        let mut decoder = Decoder::new();
        for _ in 0..1000 {
            decoder.feed(Instant(0), &[0x55; 1000]);
            assert_eq!(drain(&mut decoder), []);
        }
        assert!(decoder.buffer.capacity() < 10_000);
        assert_eq!(decoder.discarded().bytes, 1_000_000);
    }

    proptest! {
        #[test]
        fn header_bytes_round_trip(cmd0: u8, cmd1: u8) {
            prop_assert_eq!(Header::from_bytes(cmd0, cmd1).to_bytes(), [cmd0, cmd1]);
        }

        #[test]
        fn frames_are_found_between_noise_wherever_the_stream_is_cut(
            items in vec((noise(), frame()), 0..6),
            cuts in vec(1_usize..50, 1..20),
        ) {
            let stream: Vec<u8> = items
                .iter()
                .flat_map(|(noise, frame)| [noise.clone(), bytes(frame)].concat())
                .collect();
            let mut decoder = Decoder::new();
            let mut found = Vec::new();
            let mut rest = stream.as_slice();
            for cut in cuts.iter().cycle() {
                let (piece, next) = rest.split_at((*cut).min(rest.len()));
                decoder.feed(Instant(0), piece);
                found.extend(drain(&mut decoder));
                rest = next;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(found, items.into_iter().map(|(_, frame)| frame).collect::<Vec<_>>());
        }

        #[test]
        fn a_frame_survives_a_cut_at_every_byte(frame in frame()) {
            let stream = bytes(&frame);
            for cut in 0..=stream.len() {
                let (head, tail) = stream.split_at(cut);
                let mut decoder = Decoder::new();
                decoder.feed(Instant(0), head);
                let mut found = drain(&mut decoder);
                decoder.feed(Instant(1), tail);
                found.extend(drain(&mut decoder));
                prop_assert_eq!(&found, &vec![frame.clone()]);
                prop_assert_eq!(decoder.deadline(), None);
            }
        }

        #[test]
        fn any_bytes_are_survived_and_less_than_a_frame_is_kept(
            pieces in vec(vec(prop_oneof![any::<u8>(), Just(START)], 0..600), 0..8),
        ) {
            let mut decoder = Decoder::new();
            for (at, piece) in (0..).zip(&pieces) {
                decoder.feed(Instant(at), piece);
                drain(&mut decoder);
                prop_assert!(decoder.buffer.len() - decoder.start < MAX_DATA + OVERHEAD);
            }
            let mut now = Instant(10);
            while let Some(deadline) = decoder.deadline() {
                prop_assert!(now <= deadline);
                now = deadline;
                decoder.expire(now);
                drain(&mut decoder);
            }
            prop_assert_eq!(decoder.buffer.len() - decoder.start, 0);
        }
    }
}
