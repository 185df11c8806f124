//! The data directory as a whole.

mod registry;
mod save;
mod scripts;
mod settings;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fmt, fs};

use devices::JsonMap;
use hub::Registry;
use serde_json::Value as Json;

use super::config::{self, Config};
use super::error::{DataError, Warning};
use super::ledger::{LedgerFile, Unsaved};
use super::settings::Settings;
use super::{backup, database, environment, files};

pub use save::{Save, Saved};

use settings::Prepared;

/// A data directory that is open. It knows what in its files is nobody's, and writes it back.
pub struct DataDirectory {
    path: PathBuf,
    config: Config,
    /// Records of `database.db` of unknown kinds.
    foreign_records: Vec<(u32, String)>,
    /// Entries of `state.json` that belong to nothing.
    foreign_states: JsonMap,
    /// `ferrobee.db`, once there is one.
    ledger: Option<LedgerFile>,
    /// What is to be in it as soon as it can be made.
    unwritten: Unsaved,
    is_read_only: bool,
}

/// What [`DataDirectory::open`] found.
pub struct Loaded {
    /// The directory, for writing.
    pub directory: DataDirectory,
    /// The settings.
    pub settings: Settings,
    /// Devices, groups, states and effective options. Definitions are the hub's to find.
    pub registry: Registry,
    /// `coordinator_backup.json`, if there is a readable one. Holds the network key.
    pub backup: Option<Json>,
    /// True if nothing says that there ever was a network: no database, not even a damaged one, and no
    /// coordinator backup. Only then may a network be formed.
    pub is_new: bool,
    /// What was odd, for the log.
    pub warnings: Vec<Warning>,
}

/// How a data directory is opened.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    /// The environment (`ZIGBEE2MQTT_CONFIG_...`); empty for none.
    pub environment: BTreeMap<String, String>,
    /// Write nothing: no migration, no values generated, no damaged file set aside.
    pub read_only: bool,
}

/// A new `configuration.yaml`: what Zigbee2MQTT writes for a new installation, without its onboarding.
const FRESH: &str = "\
version: 5
mqtt:
  base_topic: zigbee2mqtt
  server: mqtt://localhost:1883
serial: {}
advanced:
  log_level: info
  channel: 11
  network_key: GENERATE
  pan_id: GENERATE
  ext_pan_id: GENERATE
  enable_external_js: false
frontend:
  enabled: false
  port: 8080
homeassistant:
  enabled: false
";

/// True if nothing says that there ever was a network. What can't be seen may be there: forming a new
/// network over an old one can not be taken back.
fn has_no_network(path: &Path) -> bool {
    let Ok(mut entries) = fs::read_dir(path) else {
        return false;
    };
    entries.all(|entry| {
        entry.is_ok_and(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            !name.starts_with(database::FILE) && !name.starts_with(backup::FILE)
        })
    })
}

impl DataDirectory {
    /// Opens a data directory with the process's environment, and creates what is missing.
    pub fn open(path: impl AsRef<Path>) -> Result<Loaded, DataError> {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self::open_with(
            path,
            &OpenOptions {
                environment,
                read_only: false,
            },
        )
    }

    /// Where a setting was written when the directory was opened, or would be: file and line, for a
    /// person.
    pub fn place(&self, path: &[&str]) -> String {
        let path: Vec<_> = path.iter().map(|&key| key.to_owned()).collect();
        self.config.place(&path)
    }

    /// Opens a data directory.
    pub fn open_with(path: impl AsRef<Path>, options: &OpenOptions) -> Result<Loaded, DataError> {
        let path = path.as_ref();
        Self::load(path, options).map_err(|error| error.in_directory(path))
    }

    fn load(path: &Path, options: &OpenOptions) -> Result<Loaded, DataError> {
        let mut warnings = Vec::new();
        if !options.read_only {
            files::create_directory(path).map_err(DataError::io("create", path))?;
        }
        let (overrides, unknown) = environment::overrides(&options.environment);
        let log_level = environment::log_level(&options.environment);
        warnings.extend(unknown);
        let preset: Vec<_> = overrides
            .iter()
            .filter(|setting| setting.is_reference())
            .map(|setting| (setting.path.clone(), setting.value.clone()))
            .collect();
        let config = Config::read(path, FRESH, &preset)?;
        let mut directory = Self {
            path: path.to_owned(),
            config,
            foreign_records: Vec::new(),
            foreign_states: JsonMap::new(),
            ledger: None,
            unwritten: Unsaved::default(),
            is_read_only: options.read_only,
        };
        let Prepared {
            mut settings,
            steps,
            was_generated,
        } = directory.settings(&overrides, log_level, &mut warnings)?;
        let is_new = has_no_network(path);
        let mut registry = directory.registry(&steps, &mut settings, &mut warnings)?;
        registry.durable = directory.durable(&mut warnings)?;
        let backup = directory.backup(&mut warnings)?;
        directory.keep_old_settings(&steps, &mut warnings)?;
        match directory.save_settings(&settings) {
            Ok(saved) => warnings.extend(saved.warnings),
            // A file that may not be written is somebody's wish; a network that is forgotten is not.
            Err(error @ DataError::Io { .. }) if !was_generated => warnings.push(Warning::new(
                config::FILE,
                format!("{error}. Names of new devices and other changes will be lost"),
            )),
            Err(error) => return Err(error),
        }
        Ok(Loaded {
            directory,
            settings,
            registry,
            backup,
            is_new,
            warnings,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl fmt::Debug for DataDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The texts of its files hold secrets.
        f.debug_struct("DataDirectory")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded")
            .field("directory", &self.directory)
            .field("settings", &self.settings)
            .field("has_backup", &self.backup.is_some())
            .field("is_new", &self.is_new)
            .field("warnings", &self.warnings)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_directory_that_can_be_seen_and_has_nothing_of_a_network_is_new() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        assert!(has_no_network(path));
        fs::write(path.join("configuration.yaml"), "").unwrap();
        assert!(has_no_network(path));
        fs::write(path.join("database.db.damaged-1"), "").unwrap();
        assert!(!has_no_network(path));
        // What can't be listed: nothing there, and a file.
        assert!(!has_no_network(&path.join("nothing")));
        assert!(!has_no_network(&path.join("configuration.yaml")));
    }
}
