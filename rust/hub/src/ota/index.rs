//! An index of images, as <https://github.com/Koenkk/zigbee-OTA> has it: a JSON list of objects.

use serde_json::Value as Json;
use zigbee::ManufacturerCode;
use zigbee::ota::{FileVersion, Header, ImageId, ImageType};

/// The most entries that are read. The public index has about 900.
const MAX_ENTRIES: usize = 50_000;

/// Images that are to be had.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Index {
    /// In the order of the file: the first that fits is taken.
    pub entries: Vec<Entry>,
    /// What of the file could not be used.
    pub problems: Vec<String>,
}

/// An image that is to be had.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its manufacturer.
    pub manufacturer: Option<ManufacturerCode>,
    /// Its type.
    pub image_type: Option<ImageType>,
    /// Its version.
    pub version: Option<FileVersion>,
    /// Where it is.
    pub location: String,
    /// The file's digest.
    pub sha512: Option<Box<[u8; 64]>>,
    /// The text in its header.
    pub header_text: Option<String>,
    /// The oldest hardware that it is for.
    pub hardware_minimum: Option<u16>,
    /// The newest hardware that it is for.
    pub hardware_maximum: Option<u16>,
    /// The oldest software that it may replace.
    pub minimum_version: Option<FileVersion>,
    /// The newest software that it may replace.
    pub maximum_version: Option<FileVersion>,
    /// The model that it is for, where type and manufacturer do not tell.
    pub model_id: Option<String>,
    /// The manufacturers' names that it is for.
    pub manufacturer_names: Option<Vec<String>>,
    /// It is offered whatever the device has.
    pub force: bool,
    /// What its maker says about it.
    pub release_notes: Option<String>,
}

/// Why a file is no index.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Not JSON.
    #[error("the index is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// JSON of another shape.
    #[error("the index is not a list")]
    List,
    /// Far more than there can be.
    #[error("the index has more than {MAX_ENTRIES} entries")]
    Long,
}

/// A device that looks for an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// What it has.
    pub installed: ImageId,
    /// Its hardware, where it tells.
    pub hardware: Option<u16>,
    /// Its model.
    pub model_id: Option<String>,
    /// Its manufacturer's name.
    pub manufacturer_name: Option<String>,
}

impl Index {
    /// Reads an index. An entry that makes no sense is left out and told of.
    pub fn parse(bytes: &[u8]) -> Result<Self, IndexError> {
        let Json::Array(list) = serde_json::from_slice(bytes)? else {
            return Err(IndexError::List);
        };
        if list.len() > MAX_ENTRIES {
            return Err(IndexError::Long);
        }
        let mut index = Self::default();
        for (place, entry) in list.iter().enumerate() {
            match Entry::parse(entry) {
                Ok(entry) => index.entries.push(entry),
                Err(key) => index.problems.push(format!(
                    "entry {} is left out: `{key}` is missing or makes no sense",
                    place + 1
                )),
            }
        }
        Ok(index)
    }

    /// The images for a device, the first choice first.
    pub fn find(&self, device: &Candidate) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.fits(device))
    }
}

/// A key of an entry; the error is its name when its value makes no sense.
fn read<'a, T>(
    entry: &'a Json,
    key: &'static str,
    read: impl FnOnce(&'a Json) -> Option<T>,
) -> Result<Option<T>, &'static str> {
    match entry.get(key) {
        None | Some(Json::Null) => Ok(None),
        Some(value) => read(value).map(Some).ok_or(key),
    }
}

fn number<T: TryFrom<u64>>(value: &Json) -> Option<T> {
    T::try_from(value.as_u64()?).ok()
}

fn text(value: &Json) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn names(value: &Json) -> Option<Vec<String>> {
    match value {
        Json::String(name) => Some(vec![name.clone()]),
        Json::Array(list) => list.iter().map(text).collect(),
        _ => None,
    }
}

