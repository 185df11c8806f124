//! The system interface: reset, version, non-volatile memory.

use zigbee::wire::{Reader, Writer};

use super::nv::{Key, Nv, id};
use super::{Reply, RpcError, Stick};

const SUCCESS: u8 = 0x00;
const FAILURE: u8 = 0x01;
const INVALID_PARAMETER: u8 = 0x02;
/// The item did not exist and was created.
const NV_CREATED: u8 = 0x09;
const NV_FAILED: u8 = 0x0a;
const NV_LENGTH: u8 = 0x0c;
/// How many bytes of an item fit into one answer.
const CHUNK: usize = 248;
/// Items longer than this do not exist.
const LONGEST_ITEM: u32 = 0x4000;

impl Stick {
    pub(super) fn sys(&mut self, id: u8, data: &[u8]) -> Reply {
        let mut reader = Reader::new(data);
        match id {
            0x01 => Ok(self.firmware.capabilities().to_le_bytes().to_vec()),
            0x02 => {
                let [major, minor, maintenance] = self.firmware.release();
                let mut reply = vec![2, self.firmware.product(), major, minor, maintenance];
                reply.extend(self.firmware.revision().to_le_bytes());
                Ok(reply)
            }
            0x03 => {
                let address = reader.ieee()?;
                self.nv
                    .set_item(id::EXTADDR, address.0.to_le_bytes().to_vec());
                Ok(vec![SUCCESS])
            }
            0x04 => Ok(self.own_ieee().0.to_le_bytes().to_vec()),
            0x07 => self.nv_init(&mut reader),
            0x08 => {
                let item = reader.u16()?;
                let offset = usize::from(reader.u8()?);
                Ok(self.nv_read_legacy(item, offset))
            }
            0x09 => {
                let item = reader.u16()?;
                let offset = usize::from(reader.u8()?);
                let length = usize::from(reader.u8()?);
                let value = reader.take(length)?;
                Ok(vec![self.nv_write(Nv::legacy(item), offset, value)])
            }
            0x0c => Ok(self.random.bytes::<2>().to_vec()),
            0x0f => {
                reader.u8()?;
                Ok(vec![reader.u8()?])
            }
            // setTime, getTime
            0x10 => Ok(vec![SUCCESS]),
            0x11 => Ok(vec![0; 11]),
            0x12 => {
                let item = reader.u16()?;
                let length = usize::from(reader.u16()?);
                let key = Nv::legacy(item);
                Ok(vec![match self.nv.length(key) {
                    0 => NV_CREATED,
                    stored if stored != length => NV_LENGTH,
                    _ if self.nv.remove(key) => SUCCESS,
                    _ => NV_FAILED,
                }])
            }
            0x13 => {
                let length = self.nv.length(Nv::legacy(reader.u16()?));
                Ok(u16::try_from(length)
                    .unwrap_or(u16::MAX)
                    .to_le_bytes()
                    .to_vec())
            }
            0x14 => {
                let power = reader.u8()?;
                // 3.x.0 answers with a status, the others with the power that was set.
                Ok(vec![if self.firmware.extended_nv() {
                    SUCCESS
                } else {
                    power
                }])
            }
            0x1c => {
                let item = reader.u16()?;
                let offset = usize::from(reader.u16()?);
                Ok(self.nv_read_legacy(item, offset))
            }
            0x1d => {
                let item = reader.u16()?;
                let offset = usize::from(reader.u16()?);
                let length = usize::from(reader.u16()?);
                let value = reader.take(length)?;
                Ok(vec![self.nv_write(Nv::legacy(item), offset, value)])
            }
            0x30..=0x36 if self.firmware.extended_nv() => self.nv_extended(id, &mut reader),
            _ => Err(RpcError::Command),
        }
    }

    fn nv_init(&mut self, reader: &mut Reader<'_>) -> Reply {
        let item = reader.u16()?;
        let length = usize::from(reader.u16()?);
        let given = usize::from(reader.u8()?);
        let value = reader.take(given)?;
        let key = Nv::legacy(item);
        if self.nv.length(key) > 0 {
            return Ok(vec![SUCCESS]);
        }
        if length == 0 || given > length {
            return Ok(vec![NV_FAILED]);
        }
        let mut stored = value.to_vec();
        stored.resize(length, 0xff);
        self.nv.set(key, stored);
        Ok(vec![NV_CREATED])
    }

