//! The network's key and frame counter: who understands whom.
//!
//! A device drops frames of another network, and frames whose counter is not above the last one it
//! heard (Zigbee specification R22 §4.3.1.2): a coordinator whose counter went back talks to deaf ears.

use zigbee::IeeeAddress;

use super::Stick;
use super::layout;
use super::nv::{Key, Nv, ZSTACK, id};

/// Entries in the table of frame counters.
pub(super) const COUNTERS: u16 = 12;
/// "Any network" in the table of frame counters.
const ANY_NETWORK: [u8; 8] = [0xff; 8];
/// The counter is stored once in so many frames; a start goes on above what may have been sent since.
const STORED_EVERY: u32 = 100;

/// A network by what its members share.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Membership {
    extended_pan_id: [u8; 8],
    key: [u8; 16],
}

/// What a device knows of the coordinator.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Heard {
    network: Membership,
    /// The counter of the last frame.
    counter: u32,
}

/// Without the key.
impl std::fmt::Debug for Heard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Heard")
            .field("counter", &self.counter)
            .finish_non_exhaustive()
    }
}

/// A counter at the beginning of bytes.
fn number(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().copied().map(u32::from_le_bytes)
}

impl Stick {
    /// The network that the stick is on.
    fn membership(&self) -> Option<Membership> {
        if !self.is_formed() {
            return None;
        }
        let item = if self.firmware.bdb() {
            id::ACTIVE_KEY
        } else {
            id::NWKKEY
        };
        // Behind the key's sequence number.
        let key = self.nv.item(item)?.get(1..17)?.try_into().ok()?;
        Some(Membership {
            extended_pan_id: self.extended_pan(),
            key,
        })
    }

    /// The counter of the last frame that was sent.
    pub fn frame_counter(&self) -> u32 {
        self.ram.counter
    }

    /// Goes on where an earlier life ended.
    pub(super) fn restore_counter(&mut self) {
        self.ram.counter = self.stored_counter().saturating_add(STORED_EVERY);
        self.store_counter(self.ram.counter);
    }

    fn stored_counter(&self) -> u32 {
        if !self.firmware.bdb() {
            // Behind the key, where the layout puts it.
            let at = if self.firmware.aligned() { 20 } else { 17 };
            let item = self.nv.item(id::NWKKEY);
            return item.and_then(|item| number(item.get(at..)?)).unwrap_or(0);
        }
        let mine = self.extended_pan();
        (0..COUNTERS)
            .filter_map(|entry| {
                let item = self.nv.get(self.counter_key(entry))?;
                let network = item.get(4..12)?;
                (network == mine || network == ANY_NETWORK).then(|| number(item))?
            })
            .max()
            .unwrap_or(0)
    }

    /// Where an entry of the table of frame counters is.
    pub(super) fn counter_key(&self, entry: u16) -> Key {
        if self.firmware.extended_nv() {
            (ZSTACK, id::EX_SECURITY_MATERIAL, entry)
        } else {
            Nv::legacy(id::SECURITY_MATERIAL_LEGACY + entry)
        }
    }

    /// Writes the counter to where the firmware keeps it.
    pub(super) fn store_counter(&mut self, counter: u32) {
        let aligned = self.firmware.aligned();
        let key = self.nv.item(id::NWKKEY).and_then(|item| item.get(1..17));
        if let Some(key) = key.and_then(|key| key.try_into().ok()) {
            let active = layout::active_key(aligned, &key, counter);
            self.nv.set_item(id::NWKKEY, active);
        }
        if !self.firmware.bdb() {
            return;
        }
        let network = self.extended_pan();
        let is_mine = |entry: &u16| {
            let item = self.nv.get(self.counter_key(*entry));
            item.and_then(|item| item.get(4..12)) == Some(&network[..])
        };
        let mine = (0..COUNTERS).find(is_mine).unwrap_or(0);
        for (entry, network) in [(mine, network), (COUNTERS - 1, ANY_NETWORK)] {
            let material = layout::security_material(counter, network);
            self.nv.set(self.counter_key(entry), material);
        }
    }

    /// A frame goes out.
    pub(super) fn count_frame(&mut self) {
        self.ram.counter = self.ram.counter.saturating_add(1);
        if self.ram.counter.is_multiple_of(STORED_EVERY) {
            self.store_counter(self.ram.counter);
        }
    }

    /// A device learns the network as it is now: it has joined.
    pub(super) fn admit(&mut self, ieee: IeeeAddress) {
        let heard = self.membership().map(|network| Heard {
            network,
            counter: self.ram.counter,
        });
        if let Some(member) = self.members.get_mut(&ieee) {
            member.heard = heard;
        }
    }

    /// True when a device accepts the coordinator's last frame. One that never heard any takes the
    /// network for its own: it was on it before the simulation began.
    pub(super) fn is_understood_by(&mut self, ieee: IeeeAddress) -> bool {
        let Some(network) = self.membership() else {
            return false;
        };
        let counter = self.ram.counter;
        let Some(member) = self.members.get_mut(&ieee) else {
            return false;
        };
        if let Some(heard) = member.heard
            && (heard.network != network || counter < heard.counter)
        {
            return false;
        }
        member.heard = Some(Heard { network, counter });
        true
    }

    /// True when the coordinator is on the device's network.
    pub(super) fn understands(&self, ieee: IeeeAddress) -> bool {
        let heard = self.members.get(&ieee).and_then(|member| member.heard);
        heard.is_none_or(|heard| self.membership() == Some(heard.network))
    }

    /// Another stick, fresh from the factory, takes this one's place among the same devices.
    pub fn replace(&mut self, ieee: IeeeAddress) {
        self.ieee = ieee;
        self.nv = Nv::default();
        self.unplugged();
        self.restart(0);
    }
}
