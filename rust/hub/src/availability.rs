//! Availability: who was heard lately, who is asked, who is offline (shared/facts/mqtt-api.md §10).
//!
//! Silence is measured on the monotonic clock from the start of this run on; only how long a device
//! was silent before is taken from its record, so that a clock that is set does no harm.

use std::time::Duration;

use adapters::Instant;
use devices::{DeviceKind, JsonMap};
use serde_json::Value as Json;
use zigbee::{ClusterId, EndpointId, GroupId, IeeeAddress};

use crate::core::{Core, mix};
use crate::procedures::Procedure;
use crate::registry::Record;
use crate::timers::{Timer, TimerKey};
use crate::{AvailabilitySettings, Entity, Event};

/// A device is asked this much after its time-out at the earliest.
const GRACE: Duration = Duration::from_secs(1);
/// No wait is longer than this, whatever the configuration and the back-off say.
const LONGEST_WAIT: Duration = Duration::from_secs(10 * 365 * 86_400);
/// The back-off grows no further after this many failures.
const FAILURES: u32 = 24;

/// The option `availability` of a device.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum Wish {
    /// As for all devices.
    #[default]
    Unset,
    Never,
    Always(Override),
}

/// What a device has instead of the settings of all.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Override {
    timeout: Option<Duration>,
    max_jitter: Option<Duration>,
    backoff: Option<bool>,
    pause_on_backoff_gt: Option<f64>,
}

impl Wish {
    pub(crate) fn new(value: Option<&Json>) -> Self {
        match value {
            None | Some(Json::Null) => Self::Unset,
            Some(Json::Object(map)) => Self::Always(Override::new(map)),
            Some(Json::Bool(true)) => Self::Always(Override::default()),
            Some(_) => Self::Never,
        }
    }
}

impl Override {
    fn new(map: &JsonMap) -> Self {
        let number = |key: &str| {
            map.get(key)
                .and_then(Json::as_f64)
                .filter(|value| *value >= 0.0)
        };
        Self {
            timeout: number("timeout").map(|minutes| wait(minutes * 60.0)),
            max_jitter: number("max_jitter").map(|ms| wait(ms / 1000.0)),
            backoff: map.get("backoff").and_then(Json::as_bool),
            pause_on_backoff_gt: number("pause_on_backoff_gt"),
        }
    }
}

/// Seconds as a time that can be added to an instant.
fn wait(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0))
        .map_or(LONGEST_WAIT, |time| time.min(LONGEST_WAIT))
}

/// How a device is watched.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// What was told last; `None` while nobody watches the device.
    available: Option<bool>,
    /// How long the device had been silent at `since`.
    silent: Duration,
    since: Instant,
    timer: Option<TimerKey>,
    /// Questions without an answer since the device was heard.
    failures: u32,
    /// How often a jitter was drawn.
    draws: u64,
}

impl Watch {
    fn silence(&self, now: Instant) -> Duration {
        self.silent.saturating_add(now.since(self.since))
    }
}

/// How a device is watched at a moment: a replay that begins then goes on with it, so that devices are
/// asked when they were.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Watched {
    ieee: u64,
    available: bool,
    /// Microseconds of silence at `since`, on the monotonic clock in microseconds.
    silent: u64,
    since: u64,
    /// When it is looked at next.
    due: Option<u64>,
    failures: u32,
    draws: u64,
}

/// What watching takes beyond the single device.
#[derive(Debug, Default)]
pub(crate) struct Watching {
    /// The devices that are asked, one after the other.
    queue: std::collections::VecDeque<IeeeAddress>,
    current: Option<IeeeAddress>,
    /// The procedure that asks runs.
    running: bool,
    /// Something changed that groups' availability may follow from.
    pub(crate) groups_due: bool,
}

/// What applies to one device.
struct Rules {
    active: bool,
    timeout: Duration,
    max_jitter: Duration,
    backoff: bool,
    pause_on_backoff_gt: f64,
}

impl Record {
    /// True when the device has a source of power other than a battery, so that it can be asked.
    fn is_active(&self) -> bool {
        let info = &self.device.info;
        let power = info.power_source.as_deref();
        (info.kind == DeviceKind::Router && power != Some("Battery"))
            || !matches!(power, None | Some("Battery" | "Unknown"))
    }

    /// True when the availability of the device is published.
    pub(crate) fn is_watched(&self, settings: &AvailabilitySettings) -> bool {
        self.device.info.kind != DeviceKind::Coordinator
            && !self.options.disabled
            && match &self.options.availability {
                Wish::Unset => settings.enabled,
                Wish::Never => false,
                Wish::Always(_) => true,
            }
    }

