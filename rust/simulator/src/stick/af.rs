//! The application framework: endpoints, messages out and in.

use adapters::znp::commands;
use zigbee::IeeeAddress;
use zigbee::wire::{Reader, Writer};

use super::network::{Event, Message, To};
use super::{Reply, RpcError, Stick};
use crate::device::Endpoint;

const SUCCESS: u8 = 0x00;
const FAILURE: u8 = 0x01;
const INVALID_PARAMETER: u8 = 0x02;
const MEMORY: u8 = 0x10;
/// Longer messages are announced without their data and have to be fetched.
const LONGEST_INLINE: usize = 223;

impl Stick {
    pub(super) fn af(&mut self, id: u8, data: &[u8]) -> Reply {
        let mut reader = Reader::new(data);
        match id {
            0x00 => self.register(&mut reader),
            0x01 => {
                let to = To::Nwk(reader.u16()?);
                let endpoint = reader.u8()?;
                self.data_request(to, endpoint, &mut reader, Width::Byte, false)
            }
            0x02 => {
                let mode = reader.u8()?;
                let address = reader.u64()?;
                // The low two bytes of a short address.
                let short = u16::try_from(address & 0xffff).unwrap_or(0);
                let to = match mode {
                    0x01 => To::Group(short),
                    0x02 | 0x0f => To::Nwk(short),
                    0x03 => To::Ieee(IeeeAddress(address)),
                    _ => return Ok(vec![INVALID_PARAMETER]),
                };
                let endpoint = reader.u8()?;
                reader.u16()?;
                self.data_request(to, endpoint, &mut reader, Width::Word, false)
            }
            0x03 => {
                let to = To::Nwk(reader.u16()?);
                let endpoint = reader.u8()?;
                self.data_request(to, endpoint, &mut reader, Width::Byte, true)
            }
            0x04 => {
                let endpoint = reader.u8()?;
                let removed = self.ram.endpoints.remove(&endpoint).is_some();
                Ok(vec![if removed { SUCCESS } else { INVALID_PARAMETER }])
            }
            0x10 => self.inter_pan_control(&mut reader),
            // Data store, fragmentation settings: accepted.
            0x11 | 0x13 => Ok(vec![SUCCESS]),
            0x12 => {
                let timestamp = reader.u32()?;
                let index = usize::from(reader.u16()?);
                let length = usize::from(reader.u8()?);
                Ok(self.retrieve(timestamp, index, length))
            }
            _ => Err(RpcError::Command),
        }
    }

    fn register(&mut self, reader: &mut Reader<'_>) -> Reply {
        let id = reader.u8()?;
        let profile = reader.u16()?;
        let device = reader.u16()?;
        let version = reader.u8()?;
        reader.u8()?;
        let mut lists = [Vec::new(), Vec::new()];
        for list in &mut lists {
            for _ in 0..reader.u8()? {
                list.push(reader.u16()?);
            }
        }
        let [inputs, outputs] = lists;
        // 0xb8: the endpoint exists already (ZApsDuplicateEntry).
        if self.ram.endpoints.contains_key(&id) {
            return Ok(vec![0xb8]);
        }
        if id == 0 || id == 0xff {
            return Ok(vec![INVALID_PARAMETER]);
        }
        let endpoint = Endpoint {
            id,
            profile,
            device,
            version,
            inputs,
            outputs,
        };
        self.ram.endpoints.insert(id, endpoint);
        Ok(vec![SUCCESS])
    }

    fn data_request(
        &mut self,
        to: To,
        endpoint: u8,
        reader: &mut Reader<'_>,
        width: Width,
        routed: bool,
    ) -> Reply {
        let source_endpoint = reader.u8()?;
        let cluster = reader.u16()?;
        let transaction = reader.u8()?;
        // Options and radius change nothing here.
        reader.u16()?;
        if routed {
            let relays = reader.u8()?;
            reader.take(usize::from(relays) * 2)?;
        }
        let length = match width {
            Width::Byte => usize::from(reader.u8()?),
            Width::Word => usize::from(reader.u16()?),
        };
        let payload = reader.take(length)?.to_vec();
        if self.ram.state != 9 {
            return Ok(vec![FAILURE]);
        }
        // ZDO needs no endpoint of the host's.
        if endpoint != 0 && !self.ram.endpoints.contains_key(&source_endpoint) {
            return Ok(vec![INVALID_PARAMETER]);
        }
        if self.ram.unconfirmed >= self.firmware.buffers() {
            return Ok(vec![MEMORY]);
        }
        let message = Message {
            to,
            endpoint,
            source_endpoint,
            cluster,
            transaction,
            payload,
        };
        if endpoint == super::interpan::ENDPOINT {
            return Ok(vec![self.inter_pan_send(&message)]);
        }
        self.send(&message);
        Ok(vec![SUCCESS])
    }

