//! The coordinator as a Zigbee node: what it answers to ZDO requests itself.

use adapters::znp::commands;
use zigbee::wire::{Reader, Writer};
use zigbee::zdo::LogicalType;
use zigbee::{IeeeAddress, NwkAddress, ParseError};

use super::Stick;
use super::network::Event;
use crate::device::{Neighbor, logical, lqi_response};

const SUCCESS: u8 = 0x00;
const NOT_SUPPORTED: u8 = 0x84;
const NO_ENTRY: u8 = 0x88;
/// Texas Instruments.
const MANUFACTURER: u16 = 0x0007;

impl Stick {
    /// The coordinator's neighbours, or those of a router.
    pub(super) fn neighbors(&self, of: Option<IeeeAddress>) -> Vec<Neighbor> {
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
    pub(super) fn zdo_self(
        &mut self,
        cluster: u16,
        payload: &[u8],
        broadcast: bool,
    ) -> Option<Vec<u8>> {
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
                    Some(endpoint) => answer.u16(0).bytes(&endpoint.simple_descriptor()),
                    None => return Ok(Some(vec![0x83, 0, 0, 0])),
                };
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
            0x0021..=0x0034 => return self.management_answer(cluster, reader),
            _ => return Ok(Some(vec![NOT_SUPPORTED])),
        }
        Ok(Some(answer.into_bytes()))
    }

    /// Tables, bindings, leaving.
    fn management_answer(
        &self,
        cluster: u16,
        mut reader: Reader<'_>,
    ) -> Result<Option<Vec<u8>>, ParseError> {
        let mut answer = Writer::new();
        answer.u8(SUCCESS);
        match cluster {
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
