//! Utilities and application configuration.

use zigbee::IeeeAddress;
use zigbee::wire::{Reader, Writer};
use zigbee::zdo::LogicalType;

use super::layout;
use super::network::Event;
use super::{Reply, RpcError, Stick};

const SUCCESS: u8 = 0x00;
const FAILURE: u8 = 0x01;
/// `bdbStartCommissioning`'s mode for forming a network.
const FORM: u8 = 0x04;
/// What a commissioning ends with when there is a network already.
const FORMATION_FAILURE: u8 = 0x08;

impl Stick {
    pub(super) fn util(&mut self, id: u8, data: &[u8]) -> Reply {
        let mut reader = Reader::new(data);
        let aligned = self.firmware.aligned();
        match id {
            0x00 => Ok(self.device_info()),
            0x0a => {
                reader.u16()?;
                Ok(vec![SUCCESS])
            }
            0x10 => Ok(data.to_vec()),
            0x40 => {
                let ieee = reader.ieee()?;
                let nwk = self.device(ieee).map_or(0xfffe, |device| device.node.nwk.0);
                Ok(nwk.to_le_bytes().to_vec())
            }
            0x41 => {
                let nwk = reader.u16()?;
                let ieee = self.by_nwk.get(&nwk).copied().unwrap_or(IeeeAddress(0));
                Ok(ieee.0.to_le_bytes().to_vec())
            }
            0x48 => {
                let count = u16::try_from(self.children().len()).unwrap_or(u16::MAX);
                Ok(count.to_le_bytes().to_vec())
            }
            0x49 => {
                let index = reader.u8()?;
                let child = self.children().get(usize::from(index)).copied();
                Ok(self.association(child, index.into(), aligned))
            }
            0x4a => {
                let ieee = reader.ieee()?;
                let nwk = reader.u16()?;
                let wanted = if ieee.0 == 0 {
                    self.by_nwk.get(&nwk).copied()
                } else {
                    Some(ieee)
                };
                let children = self.children();
                let index = children.iter().position(|child| Some(*child) == wanted);
                let child = index.and_then(|index| children.get(index).copied());
                let index = u16::try_from(index.unwrap_or(0)).unwrap_or(0);
                Ok(self.association(child, index, aligned))
            }
            // Commands of Koenkk's builds.
            0x63 if self.firmware.extended_nv() => {
                let ieee = reader.ieee()?;
                let known = self.is_child(ieee);
                self.ram.disowned.insert(ieee);
                Ok(vec![if known { SUCCESS } else { FAILURE }])
            }
            0x64 if self.firmware.extended_nv() => {
                let ieee = reader.ieee()?;
                reader.u16()?;
                reader.u8()?;
                self.ram.disowned.remove(&ieee);
                Ok(vec![SUCCESS])
            }
            _ => Err(RpcError::Command),
        }
    }

    /// The end devices that hang on the coordinator itself.
    fn children(&self) -> Vec<IeeeAddress> {
        self.members
            .keys()
            .copied()
            .filter(|ieee| self.is_child(*ieee))
            .collect()
    }

    fn association(&self, child: Option<IeeeAddress>, index: u16, aligned: bool) -> Vec<u8> {
        match child.and_then(|ieee| self.device(ieee)) {
            Some(device) => {
                let node = &device.node;
                let relation = match (node.model.logical_type, node.model.sleepy()) {
                    (LogicalType::EndDevice, true) => 1,
                    (LogicalType::EndDevice, false) => 2,
                    _ => 4,
                };
                layout::association(aligned, node.nwk.0, index, relation)
            }
            None => layout::association(aligned, 0xfffe, 0xffff, 0xff),
        }
    }

    fn device_info(&self) -> Vec<u8> {
        let children = self.children();
        let nwk: u16 = if self.is_formed() { 0 } else { 0xfffe };
        let mut writer = Writer::new();
        writer
            .u8(SUCCESS)
            .ieee(self.own_ieee())
            .u16(nwk)
            .u8(0x07)
            .u8(self.ram.state)
            .u8(u8::try_from(children.len()).unwrap_or(u8::MAX));
        for ieee in children.iter().take(100) {
            if let Some(device) = self.device(*ieee) {
                writer.nwk(device.node.nwk);
            }
        }
        writer.into_bytes()
    }

    pub(super) fn app_cnf(&mut self, id: u8, data: &[u8]) -> Reply {
        let mut reader = Reader::new(data);
        match id {
            // Timeouts, key exchange, keys to use: accepted.
            0x01..=0x03 | 0x07 | 0x09..=0x0b | 0xff => Ok(vec![SUCCESS]),
            0x04 => {
                let format = reader.u8()?;
                let ieee = reader.ieee()?;
                let expected = match format {
                    1 => 18,
                    2 => 16,
                    _ => return Ok(vec![FAILURE]),
                };
                if reader.rest().len() != expected {
                    return Ok(vec![FAILURE]);
                }
                self.ram.install_codes.insert(ieee);
                Ok(vec![SUCCESS])
            }
            0x06 => {
                self.ram.install_codes_only = reader.u8()? != 0;
                Ok(vec![SUCCESS])
            }
            0x05 => {
                let mode = reader.u8()?;
                let formed = self.is_formed();
                if mode & FORM != 0 {
                    self.start();
                }
                let status = if formed && mode & FORM != 0 {
                    FORMATION_FAILURE
                } else {
                    SUCCESS
                };
                self.later(self.timing.start, Event::Commissioned(status, mode));
                Ok(vec![SUCCESS])
            }
            0x08 => {
                let primary = reader.u8()? != 0;
                let mask = reader.u32()?;
                if primary {
                    self.ram.channels = Some(mask);
                }
                Ok(vec![SUCCESS])
            }
            _ => Err(RpcError::Command),
        }
    }
}
