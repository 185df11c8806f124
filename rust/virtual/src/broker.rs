//! The broker between bridge and automations, as far as MQTT has to be known here.

use std::collections::BTreeMap;
use std::sync::Arc;

/// A message for whoever listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The topic.
    pub topic: Arc<str>,
    /// The payload.
    pub payload: Arc<[u8]>,
    /// True if it tells what is rather than that something happened: it was retained, or is a state
    /// that the bridge told when it started.
    pub stored: bool,
}

/// Retained messages, and who wants to hear what.
#[derive(Debug, Default)]
pub(crate) struct Broker {
    retained: BTreeMap<Arc<str>, Arc<[u8]>>,
    /// Filters of the bridge; none while it is not connected.
    bridge: Vec<String>,
    /// Filters of the listener; `None` while nobody listens.
    listener: Option<Vec<String>>,
    /// For the bridge.
    pub(crate) to_bridge: Vec<Message>,
    /// For the listener.
    pub(crate) to_listener: Vec<Message>,
}

impl Broker {
    /// A message of whoever. `stored` is what the listener is told of it.
    pub(crate) fn publish(&mut self, topic: &Arc<str>, payload: &[u8], retain: bool, stored: bool) {
        let payload: Arc<[u8]> = payload.into();
        if retain {
            if payload.is_empty() {
                self.retained.remove(topic);
            } else {
                self.retained
                    .insert(Arc::clone(topic), Arc::clone(&payload));
            }
        }
        let message = |stored| Message {
            topic: Arc::clone(topic),
            payload: Arc::clone(&payload),
            stored,
        };
        if self.bridge.iter().any(|filter| matches(filter, topic)) {
            self.to_bridge.push(message(false));
        }
        if let Some(filters) = &self.listener
            && filters.iter().any(|filter| matches(filter, topic))
        {
            self.to_listener.push(message(stored));
        }
    }

    /// The bridge wants to hear these, and gets what is retained of them.
    pub(crate) fn subscribe_bridge(&mut self, filters: Vec<String>) {
        for filter in filters {
            let retained = self.retained_of(&filter);
            self.to_bridge.extend(retained);
            if !self.bridge.contains(&filter) {
                self.bridge.push(filter);
            }
        }
    }

    pub(crate) fn unsubscribe_bridge(&mut self, filters: &[String]) {
        self.bridge.retain(|filter| !filters.contains(filter));
    }

    /// The bridge is gone; what was on its way to it is lost.
    pub(crate) fn drop_bridge(&mut self) {
        self.bridge.clear();
        self.to_bridge.clear();
    }

    /// The listener wants to hear a filter, and gets what is retained of it.
    pub(crate) fn subscribe_listener(&mut self, filter: &str) {
        let retained = self.retained_of(filter);
        let filters = self.listener.get_or_insert_default();
        if !filters.iter().any(|known| known == filter) {
            filters.push(filter.to_owned());
            self.to_listener.extend(retained);
        }
    }

    /// Nobody listens any more.
    pub(crate) fn drop_listener(&mut self) {
        self.listener = None;
        self.to_listener.clear();
    }

    fn retained_of(&self, filter: &str) -> Vec<Message> {
        self.retained
            .iter()
            .filter(|(topic, _)| matches(filter, topic))
            .map(|(topic, payload)| Message {
                topic: Arc::clone(topic),
                payload: Arc::clone(payload),
                stored: true,
            })
            .collect()
    }
}

/// True if a topic is meant by a filter (MQTT 4.7).
fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && !filter.starts_with('$') {
        return false;
    }
    let mut levels = topic.split('/');
    for part in filter.split('/') {
        match (part, levels.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (part, Some(level)) if part == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_match_as_mqtt_has_it() {
        for (filter, topic, meant) in [
            ("z/#", "z/lamp", true),
            ("z/#", "z", true),
            ("z/+", "z/lamp/set", false),
            ("z/+/set", "z/lamp/set", true),
            ("#", "$SYS/uptime", false),
            ("z/lamp", "z/lamp", true),
            ("z/lamp", "z/lamp/set", false),
            ("+", "z", true),
        ] {
            assert_eq!(matches(filter, topic), meant, "{filter} {topic}");
        }
    }

    #[test]
    fn a_listener_gets_what_is_retained_as_stored() {
        let mut broker = Broker::default();
        broker.publish(&Arc::from("z/info"), b"1", true, false);
        broker.publish(&Arc::from("z/gone"), b"1", true, false);
        broker.publish(&Arc::from("z/gone"), b"", true, false);
        broker.publish(&Arc::from("z/once"), b"1", false, false);
        broker.subscribe_listener("z/#");
        broker.publish(&Arc::from("z/info"), b"2", true, false);
        let heard: Vec<_> = broker
            .to_listener
            .iter()
            .map(|message| (message.topic.as_ref(), &*message.payload, message.stored))
            .collect();
        assert_eq!(
            heard,
            [("z/info", &b"1"[..], true), ("z/info", &b"2"[..], false)]
        );
    }
}
