//! Datapoints on the wire (cluster 0xef00): a sequence number, then number, type, length and data of
//! each datapoint. Lengths and numbers in the data are big-endian, unlike everything else in ZCL.

/// Bytes before the first datapoint: the sequence number, little-endian as herdsman has it.
const HEADER: usize = 2;

/// The greatest length of a datapoint's data in a frame that fits the radio's.
pub(crate) const LONGEST: usize = 200;

/// What a datapoint's data is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Raw,
    Bool,
    /// A signed number of four bytes.
    Value,
    Text,
    Enum,
    /// Bits of one, two or four bytes.
    Bitmap,
    /// None that is known.
    Other(u8),
}

impl Kind {
    fn of(code: u8) -> Self {
        match code {
            0 => Self::Raw,
            1 => Self::Bool,
            2 => Self::Value,
            3 => Self::Text,
            4 => Self::Enum,
            5 => Self::Bitmap,
            other => Self::Other(other),
        }
    }

    fn code(self) -> u8 {
        match self {
            Self::Raw => 0,
            Self::Bool => 1,
            Self::Value => 2,
            Self::Text => 3,
            Self::Enum => 4,
            Self::Bitmap => 5,
            Self::Other(code) => code,
        }
    }
}

/// A datapoint as it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Datapoint<'a> {
    pub(crate) id: u8,
    pub(crate) kind: Kind,
    pub(crate) data: &'a [u8],
}

impl<'a> Datapoint<'a> {
    /// The number that the data is; `None` for bytes and text.
    pub(crate) fn number(&self) -> Option<i64> {
        match (self.kind, self.data) {
            (Kind::Bool | Kind::Enum, [first, ..]) => Some(i64::from(*first)),
            (Kind::Value | Kind::Bitmap, [_, ..]) => {
                let last = self.data.get(self.data.len().saturating_sub(4)..)?;
                let unsigned = last
                    .iter()
                    .fold(0u32, |number, byte| number << 8 | u32::from(*byte));
                Some(if last.len() == 4 {
                    i64::from(unsigned.cast_signed())
                } else {
                    i64::from(unsigned)
                })
            }
            _ => None,
        }
    }

    /// Appends the datapoint to a frame. Data too long for any frame is cut off.
    pub(crate) fn emit(&self, frame: &mut Vec<u8>) {
        let data = self.data.get(..LONGEST).unwrap_or(self.data);
        #[expect(clippy::cast_possible_truncation, reason = "cut off above")]
        let length = data.len() as u16;
        frame.extend([self.id, self.kind.code()]);
        frame.extend(length.to_be_bytes());
        frame.extend(data);
    }

    fn parse(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (&[id, kind, high, low], rest) = bytes.split_first_chunk()?;
        let (data, rest) = rest.split_at_checked(u16::from_be_bytes([high, low]).into())?;
        let kind = Kind::of(kind);
        Some((Self { id, kind, data }, rest))
    }
}

/// The datapoints of a frame, in order.
#[derive(Debug, Clone)]
pub(crate) struct Datapoints<'a> {
    rest: &'a [u8],
    cut_off: bool,
}

impl<'a> Datapoints<'a> {
    /// The datapoints of a command's payload.
    pub(crate) fn of(payload: &'a [u8]) -> Self {
        match payload.get(HEADER..) {
            Some(rest) => Self {
                rest,
                cut_off: false,
            },
            None => Self {
                rest: &[],
                cut_off: true,
            },
        }
    }

    /// True when the last datapoint was not whole. Known once all others were taken.
    pub(crate) fn cut_off(&self) -> bool {
        self.cut_off
    }
}

impl<'a> Iterator for Datapoints<'a> {
    type Item = Datapoint<'a>;

    fn next(&mut self) -> Option<Datapoint<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        if let Some((datapoint, rest)) = Datapoint::parse(self.rest) {
            self.rest = rest;
            Some(datapoint)
        } else {
            self.rest = &[];
            self.cut_off = true;
            None
        }
    }
}

/// A frame with one datapoint.
pub(crate) fn emit(sequence: u16, datapoint: &Datapoint<'_>) -> Vec<u8> {
    let mut frame = sequence.to_le_bytes().to_vec();
    datapoint.emit(&mut frame);
    frame
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn datapoints_come_back_as_they_were_sent(
            sequence: u16,
            list in proptest::collection::vec(
                (any::<u8>(), any::<u8>(), proptest::collection::vec(any::<u8>(), 0..=LONGEST)),
                0..5,
            ),
        ) {
            let mut frame = sequence.to_le_bytes().to_vec();
            let sent: Vec<Datapoint<'_>> = list
                .iter()
                .map(|(id, kind, data)| Datapoint { id: *id, kind: Kind::of(*kind), data })
                .collect();
            for datapoint in &sent {
                datapoint.emit(&mut frame);
            }
            let mut datapoints = Datapoints::of(&frame);
            let got: Vec<Datapoint<'_>> = datapoints.by_ref().collect();
            prop_assert_eq!(got, sent);
            prop_assert!(!datapoints.cut_off());
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            let mut datapoints = Datapoints::of(&bytes);
            let taken: usize = datapoints
                .by_ref()
                .map(|datapoint| {
                    let _ = datapoint.number();
                    4 + datapoint.data.len()
                })
                .sum();
            prop_assert!(taken <= bytes.len());
            prop_assert_eq!(datapoints.cut_off(), bytes.len() < 2 || taken + 2 < bytes.len());
        }
    }

    #[test]
    fn numbers_are_big_endian_and_signed() {
        let number = |kind, data: &[u8]| Datapoint { id: 1, kind, data }.number();
        assert_eq!(number(Kind::Value, &[0, 0, 0, 0xd7]), Some(215));
        assert_eq!(number(Kind::Value, &[0xff, 0xff, 0xff, 0xfe]), Some(-2));
        assert_eq!(number(Kind::Bitmap, &[0xff, 0xfe]), Some(0xfffe));
        assert_eq!(number(Kind::Enum, &[3]), Some(3));
        assert_eq!(number(Kind::Bool, &[]), None);
        assert_eq!(number(Kind::Text, b"5"), None);
    }

    #[test]
    fn a_frame_of_one_datapoint_is_as_on_the_wire() {
        let datapoint = Datapoint {
            id: 0x10,
            kind: Kind::Value,
            data: &[0, 0, 1, 0x5e],
        };
        assert_eq!(
            emit(1, &datapoint),
            [1, 0, 0x10, 2, 0, 4, 0, 0, 1, 0x5e],
            "Moes_ZHT-S03-12"
        );
    }
}
