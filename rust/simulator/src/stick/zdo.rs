//! ZDO: requests of the host to others and to the coordinator itself, and what comes back.

use adapters::Instant;
use adapters::znp::commands;
use adapters::znp::frame::{Header, Subsystem, Type};
use std::time::Duration;
use zigbee::IeeeAddress;
use zigbee::wire::{Reader, Writer};
use zigbee::zdo::LogicalType;

use super::network::{Delivery, Event, Sent};
use super::nv::id;
use super::{Reply, RpcError, Stick};
use crate::device::Surroundings;

const SUCCESS: u8 = 0x00;
const FAILURE: u8 = 0x01;
/// Every ZDO cluster.
const ALL_CLUSTERS: u16 = 0xffff;

impl Stick {
    pub(super) fn zdo(&mut self, id: u8, data: &[u8]) -> Reply {
        let mut reader = Reader::new(data);
        match id {
            0x00..=0x06 | 0x21 | 0x22 | 0x31..=0x34 | 0x36 | 0x37 => {
                self.zdo_request(id, &mut reader)
            }
            0x3e => {
                self.ram.callbacks.insert(reader.u16()?);
                Ok(vec![SUCCESS])
            }
            0x3f => {
                self.ram.callbacks.remove(&reader.u16()?);
                Ok(vec![SUCCESS])
            }
            0x40 => {
                reader.u16()?;
                Ok(vec![self.start()])
            }
            0x0a => Ok(vec![SUCCESS]),
            0x45 => {
                reader.take(4)?;
                Ok(vec![SUCCESS])
            }
            0x46 => {
                let nwk = reader.u16()?;
                reader.u16()?;
                let known = nwk == 0 || self.by_nwk.contains_key(&nwk);
                // 4: no entry in the routing table.
                Ok(vec![if known { 0 } else { 4 }])
            }
            0x47 | 0x4a | 0x4b => self.group(id, &mut reader),
            0x48 => {
                let endpoint = reader.u8()?;
                self.ram.groups.retain(|(at, _)| *at != endpoint);
                Ok(vec![SUCCESS])
            }
            0x50 => {
                let nib = self.nib();
                let formed = self.is_formed();
                let mut writer = Writer::new();
                writer
                    .u16(if formed { 0 } else { 0xfffe })
                    .u8(self.ram.state)
                    .u16(nib.pan_id)
                    .u16(0)
                    .bytes(&nib.extended_pan_id)
                    .bytes(&nib.coordinator)
                    .u8(nib.channel);
                Ok(writer.into_bytes())
            }
            _ => Err(RpcError::Command),
        }
    }

    fn group(&mut self, id: u8, reader: &mut Reader<'_>) -> Reply {
        let key = (reader.u8()?, reader.u16()?);
        match id {
            0x4b => {
                let length = usize::from(reader.u8()?);
                reader.take(length)?;
                self.ram.groups.insert(key);
                Ok(vec![SUCCESS])
            }
            0x47 => {
                let removed = self.ram.groups.remove(&key);
                Ok(vec![if removed { SUCCESS } else { FAILURE }])
            }
            _ => {
                let status = if self.ram.groups.contains(&key) {
                    SUCCESS
                } else {
                    FAILURE
                };
                let mut writer = Writer::new();
                // A group without a name.
                writer.u8(status).u16(key.1).u8(0);
                Ok(writer.into_bytes())
            }
        }
    }

