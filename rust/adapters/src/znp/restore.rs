//! Putting a saved network onto an empty stick with Z-Stack 3.x.0.
//!
//! In two phases, so that a stop in between is noticed: first a throw-away network is formed, which
//! lays out the stick's memory; then tables, keys and at last the network information base are
//! overwritten. Until that the stick counts as empty, and the next start restores again. The flag that
//! claims the network follows once the stick has started and shown that it kept everything.

use std::time::Duration;

use zigbee::{ExtendedPanId, NwkAddress, PanId};

use super::core::Handle;
use super::firmware::Firmware;
use super::nv::{item, table};
use super::requester::StickError;
use super::startup::StartError;
use super::structs::{
    AddressEntry, DerivedKey, KeyData, KeyIndex, KeyInfo, SecurityMaterial, find_shift,
};
use crate::backup::Backup;
use crate::{Failure, NetworkParameters};

/// How far counters are set forward. The backup is up to a day old, in which a coordinator may send ten
/// frames a second, and devices drop what counts lower than what they have seen. There is room for
/// thousands of restores.
const MARGIN: u32 = 1_000_000;

/// How long the stick may take to have written its memory before it is reset.
const SETTLE_TIME: Duration = Duration::from_secs(1);

/// The contents of the tables, by position.
struct Image {
    addresses: Vec<AddressEntry>,
    index: Vec<KeyIndex>,
    keys: Vec<KeyData>,
    derived: Vec<DerivedKey>,
}

impl Handle {
    /// Restores a network and starts it.
    pub(super) async fn restore(
        &self,
        firmware: &Firmware,
        backup: &Backup,
    ) -> Result<(), StartError> {
        let image = Image::new(backup);
        let throw_away = throw_away(backup);
        self.clear_stick().await?;
        self.write_parameters(firmware, &throw_away, false).await?;
        self.commission(firmware, &throw_away).await?;
        let mut nib = self.settled_nib().await?;

        let mask = backup
            .channels
            .iter()
            .chain([&backup.channel])
            .filter(|channel| (11..=26).contains(*channel))
            .fold(0_u32, |mask, channel| mask | 1 << channel);
        nib.set_network(backup.pan_id, backup.extended_pan_id, backup.channel, mask);
        nib.set_security(backup.security_level, backup.update_id);
        let key = KeyInfo {
            sequence: backup.key_sequence,
            key: backup.network_key,
        };
        self.write_image(firmware, &image).await?;
        self.write_material(backup).await?;
        if let Some(seed) = backup.tclk_seed {
            self.nv_write(item::TCLK_SEED, &seed).await?;
        }
        self.nv_write(item::EXTADDR, &backup.coordinator.0.to_le_bytes())
            .await?;
        let parameters = NetworkParameters {
            pan_id: backup.pan_id,
            extended_pan_id: backup.extended_pan_id,
            channel: backup.channel,
            network_key: backup.network_key,
        };
        self.write_parameters(firmware, &parameters, false).await?;
        self.nv_write(item::ACTIVE_KEY, &key.emit()).await?;
        self.nv_write(item::ALTERNATE_KEY, &key.emit()).await?;
        // Last: with it the stick counts as running our network, so all else must be there.
        self.nv_write(item::NIB, nib.bytes()).await?;
        self.sleep(SETTLE_TIME).await;
        self.soft_reset().await?;
        self.resume().await?;
        self.verify(firmware, backup).await?;
        self.write_configured_flag(firmware).await?;
        Ok(())
    }

    /// The frame counter goes into the first entry for this network and into the last for any.
    async fn write_material(&self, backup: &Backup) -> Result<(), StickError> {
        let counter = backup.frame_counter.saturating_add(MARGIN);
        let capacity = self.nv_read_table(table::SEC_MATERIAL).await?.len();
        let last = capacity.saturating_sub(1);
        for position in 0..=last {
            let extended_pan_id = match position {
                0 => Some(backup.extended_pan_id),
                position if position == last => Some(SecurityMaterial::ANY),
                _ => None,
            };
            let entry = SecurityMaterial {
                counter: extended_pan_id.map_or(0, |_| counter),
                extended_pan_id: extended_pan_id.unwrap_or(ExtendedPanId(0)),
            };
            self.nv_write_entry(table::SEC_MATERIAL, number(position), &entry.emit())
                .await?;
        }
        if last == 0 {
            // A table of one: it must also count when the stick looks for "any".
            let entry = SecurityMaterial {
                counter,
                extended_pan_id: SecurityMaterial::ANY,
            };
            self.nv_write_entry(table::SEC_MATERIAL, 1, &entry.emit())
                .await?;
        }
        Ok(())
    }

