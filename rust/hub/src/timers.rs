//! What has to happen later.

use std::collections::BTreeMap;

use adapters::Instant;
use zigbee::IeeeAddress;

use crate::executor::SlotId;
use crate::functions::CallId;
use crate::procedures::bound_lights::Question;
use crate::queue::ExchangeId;

/// Names a timer until it fires or is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimerKey(Instant, u64);

impl TimerKey {
    /// When it fires.
    pub(crate) fn due(self) -> Instant {
        self.0
    }
}

/// What a timer is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Timer {
    /// A procedure sleeps.
    Slot(SlotId),
    /// The device's answer to the exchange in flight is overdue.
    Response(IeeeAddress, ExchangeId),
    /// An exchange waited too long in its device's queue.
    Expire(IeeeAddress, ExchangeId),
    /// The quiet time of `debounce` is over.
    Debounce(IeeeAddress),
    /// The interval of `throttle` is over.
    Throttle(IeeeAddress),
    /// A timer of a device's definition.
    Device(IeeeAddress, String),
    /// A device announced itself a while ago.
    Announced(IeeeAddress),
    /// An interview that failed may be tried again.
    Interview(IeeeAddress),
    /// A device that is watched may have been silent for too long.
    Silent(IeeeAddress),
    /// A device is to be asked for what it does not report.
    Poll(IeeeAddress),
    /// A remote's command may have changed a light.
    BoundLight(Question),
    /// A function of a converter did not answer.
    Function(IeeeAddress, CallId),
    /// `bridge/devices` is to tell that functions went on failing.
    ListFunctions(IeeeAddress),
    /// The network closes.
    PermitJoin,
}

/// The timers, in the order in which they fire.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    timers: BTreeMap<TimerKey, Timer>,
    next: u64,
}

impl Timers {
    pub(crate) fn set(&mut self, at: Instant, timer: Timer) -> TimerKey {
        self.next += 1;
        let key = TimerKey(at, self.next);
        self.timers.insert(key, timer);
        key
    }

    pub(crate) fn cancel(&mut self, key: TimerKey) {
        self.timers.remove(&key);
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.timers.first_key_value().map(|(key, _)| key.0)
    }

    pub(crate) fn due(&mut self, now: Instant) -> Option<Timer> {
        let (key, _) = self.timers.first_key_value()?;
        if key.0 > now {
            return None;
        }
        self.timers.pop_first().map(|(_, timer)| timer)
    }
}
