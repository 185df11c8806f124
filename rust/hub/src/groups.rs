//! Values that groups and their members share (shared/facts/mqtt-api.md §8).

use devices::JsonMap;
use zigbee::{GroupId, IeeeAddress};

use crate::core::Core;
use crate::{Entity, Event};

/// The keys that are mirrored.
const MIRRORED: [&str; 5] = ["state", "brightness", "color_temp", "color", "color_mode"];

/// The part of a payload that is mirrored between groups and members.
pub(crate) fn mirrored(payload: &JsonMap) -> JsonMap {
    payload
        .iter()
        .filter(|(key, _)| MIRRORED.iter().any(|name| key.starts_with(name)))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

impl Core {
    /// Publishes a group's state.
    pub(crate) fn publish_group(&mut self, id: GroupId, payload: &JsonMap) {
        let Some(record) = self.records.group_mut(id) else {
            return;
        };
        for (key, value) in payload {
            crate::publish::merge(&mut record.state, key, value);
        }
        self.state_changed |= !payload.is_empty();
        let mut message = if self.settings.cache_state {
            record.state.clone()
        } else {
            payload.clone()
        };
        message.retain(|key, _| !record.options.filtered_attributes.matches(key));
        if !message.is_empty() {
            self.event(Event::State {
                entity: Entity::Group(id),
                message,
            });
        }
    }

    /// A member's values changed.
    pub(crate) fn mirror_device(&mut self, ieee: IeeeAddress, values: &JsonMap) {
        let _ = (ieee, values);
    }
}
