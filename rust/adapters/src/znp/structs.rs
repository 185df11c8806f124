//! Structures in the stick's memory.
//!
//! 8051 chips pack them; ARM chips put each member at a multiple of its size. Which of the two it is
//! shows in an item's length, so each structure is read by its own length.

use zigbee::{ExtendedPanId, IeeeAddress, NwkAddress, PanId, Reader, Writer};

/// Where the members of the network information base stand.
struct NibLayout {
    device_address: usize,
    channel: usize,
    pan_id: usize,
    channels: usize,
    extended_pan_id: usize,
    key_loaded: usize,
    manager: usize,
    update_id: usize,
    length: usize,
}

const PACKED: NibLayout = NibLayout {
    device_address: 20,
    channel: 22,
    pan_id: 33,
    channels: 36,
    extended_pan_id: 53,
    key_loaded: 61,
    manager: 105,
    update_id: 109,
    length: 110,
};

const ALIGNED: NibLayout = NibLayout {
    device_address: 22,
    channel: 24,
    pan_id: 36,
    channels: 40,
    extended_pan_id: 57,
    key_loaded: 65,
    manager: 110,
    update_id: 114,
    length: 116,
};

/// The same in both layouts.
const SECURITY_LEVEL: usize = 12;

/// The network information base.
#[derive(Clone)]
pub(super) struct Nib {
    bytes: Vec<u8>,
    layout: &'static NibLayout,
}

impl Nib {
    pub(super) fn parse(bytes: Vec<u8>) -> Option<Self> {
        let layout = [&PACKED, &ALIGNED]
            .into_iter()
            .find(|layout| layout.length == bytes.len())?;
        Some(Self { bytes, layout })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn reader(&self, at: usize) -> Reader<'_> {
        Reader::new(self.bytes.get(at..).unwrap_or_default())
    }

    fn put(&mut self, at: usize, value: &[u8]) {
        if let Some(bytes) = self.bytes.get_mut(at..at + value.len()) {
            bytes.copy_from_slice(value);
        }
    }

    pub(super) fn pan_id(&self) -> PanId {
        PanId(self.reader(self.layout.pan_id).u16().unwrap_or(u16::MAX))
    }

    pub(super) fn extended_pan_id(&self) -> ExtendedPanId {
        ExtendedPanId(self.reader(self.layout.extended_pan_id).u64().unwrap_or(0))
    }

    /// 0: not on a network.
    pub(super) fn channel(&self) -> u8 {
        self.reader(self.layout.channel).u8().unwrap_or(0)
    }

    pub(super) fn channels(&self) -> u32 {
        self.reader(self.layout.channels).u32().unwrap_or(0)
    }

    pub(super) fn update_id(&self) -> u8 {
        self.reader(self.layout.update_id).u8().unwrap_or(0)
    }

    pub(super) fn security_level(&self) -> u8 {
        self.reader(SECURITY_LEVEL).u8().unwrap_or(5)
    }

    /// True once the stick is on a network.
    pub(super) fn is_settled(&self) -> bool {
        self.pan_id().0 < 0xfffe && self.channel() != 0
    }

    /// Replaces what a backup holds.
    pub(super) fn set_network(
        &mut self,
        pan_id: PanId,
        extended_pan_id: ExtendedPanId,
        channel: u8,
        channels: u32,
    ) {
        let layout = self.layout;
        self.put(layout.pan_id, &pan_id.0.to_le_bytes());
        self.put(layout.extended_pan_id, &extended_pan_id.0.to_le_bytes());
        self.put(layout.channel, &[channel]);
        self.put(layout.channels, &channels.to_le_bytes());
        self.put(layout.device_address, &[0, 0]);
        self.put(layout.manager, &[0, 0]);
        self.put(layout.key_loaded, &[1]);
    }

    pub(super) fn set_security(&mut self, level: u8, update_id: u8) {
        self.put(SECURITY_LEVEL, &[level]);
        self.put(self.layout.update_id, &[update_id]);
    }
}

/// A network key and its number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyInfo {
    pub(super) sequence: u8,
    pub(super) key: [u8; 16],
}

impl KeyInfo {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        Some(Self {
            sequence: reader.u8().ok()?,
            key: reader.array().ok()?,
        })
    }

    pub(super) fn emit(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.u8(self.sequence).bytes(&self.key);
        writer.into_bytes()
    }
}

