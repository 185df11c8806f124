//! From values to a message that is ready to be published (shared/facts/mqtt-api.md §5).

use std::time::Duration;

use adapters::Instant;
use devices::JsonMap;
use serde_json::Value as Json;
use zigbee::IeeeAddress;

use crate::civil::{date_and_time, digit, push};
use crate::core::Core;
use crate::options::is_transient;
use crate::registry::Record;
use crate::timers::{Timer, TimerKey};
use crate::{Entity, Event, LastSeen, Settings};

/// What a device has in its publishing pipeline.
#[derive(Debug, Default)]
pub(crate) struct Publisher {
    /// When its last converted message came.
    converted: Option<Instant>,
    /// Collected by `debounce`.
    pending: JsonMap,
    quiet: Option<TimerKey>,
    /// `throttle`: the interval that runs, and what is published at its end.
    interval: Option<TimerKey>,
    trailing: Option<JsonMap>,
}

/// Why something is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// What `debounce` collected.
    Debounced,
    /// A group's or member's value.
    Mirrored,
    /// What is cached, again.
    Cached,
    /// Anything else.
    Other,
}

impl Core {
    /// Publishes what a message of a device said: through `elapsed`, `debounce` and `throttle`.
    pub(crate) fn publish_received(&mut self, ieee: IeeeAddress, mut payload: JsonMap) {
        let now = self.now.instant;
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        let publisher = &mut record.publisher;
        if self.settings.elapsed
            && !payload.is_empty()
            && let Some(before) = publisher.converted
        {
            let elapsed = u64::try_from(now.since(before).as_millis()).unwrap_or(u64::MAX);
            payload.insert("elapsed".into(), elapsed.into());
        }
        publisher.converted = Some(now);
        if let Some(time) = record.options.debounce {
            self.debounce(ieee, time, payload);
        } else if let Some(time) = record.options.throttle {
            self.throttle(ieee, time, payload);
        } else {
            self.publish(ieee, payload, Cause::Other);
        }
    }

    fn debounce(&mut self, ieee: IeeeAddress, time: Duration, payload: JsonMap) {
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        let conflict = record.options.debounce_ignore.iter().any(|key| {
            matches!((record.publisher.pending.get(key), payload.get(key)), (Some(old), Some(new)) if old != new)
        });
        if conflict {
            self.on_debounced(ieee);
        }
        let at = self.now.instant + time;
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        self.state_changed |= cache(&mut record.state, &record.options.filtered_cache, &payload);
        for (key, value) in payload {
            record.publisher.pending.insert(key, value);
        }
        if let Some(key) = record.publisher.quiet.take() {
            self.timers.cancel(key);
        }
        record.publisher.quiet = Some(self.timers.set(at, Timer::Debounce(ieee)));
    }

    /// Publishes what `debounce` collected.
    pub(crate) fn on_debounced(&mut self, ieee: IeeeAddress) {
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        let Some(key) = record.publisher.quiet.take() else {
            return;
        };
        self.timers.cancel(key);
        let pending = std::mem::take(&mut record.publisher.pending);
        self.publish(ieee, pending, Cause::Debounced);
    }

    fn throttle(&mut self, ieee: IeeeAddress, time: Duration, payload: JsonMap) {
        let at = self.now.instant + time;
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        if record.publisher.interval.is_some() {
            self.state_changed |=
                cache(&mut record.state, &record.options.filtered_cache, &payload);
            record.publisher.trailing = Some(payload);
        } else {
            record.publisher.interval = Some(self.timers.set(at, Timer::Throttle(ieee)));
            self.publish(ieee, payload, Cause::Other);
        }
    }

    /// The interval of `throttle` is over.
    pub(crate) fn on_throttled(&mut self, ieee: IeeeAddress) {
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        record.publisher.interval = None;
        if let Some(payload) = record.publisher.trailing.take() {
            match record.options.throttle {
                Some(time) => self.throttle(ieee, time, payload),
                None => self.publish(ieee, payload, Cause::Other),
            }
        }
    }

    /// Publishes the cached state because `last_seen` changed, if it is published at all.
    pub(crate) fn publish_last_seen(&mut self, ieee: IeeeAddress) {
        if self.settings.last_seen != LastSeen::Disable {
            self.publish(ieee, JsonMap::new(), Cause::Cached);
        }
    }

