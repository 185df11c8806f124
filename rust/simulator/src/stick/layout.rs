//! The C structures in the stick's non-volatile memory, packed (8051) or aligned (ARM).
//!
//! Field order: zigbee-herdsman `structs/entries` after Z-Stack 3.0.2 `nwk.h`, `AddrMgr.h`,
//! `ssp.h`, `APSMEDE.h`; see `shared/facts/adapters/znp.md` §7.

use zigbee::{IeeeAddress, NwkAddress};

/// Writes members, each on its natural boundary when aligned.
#[derive(Debug)]
pub(crate) struct Layout {
    bytes: Vec<u8>,
    aligned: bool,
    widest: usize,
}

impl Layout {
    pub(crate) const fn new(aligned: bool) -> Self {
        Self {
            bytes: Vec::new(),
            aligned,
            widest: 1,
        }
    }

    fn align(&mut self, width: usize) {
        if self.aligned {
            self.widest = self.widest.max(width);
            while !self.bytes.len().is_multiple_of(width) {
                self.bytes.push(0);
            }
        }
    }

    pub(crate) fn u8(mut self, value: u8) -> Self {
        self.bytes.push(value);
        self
    }

    pub(crate) fn u16(mut self, value: u16) -> Self {
        self.align(2);
        self.bytes.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn u32(mut self, value: u32) -> Self {
        self.align(4);
        self.bytes.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// The structure, padded to its widest member.
    pub(crate) fn build(mut self) -> Vec<u8> {
        self.align(self.widest);
        self.bytes
    }
}

/// The network information base: what a formed network is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Nib {
    pub(crate) device_address: u16,
    pub(crate) channel: u8,
    pub(crate) coordinator: [u8; 8],
    pub(crate) pan_id: u16,
    pub(crate) channels: u32,
    pub(crate) extended_pan_id: [u8; 8],
    pub(crate) key_loaded: bool,
    pub(crate) security_level: u8,
    pub(crate) manager: u16,
    pub(crate) update_id: u8,
}

impl Nib {
    /// A stick that is on no network.
    pub(crate) const fn unformed() -> Self {
        Self {
            device_address: 0xfffe,
            channel: 0,
            coordinator: [0; 8],
            pan_id: 0xffff,
            channels: 0,
            extended_pan_id: [0; 8],
            key_loaded: false,
            security_level: 5,
            manager: 0,
            update_id: 0,
        }
    }

    /// True when the item describes a network.
    pub(crate) const fn is_formed(&self) -> bool {
        self.channel != 0 && self.pan_id != 0xffff && self.key_loaded
    }

    /// 110 bytes packed, 116 aligned.
    pub(crate) fn emit(&self, aligned: bool) -> Vec<u8> {
        Layout::new(aligned)
            // Sequence number, passive ack timeout, broadcast retries, children, depth, routers,
            // neighbour table, broadcast delivery time, constant cost, discovery retries, routing
            // table, secure all frames.
            .bytes(&[0x4c, 5, 2, 20, 15, 20, 0, 30, 0, 0, 0, 1])
            .u8(self.security_level)
            .u8(0)
            .u8(0x0f)
            .u16(7)
            .u8(2)
            .u8(13)
            .u8(30)
            .u16(self.device_address)
            .u8(self.channel)
            .u16(0)
            .bytes(&self.coordinator)
            .u16(self.pan_id)
            .u8(if self.is_formed() { 8 } else { 0 })
            .u32(self.channels)
            .bytes(&[15, 15, 0, 0])
            .u32(1)
            .u32(1)
            .u8(0)
            .bytes(&self.extended_pan_id)
            .u8(u8::from(self.key_loaded))
            .bytes(&[0; 17])
            .bytes(&[0; 17])
            .bytes(&[0, 0, 15, 3, 0, 1, 120, 10, 1])
            .u16(self.manager)
            .u16(0)
            .u8(self.update_id)
            .build()
    }

