//! The stick's non-volatile memory.
//!
//! It is flash that wears out and gets corrupted by power cuts: what is there already is not written
//! again.

use zigbee::{Reader, Writer};

use super::commands::{sapi, sys};
use super::core::Handle;
use super::requester::StickError;
use super::status;

/// The most that is read or written at once.
const CHUNK: usize = 240;
/// The longest item that is read: nothing that we know comes near.
const MAX_ITEM: usize = 8192;

/// An item's number.
pub(super) mod item {
    pub(in crate::znp) const EXTADDR: u16 = 0x0001;
    pub(in crate::znp) const STARTUP_OPTION: u16 = 0x0003;
    pub(in crate::znp) const NIB: u16 = 0x0021;
    pub(in crate::znp) const ADDRMGR: u16 = 0x0023;
    pub(in crate::znp) const EXTENDED_PAN_ID: u16 = 0x002d;
    pub(in crate::znp) const ACTIVE_KEY: u16 = 0x003a;
    pub(in crate::znp) const ALTERNATE_KEY: u16 = 0x003b;
    pub(in crate::znp) const APS_USE_EXT_PANID: u16 = 0x0047;
    pub(in crate::znp) const APS_LINK_KEY_TABLE: u16 = 0x004c;
    pub(in crate::znp) const CONFIGURED_V3: u16 = 0x0060;
    pub(in crate::znp) const PRECFGKEY: u16 = 0x0062;
    pub(in crate::znp) const PRECFGKEYS_ENABLE: u16 = 0x0063;
    /// Network frame counters: 12 items, up to Z-Stack 3.0.x.
    pub(in crate::znp) const SEC_MATERIAL: u16 = 0x0075;
    pub(in crate::znp) const NWKKEY: u16 = 0x0082;
    pub(in crate::znp) const PANID: u16 = 0x0083;
    pub(in crate::znp) const CHANLIST: u16 = 0x0084;
    pub(in crate::znp) const LOGICAL_TYPE: u16 = 0x0087;
    pub(in crate::znp) const ZDO_DIRECT_CB: u16 = 0x008f;
    /// Z-Stack 3: the seed of the trust centre link keys. Z-Stack 1.2: the first of those keys.
    pub(in crate::znp) const TCLK_SEED: u16 = 0x0101;
    /// Trust centre link keys of Z-Stack 3.0.x.
    pub(in crate::znp) const TCLK_TABLE: u16 = 0x0111;
    pub(in crate::znp) const APS_KEY_DATA: u16 = 0x0201;
    pub(in crate::znp) const CONFIGURED_V12: u16 = 0x0f00;
}

/// A table of extended items (Z-Stack 3.x.0).
pub(super) mod table {
    pub(in crate::znp) const ADDRMGR: u16 = 1;
    pub(in crate::znp) const TCLK: u16 = 4;
    pub(in crate::znp) const APS_KEY_DATA: u16 = 6;
    pub(in crate::znp) const SEC_MATERIAL: u16 = 7;
}

/// The system number of Z-Stack's own extended items.
const ZSTACK: u8 = 1;

impl Handle {
    /// How long an item is; 0 if there is none.
    pub(super) async fn nv_length(&self, id: u16) -> Result<usize, StickError> {
        let answer = self.read(sys::OSAL_NV_LENGTH, &id.to_le_bytes()).await?;
        Reader::new(&answer)
            .u16()
            .map(usize::from)
            .map_err(|_| malformed(sys::OSAL_NV_LENGTH.name))
    }

    /// Reads an item. `None`: there is none.
    pub(super) async fn nv_read(&self, id: u16) -> Result<Option<Vec<u8>>, StickError> {
        let length = self.nv_length(id).await?.min(MAX_ITEM);
        if length == 0 {
            return Ok(None);
        }
        let mut value = Vec::with_capacity(length);
        while value.len() < length {
            let offset = u16::try_from(value.len()).unwrap_or(u16::MAX);
            let mut writer = Writer::new();
            writer.u16(id).u16(offset);
            let answer = self
                .read(sys::OSAL_NV_READ_EXT, &writer.into_bytes())
                .await?;
            let part = value_of(sys::OSAL_NV_READ_EXT.name, &answer)?;
            if part.is_empty() {
                return Err(malformed(sys::OSAL_NV_READ_EXT.name));
            }
            value.extend_from_slice(part);
        }
        value.truncate(length);
        Ok(Some(value))
    }

