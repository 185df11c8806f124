//! What is written to a data directory.

use std::collections::BTreeMap;
use std::{fmt, fs};

use devices::JsonMap;
use hub::{DurableChange, Entity};
use serde_json::Value as Json;

use super::DataDirectory;
use crate::data::database::{self, DatabaseImage};
use crate::data::error::{DataError, Warning};
use crate::data::icon::Icon;
use crate::data::ledger::{self, LedgerFile};
use crate::data::settings::Settings;
use crate::data::{backup, config, files, state};

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

impl DataDirectory {
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

    pub(super) fn save_icon(&self, icon: &Icon) -> Result<(), DataError> {
        let path = self.path.join(icon.path());
        if let Some(parent) = path.parent() {
            files::create_directory(parent).map_err(DataError::io("create", parent))?;
        }
        files::write(&path, icon.content()).map(|_| ())
    }

    /// Removes a file below the directory.
    pub fn remove(&self, path: &str) -> Result<(), DataError> {
        let path = self.path.join(path);
        fs::remove_file(&path).map_err(DataError::io("remove", &path))
    }

    pub(super) fn save_settings(&mut self, settings: &Settings) -> Result<Saved, DataError> {
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
