//! What of updates is kept in a device's record in `database.db`: Zigbee2MQTT's `scheduledOta`, and
//! `otaTransfer` of our own, from which a transfer goes on after a restart.

use std::time::Duration;

use devices::JsonMap;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use zigbee::ManufacturerCode;
use zigbee::ota::{FileVersion, Image, ImageId, ImageType};

use super::{FOLDER, OtaPacing, OtaPlace, OtaSource};

const SCHEDULED: &str = "scheduledOta";
const TRANSFER: &str = "otaTransfer";
/// A transfer that stood still for longer is over.
const LIFE: Duration = Duration::from_secs(7 * 24 * 3600);
/// How often a transfer goes on by itself without getting further than before.
const ATTEMPTS: u32 = 20;

/// An update that begins when the device asks for an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Scheduled {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    #[serde(default)]
    pub(crate) downgrade: bool,
}

impl Scheduled {
    pub(crate) fn of(extra: &JsonMap) -> Option<Self> {
        Self::deserialize(extra.get(SCHEDULED)?).ok()
    }

    /// Writes it into a record, or removes it.
    pub(crate) fn store(this: Option<&Self>, extra: &mut JsonMap) {
        store(SCHEDULED, this, extra);
    }

    pub(crate) fn source(&self) -> OtaSource {
        OtaSource {
            place: match &self.url {
                Some(url) => OtaPlace::Location(url.clone()),
                None => OtaPlace::Index,
            },
            downgrade: self.downgrade,
        }
    }

    /// The name of its file among the uploaded ones.
    pub(crate) fn upload(&self) -> Option<&str> {
        let (folder, name) = self.url.as_ref()?.split_once('/')?;
        (folder == FOLDER && !name.contains(['/', '\\'])).then_some(name)
    }
}

/// A transfer under way, or one that stands still.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Transfer {
    /// The name of the image in the folder.
    pub(crate) file: String,
    manufacturer_code: u16,
    image_type: u16,
    file_version: u32,
    /// What the device had.
    pub(crate) installed_version: u32,
    /// When it began or last went on, milliseconds since 1970.
    pub(crate) since: i64,
    /// How often it went on by itself without getting further.
    #[serde(default)]
    pub(crate) attempts: u32,
    /// How far it got, bytes, when it was last interrupted by silence.
    #[serde(default)]
    reached: u32,
    /// Where the image came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) release_notes: Option<String>,
    /// Milliseconds, milliseconds, bytes.
    image_block_request_timeout: u64,
    image_block_response_delay: u64,
    default_maximum_data_size: u8,
}

impl Transfer {
    pub(crate) fn new(file: String, image: &Image, installed: ImageId, pacing: &OtaPacing) -> Self {
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let id = image.id();
        Self {
            file,
            manufacturer_code: id.manufacturer.0,
            image_type: id.image_type.0,
            file_version: id.version.0,
            installed_version: installed.version.0,
            since: 0,
            attempts: 0,
            reached: 0,
            source: None,
            release_notes: None,
            image_block_request_timeout: milliseconds(pacing.block_timeout),
            image_block_response_delay: milliseconds(pacing.response_delay),
            default_maximum_data_size: pacing.data_size,
        }
    }

    pub(crate) fn of(extra: &JsonMap) -> Option<Self> {
        let this = Self::deserialize(extra.get(TRANSFER)?).ok()?;
        // The record may have been edited: a name is no path.
        super::desk::file_name(&this.file)
            .is_some_and(|name| name == this.file)
            .then_some(this)
    }

    pub(crate) fn store(this: Option<&Self>, extra: &mut JsonMap) {
        store(TRANSFER, this, extra);
    }

    pub(crate) fn id(&self) -> ImageId {
        ImageId {
            manufacturer: ManufacturerCode(self.manufacturer_code),
            image_type: ImageType(self.image_type),
            version: FileVersion(self.file_version),
        }
    }

    pub(crate) fn pacing(&self) -> OtaPacing {
        OtaPacing {
            block_timeout: Duration::from_millis(self.image_block_request_timeout),
            response_delay: Duration::from_millis(self.image_block_response_delay),
            data_size: self.default_maximum_data_size,
        }
    }

    /// It fell silent after so many bytes. A device that gets further may take as long as it wants.
    pub(crate) fn paused_at(&mut self, offset: u32) {
        if offset > self.reached {
            self.reached = offset;
            self.attempts = 0;
        }
    }

    /// True while it may go on by itself.
    pub(crate) fn is_alive(&self, unix_ms: i64) -> bool {
        let stood = u128::try_from(unix_ms.saturating_sub(self.since)).unwrap_or(0);
        self.attempts < ATTEMPTS && stood <= LIFE.as_millis()
    }
}

fn store<T: Serialize>(key: &str, value: Option<&T>, extra: &mut JsonMap) {
    match value.map(serde_json::to_value) {
        Some(Ok(value)) => {
            extra.insert(key.to_owned(), value);
        }
        // Numbers and texts always become JSON.
        Some(Err(_)) => {}
        None => {
            extra.remove(key);
        }
    }
}

/// A state from the file: an update under way when the program ended is not under way now (§12.7).
pub(crate) fn settled(state: &mut JsonMap) {
    if let Some(Json::Object(update)) = state.get_mut("update") {
        update.remove("progress");
        update.remove("remaining");
        if update.get("state").and_then(Json::as_str) == Some("updating") {
            update.insert("state".to_owned(), "idle".into());
        }
    }
}
