//! What is discovered and what the broker has of it (§4).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use adapters::Instant;
use devices::JsonMap;
use hub::Entity;
use serde_json::Value as Json;
use zigbee::{GroupId, IeeeAddress};

use super::facts::Facts;
use super::known::{Known, Trigger, TriggerParts, Update};
use super::lookup::Lookup;
use super::{Config, Context};

/// How long retained messages are collected, and stale ones cleared.
const LEARNING: Duration = Duration::from_secs(5);
/// Without a retained message for this long what the broker has is known, and what it lacks is
/// published. A broker that is slower gets some messages that it had.
const QUIET: Duration = Duration::from_millis(400);
/// Between clearing a message and publishing it again: Home Assistant has to forget the entity first.
const PAUSE: Duration = Duration::from_secs(2);
/// After its birth message Home Assistant still has to subscribe.
const BIRTH: Duration = Duration::from_secs(30);
/// Stale topics that are remembered at most; a broker may hold anything.
const STALE_LIMIT: usize = 50_000;

/// Who is discovered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Bridge,
    Entity(Entity),
}

/// Whether there should be messages of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retained {
    /// Nobody we know, or somebody whose owner wants no discovery.
    Unwanted,
    /// Known, but not yet (or not by us) understood. What is there is left alone.
    LeftAlone,
    /// Known and discovered.
    Wanted,
}

/// What is discovered.
#[derive(Debug)]
pub(crate) struct Discovery {
    pub(crate) context: Context,
    pub(crate) lookup: Lookup,
    /// `homeassistant.status_topic`.
    pub(crate) status_topic: String,
    known: BTreeMap<Key, Known>,
    learning: Option<Learning>,
    stale: BTreeSet<Arc<str>>,
    birth: Option<Instant>,
    versions: u64,
}

/// The broker's retained messages are being collected.
#[derive(Debug)]
struct Learning {
    /// When the differences are published; `None` once they were.
    publish: Option<Instant>,
    end: Instant,
}

/// What is due.
#[derive(Debug, Default)]
pub(crate) struct Due {
    pub(crate) update: Update,
    /// Those of whom the broker lacked something: their states may be missing as well.
    pub(crate) restored: Vec<Entity>,
    /// The collecting is over.
    pub(crate) learnt: bool,
}

impl Discovery {
    pub(crate) fn new(context: Context, status_topic: String) -> Self {
        Self {
            context,
            lookup: Lookup::builtin(),
            status_topic,
            known: BTreeMap::new(),
            learning: None,
            stale: BTreeSet::new(),
            birth: None,
            versions: 0,
        }
    }

    /// The topic filter of all discovery messages.
    pub(crate) fn filter(&self) -> String {
        format!("{}/+/+/+/config", self.context.discovery)
    }

    /// Forgets what the broker has and collects it again.
    pub(crate) fn learn(&mut self, now: Instant) {
        self.learning = Some(Learning {
            publish: Some(now + QUIET),
            end: now + LEARNING,
        });
        self.stale.clear();
        for known in self.known.values_mut() {
            known.published.clear();
            known.paused = None;
            for trigger in known.triggers.values_mut() {
                trigger.at_broker = false;
            }
        }
    }

