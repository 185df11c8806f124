//! The Open Coordinator Backup: a network's parameters, keys and devices, in the form that zigpy and
//! Zigbee2MQTT share. Source: github.com/zigpy/open-coordinator-backup, version 1.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use zigbee::{ExtendedPanId, IeeeAddress, NwkAddress, PanId};

const FORMAT: &str = "zigpy/open-coordinator-backup";
const VERSION: u64 = 1;

/// A network, complete. Holds its keys: `Debug` does not show them.
#[derive(Clone, PartialEq)]
pub struct Backup {
    /// The coordinator's address.
    pub coordinator: IeeeAddress,
    /// PAN id.
    pub pan_id: PanId,
    /// Extended PAN id.
    pub extended_pan_id: ExtendedPanId,
    /// The channel that the network is on, 11 to 26.
    pub channel: u8,
    /// The channels that it may be on.
    pub channels: Vec<u8>,
    /// Counts changes of the network's parameters.
    pub update_id: u8,
    /// 5 in every Zigbee network.
    pub security_level: u8,
    /// The network key.
    pub network_key: [u8; 16],
    /// The network key's number.
    pub key_sequence: u8,
    /// The coordinator's outgoing network frame counter.
    pub frame_counter: u32,
    /// The seed of the trust centre link keys (Z-Stack).
    pub tclk_seed: Option<[u8; 16]>,
    /// `metadata.internal.znpVersion`: 0 Z-Stack 1.2, 1 3.x.0, 2 3.0.x.
    pub znp_version: Option<u8>,
    /// The devices that the coordinator knows.
    pub devices: Vec<BackupDevice>,
}

/// A device in a backup.
#[derive(Clone, PartialEq)]
pub struct BackupDevice {
    /// Its network address, if known.
    pub nwk: Option<NwkAddress>,
    /// Its address.
    pub ieee: IeeeAddress,
    /// True when the coordinator is its parent.
    pub is_child: bool,
    /// The key that it shares with the coordinator.
    pub link_key: Option<LinkKey>,
}

/// A link key with its frame counters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LinkKey {
    /// The key.
    pub key: [u8; 16],
    /// Incoming counter.
    pub rx: u32,
    /// Outgoing counter.
    pub tx: u32,
}

impl fmt::Debug for Backup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backup")
            .field("coordinator", &self.coordinator)
            .field("pan_id", &self.pan_id)
            .field("extended_pan_id", &self.extended_pan_id)
            .field("channel", &self.channel)
            .field("devices", &self.devices.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for BackupDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackupDevice")
            .field("nwk", &self.nwk)
            .field("ieee", &self.ieee)
            .field("is_child", &self.is_child)
            .field("has_link_key", &self.link_key.is_some())
            .finish()
    }
}

/// Why a backup can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackupError {
    /// Another format, or another version of it.
    #[error("the coordinator backup is not an Open Coordinator Backup of version 1")]
    Format,
    /// A key is missing or has an impossible value. The value is not shown: it may be a key.
    #[error("the coordinator backup has no valid '{0}'")]
    Field(&'static str),
}

impl Backup {
    /// Reads a backup.
    pub fn from_json(json: &Json) -> Result<Self, BackupError> {
        let metadata = json.get("metadata").ok_or(BackupError::Format)?;
        if metadata.get("format").and_then(Json::as_str) != Some(FORMAT)
            || metadata.get("version").and_then(Json::as_u64) != Some(VERSION)
        {
            return Err(BackupError::Format);
        }
        let file = File::deserialize(json).map_err(|_| BackupError::Field("structure"))?;
        let devices = file
            .devices
            .iter()
            .map(BackupDevice::from_file)
            .collect::<Result<_, _>>()?;
        let backup = Self {
            coordinator: IeeeAddress(hex_u64(&file.coordinator_ieee, "coordinator_ieee")?),
            pan_id: PanId(hex_u16(&file.pan_id, "pan_id")?),
            extended_pan_id: ExtendedPanId(hex_u64(&file.extended_pan_id, "extended_pan_id")?),
            channel: file.channel,
            channels: file.channel_mask,
            update_id: file.nwk_update_id,
            security_level: file.security_level,
            network_key: hex_key(&file.network_key.key, "network_key.key")?,
            key_sequence: file.network_key.sequence_number,
            frame_counter: file.network_key.frame_counter,
            tclk_seed: json
                .pointer("/stack_specific/zstack/tclk_seed")
                .and_then(Json::as_str)
                .map(|text| hex_key(text, "stack_specific.zstack.tclk_seed"))
                .transpose()?,
            znp_version: metadata
                .pointer("/internal/znpVersion")
                .and_then(Json::as_u64)
                .and_then(|version| u8::try_from(version).ok()),
            devices,
        };
        if !(11..=26).contains(&backup.channel) {
            return Err(BackupError::Field("channel"));
        }
        Ok(backup)
    }

