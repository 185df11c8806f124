//! Groups: what they publish, and the values that they and their members share
//! (shared/facts/mqtt-api.md §8).

use std::sync::Arc;

use devices::{Definition, ExposeKind, JsonMap, Member};
use serde_json::Value as Json;
use zigbee::{EndpointId, GroupId, IeeeAddress};

use crate::core::Core;
use crate::publish::{Cause, merge};
use crate::{Entity, Event};

/// The keys that are mirrored.
const MIRRORED: [&str; 5] = ["state", "brightness", "color_temp", "color", "color_mode"];

/// The part of a payload that may be mirrored, endpoint suffixes still on.
pub(crate) fn mirrored(payload: &JsonMap) -> JsonMap {
    payload
        .iter()
        .filter(|(key, _)| MIRRORED.iter().any(|name| key.starts_with(name)))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// The key of a property on an endpoint: suffixed where the definition names the endpoint.
pub(crate) fn member_key(
    key: &str,
    definition: Option<&Definition>,
    endpoint: EndpointId,
) -> String {
    match definition.and_then(|definition| definition.endpoint_name(endpoint)) {
        Some(name) => format!("{key}_{name}"),
        None => key.to_owned(),
    }
}

fn is_off(payload: &JsonMap) -> bool {
    matches!(
        payload.get("state").and_then(Json::as_str),
        Some("OFF" | "CLOSE")
    )
}

impl Core {
    /// Publishes a group's state.
    pub(crate) fn publish_group(&mut self, id: GroupId, payload: &JsonMap) {
        let Some(record) = self.records.group_mut(id) else {
            return;
        };
        for (key, value) in payload {
            if !crate::options::is_transient(key) && !record.options.filtered_cache.matches(key) {
                merge(&mut record.state, key, value);
                self.state_changed = true;
            }
        }
        let mut message = if self.settings.cache_state {
            let mut message = record.state.clone();
            for (key, value) in payload {
                if !message.contains_key(key) {
                    message.insert(key.clone(), value.clone());
                }
            }
            message
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

    /// A member's values changed: its groups take them over.
    pub(crate) fn mirror_device(&mut self, ieee: IeeeAddress, values: &JsonMap) {
        let definition = self
            .records
            .get(ieee)
            .and_then(|record| record.device.definition.clone());
        let groups: Vec<_> = self
            .records
            .groups()
            .iter()
            .filter(|record| !record.options.pessimistic)
            .flat_map(|record| {
                record
                    .group
                    .members
                    .iter()
                    .filter(|(member, _)| *member == ieee)
                    .map(|(_, endpoint)| (record.group.id, *endpoint))
            })
            .collect();
        for (id, endpoint) in groups {
            let payload: JsonMap = MIRRORED
                .iter()
                .filter_map(|key| {
                    let value = values.get(&member_key(key, definition.as_deref(), endpoint))?;
                    Some(((*key).to_owned(), value.clone()))
                })
                .collect();
            self.mirror_to_group(id, &payload);
        }
    }

    /// Gives a group values of a member or of another group.
    fn mirror_to_group(&mut self, id: GroupId, payload: &JsonMap) {
        if payload.is_empty() || (is_off(payload) && self.stays_on(id)) {
            return;
        }
        let Some(record) = self.records.group_mut(id) else {
            return;
        };
        if record.mirrored == *payload {
            return;
        }
        record.mirrored.clone_from(payload);
        self.publish_group(id, payload);
    }

    /// True when a group that is off only with all its members has one that is on.
    fn stays_on(&self, id: GroupId) -> bool {
        let Some(record) = self.records.group(id) else {
            return false;
        };
        !record.options.off_with_last_member
            && record.group.members.iter().any(|(ieee, endpoint)| {
                self.records.get(*ieee).is_some_and(|member| {
                    let key = member_key("state", member.device.definition.as_deref(), *endpoint);
                    matches!(
                        member.state.get(&key).and_then(Json::as_str),
                        Some("ON" | "OPEN")
                    )
                })
            })
    }

    /// A group's values were set: its message, then its members', then those of groups that share a
    /// member.
    pub(crate) fn publish_group_set(&mut self, id: GroupId, payload: &JsonMap) {
        let Some(record) = self.records.group_mut(id) else {
            return;
        };
        let pessimistic = record.options.pessimistic;
        let members = record.group.members.clone();
        let shared: JsonMap = payload
            .iter()
            .filter(|(key, _)| MIRRORED.contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        if !shared.is_empty() {
            record.mirrored.clone_from(&shared);
        }
        self.publish_group(id, payload);
        if shared.is_empty() || pessimistic {
            return;
        }
        for (ieee, endpoint) in &members {
            let Some(member) = self.records.get(*ieee) else {
                continue;
            };
            let Some(definition) = member.device.definition.clone() else {
                continue;
            };
            if member.options.disabled {
                continue;
            }
            let payload: JsonMap = shared
                .iter()
                .filter(|(key, value)| exposes(&definition, key, value))
                .map(|(key, value)| (member_key(key, Some(&definition), *endpoint), value.clone()))
                .collect();
            if !payload.is_empty() {
                self.publish(*ieee, payload, Cause::Mirrored);
            }
        }
        let others: Vec<_> = self
            .records
            .groups()
            .iter()
            .filter(|other| {
                other.group.id != id
                    && !other.options.pessimistic
                    && other
                        .group
                        .members
                        .iter()
                        .any(|member| members.contains(member))
            })
            .map(|other| other.group.id)
            .collect();
        for other in others {
            self.mirror_to_group(other, &shared);
        }
    }

    /// A group's members that are known.
    pub(crate) fn group_members(&self, id: GroupId) -> Vec<Member> {
        let record = self.records.group(id);
        let members = record.into_iter().flat_map(|record| &record.group.members);
        members
            .filter_map(|(ieee, endpoint)| {
                let device = &self.records.get(*ieee)?.device;
                Some(Member {
                    device: device.info.clone(),
                    endpoint: *endpoint,
                    definition: device.definition.clone(),
                })
            })
            .collect()
    }

    /// The definitions of a group's members, each once.
    pub(crate) fn group_definitions(&self, id: GroupId) -> Vec<Arc<Definition>> {
        let mut definitions: Vec<Arc<Definition>> = Vec::new();
        for (ieee, _) in self
            .records
            .group(id)
            .into_iter()
            .flat_map(|record| &record.group.members)
        {
            if let Some(definition) = self
                .records
                .get(*ieee)
                .and_then(|record| record.device.definition.clone())
                && !definitions
                    .iter()
                    .any(|known| Arc::ptr_eq(known, &definition))
            {
                definitions.push(definition);
            }
        }
        definitions
    }
}

/// True when a member shows a mirrored key: everything shows its state, lights show what they have.
fn exposes(definition: &Definition, key: &str, value: &Json) -> bool {
    let wanted: &[&str] = match (key, value.as_str()) {
        ("state", _) => return true,
        ("color", _) => &["color_xy", "color_hs"],
        ("color_mode", Some("xy")) => &["color_xy"],
        ("color_mode", Some("hs")) => &["color_hs"],
        ("brightness", _) => &["brightness"],
        ("color_mode", Some("color_temp")) | ("color_temp", _) => &["color_temp"],
        _ => return false,
    };
    definition
        .exposes()
        .iter()
        .filter(|expose| expose.kind == ExposeKind::Light)
        .flat_map(|light| &light.features)
        .filter_map(|feature| feature.name.as_deref())
        .any(|name| wanted.contains(&name))
}