    /// Reads an item that Z-Stack 1.2 shows only through the simple API.
    pub(super) async fn nv_read_secured(&self, id: u8) -> Result<Vec<u8>, StickError> {
        let answer = self.read(sapi::READ_CONFIGURATION, &[id]).await?;
        let name = sapi::READ_CONFIGURATION.name;
        // Status, id, length, value.
        match answer.as_slice() {
            [status::SUCCESS, _, rest @ ..] => {
                let (length, value) = rest.split_first().ok_or_else(|| malformed(name))?;
                value
                    .get(..usize::from(*length))
                    .map(<[u8]>::to_vec)
                    .ok_or_else(|| malformed(name))
            }
            [status, ..] => Err(refused(name, *status)),
            [] => Err(malformed(name)),
        }
    }

    /// Writes an item unless it has the value already; makes it if there is none, and anew if its length
    /// differs. What was written is read back.
    pub(super) async fn nv_write(&self, id: u16, value: &[u8]) -> Result<(), StickError> {
        if self.nv_read(id).await?.as_deref() == Some(value) {
            return Ok(());
        }
        self.nv_write_blindly(id, value).await?;
        if self.nv_read(id).await?.as_deref() == Some(value) {
            Ok(())
        } else {
            // The status of a failed operation: what is there is not what was written.
            Err(refused(sys::OSAL_NV_WRITE_EXT.name, 0x0a))
        }
    }

    /// Writes an item that can't be read.
    pub(super) async fn nv_write_blindly(&self, id: u16, value: &[u8]) -> Result<(), StickError> {
        match self.nv_length(id).await? {
            0 => self.nv_create(id, value).await?,
            length if length != value.len() => {
                self.nv_delete_item(id, length).await?;
                self.nv_create(id, value).await?;
            }
            _ => {}
        }
        self.nv_write_parts(id, value).await
    }

    async fn nv_write_parts(&self, id: u16, value: &[u8]) -> Result<(), StickError> {
        for (index, part) in value.chunks(CHUNK).enumerate() {
            let offset = u16::try_from(index * CHUNK).unwrap_or(u16::MAX);
            let mut writer = Writer::new();
            writer
                .u16(id)
                .u16(offset)
                .u16(u16::try_from(part.len()).unwrap_or_default())
                .bytes(part);
            self.command(sys::OSAL_NV_WRITE_EXT, &writer.into_bytes())
                .await?;
        }
        Ok(())
    }

    async fn nv_create(&self, id: u16, value: &[u8]) -> Result<(), StickError> {
        let first = value.get(..value.len().min(CHUNK)).unwrap_or_default();
        let mut writer = Writer::new();
        writer
            .u16(id)
            .u16(u16::try_from(value.len()).unwrap_or(u16::MAX))
            .u8(u8::try_from(first.len()).unwrap_or_default())
            .bytes(first);
        let data = writer.into_bytes();
        match self.status(sys::OSAL_NV_ITEM_INIT, &data).await? {
            status::SUCCESS | status::NV_CREATED => Ok(()),
            status => Err(refused(sys::OSAL_NV_ITEM_INIT.name, status)),
        }
    }

    /// Deletes an item if there is one.
    pub(super) async fn nv_delete(&self, id: u16) -> Result<(), StickError> {
        match self.nv_length(id).await? {
            0 => Ok(()),
            length => self.nv_delete_item(id, length).await,
        }
    }

