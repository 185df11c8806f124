//! When a device's procedures start: interview, configure, reading state again.

use std::time::Duration;

use devices::DeviceKind;
use zigbee::IeeeAddress;

use crate::core::Core;
use crate::executor::Answer;
use crate::procedures::Procedure;
use crate::registry::Record;
use crate::timers::Timer;
use crate::{CommandError, CommandId, CommandReply, Entity, Event, InterviewState, LogLevel};

/// How often an interview is tried without the device joining or announcing itself again.
const INTERVIEWS: u32 = 5;
/// How often configuring is tried until the next start or interview.
const CONFIGURES: u32 = 3;
/// How long after an announce a device's state is read (shared/facts/mqtt-api.md §10).
const SETTLES: Duration = Duration::from_secs(2);
/// Where `database.db` says which version of a definition a device was configured for.
pub(crate) const CONFIGURED: &str = "configured";

impl Record {
    /// True when it was never interviewed, or not with success and not so often that it is hopeless.
    pub(crate) fn wants_interview(&self) -> bool {
        let duties = &self.duties;
        match self.device.interview {
            InterviewState::Pending => true,
            InterviewState::Failed => {
                duties.interview_timer.is_none() && duties.interview_failures < INTERVIEWS
            }
            InterviewState::InProgress | InterviewState::Successful => false,
        }
    }

    /// True when the definition has something to configure that the record does not know as done.
    pub(crate) fn wants_configure(&self) -> bool {
        if self.device.interview != InterviewState::Successful || self.options.disabled {
            return false;
        }
        let Some(version) = self
            .device
            .definition
            .as_ref()
            .and_then(|definition| definition.configure_version())
        else {
            return false;
        };
        self.device
            .meta
            .get(CONFIGURED)
            .and_then(serde_json::Value::as_str)
            != Some(version)
    }
}

impl Core {
    /// A device said something, in whatever way: procedures that wait for that go on.
    pub(crate) fn heard(&mut self, ieee: IeeeAddress) {
        if let Some(record) = self.records.get_mut(ieee)
            && !record.duties.listeners.is_empty()
        {
            for slot in std::mem::take(&mut record.duties.listeners) {
                self.board.answer(slot, Answer::Heard);
            }
        }
        self.heard_from(ieee);
        self.wake(ieee);
        self.consider_configure(ieee);
    }

    /// Interviews a device that joined or announced itself, unless that is done or under way.
    pub(crate) fn start_interview_if_needed(&mut self, ieee: IeeeAddress) {
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        if record.device.interview != InterviewState::Successful {
            record.duties.interview_failures = 0;
            if !record.duties.interviewing {
                self.start_interview(ieee, None);
            }
        }
    }

    /// Starts an interview. With a command it is a new one even if there was one before.
    pub(crate) fn start_interview(&mut self, ieee: IeeeAddress, command: Option<CommandId>) {
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        if record.duties.interviewing {
            if let Some(command) = command {
                record.duties.interview_commands.push(command);
            }
            return;
        }
        record.duties.interview_commands.extend(command);
        record.duties.interviewing = true;
        record.device.interview = InterviewState::InProgress;
        let timer = record.duties.interview_timer.take();
        self.cancel(timer);
        self.devices_changed();
        self.event(Event::Interview(ieee, InterviewState::InProgress));
        self.procedures.push_back(Procedure::Interview { ieee });
    }

    /// An interview ended.
    pub(crate) fn interviewed(&mut self, ieee: IeeeAddress, result: &Result<(), String>) {
        let catalogue = self.catalogue.clone();
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        record.duties.interviewing = false;
        let commands = std::mem::take(&mut record.duties.interview_commands);
        let state = if result.is_ok() {
            record.duties.interview_failures = 0;
            record.duties.configure_failures = 0;
            record.device.definition = catalogue.define(&record.device.info);
            // A new interview means a device that may have been reset: it is configured again.
            record.device.meta.remove(CONFIGURED);
            InterviewState::Successful
        } else {
            record.duties.interview_failures += 1;
            record.duties.heard = false;
            let wait = Duration::from_secs(60 << record.duties.interview_failures.min(5));
            record.duties.interview_timer = Some(
                self.timers
                    .set(self.now.instant + wait, Timer::Interview(ieee)),
            );
            InterviewState::Failed
        };
        record.device.interview = state;
        record.duties.configure_due = record.wants_configure();
        if state == InterviewState::Successful {
            self.redefined(ieee);
        }
        self.devices_changed();
        self.event(Event::Interview(ieee, state));
        if let Err(error) = result {
            self.log(
                LogLevel::Warning,
                Some(Entity::Device(ieee)),
                format!("Failed to interview '{{name}}': {error}"),
            );
        }
        for command in commands {
            let reply = match result {
                Ok(()) => Ok(CommandReply::Done),
                Err(error) => Err(CommandError::Failed(error.clone())),
            };
            self.reply(command, reply);
        }
        // Only now it is known whether it can be asked.
        self.review_device(ieee);
        self.review_polling(ieee);
        self.consider_configure(ieee);
    }

    /// A generated definition follows from what the device says of itself, and it was just asked.
    fn derive_again(&mut self, ieee: IeeeAddress) {
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        let Some(old) = record.device.definition.as_ref() else {
            return;
        };
        if old.supported() {
            return;
        }
        let derived = self.catalogue.define(&record.device.info);
        let new = derived.as_ref().map(|definition| definition.describe());
        if new != Some(old.describe()) {
            record.device.definition = derived;
            self.redefined(ieee);
            self.review_polling(ieee);
        }
    }

