//! Devices on other networks that are close by: they hear messages without a network (touchlink).

use adapters::Instant;
use adapters::znp::commands;
use zigbee::IeeeAddress;
use zigbee::wire::{Reader, Writer};

use super::network::{Delivery, Event, Message, Sent, To};
use super::{Reply, Stick};
use crate::device::Device;

const SUCCESS: u8 = 0x00;
const INVALID_PARAMETER: u8 = 0x02;
/// The endpoint of such messages.
pub(super) const ENDPOINT: u8 = 0xfe;
const TOUCHLINK: u16 = 0x1000;
/// Frame control of a touchlink command, and of one of Signify's own.
const COMMAND: u8 = 0x11;
const COMMAND_OF_MAKER: u8 = 0x15;

/// What a device on another network knows of touchlink.
#[derive(Debug, Clone, Copy)]
pub(super) struct Elsewhere {
    channel: u8,
    /// The transaction that it takes commands of.
    transaction: Option<u32>,
    /// How often it showed itself.
    shown: u32,
}

impl Stick {
    /// Adds a device that is on another network, on this channel.
    pub fn add_elsewhere(&mut self, device: Device, channel: u8) {
        let ieee = device.node.ieee;
        self.add(device);
        if let Some(member) = self.members.get_mut(&ieee) {
            member.elsewhere = Some(Elsewhere {
                channel,
                transaction: None,
                shown: 0,
            });
        }
    }

    /// How often a device on another network showed itself; `None`: it is on none.
    pub fn shown_elsewhere(&self, ieee: IeeeAddress) -> Option<u32> {
        Some(self.members.get(&ieee)?.elsewhere?.shown)
    }

    /// The channel that the radio is tuned to, while it is away from its network.
    pub fn away(&self) -> Option<u8> {
        self.ram.inter_pan
    }

    /// `AF.interPanCtl`.
    pub(super) fn inter_pan_control(&mut self, reader: &mut Reader<'_>) -> Reply {
        let status = match (reader.u8()?, reader.u8()) {
            (0, _) => {
                self.ram.inter_pan = None;
                SUCCESS
            }
            (1, Ok(channel @ 11..=26)) => {
                self.ram.inter_pan = Some(channel);
                SUCCESS
            }
            (2, Ok(endpoint)) if self.ram.endpoints.contains_key(&endpoint) => {
                self.ram.inter_pan_endpoint = Some(endpoint);
                SUCCESS
            }
            _ => INVALID_PARAMETER,
        };
        Ok(vec![status])
    }

    /// The host speaks without a network.
    pub(super) fn inter_pan_send(&mut self, message: &Message) -> u8 {
        let (Some(channel), Some(proxy)) = (self.ram.inter_pan, self.ram.inter_pan_endpoint) else {
            return INVALID_PARAMETER;
        };
        if proxy != message.source_endpoint {
            return INVALID_PARAMETER;
        }
        let only = match message.to {
            To::Ieee(ieee) => Some(ieee),
            To::Nwk(_) | To::Group(_) => None,
        };
        self.note(Sent {
            at: self.now,
            device: only,
            address: 0xffff,
            group: false,
            endpoint: ENDPOINT,
            cluster: message.cluster,
            payload: message.payload.clone(),
            delivery: Delivery::Sent,
        });
        self.ram.unconfirmed += 1;
        let confirm = Event::Confirm(SUCCESS, message.source_endpoint, message.transaction);
        self.later(self.timing.air, confirm);
        let listeners: Vec<_> = self
            .members
            .iter()
            .filter(|(ieee, member)| {
                only.is_none_or(|only| only == **ieee)
                    && member.device.node.reachable
                    && member.elsewhere.is_some_and(|at| at.channel == channel)
            })
            .map(|(ieee, _)| *ieee)
            .collect();
        if message.cluster == TOUCHLINK {
            for ieee in listeners {
                self.touched(ieee, &message.payload);
            }
        }
        SUCCESS
    }

