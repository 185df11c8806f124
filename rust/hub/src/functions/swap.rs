//! Other definitions at run time: devices become what they are now, without pairing or waiting.

use std::sync::Arc;
use std::time::Duration;

use devices::{Catalogue, Decoded, Definition, DeviceKind, Effect, JsonMap, Memory, Message};
use zigbee::IeeeAddress;

use super::FunctionCounters;
use crate::care::CONFIGURED;
use crate::core::Core;
use crate::options::is_transient;
use crate::procedures::Procedure;
use crate::publish::Cause;
use crate::registry::Record;
use crate::{Event, InterviewState};

impl Core {
    /// Looks all devices up in another catalogue. Those whose definition is another one than before keep
    /// state, bindings and reporting; their last frames are decoded again.
    pub(crate) fn set_definitions(&mut self, catalogue: Arc<Catalogue>) {
        self.catalogue = catalogue;
        let all: Vec<IeeeAddress> = self.records.devices().iter().map(Record::ieee).collect();
        let mut changed = false;
        let mut due = Vec::new();
        for ieee in all {
            if !self.define_again(ieee) {
                continue;
            }
            changed = true;
            let waits = self.records.get(ieee).is_some_and(|record| {
                // Devices that sleep are configured at their next message.
                record.duties.configure_due
                    && record.device.info.kind == DeviceKind::Router
                    && record.patience().is_none()
            });
            if waits {
                due.push(ieee);
            }
        }
        if !due.is_empty() && self.network.is_some() {
            self.procedures
                .push_back(Procedure::StartUp { devices: due });
        }
        if changed {
            self.registry_changed = true;
            self.event(Event::DevicesChanged);
        }
    }

    /// Looks one device up. True when its definition is another one now.
    fn define_again(&mut self, ieee: IeeeAddress) -> bool {
        let Some(record) = self.records.get(ieee) else {
            return false;
        };
        if record.device.info.kind == DeviceKind::Coordinator {
            return false;
        }
        let found = match record.device.interview {
            InterviewState::Successful => self.catalogue.define(&record.device.info),
            InterviewState::Failed => self.catalogue.find(&record.device.info),
            // Known at the end of the interview.
            InterviewState::Pending | InterviewState::InProgress => return false,
        };
        let old = record.device.definition.clone();
        match (&old, &found) {
            (None, None) => return false,
            (Some(old), Some(new))
                if Arc::ptr_eq(old, new)
                    || (old.has_data_of(new) && old.origin() == new.origin()) =>
            {
                return false;
            }
            _ => {}
        }
        self.redefine(ieee, old.as_deref(), found);
        true
    }

    fn redefine(
        &mut self,
        ieee: IeeeAddress,
        old: Option<&Definition>,
        new: Option<Arc<Definition>>,
    ) {
        let same_data = match (old, &new) {
            (Some(old), Some(new)) => old.has_data_of(new),
            _ => false,
        };
        if !same_data {
            self.redefined(ieee);
        }
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        record.functions.counters = FunctionCounters::default();
        record.functions.endless = 0;
        record.functions.paused = None;
        record.functions.told.clear();
        if !same_data {
            record.notes = JsonMap::new();
            if let (Some(old), Some(new)) = (old, &new) {
                // What nobody shows any more would stay in the state for ever.
                let (before, after) = (old.properties(), new.properties());
                let state = &mut record.state;
                let keys = state.len();
                state.retain(|key, _| {
                    !before.contains(key.as_str()) || after.contains(key.as_str())
                });
                self.state_changed |= state.len() != keys;
                if was_configured(&record.device.meta, old)
                    && new.is_configured_like(old)
                    && let Some(version) = new.configure_version()
                {
                    let version = version.into();
                    record.device.meta.insert(CONFIGURED.to_owned(), version);
                }
            }
        }
        record.device.definition = new;
        record.duties.configure_failures = 0;
        record.duties.configure_due = record.wants_configure();
        if !same_data {
            // Kinds of problems are the definition's: what is wrong now has not been told.
            self.reported.retain(|(device, _)| *device != ieee);
            self.review_device(ieee);
            self.review_polling(ieee);
        }
        self.decode_again(ieee, old);
    }

    /// Decodes the last frames of a device and publishes what is told otherwise than before.
    fn decode_again(&mut self, ieee: IeeeAddress, old: Option<&Definition>) {
        let Some(record) = self.records.get(ieee) else {
            return;
        };
        let Some(definition) = record.device.definition.clone() else {
            return;
        };
        let decode = |definition: &Definition, message: &Message| -> Decoded {
            // What the engine remembers is of the messages that come.
            let mut memory = Memory::default();
            memory.set_time(Duration::from_micros(self.now.instant.0));
            let (info, options) = (&record.device.info, &record.options.raw);
            definition.decode(info, options, &record.state, &mut memory, message)
        };
        let mut values = JsonMap::new();
        let mut calls = Vec::new();
        for message in record.frames.messages() {
            let decoded = decode(&definition, &message);
            // What starts a timer tells of a moment, which is over.
            let moment = |effect: &Effect| matches!(effect, Effect::Arm { .. });
            if decoded.effects.iter().any(moment) {
                continue;
            }
            // The state may be newer than the frame, so that only what is understood otherwise counts.
            let before = old.map(|old| decode(old, &message).payload);
            let before = before.unwrap_or_default();
            for (key, value) in decoded.payload {
                if !is_transient(&key) && before.get(&key) != Some(&value) {
                    values.insert(key, value);
                }
            }
            calls.extend(
                decoded
                    .effects
                    .into_iter()
                    .filter_map(|effect| match effect {
                        Effect::Call(call) => Some(call),
                        _ => None,
                    }),
            );
        }
        if !values.is_empty() {
            self.publish(ieee, values, Cause::Other);
        }
        for call in calls {
            self.call_function(ieee, call, None, true);
        }
    }
}

/// True when a device was configured as a definition wants it.
fn was_configured(meta: &JsonMap, definition: &Definition) -> bool {
    let version = meta.get(CONFIGURED).and_then(serde_json::Value::as_str);
    version.is_some() && version == definition.configure_version()
}
