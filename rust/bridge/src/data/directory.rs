//! The data directory as a whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fmt, fs};

use devices::{DeviceKind, JsonMap};
use hub::{DurableChange, DurableRows, Entity, Group, Registry};
use serde_json::Value as Json;

use super::config::{self, Config};
use super::database::{self, DatabaseImage, parse_database};
use super::error::{DataError, ENVIRONMENT, Problem, Warning};
use super::icon::Icon;
use super::ledger::{self, LedgerFile, Unsaved};
use super::settings::Settings;
use super::typed::LogLevel;
use super::{backup, check, environment, files, json, migrate, schema, state};

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

/// Something to be written.
#[derive(Clone)]
pub enum Save {
    /// `configuration.yaml` and the files it names.
    Settings(Box<Settings>),
    /// `database.db`.
    Database(DatabaseImage),
    /// `state.json`.
    States(BTreeMap<Entity, JsonMap>),
    /// `coordinator_backup.json`.
    Backup(Json),
    /// An image in `device_icons`.
    Icon(Icon),
    /// Changes of durable timers and values, for `ferrobee.db`, in one transaction.
    Durable(Vec<DurableChange>),
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Saved {
    /// False if the file said the same already.
    pub changed: bool,
    /// What was odd, for the log.
    pub warnings: Vec<Warning>,
}

/// Files with code that Zigbee2MQTT loads, and how those begin that it makes while it does
/// (shared/facts/config.md §1).
const SCRIPTS: [&str; 3] = [".js", ".cjs", ".mjs"];
const TRANSIENT: &str = ".tmp-ed42d4f2-";
/// Larger ones are no converters, in bytes; more are no household's.
const LARGEST_SCRIPT: u64 = 1 << 20;
const MOST_SCRIPTS: usize = 256;

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
            fs::create_dir_all(path).map_err(DataError::io("create", path))?;
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

    /// Writes something. What is the same as before is not written.
    pub fn save(&mut self, save: &Save) -> Result<Saved, DataError> {
        match save {
            Save::Settings(settings) => self.save_settings(settings),
            Save::Database(image) => {
                let text = image.render(&self.foreign_records);
                self.save_file(database::FILE, &text)
            }
            Save::States(states) => {
                let states = states.iter().map(|(entity, state)| (*entity, state));
                let text = state::render_state(states, &self.foreign_states);
                self.save_file(state::FILE, &text)
            }
            Save::Backup(value) => self.save_file(backup::FILE, &backup::render(value)),
            Save::Icon(icon) => {
                self.save_icon(icon)?;
                Ok(Saved {
                    changed: true,
                    warnings: Vec::new(),
                })
            }
            Save::Durable(changes) => self.save_durable(changes),
        }
    }

    /// What `ferrobee.db` keeps. There is none before something is to be kept.
    fn durable(&mut self, warnings: &mut Vec<Warning>) -> Result<DurableRows, DataError> {
        let path = self.path.join(ledger::FILE);
        if self.is_read_only || !path.exists() {
            return Ok(DurableRows::default());
        }
        let (ledger, rows) = LedgerFile::open(&path, warnings)?;
        self.ledger = Some(ledger);
        Ok(rows)
    }

    fn save_durable(&mut self, changes: &[DurableChange]) -> Result<Saved, DataError> {
        let mut saved = Saved::default();
        if self.is_read_only {
            return Ok(saved);
        }
        if let Some(ledger) = &mut self.ledger {
            ledger.commit(changes)?;
        } else {
            self.unwritten.add(changes);
            let path = self.path.join(ledger::FILE);
            let (ledger, _) = LedgerFile::open(&path, &mut saved.warnings)?;
            let unwritten = std::mem::take(&mut self.unwritten);
            self.ledger.insert(ledger).catch_up(unwritten)?;
        }
        saved.changed = true;
        Ok(saved)
    }

    /// Writes what of durable timers and values could not be written before.
    pub fn save_rest(&mut self) -> Result<(), DataError> {
        if self.ledger.is_some() || !self.unwritten.is_empty() {
            self.save_durable(&[])?;
        }
        Ok(())
    }

