//! Software over the air (shared/facts/mqtt-api.md §12.7): what can be asked, what comes of it, and
//! what the hub needs of the world for it. The procedures are in [`crate::procedures`].

mod desk;
mod index;
mod kept;
mod known_bad;
mod quirks;
mod state;

use std::sync::Arc;
use std::time::Duration;

use zigbee::ota::{FileVersion, Image};

pub use desk::file_name;
pub(crate) use desk::{Asked, Desk};
pub(crate) use index::is_step;
pub use index::{Candidate, Entry, Index, IndexError};
pub(crate) use kept::{Scheduled, Transfer, settled};
pub(crate) use known_bad::known_bad;
pub(crate) use quirks::Quirk;
pub(crate) use state::{Progress, Versions};

/// Where Zigbee2MQTT's collection of images is described: the newest of each.
pub const PUBLIC_INDEX: &str =
    "https://raw.githubusercontent.com/Koenkk/zigbee-OTA/master/index.json";
/// The same for those that were the newest before.
pub const PUBLIC_INDEX_DOWNGRADE: &str =
    "https://raw.githubusercontent.com/Koenkk/zigbee-OTA/master/index1.json";
/// Where uploaded images and those of transfers under way are, in the data directory.
pub const FOLDER: &str = "ota";

/// `ota.*` (shared/facts/config.md §2.6).
#[derive(Debug, Clone, PartialEq)]
pub struct OtaSettings {
    /// The least time between two checks of a device that nobody asked for.
    pub check_interval: Duration,
    /// Nothing is checked unless somebody asks for it.
    pub no_automatic_check: bool,
    /// An index that is looked into before the public one: an address, or a path in the data directory.
    pub override_index: Option<String>,
    /// How images are transferred.
    pub pacing: OtaPacing,
}

impl Default for OtaSettings {
    fn default() -> Self {
        Self {
            check_interval: Duration::from_secs(1440 * 60),
            no_automatic_check: false,
            override_index: None,
            pacing: OtaPacing::default(),
        }
    }
}

/// How an image is transferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtaPacing {
    /// The silence after which a transfer counts as failed.
    pub block_timeout: Duration,
    /// The least time between two blocks.
    pub response_delay: Duration,
    /// The most bytes in a block.
    pub data_size: u8,
}

impl Default for OtaPacing {
    fn default() -> Self {
        Self {
            block_timeout: Duration::from_secs(150),
            response_delay: Duration::from_millis(250),
            data_size: 50,
        }
    }
}

/// What can be asked.
#[derive(Debug, Clone)]
pub enum OtaCommand {
    /// Is there an image? Replies [`OtaReply::Checked`].
    Check(OtaSource),
    /// Install an image. Replies [`OtaReply::Updated`] or [`OtaReply::NoImage`] when all is over.
    Update(OtaSource, OtaPacing),
    /// End the update under way, which then fails.
    Abort,
    /// Install an image when the device asks for one. Replies [`OtaReply::Scheduled`].
    Schedule(OtaSource),
    /// Do not.
    Unschedule,
}

/// Which image.
#[derive(Debug, Clone)]
pub struct OtaSource {
    /// Where it is found.
    pub place: OtaPlace,
    /// One that is older than what the device has.
    pub downgrade: bool,
}

/// Where an image is found.
#[derive(Debug, Clone)]
pub enum OtaPlace {
    /// In the owner's index, else in the public one.
    Index,
    /// At an address, or a path in the data directory: an index when checking or when it ends with
    /// `.json`, else an image.
    Location(String),
    /// Here, and under which name it is kept in [`FOLDER`].
    Upload {
        /// The image.
        image: Arc<Image>,
        /// A file name without any path.
        name: Option<String>,
    },
}

/// What an [`OtaCommand`] gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OtaReply {
    /// There is an image for the device, or not.
    Checked {
        /// One that is newer (for a downgrade: older) than what the device has.
        available: bool,
        /// Where the image is that fits best, available or not.
        source: Option<String>,
        /// What its maker says about it.
        release_notes: Option<String>,
    },
    /// It was installed.
    Updated {
        /// What the device had.
        from: Firmware,
        /// What it has now.
        to: Firmware,
    },
    /// There is nothing to install.
    NoImage,
    /// It will be installed; where it is, if not in the index.
    Scheduled(Option<String>),
}

/// The software of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firmware {
    /// Its version.
    pub version: FileVersion,
    /// `genBasic.swBuildId`.
    pub software_build_id: Option<String>,
    /// `genBasic.dateCode`.
    pub date_code: Option<String>,
}

/// Names a request for a file until it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FetchId(pub u64);

/// A file that is wanted. A location is an HTTP(S) address or a path; relative ones are in the data
/// directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetch {
    /// An index, read by [`Index::parse`]. Entries that leave out what their image says are completed
    /// from images in the data directory ([`Entry::complete`]).
    Index(String),
    /// An image.
    Image {
        /// Where it is.
        location: String,
        /// The file's digest, where it is known: another file is an error.
        sha512: Option<Box<[u8; 64]>>,
    },
}

/// What became of a [`Fetch`]. Errors are complete sentences without an end.
#[derive(Debug, Clone)]
pub enum Fetched {
    /// The index.
    Index(Result<Arc<Index>, String>),
    /// The image.
    Image(Result<Arc<Image>, String>),
}

/// Something to do in [`FOLDER`]. Names have no path.
#[derive(Debug, Clone)]
pub enum OtaFile {
    /// Keep an image.
    Write(String, Arc<Image>),
    /// Delete it.
    Remove(String),
}
