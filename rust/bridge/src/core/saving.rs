//! When things are saved, and the clean stop.

use std::time::Duration;

use adapters::Instant;
use hub::{LogLevel, Now};
use serde_json::json;

use super::{Core, CoreOutput, Qos, Radio, Save};
use crate::json;

/// Changes of the registry come in bursts (an interview); one file is written for all of them.
const DATABASE_DELAY: Duration = Duration::from_secs(1);
/// Zigbee2MQTT's interval for `state.json` (mqtt-api.md §5.8).
const STATE_DELAY: Duration = Duration::from_secs(5 * 60);
/// Zigbee2MQTT's interval for `coordinator_backup.json` (config.md §1).
const BACKUP_INTERVAL: Duration = Duration::from_secs(24 * 3600);
/// How long a stop waits for the coordinator to give its backup.
const STOP_LIMIT: Duration = Duration::from_secs(4);

/// What has to be saved, and when.
#[derive(Debug)]
pub(super) struct Saving {
    database: Option<Instant>,
    state: Option<Instant>,
    settings: bool,
    /// When the next backup of the coordinator is due.
    backup: Option<Instant>,
    backup_under_way: bool,
}

impl Saving {
    pub(super) fn new(has_backup: bool) -> Self {
        Self {
            database: None,
            state: None,
            settings: false,
            backup: (!has_backup).then_some(Instant(0)),
            backup_under_way: false,
        }
    }

    pub(super) fn registry_changed(&mut self, now: Now) {
        self.database.get_or_insert(now.instant + DATABASE_DELAY);
    }

    pub(super) fn state_changed(&mut self, now: Now) {
        self.state.get_or_insert(now.instant + STATE_DELAY);
    }

    pub(super) fn settings_changed(&mut self) {
        self.settings = true;
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        [
            self.database,
            self.state,
            self.backup.filter(|due| due.0 > 0),
        ]
        .into_iter()
        .flatten()
        .min()
    }
}

impl Core {
    pub(super) fn save_due(&mut self) {
        let now = self.now.instant;
        let saving = &mut self.saving;
        if std::mem::take(&mut saving.settings) {
            self.out.push(CoreOutput::Save(Save::Settings));
        }
        if saving.database.take_if(|due| *due <= now).is_some() {
            self.out.push(CoreOutput::Save(Save::Database));
        }
        if saving.state.take_if(|due| *due <= now).is_some() && self.view.persist_states {
            self.out.push(CoreOutput::Save(Save::State));
        }
        if saving.backup.is_some_and(|due| due.0 > 0 && due <= now) {
            self.backup_if_due();
        }
    }

    /// Asks for a backup of the coordinator when none was made for a day.
    pub(super) fn backup_if_due(&mut self) {
        let now = self.now.instant;
        let due = *self.saving.backup.get_or_insert(now + BACKUP_INTERVAL);
        if due <= now && self.radio == Radio::Up && !self.saving.backup_under_way {
            self.saving.backup = Some(now + BACKUP_INTERVAL);
            self.start_backup();
        }
    }

    /// The network is another than in the last backup.
    pub(super) fn backup_now(&mut self) {
        if !self.saving.backup_under_way {
            self.start_backup();
        }
    }

    fn start_backup(&mut self) {
        self.saving.backup_under_way = true;
        self.ask(hub::Command::Backup, |core, result| {
            core.saving.backup_under_way = false;
            match result {
                Ok(hub::CommandReply::Backup(content)) => core.backup_made(content.0),
                Ok(_) => {}
                Err(error) => {
                    let text = format!("No backup of the coordinator: {error}");
                    core.log(LogLevel::Warning, "z2m", text);
                }
            }
            if core.stopping.is_some() {
                core.say_goodbye();
            }
        });
    }

    /// Saves a backup that was made for whatever reason.
    pub(super) fn backup_made(&mut self, content: serde_json::Value) {
        self.saving.backup = Some(self.now.instant + BACKUP_INTERVAL);
        self.out
            .push(CoreOutput::Save(Save::CoordinatorBackup(content)));
    }

    /// Begins a clean stop.
    pub(super) fn stop(&mut self) {
        if self.stopping.is_some() {
            return;
        }
        let now = self.now.instant;
        self.stopping = Some(now + STOP_LIMIT);
        // However young the last one is: devices may have joined since, and the frame counter of a
        // stick that takes over has to be ahead of every frame that was sent.
        if self.radio == Radio::Up {
            if !self.saving.backup_under_way {
                self.start_backup();
            }
        } else {
            self.say_goodbye();
        }
    }

    /// Saves everything that is not written yet.
    pub(super) fn save_all(&mut self) {
        if std::mem::take(&mut self.saving.settings) {
            self.out.push(CoreOutput::Save(Save::Settings));
        }
        self.saving.database = None;
        self.saving.state = None;
        // Not even the coordinator is known when the first network was not formed yet. A file would say
        // that there was one, and no start would form it any more.
        if self.hub.devices().next().is_some() {
            self.out.push(CoreOutput::Save(Save::Database));
        }
        if self.view.persist_states {
            self.out.push(CoreOutput::Save(Save::State));
        }
    }

    pub(super) fn say_goodbye(&mut self) {
        if self.stopping.take().is_none() {
            return;
        }
        self.save_all();
        if self.connected || self.has_audience() {
            let topic = self.bridge_topic("state");
            let payload = json::render(&json!({"state": "offline"}));
            // Quality 0 as Zigbee2MQTT does (§1); the connection is closed only after it is written.
            self.publish_quietly(topic, payload, Qos::AtMostOnce, true);
        }
        self.greeted = false;
        self.sockets = None;
        self.locals = None;
        self.out.push(CoreOutput::Stopped);
    }
}