    /// `ferrobee.db` as it is now, for a copy of the directory: reading the file while it is in use
    /// would miss what is in its log, and give up the lock on it.
    pub fn durable_copy(&mut self) -> Result<Option<(&'static str, Vec<u8>)>, DataError> {
        let Some(ledger) = &mut self.ledger else {
            return Ok(None);
        };
        Ok(Some((ledger::FILE, ledger.content()?)))
    }

    fn save_icon(&self, icon: &Icon) -> Result<(), DataError> {
        let path = self.path.join(icon.path());
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(DataError::io("create", parent))?;
        }
        files::write(&path, icon.content()).map(|_| ())
    }

    /// Removes a file below the directory.
    pub fn remove(&self, path: &str) -> Result<(), DataError> {
        let path = self.path.join(path);
        fs::remove_file(&path).map_err(DataError::io("remove", &path))
    }

    /// The files with code in a folder, in the order of their names: JavaScript that is not too large to
    /// be shown, without what Zigbee2MQTT left there while it loaded them.
    pub fn scripts(&self, folder: &str) -> Vec<(String, String)> {
        let Ok(entries) = fs::read_dir(self.path.join(folder)) else {
            return Vec::new();
        };
        let mut scripts: Vec<_> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let name = entry.file_name().into_string().ok()?;
                let is_script = SCRIPTS.iter().any(|end| name.ends_with(end))
                    && !name.starts_with(TRANSIENT)
                    && fs::metadata(entry.path())
                        .is_ok_and(|data| data.is_file() && data.len() <= LARGEST_SCRIPT);
                if !is_script {
                    return None;
                }
                Some((name, fs::read_to_string(entry.path()).ok()?))
            })
            .take(MOST_SCRIPTS)
            .collect();
        scripts.sort();
        scripts
    }

    fn save_settings(&mut self, settings: &Settings) -> Result<Saved, DataError> {
        if self.is_read_only {
            return Ok(Saved::default());
        }
        let mut saved = Saved::default();
        saved.changed = self
            .config
            .write(settings.document(), &mut saved.warnings)?;
        Ok(saved)
    }

    fn save_file(&self, name: &str, text: &str) -> Result<Saved, DataError> {
        let path = self.path.join(name);
        if self.is_read_only || files::read(&path)?.as_deref() == Some(text.as_bytes()) {
            return Ok(Saved::default());
        }
        let mut saved = Saved {
            changed: true,
            warnings: Vec::new(),
        };
        if files::write(&path, text.as_bytes())? == files::Written::InPlace {
            saved.warnings.push(Warning::new(
                name,
                "is mounted by itself and was written in place; mount its directory instead, so that a power cut can not damage it",
            ));
        }
        Ok(saved)
    }

    /// The settings in the current format, environment in place, nothing left to be generated.
    fn settings(
        &self,
        overrides: &[environment::Override],
        log_level: LogLevel,
        warnings: &mut Vec<Warning>,
    ) -> Result<Prepared, DataError> {
        let mut document = self.config.document().clone();
        let steps = migrate::migrate(&mut document).map_err(|version| {
            let violation = schema::Violation {
                path: vec!["version".to_owned()],
                rule: format!("must be a whole number from 1 to {}", migrate::CURRENT),
                fix: "Use the program that wrote this file, or a newer ferrobee".to_owned(),
                secret: false,
            };
            let mut document = JsonMap::new();
            document.insert("version".to_owned(), version);
            DataError::Invalid(vec![self.config.problem(&violation, &document)])
        })?;
        for setting in overrides.iter().filter(|setting| !setting.is_reference()) {
            setting.set(&mut document);
        }
        let mut violations = check::check(&document);
        if violations.is_empty() {
            violations = check::check_files(&document);
        }
        if !violations.is_empty() {
            let mut problems: Vec<_> = violations
                .iter()
                .map(|violation| self.problem(violation, &document, overrides))
                .collect();
            problems.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
            return Err(DataError::Invalid(problems));
        }
        for (section, key) in check::inert_keys(&document) {
            warnings.push(Warning::new(
                config::FILE,
                format!(
                    "{section}.{key} belongs to no {}: it is kept and ignored",
                    &section[..section.len() - 1]
                ),
            ));
        }
        let was_generated = generate(&mut document)?;
        let settings = Settings::from_checked(document, log_level).map_err(|error| {
            DataError::Invalid(vec![Problem {
                file: config::FILE.to_owned(),
                line: None,
                key: String::new(),
                value: None,
                rule: error.to_string(),
                fix: String::new(),
            }])
        })?;
        Ok(Prepared {
            settings,
            steps,
            was_generated,
        })
    }

    fn problem(
        &self,
        violation: &schema::Violation,
        document: &JsonMap,
        overrides: &[environment::Override],
    ) -> Problem {
        let mut problem = self.config.problem(violation, document);
        let from = overrides.iter().find(|setting| {
            setting.path.len() <= violation.path.len()
                && setting
                    .path
                    .iter()
                    .zip(&violation.path)
                    .all(|(a, b)| a == b)
        });
        if let Some(from) = from {
            ENVIRONMENT.clone_into(&mut problem.file);
            problem.line = None;
            problem.key.clone_from(&from.name);
        }
        problem
    }

    /// Keeps the text in the old format, writes what a migration made, and tells what it did.
    fn keep_old_settings(
        &self,
        steps: &[migrate::Step],
        warnings: &mut Vec<Warning>,
    ) -> Result<(), DataError> {
        let Some(first) = steps.first() else {
            return Ok(());
        };
        warnings.push(Warning::new(
            config::FILE,
            format!(
                "brought from format {} to {}; the old text is in configuration_backup_v{}.yaml",
                first.from,
                migrate::CURRENT,
                first.from
            ),
        ));
        if self.is_read_only {
            return Ok(());
        }
        let copy = self
            .path
            .join(format!("configuration_backup_v{}.yaml", first.from));
        files::write(&copy, self.config.main_text().as_bytes())?;
        for step in steps {
            for icon in &step.icons {
                self.save_icon(icon)?;
            }
            if !step.notes.is_empty() {
                let log = format!("migration-{}-to-{}.log", step.from, step.from + 1);
                files::write(&self.path.join(log), step.notes.join("\n").as_bytes())?;
            }
        }
        Ok(())
    }

    fn registry(
        &mut self,
        steps: &[migrate::Step],
        settings: &mut Settings,
        warnings: &mut Vec<Warning>,
    ) -> Result<Registry, DataError> {
        let mut registry = Registry::default();
        if let Some(bytes) = files::read(&self.path.join(database::FILE))? {
            let found = parse_database(&bytes);
            warnings.extend(found.warnings);
            self.keep_unreadable(&bytes, &found.unreadable, warnings)?;
            self.foreign_records = found.foreign;
            registry.devices = found.devices;
            registry.groups = found.groups;
        }
        self.check_leftover(database::FILE, warnings);
        if let Some(bytes) = files::read(&self.path.join(state::FILE))? {
            match state::parse_state(&bytes) {
                Ok(found) => {
                    registry.states = found.states;
                    self.foreign_states = found.foreign;
                }
                Err(error) => {
                    self.set_aside(state::FILE, &format!("it is not valid: {error}"), warnings)?;
                }
            }
        }
        if !steps.is_empty() {
            // Format 5 has no update state in the file.
            for state in registry.states.values_mut() {
                state.remove("update");
            }
        }
        for device in &registry.devices {
            if device.info.kind != DeviceKind::Coordinator {
                settings.ensure_device(device.info.ieee);
            }
        }
        for group in &registry.groups {
            settings.ensure_group(group.id);
        }
        self.add_groups_of(settings, &mut registry);
        registry.options = settings.all_options();
        Ok(registry)
    }

    /// Groups that an owner has written into the configuration exist, without members, though no record
    /// tells of them (shared/facts/mqtt-api.md §4).
    fn add_groups_of(&self, settings: &Settings, registry: &mut Registry) {
        let devices = registry.devices.iter().map(|device| device.database_id);
        let groups = registry.groups.iter().map(|group| group.database_id);
        let foreign = self.foreign_records.iter().map(|(id, _)| *id);
        let mut last = devices.chain(groups).chain(foreign).max().unwrap_or(0);
        for (id, _) in settings.groups() {
            if registry.groups.iter().all(|group| group.id != id) {
                last = last.saturating_add(1);
                registry.groups.push(Group {
                    id,
                    members: Vec::new(),
                    meta: JsonMap::new(),
                    extra: JsonMap::new(),
                    database_id: last,
                });
            }
        }
        registry.last_id = last;
    }

    /// Keeps lines of `database.db` that are no records in a file of their own.
    fn keep_unreadable(
        &self,
        bytes: &[u8],
        lines: &[Vec<u8>],
        warnings: &mut Vec<Warning>,
    ) -> Result<(), DataError> {
        if lines.is_empty() || self.is_read_only {
            return Ok(());
        }
        // The whole file, as it was: where a line is damaged its neighbours may be too.
        let kept = files::keep_copy(&self.path.join(database::FILE), "damaged", bytes)?;
        warnings.push(Warning::new(
            database::FILE,
            format!(
                "{} line(s) could not be read; the file as it was is kept as {}",
                lines.len(),
                files::name(&kept)
            ),
        ));
        Ok(())
    }

    /// A file that a crash left behind while it was written for the first time.
    fn check_leftover(&self, name: &str, warnings: &mut Vec<Warning>) {
        let path = self.path.join(name);
        let leftover = files::temporary(&path);
        if !path.exists() && leftover.exists() {
            warnings.push(Warning::new(
                name,
                format!(
                    "is not there, but {} is: a write was interrupted. If it is complete, give it the name {name}",
                    files::name(&leftover)
                ),
            ));
        }
    }

    fn backup(&self, warnings: &mut Vec<Warning>) -> Result<Option<Json>, DataError> {
        let Some(bytes) = files::read(&self.path.join(backup::FILE))? else {
            return Ok(None);
        };
        match backup::parse(&bytes) {
            backup::Backup::Open(value) => return Ok(Some(value)),
            backup::Backup::Legacy => self.set_aside(
                backup::FILE,
                "it has the format of very old Zigbee2MQTT versions, which can't be used for restoring; a new backup will be made",
                warnings,
            )?,
            backup::Backup::Damaged(reason) => self.set_aside(backup::FILE, &reason, warnings)?,
        }
        Ok(None)
    }

    fn set_aside(
        &self,
        name: &str,
        reason: &str,
        warnings: &mut Vec<Warning>,
    ) -> Result<(), DataError> {
        let text = if self.is_read_only {
            format!("is not used: {reason}")
        } else {
            let kept = files::set_aside(&self.path.join(name), "damaged")?;
            format!(
                "is not used and was renamed to {}: {reason}",
                files::name(&kept)
            )
        };
        warnings.push(Warning::new(name, text));
        Ok(())
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

impl fmt::Debug for Save {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither the backup nor Green Power records may be shown.
        f.write_str(match self {
            Self::Settings(_) => config::FILE,
            Self::Database(_) => database::FILE,
            Self::States(_) => state::FILE,
            Self::Backup(_) => backup::FILE,
            Self::Icon(_) => "icon",
            Self::Durable(_) => ledger::FILE,
        })
    }
}

