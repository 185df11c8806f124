//! Reading the whole network out of a stick.
//!
//! Tables refer to each other by position, so they are kept with their unused entries.

use serde_json::Value as Json;
use zigbee::{IeeeAddress, Reader};

use super::commands::sys;
use super::core::Handle;
use super::firmware::{Firmware, Generation};
use super::nv::{item, table};
use super::requester::StickError;
use super::structs::{
    AddressEntry, DerivedKey, KeyData, KeyIndex, KeyInfo, Nib, SecurityMaterial, derive_key,
};
use crate::RequestError;
use crate::backup::{Backup, BackupDevice, LinkKey};

/// The frame counter of a stick that doesn't show it.
const UNKNOWN_COUNTER: u32 = 1250;
/// How many items the tables of Z-Stack 3.0.x have at most.
const MOST_APS_KEYS: u16 = 255;
const MOST_DERIVED_KEYS: u16 = 239;
const MOST_SEC_MATERIAL: u16 = 12;

/// The tables of one stick, by position.
pub(super) struct Tables {
    /// Members of structures stand at multiples of their size.
    pub(super) aligned: bool,
    pub(super) addresses: Vec<Vec<u8>>,
    pub(super) key_index: Vec<u8>,
    pub(super) keys: Vec<Vec<u8>>,
    pub(super) derived: Vec<Vec<u8>>,
    pub(super) material: Vec<Vec<u8>>,
}

impl Handle {
    /// The network as an Open Coordinator Backup.
    pub(super) async fn backup(&self) -> Result<Json, RequestError> {
        let (firmware, old) = self.with(|core| (core.firmware, core.config.backup.clone()));
        let mut backup = self.read_backup(&firmware).await?;
        if let Some(old) = old.as_ref().and_then(|old| Backup::from_json(old).ok()) {
            keep_link_keys(&mut backup, &old);
        }
        Ok(backup.to_json())
    }

    /// Reads the network.
    pub(super) async fn read_backup(&self, firmware: &Firmware) -> Result<Backup, StickError> {
        let missing = StickError::Malformed {
            command: "the network information base",
        };
        let coordinator = Reader::new(&self.request(sys::GET_EXT_ADDR, &[]).await?)
            .ieee()
            .map_err(|_| StickError::Malformed {
                command: sys::GET_EXT_ADDR.name,
            })?;
        let nib = self.nv_read(item::NIB).await?;
        let nib = nib.and_then(Nib::parse).ok_or(missing)?;
        let key = self.read_key(firmware).await?;
        let seed = if firmware.is_v3() {
            self.nv_read(item::TCLK_SEED)
                .await?
                .and_then(|seed| seed.get(..16)?.try_into().ok())
        } else {
            None
        };
        let tables = self.read_tables(firmware).await?;
        let material = tables
            .material
            .iter()
            .filter_map(|entry| SecurityMaterial::parse(entry));
        let frame_counter = frame_counter(material, &nib).unwrap_or(match firmware.generation {
            Generation::Home12 => 0,
            _ => UNKNOWN_COUNTER,
        });
        let frame_counter = match firmware.generation {
            // Sequence number, key, frame counter: the counter stands in the key's own item.
            Generation::Home12 => self
                .nv_read(item::NWKKEY)
                .await?
                .and_then(|item| Reader::new(item.get(17..)?).u32().ok())
                .unwrap_or(frame_counter),
            _ => frame_counter,
        };
        Ok(Backup {
            coordinator,
            pan_id: nib.pan_id(),
            extended_pan_id: nib.extended_pan_id(),
            channel: nib.channel(),
            channels: (11..=26)
                .filter(|channel| nib.channels() & (1 << channel) != 0)
                .collect(),
            update_id: nib.update_id(),
            security_level: nib.security_level(),
            network_key: key.key,
            key_sequence: key.sequence,
            frame_counter,
            tclk_seed: seed,
            znp_version: Some(match firmware.generation {
                Generation::Home12 => 0,
                Generation::V3x0 => 1,
                Generation::V30x => 2,
            }),
            devices: devices(firmware, &tables, seed),
        })
    }

    async fn read_key(&self, firmware: &Firmware) -> Result<KeyInfo, StickError> {
        let missing = StickError::Malformed {
            command: "the network key",
        };
        if firmware.is_v3() {
            let bytes = self.nv_read(item::ACTIVE_KEY).await?;
            return bytes
                .and_then(|bytes| KeyInfo::parse(&bytes))
                .ok_or(missing);
        }
        let key = self.nv_read_secured(0x62).await?;
        let key = key.get(..16).and_then(|key| key.try_into().ok());
        Ok(KeyInfo {
            sequence: 0,
            key: key.ok_or(missing)?,
        })
    }

    /// Whether the chip aligns structures shows in the length of the network key's item.
    async fn is_aligned(&self, firmware: &Firmware) -> Result<bool, StickError> {
        Ok(match self.nv_length(item::NWKKEY).await? {
            21 => false,
            24 => true,
            _ => firmware.generation == Generation::V3x0,
        })
    }

