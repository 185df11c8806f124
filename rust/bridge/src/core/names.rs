//! How devices and groups are published: what the configuration says, ready for use.

use std::collections::BTreeMap;
use std::sync::Arc;

use hub::Entity;
use serde_json::Value as Json;

use super::contract::Qos;
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
        }
    }
}
