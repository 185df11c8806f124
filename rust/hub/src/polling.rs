//! Devices that are asked at intervals for what they do not report.

use std::time::Duration;

use zigbee::IeeeAddress;

use crate::InterviewState;
use crate::core::Core;
use crate::executor::Shared;
use crate::procedures::{DeviceIo, Procedure};
use crate::registry::Record;
use crate::timers::{Timer, TimerKey};

/// The polling of one device.
#[derive(Debug, Default)]
pub(crate) struct Polling {
    /// Between the end of one round and the beginning of the next; `None` while it is not polled.
    interval: Option<Duration>,
    timer: Option<TimerKey>,
}

impl Record {
    fn poll_interval(&self) -> Option<Duration> {
        if self.device.interview != InterviewState::Successful || self.options.disabled {
            return None;
        }
        let definition = self.device.definition.as_ref()?;
        definition.poll_interval(&self.options.raw)
    }
}

impl Core {
    /// Begins or ends polling a device whose options or definition may be others now.
    pub(crate) fn review_polling(&mut self, ieee: IeeeAddress) {
        let started = self.started;
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        let interval = record.poll_interval().filter(|_| started);
        if interval == record.polling.interval {
            return;
        }
        record.polling.interval = interval;
        let timer = record.polling.timer.take();
        self.cancel(timer);
        self.arm_poll(ieee);
    }

    /// The coordinator is there for the first time: intervals begin.
    pub(crate) fn start_polling(&mut self) {
        let devices: Vec<_> = self.records.devices().iter().map(Record::ieee).collect();
        for ieee in devices {
            self.review_polling(ieee);
        }
    }

    /// Takes the timer of a device that goes.
    pub(crate) fn stop_polling(&mut self, record: &mut Record) {
        self.cancel(record.polling.timer.take());
    }

    pub(crate) fn on_poll(&mut self, ieee: IeeeAddress) {
        if let Some(record) = self.records.get_mut(ieee) {
            record.polling.timer = None;
            self.procedures.push_back(Procedure::Poll { ieee });
        }
    }

    fn arm_poll(&mut self, ieee: IeeeAddress) {
        if let Some(record) = self.records.get_mut(ieee)
            && record.polling.timer.is_none()
            && let Some(interval) = record.polling.interval
        {
            record.polling.timer = Some(
                self.timers
                    .set(self.now.instant + interval, Timer::Poll(ieee)),
            );
        }
    }
}

/// Asks a device once; the next interval begins when that is done.
pub(crate) async fn poll(shared: Shared, ieee: IeeeAddress) {
    let known = shared.with(|core| {
        let record = core.records.get(ieee)?;
        Some((
            record.device.definition.clone()?,
            record.options.raw.clone(),
        ))
    });
    if let Some((definition, options)) = known {
        let io = DeviceIo::impatient(shared.clone(), ieee);
        definition.poll(&io, &options).await;
    }
    shared.with(|core| core.arm_poll(ieee));
}
