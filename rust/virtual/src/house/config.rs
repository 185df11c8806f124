//! How a house begins, and why it does not do what it was told.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bridge::data::SettingsError;
use devices::JsonMap;
use hub::durable::DurableError;
use serde_json::Value as Json;
use simulator::{ControlError, Model, ModelError};
use zigbee::IeeeAddress;

/// How long devices may take to be configured when the house begins, or to join later.
pub(super) const SETTLING: Duration = Duration::from_secs(120);

/// How a house begins.
#[derive(Debug, Clone)]
pub struct HouseConfig {
    /// Feeds every choice that would otherwise be random.
    pub seed: u64,
    /// The wall clock when the house begins, milliseconds since 1970.
    pub unix_ms: i64,
    /// What `configuration.yaml` says beside `version`, `mqtt`, `serial`, network and devices.
    pub configuration: JsonMap,
    /// The data directory in which a journal is written, as the bridge of a real house does.
    pub journal: Option<PathBuf>,
}

impl Default for HouseConfig {
    /// 2026-01-05T12:00:00Z.
    fn default() -> Self {
        Self {
            seed: 1,
            unix_ms: 1_767_614_400_000,
            configuration: JsonMap::new(),
            journal: None,
        }
    }
}

/// A device for the house.
#[derive(Debug, Clone)]
pub struct NewDevice {
    /// Its friendly name.
    pub name: String,
    /// What it is.
    pub model: Arc<Model>,
    /// Its address; `None`: one that follows from its place.
    pub ieee: Option<IeeeAddress>,
    /// Its options, as in `configuration.yaml`.
    pub options: JsonMap,
}

impl NewDevice {
    /// A device of a model that the simulator has.
    pub fn built_in(name: impl Into<String>, model: &str) -> Result<Self, HouseError> {
        Ok(Self {
            name: name.into(),
            model: Model::built_in(model)?,
            ieee: None,
            options: JsonMap::new(),
        })
    }
}

/// Why a house does not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum HouseError {
    /// The configuration breaks rules.
    #[error("configuration: {0:?}")]
    Configuration(Vec<SettingsError>),
    /// There is no such simulated model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The simulator refuses.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// Two devices with one name, or one address.
    #[error("there is a device {0} already")]
    Taken(String),
    /// Neither simulator nor catalogue has such a model.
    #[error("there is no model {0}, neither simulated nor in the catalogue")]
    NoModel(String),
    /// No message of the device gives a property this value.
    #[error("{name}: nothing that this device says makes {key} {value}")]
    Unsayable {
        /// The device.
        name: String,
        /// The property.
        key: String,
        /// The value.
        value: Json,
    },
    /// Only before the beginning.
    #[error("this can only be done before the house begins")]
    Begun,
    /// There is no device of this name.
    #[error("there is no device {0}")]
    NoDevice(String),
    /// Devices did not get ready.
    #[error("{names} did not get ready within {SETTLING:?}; the log says: {log}")]
    Settling {
        /// Which.
        names: String,
        /// The last lines of the log.
        log: String,
    },
    /// The bridge is dead: [`super::House::start`] brings it back.
    #[error("the bridge does not run")]
    Dead,
    /// An owner of timers and values would keep too much.
    #[error(transparent)]
    Refused(#[from] DurableError),
}
