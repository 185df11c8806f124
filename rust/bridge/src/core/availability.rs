//! `B/<name>/availability` (§10): what the hub tells of who is there, retained.

use std::collections::BTreeMap;
use std::sync::Arc;

use hub::Entity;
use serde_json::json;

use super::{Core, Qos};
use crate::json;

/// What the broker holds.
#[derive(Debug, Default)]
pub(super) struct Availability {
    /// The topic of each entity that something was published for, and whether that was `online`;
    /// `None` when the broker may have lost it.
    told: BTreeMap<Entity, (Arc<str>, Option<bool>)>,
    /// Somebody may have nothing on his topic yet.
    due: bool,
}

impl Core {
    /// Tells whether a device or group is there, unless the broker holds that already.
    pub(super) fn tell_availability(&mut self, entity: Entity, available: bool) {
        if !self.has_audience() {
            return;
        }
        let Some(named) = self.names.get(entity) else {
            return;
        };
        let topic: Arc<str> = Arc::from(format!("{}/availability", named.topic));
        let news = (Arc::clone(&topic), Some(available));
        if self.availability.told.get(&entity) == Some(&news) {
            return;
        }
        self.availability.told.insert(entity, news);
        let state = if available { "online" } else { "offline" };
        let payload = json::render(&json!({ "state": state }));
        self.publish(topic, payload, Qos::AtLeastOnce, true);
    }

    /// Tells of everybody, as the broker may hold nothing: devices as in `database.db`, then groups.
    pub(super) fn greet_availability(&mut self) {
        for (_, held) in self.availability.told.values_mut() {
            *held = None;
        }
        self.availability.due = true;
        self.complete_availability();
    }

    /// The broker may hold nothing of an entity: it is told of again.
    pub(super) fn forget_availability(&mut self, entity: Entity) {
        if let Some((_, held)) = self.availability.told.get_mut(&entity) {
            *held = None;
            self.availability.due = true;
        }
    }

    /// Tells of those whose topic holds nothing yet.
    pub(super) fn complete_availability(&mut self) {
        if !self.has_audience() || !std::mem::take(&mut self.availability.due) {
            return;
        }
        let devices = self.hub.devices();
        let groups = self.hub.groups();
        let all: Vec<_> = devices
            .map(|device| Entity::Device(device.info.ieee))
            .chain(groups.map(|group| Entity::Group(group.id)))
            .filter_map(|entity| Some((entity, self.hub.availability(entity)?)))
            .collect();
        for (entity, available) in all {
            self.tell_availability(entity, available);
        }
    }

    /// Names changed: topics that belong to nobody now are cleared. The new ones follow at the end.
    pub(super) fn move_availability(&mut self) {
        let moved: Vec<_> = self
            .availability
            .told
            .iter()
            .filter(|(entity, (topic, _))| {
                self.names
                    .get(**entity)
                    .is_none_or(|named| topic.strip_suffix("/availability") != Some(&*named.topic))
            })
            .map(|(entity, _)| *entity)
            .collect();
        self.availability.due = true;
        for entity in moved {
            self.clear_availability(entity);
        }
    }

    /// The entity is gone: nothing is left at the broker.
    pub(super) fn clear_availability(&mut self, entity: Entity) {
        if let Some((topic, _)) = self.availability.told.remove(&entity) {
            self.clear(topic);
        }
    }
}