/// An entry of the address manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AddressEntry {
    /// What it is needed for: 1 child, 2 key, 4 binding.
    pub(super) user: u8,
    pub(super) nwk: NwkAddress,
    pub(super) ieee: IeeeAddress,
}

impl AddressEntry {
    pub(super) const CHILD: u8 = 1;
    pub(super) const SECURITY: u8 = 2;

    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let user = reader.u8().ok()?;
        if bytes.len() == 12 {
            reader.u8().ok()?;
        }
        Some(Self {
            user,
            nwk: reader.nwk().ok()?,
            ieee: reader.ieee().ok()?,
        })
    }

    /// False for the fillers of unused entries.
    pub(super) fn is_used(&self) -> bool {
        self.user != 0 && self.user != 0xff && self.ieee.0 != 0 && self.ieee != IeeeAddress::UNKNOWN
    }

    /// The bytes in an entry of the given length.
    pub(super) fn emit(&self, length: usize) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.u8(self.user);
        if length == 12 {
            writer.u8(0xff);
        }
        writer.nwk(self.nwk).ieee(self.ieee);
        writer.into_bytes()
    }
}

/// A network frame counter and the network that it counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SecurityMaterial {
    pub(super) counter: u32,
    pub(super) extended_pan_id: ExtendedPanId,
}

impl SecurityMaterial {
    /// Counts for any network.
    pub(super) const ANY: ExtendedPanId = ExtendedPanId(u64::MAX);

    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        Some(Self {
            counter: reader.u32().ok()?,
            extended_pan_id: ExtendedPanId(reader.u64().ok()?),
        })
    }

    pub(super) fn emit(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.u32(self.counter).u64(self.extended_pan_id.0);
        writer.into_bytes()
    }
}

/// A link key with its counters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyData {
    pub(super) key: [u8; 16],
    pub(super) tx: u32,
    pub(super) rx: u32,
}

impl KeyData {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        Some(Self {
            key: reader.array().ok()?,
            tx: reader.u32().ok()?,
            rx: reader.u32().ok()?,
        })
    }

    pub(super) fn is_used(&self) -> bool {
        self.key != [0; 16] && self.key != [0xff; 16]
    }

    pub(super) fn emit(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.bytes(&self.key).u32(self.tx).u32(self.rx);
        writer.into_bytes()
    }
}

/// Says which key belongs to which entry of the address manager, both by position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyIndex {
    pub(super) address: u16,
    /// Z-Stack 3.x.0: a position; before: an item's number.
    pub(super) key: u16,
    pub(super) authentication: u8,
}

impl KeyIndex {
    /// "Authenticated by key exchange".
    pub(super) const AUTHENTICATED: u8 = 1;
    /// An entry that is not used.
    pub(super) const UNUSED: Self = Self {
        address: 0xfffe,
        key: 0,
        authentication: 0,
    };

    /// Reads the table: a count, then entries; what lies behind the count's entries is junk.
    pub(super) fn parse_table(bytes: &[u8], entry_length: usize) -> Vec<Self> {
        let mut reader = Reader::new(bytes);
        let count = usize::from(reader.u16().unwrap_or(0));
        reader
            .take_rest()
            .chunks_exact(entry_length.max(5))
            .take(count)
            .map_while(|bytes| {
                let mut reader = Reader::new(bytes);
                Some(Self {
                    address: reader.u16().ok()?,
                    key: reader.u16().ok()?,
                    authentication: reader.u8().ok()?,
                })
            })
            .collect()
    }

    pub(super) fn is_used(self) -> bool {
        !matches!(self.address, 0xfffe | 0xffff) && (self.address != 0 || self.authentication != 0)
    }

    pub(super) fn emit(self, entry_length: usize) -> Vec<u8> {
        let mut writer = Writer::new();
        writer
            .u16(self.address)
            .u16(self.key)
            .u8(self.authentication);
        let mut bytes = writer.into_bytes();
        bytes.resize(entry_length.max(5), 0);
        bytes
    }
}

/// A trust centre link key that is derived from the seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DerivedKey {
    pub(super) tx: u32,
    pub(super) rx: u32,
    pub(super) ieee: IeeeAddress,
    /// 2: verified.
    pub(super) attributes: u8,
    pub(super) kind: u8,
    /// By how many bytes the seed is rotated.
    pub(super) shift: u8,
}