    fn rules(&self, settings: &AvailabilitySettings) -> Rules {
        let active = self.is_active();
        let none = Override::default();
        let own = match &self.options.availability {
            Wish::Always(own) => own,
            Wish::Unset | Wish::Never => &none,
        };
        let timeout = if active {
            settings.active_timeout
        } else {
            settings.passive_timeout
        };
        Rules {
            active,
            timeout: own.timeout.unwrap_or(timeout).min(LONGEST_WAIT),
            max_jitter: own.max_jitter.unwrap_or(settings.max_jitter),
            backoff: own.backoff.unwrap_or(settings.backoff),
            pause_on_backoff_gt: own
                .pause_on_backoff_gt
                .unwrap_or(settings.pause_on_backoff_gt),
        }
    }

    /// The endpoint that is asked: the first with genBasic.
    fn basic_endpoint(&self) -> EndpointId {
        let endpoints = &self.device.info.endpoints;
        endpoints
            .iter()
            .find(|(_, endpoint)| endpoint.inputs.contains(&ClusterId(0x0000)))
            .or_else(|| endpoints.first_key_value())
            .map_or(EndpointId(1), |(id, _)| *id)
    }
}

/// By what the time to the next question is multiplied: 1.5 after the first failure, then twice that
/// of before.
fn factor(failures: u32) -> f64 {
    match failures {
        0 => 1.0,
        failures => 1.5 * f64::from(1_u32 << (failures.min(FAILURES) - 1)),
    }
}

impl Core {
    /// How devices are watched now.
    pub(crate) fn watched(&self) -> Vec<Watched> {
        let all = self.records.devices().iter().filter_map(|record| {
            let watch = &record.watch;
            Some(Watched {
                ieee: record.ieee().0,
                available: watch.available?,
                silent: u64::try_from(watch.silent.as_micros()).unwrap_or(u64::MAX),
                since: watch.since.0,
                due: watch.timer.map(|timer| timer.due().0),
                failures: watch.failures,
                draws: watch.draws,
            })
        });
        all.collect()
    }

    /// Goes on as another hub did. Only for devices that are watched.
    pub(crate) fn go_on_watching(&mut self, all: &[Watched]) {
        for told in all {
            let ieee = IeeeAddress(told.ieee);
            let Some(record) = self.records.get_mut(ieee) else {
                continue;
            };
            let watch = &mut record.watch;
            if watch.available.is_none() {
                continue;
            }
            let old = watch.timer.take();
            *watch = Watch {
                available: Some(told.available),
                silent: Duration::from_micros(told.silent),
                since: Instant(told.since),
                timer: told
                    .due
                    .map(|due| self.timers.set(Instant(due), Timer::Silent(ieee))),
                failures: told.failures,
                draws: told.draws,
            };
            self.cancel(old);
            self.watching.queue.retain(|queued| *queued != ieee);
        }
    }

    /// The coordinator came up (again): who was absent is asked at once.
    pub(crate) fn watch_again(&mut self) {
        let devices: Vec<_> = self.records.devices().iter().map(Record::ieee).collect();
        for ieee in devices {
            if let Some(record) = self.records.get_mut(ieee) {
                record.watch.failures = 0;
            }
            self.review_device(ieee);
        }
        self.watching.groups_due = true;
    }

    /// The settings changed: every device is looked at anew.
    pub(crate) fn review_devices(&mut self) {
        let devices: Vec<_> = self.records.devices().iter().map(Record::ieee).collect();
        for ieee in devices {
            self.review_device(ieee);
        }
        self.watching.groups_due = true;
    }

    /// Begins, goes on or ends to watch a device, by its options and the settings.
    pub(crate) fn review_device(&mut self, ieee: IeeeAddress) {
        if !self.started {
            return;
        }
        let now = self.now;
        let settings = &self.settings.availability;
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        if !record.is_watched(settings) {
            record.watch.available = None;
            let timer = record.watch.timer.take();
            self.cancel(timer);
            self.watching.queue.retain(|queued| *queued != ieee);
            return;
        }
        let rules = record.rules(settings);
        let watch = &mut record.watch;
        if watch.available.is_none() {
            watch.failures = 0;
            watch.since = now.instant;
            watch.silent = record.device.last_seen.map_or(Duration::MAX, |seen| {
                let ms = u64::try_from(now.unix_ms.saturating_sub(seen)).unwrap_or(0);
                Duration::from_millis(ms)
            });
        }
        let in_time = watch.silence(now.instant) < rules.timeout;
        // One that was there is asked before it is called absent.
        let available = in_time || (rules.active && watch.available == Some(true));
        self.tell(ieee, available);
        self.arm(ieee);
    }

