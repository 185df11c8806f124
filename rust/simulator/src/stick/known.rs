//! What the trust centre remembers of devices, and starting with a network that exists already.

use std::sync::Arc;

use zigbee::zdo::LogicalType;
use zigbee::{IeeeAddress, NwkAddress};

use super::Stick;
use super::layout::{self, Nib};
use super::nv::{Key, Nv, ZSTACK, id};
use crate::device::{Device, Model};

/// A network that a stick was on before the test began.
#[derive(Clone, PartialEq, Eq)]
pub struct Network {
    /// PAN id.
    pub pan_id: u16,
    /// Extended PAN id, most significant byte first as people write it.
    pub extended_pan_id: [u8; 8],
    /// 11 to 26.
    pub channel: u8,
    /// The network key.
    pub key: [u8; 16],
    /// The frame counter.
    pub counter: u32,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network")
            .field("pan_id", &self.pan_id)
            .field("channel", &self.channel)
            .finish_non_exhaustive()
    }
}

impl Default for Network {
    /// Zigbee2MQTT's default PAN id, extended PAN id, channel and key.
    fn default() -> Self {
        Self {
            pan_id: 0x1a62,
            extended_pan_id: [0xdd; 8],
            channel: 11,
            key: [1, 3, 5, 7, 9, 11, 13, 15, 0, 2, 4, 6, 8, 10, 12, 13],
            counter: 1000,
        }
    }
}

impl Stick {
    /// Puts the stick on a network, as if a host had formed it in an earlier life.
    pub fn preform(&mut self, network: &Network) {
        let mut extended_pan_id = network.extended_pan_id;
        extended_pan_id.reverse();
        // Zigbee2MQTT's default stands for the coordinator's own address.
        if extended_pan_id == [0xdd; 8] {
            extended_pan_id = self.own_ieee().0.to_le_bytes();
        }
        let channels = 1_u32.checked_shl(network.channel.into()).unwrap_or(0x0800);
        let nib = Nib {
            device_address: 0,
            channel: network.channel,
            coordinator: self.own_ieee().0.to_le_bytes(),
            pan_id: network.pan_id,
            channels,
            extended_pan_id,
            key_loaded: true,
            ..Nib::unformed()
        };
        self.install(&nib, &network.key, network.counter);
        self.nv
            .set_item(id::PANID, network.pan_id.to_le_bytes().to_vec());
        self.nv
            .set_item(id::CHANLIST, channels.to_le_bytes().to_vec());
        self.nv
            .set_item(id::EXTENDED_PAN_ID, extended_pan_id.to_vec());
        self.nv
            .set_item(id::APS_USE_EXT_PANID, extended_pan_id.to_vec());
        self.nv.set_item(id::PRECFGKEY, network.key.to_vec());
        self.nv.set_item(id::PRECFGKEYS_ENABLE, vec![0]);
        self.nv.set_item(id::ZDO_DIRECT_CB, vec![1]);
        let configured = if self.firmware.bdb() {
            id::CONFIGURED_3
        } else {
            id::CONFIGURED_12
        };
        self.nv.set_item(configured, vec![0x55]);
    }

    /// Adds a device that has been on the network for long.
    pub fn add_known(&mut self, ieee: IeeeAddress, nwk: NwkAddress, model: Arc<Model>) {
        let mut device = Device::new(ieee, model);
        device.node.nwk = nwk;
        device.node.joined = true;
        device.node.coordinator = self.own_ieee();
        self.add(device);
        self.learn(ieee);
    }

    /// The network's parameters as the stick has them now; `None` when it has no network. The key is
    /// among them.
    pub fn network(&self) -> Option<Network> {
        let nib = self.nib();
        if !self.is_formed() {
            return None;
        }
        let mut extended_pan_id = nib.extended_pan_id;
        extended_pan_id.reverse();
        let item = self.nv.item(id::ACTIVE_KEY)?;
        Some(Network {
            pan_id: nib.pan_id,
            extended_pan_id,
            channel: nib.channel,
            key: item.get(1..17)?.try_into().ok()?,
            counter: self.frame_counter(),
        })
    }

    /// The network's extended PAN id in the order of the wire.
    pub(super) fn extended_pan(&self) -> [u8; 8] {
        self.nib().extended_pan_id
    }

    fn address_keys(&self) -> Vec<Key> {
        (0..self.table_size)
            .map(|entry| (ZSTACK, id::EX_ADDRMGR, entry))
            .collect()
    }