    /// Tells the host what became of a message.
    pub(super) fn confirm(&mut self, status: u8, endpoint: u8, transaction: u8) {
        self.ram.unconfirmed = self.ram.unconfirmed.saturating_sub(1);
        self.tell(commands::af::DATA_CONFIRM, &[status, endpoint, transaction]);
    }

    /// A message from a device arrives at the coordinator.
    pub(super) fn incoming(&mut self, message: &Incoming<'_>) {
        let known = self
            .ram
            .endpoints
            .contains_key(&message.destination_endpoint)
            || message.destination_endpoint == 0xff;
        if self.ram.state != 9 || !known {
            return;
        }
        // Units of 320 µs since the chip started.
        let timestamp = u32::try_from((self.now.0 / 320) & u64::from(u32::MAX)).unwrap_or(0);
        let mut writer = Writer::new();
        if message.payload.len() <= LONGEST_INLINE {
            writer
                .u16(message.group)
                .u16(message.cluster)
                .u16(message.source)
                .u8(message.source_endpoint)
                .u8(message.destination_endpoint)
                .u8(u8::from(message.broadcast))
                .u8(message.link_quality)
                .u8(0)
                .u32(timestamp)
                .u8(0)
                .u8(u8::try_from(message.payload.len()).unwrap_or(0))
                .bytes(message.payload)
                .u16(message.source)
                .u8(29);
            let bytes = writer.into_bytes();
            self.tell(commands::af::INCOMING_MSG, &bytes);
            return;
        }
        let mut key = timestamp;
        while self.ram.large.contains_key(&key) {
            key = key.wrapping_add(1);
        }
        self.ram.large.insert(key, message.payload.to_vec());
        writer
            .u16(message.group)
            .u16(message.cluster)
            .u8(2)
            .u64(message.source.into())
            .u8(message.source_endpoint)
            .u16(0)
            .u8(message.destination_endpoint)
            .u8(u8::from(message.broadcast))
            .u8(message.link_quality)
            .u8(0)
            .u32(key)
            .u8(0)
            .u16(u16::try_from(message.payload.len()).unwrap_or(u16::MAX));
        let bytes = writer.into_bytes();
        self.tell(commands::af::INCOMING_MSG_EXT, &bytes);
    }

    fn retrieve(&mut self, timestamp: u32, index: usize, length: usize) -> Vec<u8> {
        if length == 0 {
            let freed = self.ram.large.remove(&timestamp).is_some();
            return vec![if freed { SUCCESS } else { FAILURE }, 0];
        }
        let part = self
            .ram
            .large
            .get(&timestamp)
            .and_then(|payload| payload.get(index..)?.get(..length));
        match part {
            // `length` came as one byte.
            Some(part) if length <= 248 => {
                let mut reply = vec![SUCCESS, u8::try_from(length).unwrap_or(0)];
                reply.extend_from_slice(part);
                reply
            }
            _ => vec![FAILURE, 0],
        }
    }

    /// A message between the coordinator's own endpoints, or one that everybody hears.
    pub(super) fn loop_back(&mut self, message: &Message) {
        self.later(
            self.timing.air,
            Event::Loopback {
                endpoint: message.endpoint,
                source_endpoint: message.source_endpoint,
                cluster: message.cluster,
                payload: message.payload.clone(),
            },
        );
    }
}

/// How wide the length of a request's payload is.
#[derive(Debug, Clone, Copy)]
enum Width {
    Byte,
    Word,
}

/// A message for the host.
#[derive(Debug)]
pub(super) struct Incoming<'a> {
    pub(super) group: u16,
    pub(super) cluster: u16,
    pub(super) source: u16,
    pub(super) source_endpoint: u8,
    pub(super) destination_endpoint: u8,
    pub(super) broadcast: bool,
    pub(super) link_quality: u8,
    pub(super) payload: &'a [u8],
}