    /// A device said something.
    pub(crate) fn heard_from(&mut self, ieee: IeeeAddress) {
        let now = self.now.instant;
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        let watch = &mut record.watch;
        watch.silent = Duration::ZERO;
        watch.since = now;
        let Some(available) = watch.available else {
            return;
        };
        let backed_off = std::mem::take(&mut watch.failures) > 0;
        if !self.watching.queue.is_empty() {
            self.watching.queue.retain(|queued| *queued != ieee);
        }
        // A timer that runs looks again when it fires: it is not set anew at every message.
        if !available || backed_off || watch.timer.is_none() {
            self.tell(ieee, true);
            self.arm(ieee);
        }
    }

    /// Sets the timer of a device by how long it has been silent.
    fn arm(&mut self, ieee: IeeeAddress) {
        let now = self.now.instant;
        let seed = self.seed;
        let settings = &self.settings.availability;
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        let rules = record.rules(settings);
        let watch = &mut record.watch;
        let old = watch.timer.take();
        let Some(available) = watch.available else {
            return;
        };
        watch.draws += 1;
        let span = u64::try_from(rules.max_jitter.as_millis()).unwrap_or(u64::MAX);
        let drawn = mix(mix(seed, ieee.0), watch.draws) % span.saturating_add(1);
        // Ten years, a second, and at most 2^64 milliseconds: a duration holds a thousand times that.
        let full = rules.timeout + GRACE + Duration::from_millis(drawn);
        let factor = if rules.backoff {
            factor(watch.failures)
        } else {
            1.0
        };
        let left = if available {
            Some(full.saturating_sub(watch.silence(now)))
        } else if !rules.active {
            // Nothing but a message of its own brings it back.
            None
        } else if watch.failures == 0 {
            Some(Duration::ZERO)
        } else if rules.pause_on_backoff_gt > 0.0 && factor > rules.pause_on_backoff_gt {
            None
        } else {
            Some(wait(full.as_secs_f64() * factor))
        };
        let due = match left {
            Some(left) if left.is_zero() => true,
            Some(left) => {
                watch.timer = Some(self.timers.set(now + left, Timer::Silent(ieee)));
                false
            }
            None => false,
        };
        self.cancel(old);
        if due {
            self.silent(ieee);
        }
    }

    /// The timer of a device fired.
    pub(crate) fn on_silent(&mut self, ieee: IeeeAddress) {
        let now = self.now.instant;
        let settings = &self.settings.availability;
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        record.watch.timer = None;
        let in_time = record.watch.silence(now) < record.rules(settings).timeout;
        if in_time {
            self.arm(ieee);
        } else {
            self.silent(ieee);
        }
    }

    /// A device was silent for too long. While the coordinator is away that says nothing of the
    /// device; all are looked at when it is back.
    fn silent(&mut self, ieee: IeeeAddress) {
        if self.network.is_none() {
            return;
        }
        let settings = &self.settings.availability;
        let Some(record) = self.records.get(ieee) else {
            return;
        };
        if !record.rules(settings).active {
            self.tell(ieee, false);
            return;
        }
        if self.watching.current == Some(ieee) || self.watching.queue.contains(&ieee) {
            return;
        }
        self.watching.queue.push_back(ieee);
        if !std::mem::replace(&mut self.watching.running, true) {
            self.procedures.push_back(Procedure::Pings);
        }
    }

    /// The next device to ask: which, where, and how often. `None` ends the asking.
    pub(crate) fn next_ping(&mut self) -> Option<(IeeeAddress, EndpointId, u32)> {
        self.watching.current = None;
        while self.network.is_some()
            && let Some(ieee) = self.watching.queue.pop_front()
        {
            let Some(record) = self.records.get(ieee) else {
                continue;
            };
            // One that is believed to be there gets a second chance.
            let attempts = if record.watch.available == Some(true) {
                2
            } else {
                1
            };
            self.watching.current = Some(ieee);
            return Some((ieee, record.basic_endpoint(), attempts));
        }
        self.watching.queue.clear();
        self.watching.running = false;
        None
    }

    /// True when a device that is asked needs not be asked again: it was heard, is no longer watched,
    /// or nobody can be asked.
    pub(crate) fn ping_is_settled(&self, ieee: IeeeAddress) -> bool {
        self.network.is_none()
            || self.records.get(ieee).is_none_or(|record| {
                record.watch.available.is_none()
                    || record.watch.silence(self.now.instant)
                        < record.rules(&self.settings.availability).timeout
            })
    }

    /// Asking a device is over.
    pub(crate) fn ping_ended(&mut self, ieee: IeeeAddress) {
        self.watching.current = None;
        if self.ping_is_settled(ieee) {
            return;
        }
        if let Some(record) = self.records.get_mut(ieee) {
            record.watch.failures = record.watch.failures.saturating_add(1);
        }
        self.tell(ieee, false);
        self.arm(ieee);
    }