impl DerivedKey {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        Some(Self {
            tx: reader.u32().ok()?,
            rx: reader.u32().ok()?,
            ieee: reader.ieee().ok()?,
            attributes: reader.u8().ok()?,
            kind: reader.u8().ok()?,
            shift: reader.u8().ok()?,
        })
    }

    pub(super) fn is_used(&self) -> bool {
        self.ieee.0 != 0 && self.ieee != IeeeAddress::UNKNOWN
    }

    /// The bytes in an entry of the given length.
    pub(super) fn emit(&self, length: usize) -> Vec<u8> {
        let mut writer = Writer::new();
        writer
            .u32(self.tx)
            .u32(self.rx)
            .ieee(self.ieee)
            .u8(self.attributes)
            .u8(self.kind)
            .u8(self.shift);
        let mut bytes = writer.into_bytes();
        bytes.resize(length.max(19), 0);
        bytes
    }
}

/// The key that a seed and a shift give for a device.
pub(super) fn derive_key(seed: &[u8; 16], shift: u8, ieee: IeeeAddress) -> [u8; 16] {
    let mut key = *seed;
    key.rotate_left(usize::from(shift % 16));
    let address = ieee.0.to_le_bytes();
    for (byte, mask) in key.iter_mut().zip(address.iter().cycle()) {
        *byte ^= mask;
    }
    key
}

/// The shift with which a seed gives a device's key.
pub(super) fn find_shift(seed: &[u8; 16], key: &[u8; 16], ieee: IeeeAddress) -> Option<u8> {
    (0..16).find(|shift| derive_key(seed, *shift, ieee) == *key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_layouts_of_the_network_information_base_hold_the_network() {
        for length in [110, 116] {
            let mut nib = Nib::parse(vec![0; length]).unwrap();
            assert!(!nib.is_settled());
            nib.set_network(
                PanId(0x1a62),
                ExtendedPanId(0xdddd_0000_0000_0001),
                15,
                1 << 15,
            );
            nib.set_security(5, 3);
            let again = Nib::parse(nib.bytes().to_vec()).unwrap();
            assert!(again.is_settled());
            assert_eq!(again.pan_id(), PanId(0x1a62));
            assert_eq!(
                again.extended_pan_id(),
                ExtendedPanId(0xdddd_0000_0000_0001)
            );
            assert_eq!((again.channel(), again.channels()), (15, 1 << 15));
            assert_eq!((again.security_level(), again.update_id()), (5, 3));
        }
        assert!(Nib::parse(vec![0; 111]).is_none());
    }

    #[test]
    fn entries_round_trip_in_both_layouts() {
        let entry = AddressEntry {
            user: 3,
            nwk: NwkAddress(0x1234),
            ieee: IeeeAddress(0x0015_8d00_0102_0304),
        };
        for length in [11, 12] {
            let bytes = entry.emit(length);
            assert_eq!(bytes.len(), length);
            assert_eq!(AddressEntry::parse(&bytes), Some(entry));
        }
        for filler in [[0xff; 12], [0; 12]] {
            assert!(!AddressEntry::parse(&filler).unwrap().is_used());
        }
        let key = DerivedKey {
            tx: 1,
            rx: 2,
            ieee: entry.ieee,
            attributes: 2,
            kind: 0,
            shift: 7,
        };
        for length in [19, 20] {
            assert_eq!(DerivedKey::parse(&key.emit(length)), Some(key));
        }
    }

    #[test]
    fn the_key_table_ends_at_its_count() {
        let used = KeyIndex {
            address: 4,
            key: 1,
            authentication: 1,
        };
        for length in [5, 6] {
            let mut bytes = vec![2, 0];
            bytes.extend(KeyIndex::UNUSED.emit(length));
            bytes.extend(used.emit(length));
            bytes.extend([0x55; 60]);
            let table = KeyIndex::parse_table(&bytes, length);
            assert_eq!(table, [KeyIndex::UNUSED, used]);
            assert!(!table[0].is_used() && table[1].is_used());
        }
    }

    #[test]
    fn a_derived_key_gives_its_shift_back() {
        let seed = *b"0123456789abcdef";
        let ieee = IeeeAddress(0x0015_8d00_0102_0304);
        for shift in 0..16 {
            let key = derive_key(&seed, shift, ieee);
            assert_eq!(find_shift(&seed, &key, ieee), Some(shift));
        }
        assert_eq!(find_shift(&seed, &[0; 16], ieee), None);
    }
}