    /// The device has other software than the one that was configured.
    pub(crate) fn forget_configured(&mut self, ieee: IeeeAddress) {
        self.remember(ieee, CONFIGURED.to_owned(), serde_json::Value::Null);
    }

    /// Some time after a failed interview: tried again if the device was heard since.
    pub(crate) fn on_interview_due(&mut self, ieee: IeeeAddress) {
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        record.duties.interview_timer = None;
        if record.device.interview == InterviewState::Failed
            && record.duties.interview_failures < INTERVIEWS
            && record.duties.heard
        {
            self.start_interview(ieee, None);
        }
    }

    /// Configures a device that needs it, at a moment when it listens.
    pub(crate) fn consider_configure(&mut self, ieee: IeeeAddress) {
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        let duties = &record.duties;
        if !duties.configure_due || duties.configuring || duties.configure_failures >= CONFIGURES {
            return;
        }
        if !record.wants_configure() {
            record.duties.configure_due = false;
            return;
        }
        record.duties.configuring = true;
        self.procedures.push_back(Procedure::Configure { ieee });
    }

    pub(crate) fn on_configure_command(&mut self, id: CommandId, ieee: IeeeAddress) {
        let Some(record) = self.records.get_mut(ieee) else {
            self.reply(id, Err(CommandError::UnknownDevice));
            return;
        };
        let configurable = record
            .device
            .definition
            .as_ref()
            .is_some_and(|definition| definition.configure_version().is_some());
        if !configurable {
            self.reply(id, Err(CommandError::NothingToConfigure));
            return;
        }
        record.duties.configure_commands.push(id);
        if !record.duties.configuring {
            record.duties.configuring = true;
            record.duties.configure_failures = 0;
            self.procedures.push_back(Procedure::Configure { ieee });
        }
    }

    /// A device lost what its configuration had set up: it is configured once more.
    pub(crate) fn configure_again(&mut self, ieee: IeeeAddress) {
        if let Some(record) = self.records.get_mut(ieee) {
            record.device.meta.remove(CONFIGURED);
            record.duties.configure_failures = 0;
            record.duties.configure_due = record.wants_configure();
            self.registry_changed = true;
        }
        self.consider_configure(ieee);
    }

    /// Configuring ended.
    pub(crate) fn configured(&mut self, ieee: IeeeAddress, result: &Result<(), String>) {
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        record.duties.configuring = false;
        let commands = std::mem::take(&mut record.duties.configure_commands);
        match result {
            Ok(()) => {
                record.duties.configure_failures = 0;
                record.duties.configure_due = false;
                if let Some(version) = record
                    .device
                    .definition
                    .as_ref()
                    .and_then(|definition| definition.configure_version())
                {
                    record
                        .device
                        .meta
                        .insert(CONFIGURED.to_owned(), version.into());
                }
                self.derive_again(ieee);
                self.devices_changed();
                self.log(
                    LogLevel::Info,
                    Some(Entity::Device(ieee)),
                    "Successfully configured '{name}'",
                );
            }
            Err(error) => {
                record.duties.configure_failures += 1;
                let attempt = record.duties.configure_failures;
                self.log(
                    LogLevel::Error,
                    Some(Entity::Device(ieee)),
                    format!("Failed to configure '{{name}}', attempt {attempt} ({error})"),
                );
            }
        }
        for command in commands {
            let reply = match result {
                Ok(()) => Ok(CommandReply::Done),
                Err(error) => Err(CommandError::Failed(error.clone())),
            };
            self.reply(command, reply);
        }
    }

    /// In a moment, a device's state is read: it is back.
    pub(crate) fn settle(&mut self, ieee: IeeeAddress) {
        let at = self.after(SETTLES);
        if let Some(record) = self.records.get_mut(ieee) {
            let before = record
                .duties
                .announced
                .replace(self.timers.set(at, Timer::Announced(ieee)));
            self.cancel(before);
        }
    }

    /// The time after an announce is over: settings and state are looked at.
    pub(crate) fn on_announce_settled(&mut self, ieee: IeeeAddress) {
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        record.duties.announced = None;
        if record.device.interview == InterviewState::Successful
            && record.device.definition.is_some()
            && !record.duties.refreshing
        {
            record.duties.refreshing = true;
            self.procedures.push_back(Procedure::Refresh { ieee });
        }
    }

    /// A device lost power: the settings that it forgets are written again.
    pub(crate) fn start_reconcile(&mut self, ieee: IeeeAddress) {
        if let Some(record) = self.records.get_mut(ieee)
            && !record.options.disabled
            && !record.duties.reconciling
        {
            record.duties.reconciling = true;
            self.procedures.push_back(Procedure::Reconcile { ieee });
        }
    }

    /// The coordinator came up for the first time: devices that always listen are configured where
    /// needed; the others at their next message.
    pub(crate) fn start_up(&mut self) {
        let due: Vec<_> = self
            .records
            .devices()
            .iter()
            .filter(|record| {
                record.duties.configure_due
                    && record.device.info.kind == DeviceKind::Router
                    && record.patience().is_none()
            })
            .map(Record::ieee)
            .collect();
        if !due.is_empty() {
            self.procedures
                .push_back(Procedure::StartUp { devices: due });
        }
    }
}
