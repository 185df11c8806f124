//! ZDO: requests of the host to others and to the coordinator itself, and what comes back.

use adapters::Instant;
use adapters::znp::commands;
use adapters::znp::frame::{Header, Subsystem, Type};
use std::time::Duration;
use zigbee::wire::{Reader, Writer};
use zigbee::zdo::LogicalType;
use zigbee::{IeeeAddress, NwkAddress, ParseError};

use super::air::{Delivery, Event, Sent};
use super::nv::id;
use super::{Reply, RpcError, Stick};
use crate::device::{Neighbor, Surroundings, logical, lqi_response};

const SUCCESS: u8 = 0x00;
const FAILURE: u8 = 0x01;
const NOT_SUPPORTED: u8 = 0x84;
const NO_ENTRY: u8 = 0x88;
/// Every ZDO cluster.
const ALL_CLUSTERS: u16 = 0xffff;
/// Texas Instruments.
const MANUFACTURER: u16 = 0x0007;

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
            if let Ok(after) = self.reach(Some(ieee)) {
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

    fn until(&self, seconds: u8) -> Option<Instant> {
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

    /// The coordinator's neighbours, or those of a router.
    fn neighbors(&self, of: Option<IeeeAddress>) -> Vec<Neighbor> {
        let mut neighbors = Vec::new();
        let me = of
            .and_then(|ieee| self.device(ieee))
            .map(|device| device.node.nwk);
        if me.is_some() {
            neighbors.push(Neighbor {
                ieee: self.own_ieee(),
                nwk: NwkAddress::COORDINATOR,
                kind: LogicalType::Coordinator,
                rx_on: true,
                relationship: 0,
                depth: 0,
                lqi: 200,
            });
        }
        for device in self.devices() {
            let node = &device.node;
            let end_device = node.model.logical_type == LogicalType::EndDevice;
            let mine = node.parent == me.unwrap_or(NwkAddress::COORDINATOR);
            if !node.joined || Some(node.ieee) == of || (end_device && !mine) {
                continue;
            }
            neighbors.push(Neighbor {
                ieee: node.ieee,
                nwk: node.nwk,
                kind: node.model.logical_type,
                rx_on: !node.model.sleepy(),
                relationship: if mine { 1 } else { 2 },
                depth: if mine && me.is_none() { 1 } else { 2 },
                lqi: node.link_quality,
            });
        }
        neighbors
    }

    pub(super) fn permit_changed(&mut self, seconds: u8) {
        if !self.firmware.extended_nv() && self.ram.state == 9 {
            self.tell(commands::zdo::PERMIT_JOIN_IND, &[seconds]);
        }
    }

    /// The coordinator answers a request itself. `None`: it is not asked.
    fn zdo_self(&mut self, cluster: u16, payload: &[u8], broadcast: bool) -> Option<Vec<u8>> {
        match self.zdo_self_answer(cluster, payload, broadcast) {
            Ok(answer) => answer,
            Err(_) => Some(vec![0x80]),
        }
    }

    fn zdo_self_answer(
        &mut self,
        cluster: u16,
        payload: &[u8],
        broadcast: bool,
    ) -> Result<Option<Vec<u8>>, ParseError> {
        let mut reader = Reader::new(payload);
        let mut answer = Writer::new();
        answer.u8(SUCCESS);
        match cluster {
            0x0000 | 0x0001 => {
                let mine = if cluster == 0 {
                    reader.ieee()? == self.own_ieee()
                } else {
                    reader.u16()? == 0
                };
                if !mine {
                    return Ok(None);
                }
                answer.ieee(self.own_ieee()).u16(0);
                if reader.u8()? == 1 {
                    answer.u8(0).u8(0);
                }
            }
            // Permit joining is heard by everybody; other broadcasts are for the devices.
            0x0036 => {
                let seconds = reader.u8()?;
                self.ram.permit_until = self.until(seconds);
                if let Some(until) = self.ram.permit_until {
                    self.schedule.add(until, Event::PermitEnds);
                }
                self.permit_changed(seconds);
            }
            0x0038 => {
                let mask = reader.u32()?;
                let duration = reader.u8()?;
                match duration {
                    0xfe => {
                        self.change_channel(mask);
                        return Ok(None);
                    }
                    0..=5 if !broadcast => {
                        let channels: Vec<u32> = (11..=26)
                            .filter(|channel| mask & 1 << channel != 0)
                            .collect();
                        answer
                            .u32(mask)
                            .u16(100)
                            .u16(3)
                            .u8(u8::try_from(channels.len()).unwrap_or(0));
                        for channel in channels {
                            // A quiet band with one neighbour in the middle.
                            answer.u8(if channel == 18 { 150 } else { 60 });
                        }
                    }
                    _ => return Ok(None),
                }
            }
            _ if broadcast => return Ok(None),
            0x0002 => {
                answer
                    .u16(0)
                    .u8(logical(LogicalType::Coordinator))
                    .u8(0x40)
                    .u8(0x8f)
                    .u16(MANUFACTURER)
                    .u8(80)
                    .u16(160)
                    .u16(0x2c41)
                    .u16(160)
                    .u8(0);
            }
            0x0003 => {
                answer.u16(0).u16(0xc110);
            }
            0x0004 => {
                reader.u16()?;
                let id = reader.u8()?;
                match self.ram.endpoints.get(&id) {
                    Some(endpoint) => {
                        let mut descriptor = Writer::new();
                        descriptor
                            .u8(id)
                            .u16(endpoint.profile)
                            .u16(endpoint.device)
                            .u8(endpoint.version);
                        for list in [&endpoint.inputs, &endpoint.outputs] {
                            descriptor.u8(u8::try_from(list.len()).unwrap_or(0));
                            for cluster in list {
                                descriptor.u16(*cluster);
                            }
                        }
                        let descriptor = descriptor.into_bytes();
                        answer
                            .u16(0)
                            .u8(u8::try_from(descriptor.len()).unwrap_or(0))
                            .bytes(&descriptor);
                    }
                    None => return Ok(Some(vec![0x83, 0, 0, 0])),
                }
            }
            0x0005 => {
                // The firmware lists the endpoints in the reverse of their registration.
                let ids: Vec<u8> = self.ram.endpoints.keys().rev().copied().collect();
                answer
                    .u16(0)
                    .u8(u8::try_from(ids.len()).unwrap_or(0))
                    .bytes(&ids);
            }
            0x0006 => {
                answer.u16(0).u8(0);
            }
            0x0031 => {
                let start = reader.u8()?;
                let neighbors = self.neighbors(None);
                return Ok(Some(lqi_response(self.extended_pan(), &neighbors, start)));
            }
            0x0032 => {
                let start = reader.u8()?;
                let routes: Vec<u16> = self.by_nwk.keys().copied().collect();
                let shown: Vec<u16> = routes
                    .iter()
                    .skip(usize::from(start))
                    .take(10)
                    .copied()
                    .collect();
                answer
                    .u8(u8::try_from(routes.len()).unwrap_or(u8::MAX))
                    .u8(start)
                    .u8(u8::try_from(shown.len()).unwrap_or(0));
                for nwk in shown {
                    answer.u16(nwk).u8(0).u16(nwk);
                }
            }
            0x0033 => {
                let start = reader.u8()?;
                answer.u8(0).u8(start).u8(0);
            }
            0x0021 | 0x0022 => {}
            0x0034 => return Ok(Some(vec![NO_ENTRY])),
            _ => return Ok(Some(vec![NOT_SUPPORTED])),
        }
        Ok(Some(answer.into_bytes()))
    }

    /// Moves the network to the one channel of a mask.
    fn change_channel(&mut self, mask: u32) {
        let mut nib = self.nib();
        let channel = mask.trailing_zeros();
        if let Ok(channel @ 11..=26) = u8::try_from(channel) {
            nib.channel = channel;
            nib.channels = mask;
            nib.update_id = nib.update_id.wrapping_add(1);
            self.set_nib(&nib);
        }
    }
}
