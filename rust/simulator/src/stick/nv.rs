//! The stick's non-volatile memory: what survives a reset and, when asked, the process.

use std::collections::BTreeMap;

/// System id of Z-Stack's own items.
pub(crate) const ZSTACK: u8 = 1;
/// Legacy items are sub ids of this item of [`ZSTACK`].
const LEGACY: u16 = 0;

/// Names an item: system, item, sub id.
pub(crate) type Key = (u8, u16, u16);

/// Ids of legacy items that the firmware itself uses.
pub(crate) mod id {
    pub(crate) const EXTADDR: u16 = 0x0001;
    pub(crate) const BOOTCOUNTER: u16 = 0x0002;
    pub(crate) const STARTUP_OPTION: u16 = 0x0003;
    pub(crate) const NIB: u16 = 0x0021;
    pub(crate) const ADDRMGR: u16 = 0x0023;
    pub(crate) const EXTENDED_PAN_ID: u16 = 0x002d;
    pub(crate) const ACTIVE_KEY: u16 = 0x003a;
    pub(crate) const ALTERNATE_KEY: u16 = 0x003b;
    pub(crate) const APS_USE_EXT_PANID: u16 = 0x0047;
    pub(crate) const APS_LINK_KEY_TABLE: u16 = 0x004c;
    pub(crate) const BDB_ON_NETWORK: u16 = 0x0055;
    pub(crate) const CONFIGURED_3: u16 = 0x0060;
    pub(crate) const PRECFGKEY: u16 = 0x0062;
    pub(crate) const PRECFGKEYS_ENABLE: u16 = 0x0063;
    pub(crate) const SECURITY_MATERIAL_LEGACY: u16 = 0x0075;
    pub(crate) const NWKKEY: u16 = 0x0082;
    pub(crate) const PANID: u16 = 0x0083;
    pub(crate) const CHANLIST: u16 = 0x0084;
    pub(crate) const LOGICAL_TYPE: u16 = 0x0087;
    pub(crate) const ZDO_DIRECT_CB: u16 = 0x008f;
    pub(crate) const TCLK_SEED: u16 = 0x0101;
    pub(crate) const TCLK_LEGACY: u16 = 0x0111;
    pub(crate) const APS_KEY_DATA_LEGACY: u16 = 0x0201;
    pub(crate) const CONFIGURED_12: u16 = 0x0f00;
    /// Extended items.
    pub(crate) const EX_ADDRMGR: u16 = 0x0001;
    pub(crate) const EX_TCLK: u16 = 0x0004;
    pub(crate) const EX_APS_KEY_DATA: u16 = 0x0006;
    pub(crate) const EX_SECURITY_MATERIAL: u16 = 0x0007;
}

/// The image is not one that [`Stick::image`](super::Stick::image) gave.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// Not JSON of the expected shape.
    #[error("the NV image is not a JSON object of hexadecimal texts: {0}")]
    Json(#[from] serde_json::Error),
    /// A key or value in it cannot be read.
    #[error("the NV image has an invalid entry `{0}`")]
    Entry(String),
}

/// Items by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Nv {
    items: BTreeMap<Key, Vec<u8>>,
    changed: bool,
}

impl Nv {
    pub(crate) const fn legacy(id: u16) -> Key {
        (ZSTACK, LEGACY, id)
    }

    pub(crate) fn get(&self, key: Key) -> Option<&[u8]> {
        self.items.get(&key).map(Vec::as_slice)
    }

    pub(crate) fn item(&self, id: u16) -> Option<&[u8]> {
        self.get(Self::legacy(id))
    }

    /// The first byte of an item, zero when there is none.
    pub(crate) fn byte(&self, id: u16) -> u8 {
        self.item(id)
            .and_then(|item| item.first().copied())
            .unwrap_or(0)
    }

    pub(crate) fn array<const N: usize>(&self, id: u16) -> Option<[u8; N]> {
        self.item(id)?.try_into().ok()
    }

    pub(crate) fn length(&self, key: Key) -> usize {
        self.items.get(&key).map_or(0, Vec::len)
    }

    pub(crate) fn set(&mut self, key: Key, value: Vec<u8>) {
        if self.items.get(&key) != Some(&value) {
            self.changed = true;
            self.items.insert(key, value);
        }
    }

    pub(crate) fn set_item(&mut self, id: u16, value: Vec<u8>) {
        self.set(Self::legacy(id), value);
    }

    pub(crate) fn default_item(&mut self, id: u16, value: impl FnOnce() -> Vec<u8>) {
        if self.item(id).is_none() {
            self.set_item(id, value());
        }
    }

    pub(crate) fn remove(&mut self, key: Key) -> bool {
        let removed = self.items.remove(&key).is_some();
        self.changed |= removed;
        removed
    }

    /// Overwrites a part of an item. False when it is not there or too short.
    pub(crate) fn patch(&mut self, key: Key, offset: usize, bytes: &[u8]) -> bool {
        let Some(target) = self
            .items
            .get_mut(&key)
            .and_then(|item| item.get_mut(offset..)?.get_mut(..bytes.len()))
        else {
            return false;
        };
        if target != bytes {
            target.copy_from_slice(bytes);
            self.changed = true;
        }
        true
    }

    /// True once after each change.
    pub(crate) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// The image as JSON: `"system/item/sub"` to hexadecimal bytes. Holds the network key.
    pub(crate) fn to_json(&self) -> String {
        let entries: BTreeMap<String, String> = self
            .items
            .iter()
            .map(|((system, item, sub), value)| {
                (
                    format!("{system}/{item:04x}/{sub:04x}"),
                    crate::hex::encode(value),
                )
            })
            .collect();
        // A map of texts always serialises.
        serde_json::to_string_pretty(&entries).unwrap_or_default()
    }

    pub(crate) fn from_json(text: &str) -> Result<Self, ImageError> {
        let entries: BTreeMap<String, String> = serde_json::from_str(text)?;
        let mut items = BTreeMap::new();
        for (name, value) in entries {
            let mut parts = name.split('/');
            let mut part = || {
                parts
                    .next()
                    .and_then(|part| u16::from_str_radix(part, 16).ok())
            };
            let key = (|| Some((u8::try_from(part()?).ok()?, part()?, part()?)))();
            match (key, crate::hex::decode(&value)) {
                (Some(key), Some(bytes)) => items.insert(key, bytes),
                _ => return Err(ImageError::Entry(name)),
            };
        }
        Ok(Self {
            items,
            changed: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_reads_back() {
        let mut nv = Nv::default();
        nv.set_item(id::NIB, vec![1, 2, 3]);
        nv.set((ZSTACK, id::EX_TCLK, 7), vec![]);
        assert!(nv.take_changed());
        assert_eq!(Nv::from_json(&nv.to_json()).unwrap(), nv);
        assert!(Nv::from_json("[]").is_err());
        assert!(Nv::from_json(r#"{"1/x/2": "00"}"#).is_err());
        assert!(Nv::from_json(r#"{"1/0/2": "0"}"#).is_err());
    }

    #[test]
    fn a_patch_stays_inside_its_item() {
        let mut nv = Nv::default();
        nv.set_item(1, vec![0; 4]);
        let key = Nv::legacy(1);
        assert!(nv.patch(key, 2, &[7, 8]));
        assert_eq!(nv.get(key), Some(&[0, 0, 7, 8][..]));
        assert!(!nv.patch(key, 3, &[7, 8]));
        assert!(!nv.patch(key, 9, &[1]));
        assert!(!nv.patch(Nv::legacy(2), 0, &[1]));
    }
}