    /// Merges values into the cached state of a device and publishes its message.
    pub(crate) fn publish(&mut self, ieee: IeeeAddress, payload: JsonMap, cause: Cause) {
        let groups = !self.records.groups().is_empty();
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        if cause != Cause::Debounced && !record.publisher.pending.is_empty() {
            for key in payload.keys() {
                record.publisher.pending.remove(key);
            }
        }
        self.state_changed |= cache(&mut record.state, &record.options.filtered_cache, &payload);
        let mirrored = if groups && cause != Cause::Cached && cause != Cause::Mirrored {
            crate::groups::mirrored(&payload)
        } else {
            JsonMap::new()
        };
        let mut message = if self.settings.cache_state {
            let mut message = record.state.clone();
            for (key, value) in payload {
                if is_transient(&key) || record.options.filtered_cache.matches(&key) {
                    message.insert(key, value);
                }
            }
            message
        } else {
            payload
        };
        decorate(&mut message, record, &self.settings);
        let filter = &record.options.filtered_attributes;
        if message.keys().any(|key| filter.matches(key)) {
            message.retain(|key, _| !filter.matches(key));
        }
        // A group's message goes out before the one of the member that changed it.
        if !mirrored.is_empty() {
            self.mirror_device(ieee, &mirrored);
        }
        if !message.is_empty() {
            self.event(Event::State {
                entity: Entity::Device(ieee),
                message,
            });
        }
    }
}

/// What is known of a device without a message of its own: the cached state, when it was last heard, how
/// well.
pub(crate) fn snapshot(record: &Record, settings: &Settings) -> JsonMap {
    let mut message = record.state.clone();
    heard(&mut message, record, settings);
    message
}

/// Adds the automatic attributes (mqtt-api.md §5.4).
fn decorate(message: &mut JsonMap, record: &Record, settings: &Settings) {
    if settings.include_device_information {
        message.insert("device".into(), Json::Null);
    }
    heard(message, record, settings);
}

/// Adds when and how well a device was heard last.
fn heard(message: &mut JsonMap, record: &Record, settings: &Settings) {
    if settings.last_seen != LastSeen::Disable
        && let Some(time) = record.device.last_seen
    {
        message.insert("last_seen".into(), last_seen(time, settings));
    }
    if let Some(link_quality) = record.device.link_quality {
        message.insert("linkquality".into(), link_quality.into());
    }
}

/// Merges into the cache what is kept there. True when there was anything.
fn cache(state: &mut JsonMap, filter: &crate::options::Filter, payload: &JsonMap) -> bool {
    let mut kept = false;
    for (key, value) in payload {
        if is_transient(key) || filter.matches(key) {
            continue;
        }
        kept = true;
        merge(state, key, value);
    }
    kept
}

/// Sets a key; objects are merged key by key, everything else replaces what was there.
pub(crate) fn merge(state: &mut JsonMap, key: &str, value: &Json) {
    match (state.get_mut(key), value) {
        (Some(Json::Object(old)), Json::Object(new)) => {
            for (key, value) in new {
                merge(old, key, value);
            }
        }
        (Some(old), new) => old.clone_from(new),
        (None, new) => {
            state.insert(key.to_owned(), new.clone());
        }
    }
}

/// The time of the last message in the form that the settings want.
fn last_seen(unix_ms: i64, settings: &Settings) -> Json {
    match settings.last_seen {
        LastSeen::Disable => Json::Null,
        LastSeen::Epoch => unix_ms.into(),
        LastSeen::Iso8601 => {
            let mut text = date_and_time(unix_ms);
            let ms = unix_ms.rem_euclid(1000);
            let ms = [b'.', digit(ms / 100), digit(ms / 10), digit(ms), b'Z'];
            push(&mut text, &ms);
            text.into()
        }
        LastSeen::Iso8601Local => {
            let offset = settings.utc_offset_minutes;
            let local = unix_ms.saturating_add(i64::from(offset).saturating_mul(60_000));
            let mut text = date_and_time(local);
            let minutes = i64::from(offset).abs();
            let (hours, minutes) = (minutes / 60, minutes % 60);
            text.push(if offset < 0 { '-' } else { '+' });
            push(&mut text, &[digit(hours / 10), digit(hours), b':']);
            push(&mut text, &[digit(minutes / 10), digit(minutes)]);
            text.into()
        }
    }
}
