//! The data directory: `configuration.yaml`, `database.db`, `state.json`, `coordinator_backup.json`.
//!
//! The formats are Zigbee2MQTT's (shared/facts/config.md), so that an owner can point ferrobee at his
//! directory and go back. What nothing here knows is kept; what is damaged is set aside under another
//! name; every write is atomic and durable.

mod check;
mod error;
mod json;
mod names;
mod schema;
mod settings;
mod typed;
mod yaml;

pub use error::{DataError, Problem, Warning};
pub use names::{NameError, check_name};
pub use settings::{DEFAULT_BIND_GROUP, EntitySettings, OptionsChange, Settings, SettingsError};
pub use typed::{
    ActiveAvailability, Advanced, Availability, Frontend, Health, HomeAssistant, LastSeen,
    LogLevel, Mqtt, Ota, Output, PassiveAvailability, Secret, Serial,
};