    /// Tells whether a device is there, if that is news.
    fn tell(&mut self, ieee: IeeeAddress, available: bool) {
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        let before = record.watch.available.replace(available);
        if before == Some(available) {
            return;
        }
        self.watching.groups_due = true;
        self.event(Event::Availability {
            entity: Entity::Device(ieee),
            available,
        });
        if before == Some(false) {
            // What it does may have changed while it was away.
            self.settle(ieee);
        }
    }

    /// A device is gone for good.
    pub(crate) fn stop_watching(&mut self, record: &mut Record) {
        let timer = record.watch.timer.take();
        self.cancel(timer);
        let ieee = record.ieee();
        self.watching.queue.retain(|queued| *queued != ieee);
        self.watching.groups_due = true;
    }

    /// Tells which groups are there: those with a member that is.
    pub(crate) fn review_groups(&mut self) {
        if !self.started {
            return;
        }
        let news: Vec<(GroupId, Option<bool>)> = self
            .records
            .groups()
            .iter()
            .map(|record| {
                let id = record.group.id;
                (id, record.available, self.group_available(id))
            })
            .filter(|(_, before, now)| before != now)
            .map(|(id, _, now)| (id, now))
            .collect();
        for (id, available) in news {
            if let Some(record) = self.records.group_mut(id) {
                record.available = available;
            }
            if let Some(available) = available {
                self.event(Event::Availability {
                    entity: Entity::Group(id),
                    available,
                });
            }
        }
    }

    /// The devices among a group's members.
    fn members(&self, id: GroupId) -> impl Iterator<Item = &Record> {
        self.records
            .group(id)
            .into_iter()
            .flat_map(|record| &record.group.members)
            .filter_map(|(ieee, _)| self.records.get(*ieee))
            .filter(|record| record.device.info.kind != DeviceKind::Coordinator)
    }

    fn group_available(&self, id: GroupId) -> Option<bool> {
        self.is_watched(Entity::Group(id)).then(|| {
            self.members(id)
                .any(|member| member.watch.available == Some(true))
        })
    }

    /// True when the availability of a device or group is published. A group's is when that of all its
    /// members is; that of a group without members when the feature is on at all.
    pub(crate) fn is_watched(&self, entity: Entity) -> bool {
        let settings = &self.settings.availability;
        match entity {
            Entity::Device(ieee) => self
                .records
                .get(ieee)
                .is_some_and(|record| record.is_watched(settings)),
            Entity::Group(id) => {
                let mut members = self.members(id).peekable();
                if members.peek().is_none() {
                    settings.enabled && self.records.group(id).is_some()
                } else {
                    members.all(|member| member.is_watched(settings))
                }
            }
        }
    }

    /// Whether a device or group is there, if that is published.
    pub(crate) fn availability(&self, entity: Entity) -> Option<bool> {
        match entity {
            Entity::Device(ieee) => self.records.get(ieee)?.watch.available,
            Entity::Group(id) => self.records.group(id)?.available,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_back_off_grows_to_a_bound() {
        for (failures, expected) in [(0, 1.0), (1, 1.5), (2, 3.0), (3, 6.0), (4, 12.0)] {
            assert_eq!(factor(failures).to_bits(), f64::to_bits(expected));
        }
        assert_eq!(factor(u32::MAX).to_bits(), factor(FAILURES).to_bits());
    }

    #[test]
    fn the_option_is_read_in_all_its_forms() {
        for (value, expected) in [
            (json!(null), Wish::Unset),
            (json!(false), Wish::Never),
            (json!(true), Wish::Always(Override::default())),
            (json!({}), Wish::Always(Override::default())),
        ] {
            assert_eq!(Wish::new(Some(&value)), expected, "{value}");
        }
        assert_eq!(Wish::new(None), Wish::Unset);
        let all =
            json!({"timeout": 2.5, "max_jitter": 1000, "backoff": false, "pause_on_backoff_gt": 3});
        let Wish::Always(own) = Wish::new(Some(&all)) else {
            unreachable!("an object");
        };
        assert_eq!(own.timeout, Some(Duration::from_secs(150)));
        assert_eq!(own.max_jitter, Some(Duration::from_secs(1)));
        assert_eq!(own.backoff, Some(false));
        assert_eq!(own.pause_on_backoff_gt, Some(3.0));
    }

    #[test]
    fn times_beyond_all_bounds_are_bounded() {
        for seconds in [1e300, f64::INFINITY, f64::NAN, -1.0] {
            assert!(wait(seconds) <= LONGEST_WAIT, "{seconds}");
        }
    }
}