    /// A request that has a command of its own in MT: its body is turned into the payload that goes
    /// over the air.
    fn zdo_request(&mut self, id: u8, reader: &mut Reader<'_>) -> Reply {
        if self.ram.state != 9 {
            return Ok(vec![FAILURE]);
        }
        let mut payload = Writer::new();
        let destination = match id {
            0x00 => {
                payload
                    .ieee(reader.ieee()?)
                    .u8(reader.u8()?)
                    .u8(reader.u8()?);
                0xfffd
            }
            0x01 => {
                let nwk = reader.u16()?;
                payload.u16(nwk).u8(reader.u8()?).u8(reader.u8()?);
                nwk
            }
            0x21 | 0x22 => {
                let nwk = reader.u16()?;
                payload
                    .ieee(reader.ieee()?)
                    .u8(reader.u8()?)
                    .u16(reader.u16()?);
                let mode = reader.u8()?;
                let address = reader.u64()?;
                let endpoint = reader.u8()?;
                payload.u8(mode);
                if mode == 1 {
                    payload.uint(address, 2);
                } else {
                    payload.u64(address).u8(endpoint);
                }
                nwk
            }
            0x36 => {
                let mode = reader.u8()?;
                let nwk = reader.u16()?;
                payload.u8(reader.u8()?).u8(reader.u8()?);
                // A short address 0xfffc stands for the coordinator alone.
                if mode == 2 && nwk == 0xfffc { 0 } else { nwk }
            }
            0x37 => {
                let nwk = reader.u16()?;
                reader.u8()?;
                let mask = reader.u32()?;
                let duration = reader.u8()?;
                let count = reader.u8()?;
                let manager = reader.u16()?;
                payload.u32(mask).u8(duration);
                if duration <= 5 {
                    payload.u8(count);
                } else {
                    payload.u8(self.nib().update_id.wrapping_add(1));
                    if duration == 0xff {
                        payload.u16(manager);
                    }
                }
                nwk
            }
            _ => {
                let nwk = reader.u16()?;
                payload.bytes(reader.take_rest());
                nwk
            }
        };
        let cluster = match id {
            0x37 => 0x0038,
            other => u16::from(other),
        };
        self.ram.sequence = self.ram.sequence.wrapping_add(1);
        let sequence = self.ram.sequence;
        let payload = payload.into_bytes();
        self.note(Sent {
            at: self.now,
            device: self.by_nwk.get(&destination).copied(),
            address: destination,
            group: false,
            endpoint: 0,
            cluster,
            payload: payload.clone(),
            delivery: Delivery::Sent,
        });
        self.zdo_send(destination, cluster, &payload, sequence);
        Ok(vec![SUCCESS])
    }

    /// Sends a ZDO message to a device, to everyone, or to the coordinator itself.
    pub(super) fn zdo_send(
        &mut self,
        destination: u16,
        cluster: u16,
        payload: &[u8],
        sequence: u8,
    ) {
        self.count_frame();
        let broadcast = destination >= 0xfff8;
        let mut answered = false;
        if destination == 0 || broadcast {
            let answer = self.zdo_self(cluster, payload, broadcast);
            if let Some(answer) = answer {
                answered = true;
                let up = Event::UpZdo(0, false, cluster | 0x8000, answer, sequence);
                self.later(self.timing.air, up);
            }
        }
        if destination == 0 {
            return;
        }
        let receivers: Vec<IeeeAddress> = if broadcast {
            self.members.keys().copied().collect()
        } else {
            self.by_nwk.get(&destination).copied().into_iter().collect()
        };
        // Address requests are broadcast, and one device at most answers.
        for ieee in receivers {
            if broadcast && (cluster > 0x0001 || answered) {
                self.heard(ieee, cluster, payload);
                continue;
            }
            if !broadcast {
                self.heard(ieee, cluster, payload);
            }
            if broadcast && !self.is_asked(ieee, cluster, payload) {
                continue;
            }
            if let Ok(after) = self.reach_from_here(Some(ieee)) {
                self.later(
                    after,
                    Event::DownZdo(ieee, cluster, payload.to_vec(), sequence),
                );
            }
        }
    }

    fn is_asked(&self, ieee: IeeeAddress, cluster: u16, payload: &[u8]) -> bool {
        let mut reader = Reader::new(payload);
        match cluster {
            0x0000 => reader.ieee().is_ok_and(|wanted| wanted == ieee),
            _ => reader
                .nwk()
                .is_ok_and(|nwk| self.by_nwk.get(&nwk.0) == Some(&ieee)),
        }
    }