    /// The backup as JSON. `metadata.internal.date` is missing: whoever has a clock adds it.
    pub fn to_json(&self) -> Json {
        let mut internal = Map::new();
        if let Some(version) = self.znp_version {
            internal.insert("znpVersion".into(), version.into());
        }
        let zstack = self.tclk_seed.map_or_else(
            || serde_json::json!({}),
            |seed| serde_json::json!({ "tclk_seed": to_hex(&seed) }),
        );
        serde_json::json!({
            "metadata": {
                "format": FORMAT,
                "version": VERSION,
                "source": concat!("ferrobee@", env!("CARGO_PKG_VERSION")),
                "internal": internal,
            },
            "stack_specific": { "zstack": zstack },
            "coordinator_ieee": format!("{:016x}", self.coordinator.0),
            "pan_id": format!("{:04x}", self.pan_id.0),
            "extended_pan_id": format!("{:016x}", self.extended_pan_id.0),
            "nwk_update_id": self.update_id,
            "security_level": self.security_level,
            "channel": self.channel,
            "channel_mask": self.channels,
            "network_key": {
                "key": to_hex(&self.network_key),
                "sequence_number": self.key_sequence,
                "frame_counter": self.frame_counter,
            },
            "devices": self.devices.iter().map(BackupDevice::to_json).collect::<Vec<_>>(),
        })
    }
}

impl BackupDevice {
    fn from_file(device: &FileDevice) -> Result<Self, BackupError> {
        let link_key = device.link_key.as_ref().map(|link_key| {
            Ok(LinkKey {
                key: hex_key(&link_key.key, "devices.link_key.key")?,
                rx: link_key.rx_counter,
                tx: link_key.tx_counter,
            })
        });
        Ok(Self {
            nwk: device
                .nwk_address
                .as_deref()
                .map(|text| hex_u16(text, "devices.nwk_address").map(NwkAddress))
                .transpose()?,
            ieee: IeeeAddress(hex_u64(&device.ieee_address, "devices.ieee_address")?),
            is_child: device.is_child.unwrap_or(true),
            link_key: link_key.transpose()?,
        })
    }

    fn to_json(&self) -> Json {
        let mut device = serde_json::json!({
            "nwk_address": self.nwk.map(|nwk| format!("{:04x}", nwk.0)),
            "ieee_address": format!("{:016x}", self.ieee.0),
            "is_child": self.is_child,
        });
        if let (Some(link_key), Some(object)) = (&self.link_key, device.as_object_mut()) {
            let link_key = serde_json::json!({
                "key": to_hex(&link_key.key),
                "rx_counter": link_key.rx,
                "tx_counter": link_key.tx,
            });
            object.insert("link_key".into(), link_key);
        }
        device
    }
}

#[derive(Serialize, Deserialize)]
struct File {
    coordinator_ieee: String,
    pan_id: String,
    extended_pan_id: String,
    #[serde(default)]
    nwk_update_id: u8,
    #[serde(default = "default_security_level")]
    security_level: u8,
    channel: u8,
    #[serde(default)]
    channel_mask: Vec<u8>,
    network_key: FileKey,
    #[serde(default)]
    devices: Vec<FileDevice>,
}

fn default_security_level() -> u8 {
    5
}

