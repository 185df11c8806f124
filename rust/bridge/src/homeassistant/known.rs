//! Somebody who is discovered, and what the broker has of him.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use adapters::Instant;
use devices::JsonMap;
use serde_json::{Value as Json, json};

use super::entities::UPDATE;
use super::facts::Facts;
use super::{Config, Context, trigger};

/// Messages to publish, retained; an empty payload clears.
pub(crate) type Update = Vec<(Arc<str>, Vec<u8>)>;

/// What a trigger's message is made of.
#[derive(Debug, Clone)]
pub(crate) struct TriggerParts {
    pub(crate) ieee: String,
    /// `B/N`.
    pub(crate) topic: String,
    pub(crate) device: Json,
    /// What the device can do, as far as it is known before it does it.
    pub(crate) actions: Vec<String>,
}

impl TriggerParts {
    /// A trigger that was not told yet.
    pub(super) fn trigger(&self, context: &Context, action: &str) -> Trigger {
        let config = trigger(context, &self.ieee, &self.topic, &self.device, action);
        Trigger {
            topic: config.topic,
            payload: config.payload,
            at_broker: false,
        }
    }
}

/// Somebody who is discovered.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) facts: Option<Facts>,
    pub(super) version: u64,
    pub(super) configs: Vec<Config>,
    /// What the broker has, except triggers.
    pub(super) published: BTreeMap<Arc<str>, Vec<u8>>,
    /// By action: topic, payload, and whether the broker has it.
    pub(super) triggers: BTreeMap<String, Trigger>,
    pub(super) parts: Option<TriggerParts>,
    /// Properties that every state message has.
    pub(super) fills: Vec<String>,
    /// Endpoints of lights and covers, which have state topics of their own.
    pub(super) endpoints: Vec<String>,
    pub(super) paused: Option<Instant>,
}

/// A trigger, told or to be told.
#[derive(Debug)]
pub(super) struct Trigger {
    pub(super) topic: Arc<str>,
    pub(super) payload: Vec<u8>,
    pub(super) at_broker: bool,
}

impl Known {
    pub(super) fn new() -> Self {
        Self {
            facts: None,
            version: 0,
            configs: Vec::new(),
            published: BTreeMap::new(),
            triggers: BTreeMap::new(),
            parts: None,
            fills: Vec::new(),
            endpoints: Vec::new(),
            paused: None,
        }
    }

    pub(super) fn wants(&self, topic: &str) -> bool {
        self.configs.iter().any(|config| &*config.topic == topic)
    }

    /// Publishes what differs from what the broker has, and clears what is no longer wanted.
    pub(super) fn differences(&mut self) -> Update {
        let mut update = Update::new();
        let mut gone = std::mem::take(&mut self.published);
        for config in &self.configs {
            let had = gone.remove(&config.topic);
            if had.as_ref() != Some(&config.payload) {
                update.push((Arc::clone(&config.topic), config.payload.clone()));
            }
            self.published
                .insert(Arc::clone(&config.topic), config.payload.clone());
        }
        update.extend(gone.into_keys().map(|topic| (topic, Vec::new())));
        for trigger in self.triggers.values_mut() {
            if !trigger.at_broker {
                trigger.at_broker = true;
                update.push((Arc::clone(&trigger.topic), trigger.payload.clone()));
            }
        }
        update
    }

    /// Makes the triggers' messages, so that Home Assistant offers them before the first press, or makes
    /// them again: the name may have changed.
    pub(super) fn renew_triggers(&mut self, context: &Context) {
        let Some(parts) = &self.parts else {
            return;
        };
        // Those of another definition that the broker never got.
        self.triggers
            .retain(|action, known| known.at_broker || parts.actions.contains(action));
        for action in &parts.actions {
            if !self.triggers.contains_key(action) {
                let entry = parts.trigger(context, action);
                self.triggers.insert(action.clone(), entry);
            }
        }
        for (action, known) in &mut self.triggers {
            let entry = parts.trigger(context, action);
            if known.payload != entry.payload {
                *known = entry;
            }
        }
    }

    /// Clears everything.
    pub(super) fn clear(&mut self) -> Update {
        let mut topics: BTreeSet<Arc<str>> =
            std::mem::take(&mut self.published).into_keys().collect();
        topics.extend(self.configs.iter().map(|config| Arc::clone(&config.topic)));
        for trigger in self.triggers.values_mut() {
            trigger.at_broker = false;
            topics.insert(Arc::clone(&trigger.topic));
        }
        topics
            .into_iter()
            .map(|topic| (topic, Vec::new()))
            .collect()
    }

    /// A trigger of an earlier run. It is never cleared. One that is expected is known when it says what
    /// it would say today, any other when its topic is today's.
    pub(super) fn learn_trigger(&mut self, topic: &str, object_id: &str, payload: &[u8]) {
        let Some(parts) = &self.parts else {
            return;
        };
        let Some(action) = object_id.strip_prefix("action_") else {
            return;
        };
        if let Some(known) = self.triggers.get_mut(action) {
            known.at_broker = known.payload == payload;
            return;
        }
        let config: Json = serde_json::from_slice(payload).unwrap_or_default();
        if config.get("topic").and_then(Json::as_str) == Some(&format!("{}/action", parts.topic)) {
            let entry = Trigger {
                topic: Arc::from(topic),
                payload: payload.to_vec(),
                at_broker: true,
            };
            self.triggers.insert(action.to_owned(), entry);
        }
    }

    /// Completes a state message.
    pub(super) fn fill(&self, message: &mut JsonMap) {
        for property in &self.fills {
            if property == UPDATE {
                fill_update(message);
            } else if !message.contains_key(property) {
                message.insert(property.clone(), Json::Null);
            }
        }
        if let Some(Json::Object(color)) = message.get_mut("color") {
            for (name, short) in [("hue", "h"), ("saturation", "s")] {
                if let Some(value) = color.get(name).cloned() {
                    color.insert(short.to_owned(), value);
                }
            }
        }
    }
}

fn fill_update(message: &mut JsonMap) {
    let update = message.entry(UPDATE).or_insert_with(|| json!({}));
    if !update.is_object() {
        *update = json!({});
    }
    if let Some(update) = update.as_object_mut() {
        update.entry("state").or_insert(Json::Null);
        if update.get("latest_version").is_none_or(Json::is_null) {
            update.insert("installed_version".to_owned(), json!(-1));
            update.insert("latest_version".to_owned(), json!(-1));
        }
    }
}