    /// The broker is gone: what was planned will be found missing when it is back.
    pub(crate) fn disconnected(&mut self) {
        self.learning = None;
        self.birth = None;
        for known in self.known.values_mut() {
            known.paused = None;
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let paused = self.known.values().filter_map(|known| known.paused);
        let learning = self.learning.as_ref();
        let learning = learning.map(|learning| learning.publish.unwrap_or(learning.end));
        paused.chain(learning).chain(self.birth).min()
    }

    /// What is due.
    pub(crate) fn due(&mut self, now: Instant) -> Due {
        let mut result = Due::default();
        let mut publish = false;
        if let Some(learning) = &mut self.learning {
            publish = learning.publish.take_if(|due| *due <= now).is_some();
            result.learnt = learning.end <= now;
        }
        if result.learnt {
            self.learning = None;
        }
        if publish || result.learnt {
            for topic in std::mem::take(&mut self.stale) {
                if !self.known.values().any(|known| known.wants(&topic)) {
                    result.update.push((topic, Vec::new()));
                }
            }
        }
        // The bridge first, then devices; groups name the entities of devices.
        for (key, known) in &mut self.known {
            let resumed = known.paused.take_if(|due| *due <= now).is_some();
            if (publish && known.paused.is_none()) || resumed {
                let differences = known.differences();
                if let (true, Key::Entity(entity), false) = (publish, key, differences.is_empty()) {
                    result.restored.push(*entity);
                }
                result.update.extend(differences);
            }
        }
        result
    }

    fn is_collecting(&self) -> bool {
        let learning = self.learning.as_ref();
        learning.is_some_and(|learning| learning.publish.is_some())
    }

    /// Home Assistant started.
    pub(crate) fn born(&mut self, now: Instant) {
        self.birth = Some(now + BIRTH);
    }

    /// True once when Home Assistant should be told everything.
    pub(crate) fn birth_due(&mut self, now: Instant) -> bool {
        self.birth.take_if(|due| *due <= now).is_some()
    }

    /// Makes everything anew at the next [`Discovery::set`].
    pub(crate) fn change_context(&mut self, context: Context) {
        self.context = context;
        for known in self.known.values_mut() {
            known.facts = None;
        }
    }

    /// True when these facts are those of the messages there are.
    pub(crate) fn is_current(&self, key: Key, facts: &Facts) -> bool {
        let known = self.known.get(&key);
        known.is_some_and(|known| known.facts.as_ref() == Some(facts))
    }

    /// Takes over the messages of somebody.
    pub(crate) fn set(
        &mut self,
        now: Instant,
        key: Key,
        facts: Facts,
        configs: Vec<Config>,
        parts: Option<TriggerParts>,
        hidden: impl Fn(&str) -> bool,
    ) -> Update {
        self.versions += 1;
        let collecting = self.is_collecting();
        let known = self.known.entry(key).or_insert_with(Known::new);
        let scenes = |configs: &[Config]| -> Vec<(Arc<str>, Vec<u8>)> {
            let scenes = configs.iter().filter(|config| config.component == "scene");
            scenes
                .map(|config| (Arc::clone(&config.topic), config.payload.clone()))
                .collect()
        };
        let (old_scenes, new_scenes) = (scenes(&known.configs), scenes(&configs));
        known.facts = Some(facts);
        known.version = self.versions;
        known.parts = parts;
        known.fills = configs
            .iter()
            .flat_map(|config| &config.reads)
            .filter(|property| !hidden(property))
            .cloned()
            .collect();
        known.fills.sort_unstable();
        known.fills.dedup();
        known.endpoints = configs
            .iter()
            .filter(|config| config.specific && matches!(&*config.component, "light" | "cover"))
            .filter_map(|config| config.endpoint.clone())
            .collect();
        known.configs = configs;
        known.renew_triggers(&self.context);
        if collecting || known.paused.is_some() {
            return Update::new();
        }
        if !old_scenes.is_empty() && old_scenes != new_scenes {
            known.paused = Some(now + PAUSE);
            let cleared = old_scenes.into_iter().map(|(topic, _)| {
                known.published.remove(&topic);
                (topic, Vec::new())
            });
            return cleared.collect();
        }
        known.differences()
    }

    /// Clears everything of somebody, to be published again after a pause.
    pub(crate) fn clear(&mut self, now: Instant, key: Key) -> Update {
        let Some(known) = self.known.get_mut(&key) else {
            return Update::new();
        };
        known.paused = Some(now + PAUSE);
        known.clear()
    }

    /// Forgets somebody who was removed, and clears everything of him.
    pub(crate) fn remove(&mut self, key: Key) -> Update {
        match self.known.remove(&key) {
            Some(mut known) => known.clear(),
            None => Update::new(),
        }
    }

    /// The groups that are known.
    pub(crate) fn groups(&self) -> Vec<GroupId> {
        let group = |key: &Key| match key {
            Key::Entity(Entity::Group(id)) => Some(*id),
            _ => None,
        };
        self.known.keys().filter_map(group).collect()
    }

    /// The messages of somebody.
    pub(crate) fn configs(&self, key: Key) -> &[Config] {
        self.known.get(&key).map_or(&[], |known| &known.configs)
    }

    /// Changes with the messages of somebody.
    pub(crate) fn version(&self, key: Key) -> u64 {
        self.known.get(&key).map_or(0, |known| known.version)
    }

    /// A device did something that it can trigger automations with; the message, if it is new.
    pub(crate) fn trigger(&mut self, key: Key, action: &str) -> Option<(Arc<str>, Vec<u8>)> {
        let known = self.known.get_mut(&key)?;
        if known.triggers.get(action).is_some_and(|had| had.at_broker) || known.paused.is_some() {
            return None;
        }
        let entry = Trigger {
            at_broker: true,
            ..known.parts.as_ref()?.trigger(&self.context, action)
        };
        let message = (Arc::clone(&entry.topic), entry.payload.clone());
        known.triggers.insert(action.to_owned(), entry);
        Some(message)
    }

    /// Endpoints of lights and covers.
    pub(crate) fn endpoints(&self, key: Key) -> &[String] {
        self.known.get(&key).map_or(&[], |known| &known.endpoints)
    }

    /// Completes a state message (§5): Home Assistant's templates want every property there.
    pub(crate) fn fill(&self, key: Key, message: &mut JsonMap) {
        if let Some(known) = self.known.get(&key) {
            known.fill(message);
        }
    }

    /// A message on a discovery topic. True when the topic is one.
    pub(crate) fn message(
        &mut self,
        now: Instant,
        topic: &str,
        payload: &[u8],
        retained: impl Fn(Key) -> Retained,
    ) -> bool {
        let Some((component, node, object_id)) = self.parse(topic) else {
            return false;
        };
        let Some(learning) = &mut self.learning else {
            return true;
        };
        if payload.is_empty() {
            return true;
        }
        if let Some(publish) = &mut learning.publish {
            *publish = (now + QUIET).min(learning.end);
        }
        let key = self.owner(node);
        let standing = key.map_or(Retained::Unwanted, retained);
        if let Some(key) = key
            && standing == Retained::Wanted
            && let Some(known) = self.known.get_mut(&key)
        {
            if known.wants(topic) {
                known.published.insert(Arc::from(topic), payload.to_vec());
                return true;
            }
            if component == "device_automation" {
                known.learn_trigger(topic, object_id, payload);
                return true;
            }
        }
        if standing != Retained::LeftAlone
            && self.stale.len() < STALE_LIMIT
            && self.is_ours(component, payload)
        {
            self.stale.insert(Arc::from(topic));
        }
        true
    }

    /// Component, node and object id of a discovery topic.
    fn parse<'a>(&self, topic: &'a str) -> Option<(&'a str, &'a str, &'a str)> {
        let rest = topic
            .strip_prefix(&self.context.discovery)?
            .strip_prefix('/')?
            .strip_suffix("/config")?;
        let mut levels = rest.split('/');
        let parsed = (levels.next()?, levels.next()?, levels.next()?);
        levels.next().is_none().then_some(parsed)
    }

