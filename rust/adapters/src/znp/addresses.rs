//! Which device has which network address, as far as the stick told.

use std::collections::BTreeMap;

use zigbee::{IeeeAddress, NwkAddress};

/// More devices than any network has; beyond it nothing new is learned.
const CAPACITY: usize = 4096;

/// The addresses seen so far.
#[derive(Debug, Default)]
pub(super) struct Addresses(BTreeMap<u16, IeeeAddress>);

impl Addresses {
    /// Learns an address. An older address of the same device is forgotten.
    pub(super) fn learn(&mut self, nwk: NwkAddress, ieee: IeeeAddress) {
        if ieee == IeeeAddress::UNKNOWN || ieee.0 == 0 || nwk.0 >= 0xfff8 {
            return;
        }
        if self.0.get(&nwk.0) == Some(&ieee) {
            return;
        }
        self.0.retain(|_, known| *known != ieee);
        if self.0.len() < CAPACITY {
            self.0.insert(nwk.0, ieee);
        }
    }

    pub(super) fn ieee(&self, nwk: NwkAddress) -> Option<IeeeAddress> {
        self.0.get(&nwk.0).copied()
    }

    pub(super) fn nwk(&self, ieee: IeeeAddress) -> Option<NwkAddress> {
        self.0
            .iter()
            .find(|(_, known)| **known == ieee)
            .map(|(nwk, _)| NwkAddress(*nwk))
    }
}