    async fn nv_delete_item(&self, id: u16, length: usize) -> Result<(), StickError> {
        let mut writer = Writer::new();
        writer
            .u16(id)
            .u16(u16::try_from(length).unwrap_or(u16::MAX));
        let data = writer.into_bytes();
        match self.status(sys::OSAL_NV_DELETE, &data).await? {
            status::SUCCESS | status::NV_CREATED => Ok(()),
            status => Err(refused(sys::OSAL_NV_DELETE.name, status)),
        }
    }

    /// Reads a table of items in a row, position by position, until there is none.
    pub(super) async fn nv_read_items(
        &self,
        first: u16,
        most: u16,
    ) -> Result<Vec<Vec<u8>>, StickError> {
        let mut entries = Vec::new();
        for id in first..first.saturating_add(most) {
            match self.nv_read(id).await? {
                Some(entry) => entries.push(entry),
                None => break,
            }
        }
        Ok(entries)
    }

    /// Reads an entry of an extended table. `None`: there is none.
    pub(super) async fn nv_read_entry(
        &self,
        table: u16,
        index: u16,
    ) -> Result<Option<Vec<u8>>, StickError> {
        let name = sys::NV_LENGTH.name;
        let mut writer = Writer::new();
        writer.u8(ZSTACK).u16(table).u16(index);
        let key = writer.into_bytes();
        let answer = self.read(sys::NV_LENGTH, &key).await?;
        let length = match answer.len() {
            4.. => Reader::new(&answer).u32().map_err(|_| malformed(name))?,
            _ => Reader::new(&answer)
                .u8()
                .map_err(|_| malformed(name))?
                .into(),
        };
        // Entries are a few dozen bytes.
        let Ok(length) = u8::try_from(length) else {
            return Err(malformed(name));
        };
        if length == 0 {
            return Ok(None);
        }
        let mut writer = Writer::new();
        writer.bytes(&key).u16(0).u8(length);
        let answer = self.read(sys::NV_READ, &writer.into_bytes()).await?;
        value_of(sys::NV_READ.name, &answer).map(|value| Some(value.to_vec()))
    }

    /// Reads an extended table, position by position.
    pub(super) async fn nv_read_table(&self, table: u16) -> Result<Vec<Vec<u8>>, StickError> {
        let mut entries = Vec::new();
        for index in 0..u16::MAX {
            match self.nv_read_entry(table, index).await? {
                Some(entry) => entries.push(entry),
                None => break,
            }
        }
        Ok(entries)
    }

    /// Writes an entry of an extended table unless it has the value already; makes it if there is none.
    pub(super) async fn nv_write_entry(
        &self,
        table: u16,
        index: u16,
        value: &[u8],
    ) -> Result<(), StickError> {
        let current = self.nv_read_entry(table, index).await?;
        if current.as_deref() == Some(value) {
            return Ok(());
        }
        let mut writer = Writer::new();
        writer.u8(ZSTACK).u16(table).u16(index);
        if current.is_none() {
            let mut create = writer.clone();
            create.u32(u32::try_from(value.len()).unwrap_or(u32::MAX));
            self.command(sys::NV_CREATE, &create.into_bytes()).await?;
        }
        writer
            .u16(0)
            .u8(u8::try_from(value.len()).unwrap_or(u8::MAX))
            .bytes(value);
        self.command(sys::NV_WRITE, &writer.into_bytes()).await?;
        if self.nv_read_entry(table, index).await?.as_deref() == Some(value) {
            Ok(())
        } else {
            Err(refused(sys::NV_WRITE.name, 0x0a))
        }
    }
}

/// The value behind status and length.
fn value_of<'a>(command: &'static str, answer: &'a [u8]) -> Result<&'a [u8], StickError> {
    match answer {
        [status::SUCCESS, length, value @ ..] => value
            .get(..usize::from(*length))
            .ok_or_else(|| malformed(command)),
        [status, ..] => Err(refused(command, *status)),
        [] => Err(malformed(command)),
    }
}

fn malformed(command: &'static str) -> StickError {
    StickError::Malformed { command }
}

fn refused(command: &'static str, status: u8) -> StickError {
    StickError::Refused { command, status }
}