    fn owner(&self, node: &str) -> Option<Key> {
        if let Ok(ieee) = node.parse::<IeeeAddress>() {
            return Some(Key::Entity(Entity::Device(ieee)));
        }
        let id = node
            .strip_prefix(&self.context.encoded_base())?
            .strip_prefix('_')?;
        if id == self.context.coordinator {
            return Some(Key::Bridge);
        }
        let id = id.parse().ok()?;
        Some(Key::Entity(Entity::Group(GroupId(id))))
    }

    /// True for a message of a bridge with our base topic, now or in earlier days.
    fn is_ours(&self, component: &str, payload: &[u8]) -> bool {
        let Ok(config) = serde_json::from_slice::<Json>(payload) else {
            return false;
        };
        let text = |path: &str| config.pointer(path).and_then(Json::as_str);
        let below = |topic: &'_ str| -> Option<String> {
            topic.strip_prefix(&self.context.base).map(str::to_owned)
        };
        if component == "device_automation" {
            // A base topic may lie below ours; then the bridge tells whose it is.
            text("/device/via_device").is_none_or(|via| via == self.context.via())
                && text("/topic")
                    .and_then(below)
                    .is_some_and(|rest| rest.starts_with('/'))
        } else {
            let topic = text("/availability/0/topic").and_then(below);
            topic.as_deref() == Some("/bridge/state")
        }
    }
}
