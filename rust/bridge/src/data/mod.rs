//! The data directory: `configuration.yaml`, `database.db`, `state.json`, `coordinator_backup.json`.
//!
//! The formats are Zigbee2MQTT's (shared/facts/config.md), so that an owner can point ferrobee at his
//! directory and go back. What nothing here knows is kept; what is damaged is set aside under another
//! name; every write is atomic and durable.

mod backup;
mod changes;
mod check;
mod config;
mod database;
mod directory;
mod environment;
mod error;
mod files;
mod json;
mod migrate;
mod names;
mod record;
mod schema;
mod settings;
mod state;
mod typed;
mod yaml;

pub use changes::{OptionsChange, SettingsError};
pub use config::read_configuration;
pub use database::{Database, DatabaseImage, parse_database};
pub use directory::{DataDirectory, Loaded, OpenOptions, Save, Saved};
pub use error::{DataError, Problem, Warning};
pub use names::{NameError, check_name};
pub use settings::{DEFAULT_BIND_GROUP, EntitySettings, Settings};
pub use state::{States, parse_state, render_state};
pub use typed::{
    ActiveAvailability, Advanced, Availability, Frontend, Health, HomeAssistant, LastSeen,
    LogLevel, Mqtt, Ota, Output, PassiveAvailability, Secret, Serial,
};
