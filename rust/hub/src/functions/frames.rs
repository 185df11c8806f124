//! The last frames of a device: when its definition becomes another one they are decoded again, so that
//! nobody has to wait for the device to speak.

use adapters::ApsIndication;
use devices::{Message, MessageKind};
use zigbee::zcl::{Foundation, Frame, FrameType};
use zigbee::{ClusterId, EndpointId, GroupId};

/// The most frames that are kept of a device.
const FRAMES: usize = 32;
/// The most bytes that they have together.
const BYTES: usize = 4096;
/// Where a datapoint's number is in a frame of Tuya's cluster.
const TUYA: ClusterId = ClusterId(0xef00);
const FIRST_DATAPOINT: usize = 2;

/// The last frame of each kind: endpoint, cluster, and attributes or command. The oldest first.
#[derive(Debug, Default)]
pub(crate) struct LastFrames {
    frames: Vec<Kept>,
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    key: u64,
    endpoint: EndpointId,
    group: Option<GroupId>,
    cluster: ClusterId,
    zcl: Vec<u8>,
}

impl LastFrames {
    /// Keeps a frame, in place of the one of its kind.
    pub(crate) fn keep(&mut self, indication: &ApsIndication, message: &Message) {
        let Some(key) = key(message) else {
            return;
        };
        let length = indication.payload.len();
        if length > BYTES {
            return;
        }
        let place = self.frames.iter().position(|kept| kept.key == key);
        let mut zcl = match place {
            Some(place) => self.take(place),
            None => Vec::with_capacity(length),
        };
        zcl.clear();
        zcl.extend_from_slice(&indication.payload);
        while self.frames.len() >= FRAMES || self.bytes + length > BYTES {
            self.take(0);
        }
        self.bytes += length;
        self.frames.push(Kept {
            key,
            endpoint: message.endpoint,
            group: message.group,
            cluster: message.cluster,
            zcl,
        });
    }

    fn take(&mut self, place: usize) -> Vec<u8> {
        if place >= self.frames.len() {
            return Vec::new();
        }
        let kept = self.frames.remove(place);
        // Added when it was kept.
        self.bytes -= kept.zcl.len();
        kept.zcl
    }

    /// The frames as messages, the oldest first.
    pub(crate) fn messages(&self) -> Vec<Message> {
        let messages = self.frames.iter().filter_map(|kept| {
            let frame = Frame::parse(&kept.zcl).ok()?;
            let kind = match frame.header.frame_type {
                FrameType::Global => MessageKind::Foundation(Foundation::parse(&frame).ok()?),
                FrameType::Cluster => MessageKind::Cluster(frame.payload),
                FrameType::Reserved(_) => return None,
            };
            Some(Message {
                endpoint: kept.endpoint,
                group: kept.group,
                cluster: kept.cluster,
                header: frame.header,
                kind,
            })
        });
        messages.collect()
    }

    #[cfg(test)]
    fn size(&self) -> (usize, usize) {
        (self.frames.len(), self.bytes)
    }
}

/// What a message is about; `None` for one that says nothing of the device's state.
fn key(message: &Message) -> Option<u64> {
    let mut hash = Fnv::default();
    hash.add(u16::from(message.endpoint.0));
    hash.add(message.cluster.0);
    hash.add(message.header.manufacturer.map_or(0, |code| code.0));
    hash.add(u16::from(message.header.command.0));
    match &message.kind {
        MessageKind::Cluster(payload) => {
            hash.add(1);
            if message.cluster == TUYA {
                let datapoint = payload.get(FIRST_DATAPOINT).copied();
                hash.add(datapoint.map_or(0, u16::from));
            }
        }
        MessageKind::Foundation(parsed) => match &parsed.command {
            Foundation::Report(attributes) => {
                for attribute in attributes {
                    hash.add(attribute.id.0);
                }
            }
            Foundation::ReadResponse(records) => {
                for record in records {
                    hash.add(record.id.0);
                }
            }
            _ => return None,
        },
    }
    Some(hash.0)
}

/// FNV-1a: the same everywhere.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn add(&mut self, number: u16) {
        for byte in number.to_le_bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zigbee::NwkAddress;

    fn keep(frames: &mut LastFrames, cluster: u16, payload: &[u8]) {
        let frame = Frame::parse(payload).unwrap();
        let kind = match frame.header.frame_type {
            FrameType::Global => MessageKind::Foundation(Foundation::parse(&frame).unwrap()),
            _ => MessageKind::Cluster(frame.payload),
        };
        let message = Message {
            endpoint: EndpointId(1),
            group: None,
            cluster: ClusterId(cluster),
            header: frame.header,
            kind,
        };
        let indication = ApsIndication {
            source: NwkAddress(1),
            source_endpoint: EndpointId(1),
            destination_endpoint: EndpointId(1),
            group: None,
            broadcast: false,
            profile: Some(zigbee::ProfileId(0x0104)),
            cluster: ClusterId(cluster),
            link_quality: 1,
            payload: payload.to_vec(),
        };
        frames.keep(&indication, &message);
    }

    /// A report of one uint8.
    fn report(attribute: u16, value: u8) -> Vec<u8> {
        let [low, high] = attribute.to_le_bytes();
        vec![0x18, 1, 0x0a, low, high, 0x20, value]
    }

    #[test]
    fn the_last_of_each_kind_is_kept_in_the_order_of_arrival() {
        let mut frames = LastFrames::default();
        keep(&mut frames, 6, &report(0, 1));
        keep(&mut frames, 8, &report(0, 2));
        keep(&mut frames, 6, &report(0, 3));
        // A command, and the answer to a write, which says nothing of the state.
        keep(&mut frames, 6, &[0x09, 1, 0x02]);
        keep(&mut frames, 6, &[0x18, 1, 0x04, 0]);
        let kept: Vec<u16> = frames.messages().iter().map(|m| m.cluster.0).collect();
        assert_eq!(kept, [8, 6, 6]);
        assert_eq!(frames.size(), (3, 7 + 7 + 3));
    }

    #[test]
    fn datapoints_are_kept_by_their_numbers() {
        let mut frames = LastFrames::default();
        for (dp, value) in [(1, 1), (2, 2), (1, 3)] {
            keep(
                &mut frames,
                0xef00,
                &[0x09, 1, 0x02, 0, 1, dp, 1, 0, 1, value],
            );
        }
        assert_eq!(frames.size(), (2, 20));
    }

    #[test]
    fn however_much_a_device_says_little_is_kept() {
        let mut frames = LastFrames::default();
        for attribute in 0..1000 {
            keep(&mut frames, 6, &report(attribute, 0));
        }
        assert_eq!(frames.size(), (FRAMES, FRAMES * 7));
        for attribute in 0..100 {
            let mut long = vec![0x18, 1, 0x0a, attribute, 0, 0x41, 250];
            long.extend([0; 250]);
            keep(&mut frames, 6, &long);
            assert!(frames.size().1 <= BYTES);
        }
        assert_eq!(frames.size().0, BYTES / 257);
        keep(
            &mut frames,
            6,
            &[&[0x09, 1, 0x02], [0; 5000].as_slice()].concat(),
        );
        assert_eq!(frames.size().0, BYTES / 257);
    }
}
