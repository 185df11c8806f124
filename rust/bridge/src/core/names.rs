//! How devices and groups are published: what the configuration says, ready for use.

use std::collections::BTreeMap;
use std::sync::Arc;

use hub::Entity;
use serde_json::Value as Json;

use super::contract::{Publish, Qos};
use crate::data::{EntitySettings, Settings};

/// How an entity is published.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    /// Its friendly name.
    pub(crate) name: Arc<str>,
    /// The topic of its state.
    pub(crate) topic: Arc<str>,
    pub(crate) retain: bool,
    pub(crate) qos: Qos,
    /// Seconds for which the broker keeps a state (`retention`).
    pub(crate) expiry: Option<u32>,
}

/// All devices and groups of the configuration.
#[derive(Debug, Default)]
pub(crate) struct Names {
    entities: BTreeMap<Entity, Named>,
    /// Levels of the longest name.
    levels: usize,
}

impl Names {
    pub(crate) fn new(base: &str, settings: &Settings) -> Self {
        let devices = settings
            .devices()
            .map(|(ieee, entry)| (Entity::Device(ieee), entry));
        let groups = settings
            .groups()
            .map(|(id, entry)| (Entity::Group(id), entry));
        let entities: BTreeMap<_, _> = devices
            .chain(groups)
            .map(|(entity, entry)| (entity, Named::new(base, entry)))
            .collect();
        let levels = entities.values().map(|named| named.name.split('/').count());
        Self {
            levels: levels.max().unwrap_or(1),
            entities,
        }
    }

    pub(crate) fn get(&self, entity: Entity) -> Option<&Named> {
        self.entities.get(&entity)
    }

    /// All entities in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Entity, &Named)> {
        self.entities.iter().map(|(entity, named)| (*entity, named))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entities.is_empty()
    }

    /// The greatest number of levels of a name.
    pub(crate) fn levels(&self) -> usize {
        self.levels
    }
}

impl Named {
    /// Its state message.
    pub(crate) fn message(&self, payload: Vec<u8>) -> Publish {
        Publish {
            topic: Arc::clone(&self.topic),
            payload,
            qos: self.qos,
            retain: self.retain,
            expiry: self.expiry,
            common: None,
        }
    }

    fn new(base: &str, entry: &EntitySettings) -> Self {
        let name = entry.friendly_name.as_str();
        Self {
            name: Arc::from(name),
            topic: Arc::from(format!("{base}/{name}")),
            retain: entry.options.get("retain").and_then(Json::as_bool) == Some(true),
            qos: match entry.options.get("qos").and_then(Json::as_u64) {
                Some(1) => Qos::AtLeastOnce,
                Some(2) => Qos::ExactlyOnce,
                _ => Qos::AtMostOnce,
            },
            expiry: entry.options.get("retention").and_then(seconds),
        }
    }
}

/// Whole seconds; a fraction of one means nothing to a broker.
fn seconds(value: &Json) -> Option<u32> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float cast saturates, and the schema has no negative numbers"
    )]
    value.as_f64().map(|seconds| seconds.round() as u32)
}