    /// A device hears a touchlink message.
    fn touched(&mut self, ieee: IeeeAddress, payload: &[u8]) {
        let transaction = |bytes: &[u8]| Some(u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?));
        match payload {
            [COMMAND, sequence, 0x00, rest @ ..] => {
                let Some(transaction) = transaction(rest) else {
                    return;
                };
                if let Some(at) = self.elsewhere(ieee) {
                    at.transaction = Some(transaction);
                    let answer = scan_response(*sequence, transaction, at.channel, ieee);
                    self.later(self.timing.air, Event::InterPan(ieee, answer));
                }
            }
            [COMMAND, _, command @ (0x06 | 0x07), rest @ ..] => {
                let transaction = transaction(rest);
                let Some(at) = self.elsewhere(ieee) else {
                    return;
                };
                if transaction.is_none() || at.transaction != transaction {
                    return;
                }
                if *command == 0x06 {
                    at.shown += 1;
                } else {
                    self.set_free(ieee);
                }
            }
            // Signify's reset: network, count, serial numbers.
            [COMMAND_OF_MAKER, 0x0b, 0x10, _, 0x00, rest @ ..] => {
                let serial = u32::try_from(ieee.0 & 0x00ff_ffff).unwrap_or_default();
                let mut serials = rest.get(9..).unwrap_or_default().chunks_exact(4);
                if serials.any(|bytes| bytes == serial.to_le_bytes()) {
                    self.set_free(ieee);
                }
            }
            _ => {}
        }
    }

    fn elsewhere(&mut self, ieee: IeeeAddress) -> Option<&mut Elsewhere> {
        self.members.get_mut(&ieee)?.elsewhere.as_mut()
    }

    /// A device forgets its network; it may join another from now on.
    fn set_free(&mut self, ieee: IeeeAddress) {
        if let Some(member) = self.members.get_mut(&ieee) {
            member.elsewhere = None;
            member.device.node.factory_reset();
        }
    }

    /// An answer arrives.
    pub(super) fn inter_pan_arrived(&mut self, ieee: IeeeAddress, payload: &[u8]) {
        let (Some(_), Some(endpoint)) = (self.ram.inter_pan, self.ram.inter_pan_endpoint) else {
            return;
        };
        let link_quality = self
            .device(ieee)
            .map_or(0, |device| device.node.link_quality);
        let Instant(now) = self.now;
        let mut writer = Writer::new();
        writer
            .u16(0)
            .u16(TOUCHLINK)
            .u8(3)
            .ieee(ieee)
            .u8(ENDPOINT)
            .u16(0xffff)
            .u8(endpoint)
            .u8(0)
            .u8(link_quality)
            .u8(0)
            .u32(u32::try_from((now / 320) & u64::from(u32::MAX)).unwrap_or(0))
            .u8(0)
            .u16(u16::try_from(payload.len()).unwrap_or(u16::MAX))
            .bytes(payload);
        let bytes = writer.into_bytes();
        self.tell(commands::af::INCOMING_MSG_EXT, &bytes);
    }
}

/// Scan response (Zigbee Cluster Library 13.3.2.2.3.1) of a bulb on another network.
fn scan_response(sequence: u8, transaction: u32, channel: u8, ieee: IeeeAddress) -> Vec<u8> {
    let mut writer = Writer::new();
    writer
        .u8(0x19)
        .u8(sequence)
        .u8(0x01)
        .u32(transaction)
        // Signal correction; a router that listens always; not factory new, one sub-device.
        .u8(0)
        .u8(0x05)
        .u8(0x00)
        .u16(0x0010)
        .u32(transaction ^ 0x5555_5555)
        .u64(ieee.0)
        .u8(0)
        .u8(channel)
        .u16(0x2b2b)
        .u16(0x0002)
        .u8(1)
        .u8(0)
        // Its endpoint: a colour light.
        .u8(11)
        .u16(0xc05e)
        .u16(0x0210)
        .u8(2)
        .u8(0);
    writer.into_bytes()
}
