//! Devices, groups, states, durable rows and the backup, as a data directory holds them.

use devices::{DeviceKind, JsonMap};
use hub::{DurableRows, Group, Registry};
use serde_json::Value as Json;

use super::DataDirectory;
use crate::data::database::{self, parse_database};
use crate::data::error::{DataError, Warning};
use crate::data::ledger::{self, LedgerFile};
use crate::data::settings::Settings;
use crate::data::{backup, files, migrate, state};

impl DataDirectory {
    /// What `ferrobee.db` keeps. There is none before something is to be kept.
    pub(super) fn durable(
        &mut self,
        warnings: &mut Vec<Warning>,
    ) -> Result<DurableRows, DataError> {
        let path = self.path.join(ledger::FILE);
        if self.is_read_only || !path.exists() {
            return Ok(DurableRows::default());
        }
        let (ledger, rows) = LedgerFile::open(&path, warnings)?;
        self.ledger = Some(ledger);
        Ok(rows)
    }

    pub(super) fn registry(
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

    pub(super) fn backup(&self, warnings: &mut Vec<Warning>) -> Result<Option<Json>, DataError> {
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