    /// Writes the tables of devices and keys. Entries beyond what is needed become unused.
    async fn write_image(&self, firmware: &Firmware, image: &Image) -> Result<(), StartError> {
        let current = self.read_tables(firmware).await?;
        let index_length = current.key_index_length();
        let capacity = current.key_index.len().saturating_sub(2) / index_length;
        for (name, needed, capacity) in [
            ("devices", image.addresses.len(), current.addresses.len()),
            ("link keys", image.keys.len(), current.keys.len()),
            ("link keys", image.index.len(), capacity),
            (
                "derived link keys",
                image.derived.len(),
                current.derived.len(),
            ),
        ] {
            if needed > capacity {
                return Err(Failure::Mismatch(format!(
                    "The backup holds {needed} {name}, but the coordinator has room for {capacity}. \
                     Flash firmware with larger tables."
                ))
                .into());
            }
        }
        let unused = AddressEntry {
            user: 0xff,
            nwk: NwkAddress(0xffff),
            ieee: zigbee::IeeeAddress::UNKNOWN,
        };
        for (position, old) in current.addresses.iter().enumerate() {
            let entry = image.addresses.get(position).unwrap_or(&unused);
            let bytes = entry.emit(old.len());
            self.nv_write_entry(table::ADDRMGR, number(position), &bytes)
                .await?;
        }
        let unused = KeyData {
            key: [0; 16],
            tx: 0,
            rx: 0,
        };
        for position in 0..current.keys.len() {
            let bytes = image.keys.get(position).unwrap_or(&unused).emit();
            self.nv_write_entry(table::APS_KEY_DATA, number(position), &bytes)
                .await?;
        }
        for (position, old) in current.derived.iter().enumerate() {
            let bytes = image
                .derived
                .get(position)
                .map_or_else(|| vec![0; old.len()], |entry| entry.emit(old.len()));
            self.nv_write_entry(table::TCLK, number(position), &bytes)
                .await?;
        }
        if capacity > 0 {
            let mut bytes = number(image.index.len()).to_le_bytes().to_vec();
            for position in 0..capacity {
                let entry = image.index.get(position).unwrap_or(&KeyIndex::UNUSED);
                bytes.extend(entry.emit(index_length));
            }
            bytes.resize(current.key_index.len(), 0);
            self.nv_write(item::APS_LINK_KEY_TABLE, &bytes).await?;
        }
        Ok(())
    }

    /// Compares what the stick now has with the backup.
    async fn verify(&self, firmware: &Firmware, backup: &Backup) -> Result<(), StartError> {
        let now = self.read_backup(firmware).await?;
        let lost = backup
            .devices
            .iter()
            .filter(|device| {
                let key = device.link_key.map(|link_key| link_key.key);
                !now.devices.iter().any(|found| {
                    found.ieee == device.ieee && found.link_key.map(|link_key| link_key.key) == key
                }) && (device.is_child || key.is_some())
            })
            .count();
        let wrong = [
            ("PAN id", now.pan_id == backup.pan_id),
            (
                "extended PAN id",
                now.extended_pan_id == backup.extended_pan_id,
            ),
            ("network key", now.network_key == backup.network_key),
            ("address", now.coordinator == backup.coordinator),
            ("frame counter", now.frame_counter >= backup.frame_counter),
            ("device table", lost == 0),
        ]
        .into_iter()
        .filter(|(_, right)| !right)
        .map(|(name, _)| name)
        .collect::<Vec<_>>();
        if wrong.is_empty() {
            return Ok(());
        }
        Err(Failure::Mismatch(format!(
            "The backup could not be restored: the coordinator did not keep {}. Its memory may be \
             damaged; erase and flash it, then start again.",
            wrong.join(", ")
        ))
        .into())
    }
}

impl Image {
    fn new(backup: &Backup) -> Self {
        let mut image = Self {
            addresses: Vec::new(),
            index: Vec::new(),
            keys: Vec::new(),
            derived: Vec::new(),
        };
        for device in &backup.devices {
            let mut user = if device.is_child {
                AddressEntry::CHILD
            } else {
                0
            };
            if let Some(link_key) = &device.link_key {
                user |= AddressEntry::SECURITY;
                let tx = link_key.tx.saturating_add(MARGIN);
                let shift = backup
                    .tclk_seed
                    .and_then(|seed| find_shift(&seed, &link_key.key, device.ieee));
                if let Some(shift) = shift {
                    image.derived.push(DerivedKey {
                        tx,
                        rx: link_key.rx,
                        ieee: device.ieee,
                        attributes: 2,
                        kind: 0,
                        shift,
                    });
                } else {
                    // A key that the seed doesn't give is kept as it is.
                    image.index.push(KeyIndex {
                        address: number(image.addresses.len()),
                        key: number(image.keys.len()),
                        authentication: KeyIndex::AUTHENTICATED,
                    });
                    image.keys.push(KeyData {
                        key: link_key.key,
                        tx,
                        rx: link_key.rx,
                    });
                }
            }
            if user != 0 {
                image.addresses.push(AddressEntry {
                    user,
                    nwk: device.nwk.unwrap_or(NwkAddress::UNKNOWN),
                    ieee: device.ieee,
                });
            }
        }
        image
    }
}

/// A position as the stick counts. Tables have at most a few hundred entries.
fn number(position: usize) -> u16 {
    u16::try_from(position).unwrap_or(u16::MAX)
}

/// Parameters that no device knows: those of the backup, bent.
fn throw_away(backup: &Backup) -> NetworkParameters {
    let mut network_key = backup.network_key;
    for (byte, mask) in network_key
        .iter_mut()
        .zip(backup.coordinator.0.to_le_bytes().iter().cycle())
    {
        *byte ^= mask ^ 0xa5;
    }
    let pan_id = match backup.pan_id.0 ^ 0x5aa5 {
        0xfffe | 0xffff => 0x5aa5,
        other => other,
    };
    NetworkParameters {
        pan_id: PanId(pan_id),
        extended_pan_id: ExtendedPanId(backup.extended_pan_id.0 ^ 0x5a5a_5a5a_5a5a_5a5a),
        channel: backup.channel,
        network_key,
    }
}