    /// Writes a device into the address manager and gives it a link key derived from the seed.
    pub(super) fn learn(&mut self, ieee: IeeeAddress) {
        let Some(node) = self.device(ieee).map(|device| &device.node) else {
            return;
        };
        let child = node.parent == NwkAddress::COORDINATOR
            && node.model.logical_type == LogicalType::EndDevice;
        let aligned = self.firmware.aligned();
        // Bit 0: association; bit 1: security.
        let user = 2 | u8::from(child);
        let entry = layout::address(aligned, user, node.nwk, ieee);
        let width = entry.len();
        let offset = width - 8;
        let address = ieee.0.to_le_bytes();
        let matches = |stored: &[u8], wanted: &[u8; 8]| stored.get(offset..) == Some(&wanted[..]);
        if self.firmware.extended_nv() {
            let keys = self.address_keys();
            let find = |wanted: &[u8; 8]| {
                keys.iter().copied().find(|key| {
                    self.nv
                        .get(*key)
                        .is_some_and(|stored| matches(stored, wanted))
                })
            };
            if let Some(key) = find(&address).or_else(|| find(&[0xff; 8])) {
                self.nv.set(key, entry);
            }
        } else if let Some(table) = self.nv.item(id::ADDRMGR) {
            let find = |wanted: &[u8; 8]| {
                table
                    .chunks_exact(width)
                    .position(|stored| matches(stored, wanted))
            };
            if let Some(at) = find(&address).or_else(|| find(&[0xff; 8])) {
                self.nv.patch(Nv::legacy(id::ADDRMGR), at * width, &entry);
            }
        }
        self.give_key(ieee);
    }

    fn give_key(&mut self, ieee: IeeeAddress) {
        if !self.firmware.bdb() {
            return;
        }
        let aligned = self.firmware.aligned();
        let address = ieee.0.to_le_bytes();
        let keys: Vec<Key> = (0..self.table_size)
            .map(|entry| {
                if self.firmware.extended_nv() {
                    (ZSTACK, id::EX_TCLK, entry)
                } else {
                    Nv::legacy(id::TCLK_LEGACY + entry.min(238))
                }
            })
            .collect();
        // Behind two counters.
        let find = |wanted: &[u8; 8]| {
            keys.iter().copied().enumerate().find(|(_, key)| {
                self.nv
                    .get(*key)
                    .is_some_and(|stored| stored.get(8..16) == Some(&wanted[..]))
            })
        };
        if find(&address).is_none()
            && let Some((index, key)) = find(&[0; 8])
        {
            let shift = u8::try_from(index % 16).unwrap_or(0);
            let entry = layout::link_key(aligned, ieee, 2, shift);
            self.nv.set(key, entry);
        }
    }

    /// Takes a device out of the address manager and the key table.
    pub(super) fn forget(&mut self, ieee: IeeeAddress) {
        let aligned = self.firmware.aligned();
        let nobody = layout::address(
            aligned,
            self.firmware.unused_address(),
            NwkAddress(0xffff),
            IeeeAddress::UNKNOWN,
        );
        let address = ieee.0.to_le_bytes();
        let offset = nobody.len() - 8;
        if self.firmware.extended_nv() {
            for entry in 0..self.table_size {
                for (item, at, empty) in [
                    (id::EX_ADDRMGR, offset, nobody.clone()),
                    (
                        id::EX_TCLK,
                        8,
                        layout::link_key(aligned, IeeeAddress(0), 0xff, 0),
                    ),
                ] {
                    let key = (ZSTACK, item, entry);
                    let mine = self
                        .nv
                        .get(key)
                        .is_some_and(|stored| stored.get(at..at + 8) == Some(&address[..]));
                    if mine {
                        self.nv.set(key, empty);
                    }
                }
            }
        } else if let Some(table) = self.nv.item(id::ADDRMGR) {
            let width = nobody.len();
            let found = table
                .chunks_exact(width)
                .position(|stored| stored.get(offset..) == Some(&address[..]));
            if let Some(at) = found {
                self.nv.patch(Nv::legacy(id::ADDRMGR), at * width, &nobody);
            }
        }
    }

    /// A network that was started tells its devices where the coordinator is.
    pub(super) fn learn_members(&mut self) {
        let coordinator = self.own_ieee();
        for member in self.members.values_mut() {
            member.device.node.coordinator = coordinator;
        }
    }
}