#[derive(Serialize, Deserialize)]
struct FileKey {
    key: String,
    #[serde(default)]
    sequence_number: u8,
    #[serde(default)]
    frame_counter: u32,
}

#[derive(Serialize, Deserialize)]
struct FileDevice {
    nwk_address: Option<String>,
    ieee_address: String,
    is_child: Option<bool>,
    link_key: Option<FileLinkKey>,
}

#[derive(Serialize, Deserialize)]
struct FileLinkKey {
    key: String,
    #[serde(default)]
    rx_counter: u32,
    #[serde(default)]
    tx_counter: u32,
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn hex_u16(text: &str, field: &'static str) -> Result<u16, BackupError> {
    Some(text)
        .filter(|text| is_hex(text))
        .and_then(|text| u16::from_str_radix(text, 16).ok())
        .ok_or(BackupError::Field(field))
}

fn hex_u64(text: &str, field: &'static str) -> Result<u64, BackupError> {
    Some(text)
        .filter(|text| is_hex(text) && text.len() == 16)
        .and_then(|text| u64::from_str_radix(text, 16).ok())
        .ok_or(BackupError::Field(field))
}

fn hex_key(text: &str, field: &'static str) -> Result<[u8; 16], BackupError> {
    Some(text)
        .filter(|text| is_hex(text) && text.len() == 32)
        .and_then(|text| u128::from_str_radix(text, 16).ok())
        .map(u128::to_be_bytes)
        .ok_or(BackupError::Field(field))
}

fn to_hex(key: &[u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(*key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backup() -> Backup {
        Backup {
            coordinator: IeeeAddress(0x0012_4b00_0102_0304),
            pan_id: PanId(0x0a62),
            extended_pan_id: ExtendedPanId(0xdddd_dddd_dddd_dddd),
            channel: 15,
            channels: vec![11, 15],
            update_id: 1,
            security_level: 5,
            network_key: *b"\x01\x03\x05\x07\x09\x0b\x0d\x0f\x00\x02\x04\x06\x08\x0a\x0c\x0d",
            key_sequence: 0,
            frame_counter: 7500,
            tclk_seed: Some([7; 16]),
            znp_version: Some(1),
            devices: vec![
                BackupDevice {
                    nwk: Some(NwkAddress(0x0123)),
                    ieee: IeeeAddress(0x0015_8d00_0102_0304),
                    is_child: true,
                    link_key: Some(LinkKey {
                        key: [9; 16],
                        rx: 1,
                        tx: 2,
                    }),
                },
                BackupDevice {
                    nwk: None,
                    ieee: IeeeAddress(1),
                    is_child: false,
                    link_key: None,
                },
            ],
        }
    }

    #[test]
    fn a_backup_round_trips() {
        let json = backup().to_json();
        assert_eq!(
            json["network_key"]["key"],
            "01030507090b0d0f00020406080a0c0d"
        );
        assert_eq!(json["devices"][1]["nwk_address"], Json::Null);
        assert_eq!(Backup::from_json(&json), Ok(backup()));
    }

    #[test]
    fn unpadded_and_missing_fields_are_read() {
        let mut json = backup().to_json();
        json["pan_id"] = "a62".into();
        json["stack_specific"] = serde_json::json!({});
        json["metadata"]["internal"] = Json::Null;
        let read = Backup::from_json(&json).unwrap();
        assert_eq!(read.pan_id, PanId(0x0a62));
        assert_eq!((read.tclk_seed, read.znp_version), (None, None));
    }

    #[test]
    fn damaged_backups_are_refused_without_showing_keys() {
        let mut json = backup().to_json();
        json["network_key"]["key"] = "secret".into();
        let error = Backup::from_json(&json).unwrap_err();
        assert_eq!(error, BackupError::Field("network_key.key"));
        assert!(!error.to_string().contains("secret"));
        json["channel"] = 99.into();
        assert!(Backup::from_json(&json).is_err());
        assert_eq!(Backup::from_json(&Json::Null), Err(BackupError::Format));
        let shown = format!("{:?}", backup());
        assert!(!shown.contains('9') || !shown.contains("[9, 9"), "{shown}");
    }
}