    /// A router hears that it is to let devices in.
    fn heard(&mut self, ieee: IeeeAddress, cluster: u16, payload: &[u8]) {
        if cluster != 0x0036 {
            return;
        }
        let until = self.until(payload.first().copied().unwrap_or(0));
        if let Some(member) = self.members.get_mut(&ieee)
            && member.device.node.model.logical_type == LogicalType::Router
        {
            member.permit_until = until;
        }
    }

    pub(super) fn until(&self, seconds: u8) -> Option<Instant> {
        match seconds {
            0 => None,
            0xff => Some(Instant(u64::MAX)),
            seconds => Some(self.now + Duration::from_secs(seconds.into())),
        }
    }

    /// A ZDO request arrives at a device.
    pub(super) fn zdo_at_device(
        &mut self,
        ieee: IeeeAddress,
        cluster: u16,
        payload: &[u8],
        sequence: u8,
    ) {
        let extended_pan = self.extended_pan();
        let neighbors = self.neighbors(Some(ieee));
        let mut answer = None;
        let around = Surroundings {
            extended_pan,
            neighbors: &neighbors,
        };
        self.with(ieee, |device, io| {
            answer = device.zdo(cluster, payload, around, io);
        });
        let source = self.device(ieee).map(|device| device.node.nwk.0);
        if let (Some(answer), Some(source)) = (answer, source) {
            let up = Event::UpZdo(source, false, cluster | 0x8000, answer, sequence);
            self.later(self.timing.air, up);
        }
    }

    /// A ZDO message arrives at the coordinator: the host is told, in MT's own form and, when it
    /// registered for it, as it came.
    pub(super) fn zdo_arrived(
        &mut self,
        source: u16,
        broadcast: bool,
        cluster: u16,
        payload: &[u8],
        sequence: u8,
    ) {
        if self.ram.state != 9 {
            return;
        }
        if self.nv.byte(id::ZDO_DIRECT_CB) != 0 {
            self.zdo_direct(source, cluster, payload);
        }
        let wanted = |cluster| self.ram.callbacks.contains(&cluster);
        if wanted(ALL_CLUSTERS) || wanted(cluster) {
            let mut writer = Writer::new();
            writer
                .u16(source)
                .u8(u8::from(broadcast))
                .u16(cluster)
                .u8(0)
                .u8(sequence)
                .u16(if broadcast { 0xfffd } else { 0 })
                .bytes(payload);
            let bytes = writer.into_bytes();
            self.tell(commands::zdo::MSG_CB_INCOMING, &bytes);
        }
    }

    fn zdo_direct(&mut self, source: u16, cluster: u16, payload: &[u8]) {
        let mut body = Vec::with_capacity(payload.len() + 2);
        let id = match cluster {
            0x0013 => {
                body.extend(source.to_le_bytes());
                0xc1
            }
            // Address responses have no source, and always a start index and a count, in this order.
            0x8000 | 0x8001 => {
                let Some((head, rest)) = payload.split_at_checked(11) else {
                    return;
                };
                body.extend_from_slice(head);
                let (count, start) = match rest {
                    [count, start, ..] => (*count, *start),
                    _ => (0, 0),
                };
                body.extend([start, count]);
                body.extend_from_slice(rest.get(2..).unwrap_or_default());
                return self.tell_zdo(if cluster == 0x8000 { 0x80 } else { 0x81 }, &body);
            }
            0x8002..=0x8006 | 0x8021 | 0x8022 | 0x8031..=0x8034 | 0x8036 | 0x8038 => {
                body.extend(source.to_le_bytes());
                // The low byte with its upper bit set.
                u8::try_from(cluster & 0x7f).unwrap_or(0) | 0x80
            }
            _ => return,
        };
        body.extend_from_slice(payload);
        self.tell_zdo(id, &body);
    }

    fn tell_zdo(&mut self, id: u8, body: &[u8]) {
        let header = Header {
            kind: Type::Areq,
            subsystem: Subsystem::ZDO,
            id,
        };
        self.write(header, body);
    }
}