    /// Reads the tables of devices and keys.
    pub(super) async fn read_tables(&self, firmware: &Firmware) -> Result<Tables, StickError> {
        let extended = firmware.generation == Generation::V3x0;
        let aligned = self.is_aligned(firmware).await?;
        let addresses = if extended {
            self.nv_read_table(table::ADDRMGR).await?
        } else {
            let bytes = self.nv_read(item::ADDRMGR).await?.unwrap_or_default();
            let length = if aligned { 12 } else { 11 };
            bytes.chunks_exact(length).map(<[u8]>::to_vec).collect()
        };
        let (keys, derived, material) = match firmware.generation {
            Generation::V3x0 => (
                self.nv_read_table(table::APS_KEY_DATA).await?,
                self.nv_read_table(table::TCLK).await?,
                self.nv_read_table(table::SEC_MATERIAL).await?,
            ),
            Generation::V30x => (
                self.nv_read_items(item::APS_KEY_DATA, MOST_APS_KEYS)
                    .await?,
                self.nv_read_items(item::TCLK_TABLE, MOST_DERIVED_KEYS)
                    .await?,
                self.nv_read_items(item::SEC_MATERIAL, MOST_SEC_MATERIAL)
                    .await?,
            ),
            // Z-Stack 1.2 has one link key, the well-known one.
            Generation::Home12 => (Vec::new(), Vec::new(), Vec::new()),
        };
        let key_index = if firmware.is_v3() {
            self.nv_read(item::APS_LINK_KEY_TABLE)
                .await?
                .unwrap_or_default()
        } else {
            Vec::new()
        };
        Ok(Tables {
            aligned,
            addresses,
            key_index,
            keys,
            derived,
            material,
        })
    }
}

impl Tables {
    /// How long an entry of the link key index is.
    pub(super) fn key_index_length(&self) -> usize {
        if self.aligned { 6 } else { 5 }
    }
}

/// The counter of this network, else the one that counts for any, but never the lower of two.
fn frame_counter(material: impl Iterator<Item = SecurityMaterial>, nib: &Nib) -> Option<u32> {
    let ours = nib.extended_pan_id();
    material
        .filter(|entry| {
            entry.extended_pan_id == ours || entry.extended_pan_id == SecurityMaterial::ANY
        })
        .max_by_key(|entry| (entry.extended_pan_id == ours, entry.counter))
        .map(|entry| entry.counter)
}

fn devices(firmware: &Firmware, tables: &Tables, seed: Option<[u8; 16]>) -> Vec<BackupDevice> {
    let index = KeyIndex::parse_table(&tables.key_index, tables.key_index_length());
    let derived: Vec<_> = tables
        .derived
        .iter()
        .filter_map(|entry| DerivedKey::parse(entry).filter(DerivedKey::is_used))
        .collect();
    let stored = |position: usize| {
        let entry = index
            .iter()
            .find(|entry| entry.is_used() && usize::from(entry.address) == position)?;
        let key = match firmware.generation {
            Generation::V3x0 => entry.key,
            _ => entry.key.checked_sub(item::APS_KEY_DATA)?,
        };
        let data = KeyData::parse(tables.keys.get(usize::from(key))?)?;
        data.is_used().then_some(LinkKey {
            key: data.key,
            rx: data.rx,
            tx: data.tx,
        })
    };
    let from_seed = |ieee: IeeeAddress| {
        let entry = derived.iter().find(|entry| entry.ieee == ieee)?;
        Some(LinkKey {
            key: derive_key(&seed?, entry.shift, ieee),
            rx: entry.rx,
            tx: entry.tx,
        })
    };
    tables
        .addresses
        .iter()
        .enumerate()
        .filter_map(|(position, bytes)| {
            let entry = AddressEntry::parse(bytes)?;
            let wanted = AddressEntry::CHILD | AddressEntry::SECURITY;
            (entry.is_used() && entry.user & wanted != 0).then(|| BackupDevice {
                nwk: (entry.nwk.0 < 0xfff8).then_some(entry.nwk),
                ieee: entry.ieee,
                is_child: entry.user & AddressEntry::CHILD != 0,
                link_key: stored(position).or_else(|| from_seed(entry.ieee)),
            })
        })
        .collect()
}

/// The stick forgets devices that still have a link key; without it they could not come back after a
/// restore. Those of the backup before are kept.
fn keep_link_keys(backup: &mut Backup, old: &Backup) {
    if old.network_key != backup.network_key || old.extended_pan_id != backup.extended_pan_id {
        return;
    }
    for device in &old.devices {
        let known = backup.devices.iter().any(|known| known.ieee == device.ieee);
        if device.link_key.is_some() && !known {
            backup.devices.push(BackupDevice {
                is_child: false,
                ..device.clone()
            });
        }
    }
}