/// Settings on their way from the file.
struct Prepared {
    settings: Settings,
    /// How they were brought to the current format.
    steps: Vec<migrate::Step>,
    /// True if they hold a network that no file knows yet.
    was_generated: bool,
}

/// Puts random values where the document says `GENERATE`. True if it says so anywhere.
fn generate(document: &mut JsonMap) -> Result<bool, DataError> {
    let mut was_generated = false;
    for (key, count) in [("pan_id", 2), ("ext_pan_id", 8), ("network_key", 16)] {
        let path = ["advanced", key];
        if json::get(document, &path).and_then(Json::as_str) != Some(schema::GENERATE) {
            continue;
        }
        let mut bytes = vec![0_u8; count];
        getrandom::fill(&mut bytes).map_err(|error| DataError::Io {
            action: "draw random numbers for",
            path: config::FILE.into(),
            source: std::io::Error::other(error.to_string()),
        })?;
        let value = if key == "pan_id" {
            let number = bytes
                .iter()
                .fold(0_u16, |sum, byte| sum << 8 | u16::from(*byte));
            // 1 to 65533: 0 and the two last ones have meanings of their own.
            Json::from(number % 65_533 + 1)
        } else {
            Json::from(bytes)
        };
        json::set(document, &path, value);
        was_generated = true;
    }
    Ok(was_generated)
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