    /// Reads the members that matter. `None` when the bytes are not a NIB.
    pub(crate) fn parse(bytes: &[u8], aligned: bool) -> Option<Self> {
        let expected = if aligned { 116 } else { 110 };
        if bytes.len() != expected {
            return None;
        }
        // Offsets in the packed and in the aligned structure.
        let at = |packed: usize, padded: usize| if aligned { padded } else { packed };
        let byte = |offset: usize| bytes.get(offset).copied();
        let array =
            |offset: usize| -> Option<[u8; 8]> { bytes.get(offset..offset + 8)?.try_into().ok() };
        let word = |offset: usize| -> Option<u16> {
            Some(u16::from_le_bytes(
                bytes.get(offset..offset + 2)?.try_into().ok()?,
            ))
        };
        Some(Self {
            security_level: byte(12)?,
            device_address: word(at(20, 22))?,
            channel: byte(at(22, 24))?,
            coordinator: array(at(25, 28))?,
            pan_id: word(at(33, 36))?,
            channels: u32::from_le_bytes(bytes.get(at(36, 40)..)?.get(..4)?.try_into().ok()?),
            extended_pan_id: array(at(53, 57))?,
            key_loaded: byte(at(61, 65))? != 0,
            manager: word(at(105, 110))?,
            update_id: byte(at(109, 114))?,
        })
    }
}

/// A key with its sequence number.
pub(crate) fn key_descriptor(sequence: u8, key: &[u8; 16]) -> Vec<u8> {
    Layout::new(false).u8(sequence).bytes(key).build()
}

/// `NWKKEY`: active key and frame counter; 21 bytes packed, 24 aligned.
pub(crate) fn active_key(aligned: bool, key: &[u8; 16], counter: u32) -> Vec<u8> {
    Layout::new(aligned).u8(0).bytes(key).u32(counter).build()
}

/// An address manager entry; 11 bytes packed, 12 aligned.
pub(crate) fn address(aligned: bool, user: u8, nwk: NwkAddress, ieee: IeeeAddress) -> Vec<u8> {
    Layout::new(aligned)
        .u8(user)
        .u16(nwk.0)
        .bytes(&ieee.0.to_le_bytes())
        .build()
}

/// A frame counter of the network key on one network.
pub(crate) fn security_material(counter: u32, extended_pan_id: [u8; 8]) -> Vec<u8> {
    Layout::new(true)
        .u32(counter)
        .bytes(&extended_pan_id)
        .build()
}

/// A trust centre link key entry; 19 bytes packed, 20 aligned.
pub(crate) fn link_key(aligned: bool, ieee: IeeeAddress, attributes: u8, shift: u8) -> Vec<u8> {
    Layout::new(aligned)
        .u32(0)
        .u32(0)
        .bytes(&ieee.0.to_le_bytes())
        .u8(attributes)
        .u8(0)
        .u8(shift)
        .build()
}

/// An entry of the association table as `UTIL.assocGetWithAddress` gives it; 28 bytes packed, 36 aligned.
pub(crate) fn association(aligned: bool, nwk: u16, index: u16, relation: u8) -> Vec<u8> {
    let layout = Layout::new(aligned)
        .u16(nwk)
        .u16(index)
        .u8(relation)
        .bytes(&[0, 0, 0])
        .bytes(&[0, 1, 0xc8, 0])
        .u32(0)
        .u16(0);
    // `linkInfo` is a structure of its own: it ends on its own boundary.
    let layout = if aligned { layout.u16(0) } else { layout };
    let layout = layout.u8(0).u32(0).u32(0).u8(0);
    if aligned {
        layout.u8(0).build()
    } else {
        layout.build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_that_hosts_tell_alignment_by() {
        let nib = Nib::unformed();
        assert_eq!(nib.emit(false).len(), 110);
        assert_eq!(nib.emit(true).len(), 116);
        assert_eq!(active_key(false, &[0; 16], 0).len(), 21);
        assert_eq!(active_key(true, &[0; 16], 0).len(), 24);
        assert_eq!(association(false, 0, 0, 0).len(), 28);
        assert_eq!(association(true, 0, 0, 0).len(), 36);
        let none = (NwkAddress(0), IeeeAddress(0));
        assert_eq!(address(false, 0, none.0, none.1).len(), 11);
        assert_eq!(address(true, 0, none.0, none.1).len(), 12);
        assert_eq!(link_key(false, none.1, 0, 0).len(), 19);
        assert_eq!(link_key(true, none.1, 0, 0).len(), 20);
        assert_eq!(security_material(0, [0; 8]).len(), 12);
    }

    #[test]
    fn a_nib_reads_back() {
        let nib = Nib {
            device_address: 0,
            channel: 15,
            coordinator: [1, 2, 3, 4, 5, 6, 7, 8],
            pan_id: 0x1a62,
            channels: 0x0080_8000,
            extended_pan_id: [9, 8, 7, 6, 5, 4, 3, 2],
            key_loaded: true,
            security_level: 5,
            manager: 0x1234,
            update_id: 3,
        };
        for aligned in [false, true] {
            assert_eq!(Nib::parse(&nib.emit(aligned), aligned), Some(nib.clone()));
        }
        assert_eq!(Nib::parse(&[0; 115], true), None);
    }
}