fn digest(value: &Json) -> Option<Box<[u8; 64]>> {
    let text = value.as_str()?;
    let mut bytes = Box::new([0; 64]);
    if text.len() != 128 || !text.is_ascii() {
        return None;
    }
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(bytes)
}

impl Entry {
    fn parse(entry: &Json) -> Result<Self, &'static str> {
        let location = read(entry, "url", text)?
            .or(read(entry, "path", text)?)
            .filter(|location| !location.is_empty())
            .ok_or("url")?;
        Ok(Self {
            manufacturer: read(entry, "manufacturerCode", number)?.map(ManufacturerCode),
            image_type: read(entry, "imageType", number)?.map(ImageType),
            version: read(entry, "fileVersion", number)?.map(FileVersion),
            location,
            sha512: read(entry, "sha512", digest)?,
            header_text: read(entry, "otaHeaderString", text)?,
            hardware_minimum: read(entry, "hardwareVersionMin", number)?,
            hardware_maximum: read(entry, "hardwareVersionMax", number)?,
            minimum_version: read(entry, "minFileVersion", number)?.map(FileVersion),
            maximum_version: read(entry, "maxFileVersion", number)?.map(FileVersion),
            model_id: read(entry, "modelId", text)?.filter(|model| !model.is_empty()),
            manufacturer_names: read(entry, "manufacturerName", names)?,
            force: read(entry, "force", Json::as_bool)?.unwrap_or(false),
            release_notes: read(entry, "releaseNotes", text)?,
        })
    }

    /// True when it leaves out what only its image can tell.
    pub fn is_incomplete(&self) -> bool {
        self.manufacturer.is_none() || self.image_type.is_none() || self.version.is_none()
    }

    /// Adds what the header of its image says.
    pub fn complete(&mut self, header: &Header) {
        self.manufacturer.get_or_insert(header.id.manufacturer);
        self.image_type.get_or_insert(header.id.image_type);
        self.version.get_or_insert(header.id.version);
    }

    /// Its name; none while it is incomplete.
    pub fn id(&self) -> Option<ImageId> {
        Some(ImageId {
            manufacturer: self.manufacturer?,
            image_type: self.image_type?,
            version: self.version?,
        })
    }

    /// True when it is for a device, newer or not.
    pub fn fits(&self, device: &Candidate) -> bool {
        let installed = device.installed;
        let Some(id) = self.id() else {
            return false;
        };
        // Hardware that a device does not tell is no reason to give it just anything.
        let hardware =
            |limit: Option<u16>, within: fn(u16, u16) -> bool| match (limit, device.hardware) {
                (None, _) => true,
                (Some(limit), Some(hardware)) => within(hardware, limit),
                (Some(_), None) => false,
            };
        id.manufacturer == installed.manufacturer
            && id.image_type == installed.image_type
            && self
                .minimum_version
                .is_none_or(|least| installed.version >= least)
            && self
                .maximum_version
                .is_none_or(|most| installed.version <= most)
            && self
                .model_id
                .as_ref()
                .is_none_or(|model| device.model_id.as_ref() == Some(model))
            && self.manufacturer_names.as_ref().is_none_or(|names| {
                device
                    .manufacturer_name
                    .as_ref()
                    .is_some_and(|name| names.contains(name))
            })
            && hardware(self.hardware_minimum, |hardware, least| hardware >= least)
            && hardware(self.hardware_maximum, |hardware, most| hardware <= most)
    }

    /// True when a device that has `installed` should take it.
    pub fn is_wanted(&self, installed: FileVersion, downgrade: bool) -> bool {
        match self.version {
            Some(_) if self.force => true,
            Some(version) => is_step(installed, version, downgrade),
            None => false,
        }
    }
}

/// True when a version is newer than what is installed, or older for a downgrade.
pub(crate) fn is_step(installed: FileVersion, version: FileVersion, downgrade: bool) -> bool {
    if downgrade {
        version < installed
    } else {
        version > installed
    }
}
