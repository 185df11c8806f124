//! Timers of devices: what their definitions want to be told later.

use std::collections::BTreeMap;
use std::time::Duration;

use zigbee::IeeeAddress;

use crate::core::Core;
use crate::timers::{Timer, TimerKey};

/// The shortest time of a timer: one that sets itself again must let time pass.
const SHORTEST: Duration = Duration::from_millis(1);

/// The timers of a device that run, by name.
#[derive(Debug, Default)]
pub(crate) struct DeviceTimers(BTreeMap<String, TimerKey>);

impl Core {
    /// Sets a timer of a device, in place of one of the same name.
    pub(crate) fn arm_timer(&mut self, ieee: IeeeAddress, name: String, after: Duration) {
        let at = self.after(after.max(SHORTEST));
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        let key = self.timers.set(at, Timer::Device(ieee, name.clone()));
        let before = record.timers.0.insert(name, key);
        self.cancel(before);
    }

    /// Stops a timer of a device.
    pub(crate) fn disarm_timer(&mut self, ieee: IeeeAddress, name: &str) {
        if let Some(record) = self.records.get_mut(ieee)
            && let Some(key) = record.timers.0.remove(name)
        {
            self.timers.cancel(key);
        }
    }

    /// Stops all timers of a device that is not here any more, or is another thing now.
    pub(crate) fn stop_timers(&mut self, timers: DeviceTimers) {
        for key in timers.0.into_values() {
            self.timers.cancel(key);
        }
    }

    /// A timer of a device ran out.
    pub(crate) fn on_device_timer(&mut self, ieee: IeeeAddress, name: &str) {
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        record.timers.0.remove(name);
        let Some(definition) = record.device.definition.clone() else {
            return;
        };
        record
            .memory
            .set_time(Duration::from_micros(self.now.instant.0));
        let decoded = definition.expired(&record.options.raw, &mut record.memory, name);
        if !decoded.payload.is_empty() {
            self.publish_received(ieee, decoded.payload);
        }
        self.follow(ieee, decoded.effects, &decoded.problems);
    }

    /// A device has another definition than before, or one at last: what ran for the old one is over.
    pub(crate) fn redefined(&mut self, ieee: IeeeAddress) {
        if let Some(record) = self.records.get_mut(ieee) {
            let timers = std::mem::take(&mut record.timers);
            record.memory = devices::Memory::default();
            self.stop_timers(timers);
        }
    }
}