    /// Status, length, bytes from the offset on.
    fn nv_read_legacy(&self, item: u16, offset: usize) -> Vec<u8> {
        if self.is_secured(item) {
            return vec![INVALID_PARAMETER, 0];
        }
        self.nv_read(Nv::legacy(item), offset, CHUNK)
    }

    fn nv_read(&self, key: Key, offset: usize, most: usize) -> Vec<u8> {
        match self.nv.get(key).and_then(|item| item.get(offset..)) {
            Some(rest) if !rest.is_empty() => {
                let part = rest.get(..most.min(CHUNK)).unwrap_or(rest);
                let mut reply = vec![SUCCESS, u8::try_from(part.len()).unwrap_or(0)];
                reply.extend_from_slice(part);
                reply
            }
            _ => vec![INVALID_PARAMETER, 0],
        }
    }

    fn nv_write(&mut self, key: Key, offset: usize, value: &[u8]) -> u8 {
        if self.nv.length(key) == 0 {
            NV_CREATED
        } else if self.nv.patch(key, offset, value) {
            SUCCESS
        } else {
            NV_FAILED
        }
    }

    /// Keys that Z-Stack 1.2 does not give away to a plain read.
    fn is_secured(&self, item: u16) -> bool {
        !self.firmware.bdb() && matches!(item, id::PRECFGKEY | id::ACTIVE_KEY | id::ALTERNATE_KEY)
    }

    fn nv_extended(&mut self, id: u8, reader: &mut Reader<'_>) -> Reply {
        if id == 0x36 {
            return Ok(vec![SUCCESS]);
        }
        let key: Key = (reader.u8()?, reader.u16()?, reader.u16()?);
        match id {
            0x30 => {
                let length = reader.u32()?;
                if length == 0 || length > LONGEST_ITEM {
                    return Ok(vec![NV_FAILED]);
                }
                if self.nv.length(key) == 0 {
                    // At most LONGEST_ITEM.
                    let length = usize::try_from(length).unwrap_or(0);
                    self.nv.set(key, vec![0xff; length]);
                }
                Ok(vec![SUCCESS])
            }
            0x31 => Ok(vec![if self.nv.remove(key) {
                SUCCESS
            } else {
                FAILURE
            }]),
            0x32 => {
                let length = u32::try_from(self.nv.length(key)).unwrap_or(u32::MAX);
                Ok(length.to_le_bytes().to_vec())
            }
            0x33 => {
                let offset = usize::from(reader.u16()?);
                let length = usize::from(reader.u8()?);
                Ok(self.nv_read(key, offset, length))
            }
            0x34 => {
                let offset = usize::from(reader.u16()?);
                let length = usize::from(reader.u8()?);
                let value = reader.take(length)?;
                Ok(vec![self.nv_write(key, offset, value)])
            }
            _ => {
                let length = usize::from(reader.u8()?);
                let value = reader.take(length)?.to_vec();
                self.nv.set(key, value);
                Ok(vec![SUCCESS])
            }
        }
    }

    pub(super) fn sapi(&mut self, id: u8, data: &[u8]) -> Reply {
        let mut reader = Reader::new(data);
        let mut reply = Writer::new();
        match id {
            0x04 => {
                let item = reader.u8()?;
                let value = self.nv.item(item.into()).unwrap_or_default();
                let status = if value.is_empty() { FAILURE } else { SUCCESS };
                let value = value.get(..CHUNK - 1).unwrap_or(value);
                reply
                    .u8(status)
                    .u8(item)
                    .u8(u8::try_from(value.len()).unwrap_or(0))
                    .bytes(value);
            }
            0x05 => {
                let item = reader.u8()?;
                let length = usize::from(reader.u8()?);
                let value = reader.take(length)?.to_vec();
                self.nv.set_item(item.into(), value);
                reply.u8(SUCCESS);
            }
            _ => return Err(RpcError::Command),
        }
        Ok(reply.into_bytes())
    }
}
