//! The data directory: `configuration.yaml`, `database.db`, `state.json`, `coordinator_backup.json`, and
//! `ferrobee.db` for what Zigbee2MQTT has no place for.
//!
//! The formats are Zigbee2MQTT's (shared/facts/config.md), so that an owner can point ferrobee at his
//! directory and go back. What nothing here knows is kept; what is damaged is set aside under another
//! name; every write is atomic and durable.
//!
//! Where we differ from Zigbee2MQTT on purpose:
//! - Comments in YAML files stay. Only where a change can't be made in place (it would spread through an
//!   anchor, the file is one pair of brackets, keys are written with `?`) is a file written anew; its
//!   old text is then kept beside it as `<name>.with-comments-<n>`. Comments within a list or a block
//!   that is replaced or removed go with it.
//! - What a person changes in a file while the program runs stays when the program writes the file.
//! - With several files for `devices` or `groups`, a change is written into the file that has the entry.
//! - A plain `0x` with 16 digits is an address, with or without quotes.
//! - `ZIGBEE2MQTT_CONFIG_ADVANCED_LOG_SYSLOG_TYPE` works; a variable that names no setting is told.
//! - A topic of Home Assistant in a file of format 1 does not switch discovery on.
//! - Records of unknown kinds in `database.db`, and entries of `state.json` that belong to nothing, are
//!   written back.

mod backup;
mod changes;
mod check;
mod config;
mod database;
mod directory;
mod environment;
mod error;
mod files;
mod icon;
mod images;
mod json;
mod ledger;
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
pub use icon::Icon;
pub use ledger::{LedgerFile, LedgerFileError};
pub use names::{NameError, check_name};
pub use settings::{DEFAULT_BIND_GROUP, EntitySettings, Settings};
pub use state::{States, parse_state, render_state};
pub(crate) use typed::without_credentials;
pub use typed::{
    ActiveAvailability, Advanced, Availability, Frontend, Health, HomeAssistant, LastSeen,
    LogLevel, Mqtt, Ota, Output, PassiveAvailability, Secret, Serial, Syslog, SyslogForm,
    SyslogProtocol,
};
