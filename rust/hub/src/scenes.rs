//! What is remembered of scenes: under `meta` of the endpoints in `database.db`, where Zigbee2MQTT keeps
//! it too (shared/facts/config.md §7.2).

use devices::{JsonMap, REMEMBERED, SceneChange, recalled};
use serde_json::{Value as Json, json};
use zigbee::{EndpointId, GroupId, IeeeAddress};

use crate::core::Core;
use crate::groups::member_key;
use crate::publish::Cause;
use crate::{Entity, LogLevel};

/// The key of the scenes in the `meta` of an endpoint.
const SCENES: &str = "scenes";

fn key(scene: u8, group: GroupId) -> String {
    format!("{scene}_{}", group.0)
}

impl Core {
    /// What an endpoint remembers of a scene.
    pub(crate) fn scene(
        &self,
        (ieee, endpoint): (IeeeAddress, EndpointId),
        group: GroupId,
        scene: u8,
    ) -> Option<JsonMap> {
        let endpoint = self
            .records
            .get(ieee)?
            .device
            .info
            .endpoints
            .get(&endpoint)?;
        let scene = endpoint.meta.get(SCENES)?.get(key(scene, group))?;
        // Written by hand or by old versions it may lack its state.
        let state = scene.get("state").and_then(Json::as_object);
        Some(state.cloned().unwrap_or_default())
    }

    /// Changes what endpoints remember. False when there was nothing to change.
    pub(crate) fn change_scenes(
        &mut self,
        members: &[(IeeeAddress, EndpointId)],
        group: GroupId,
        change: &SceneChange,
    ) -> bool {
        let mut changed = false;
        for member in members {
            let cached = self.cached_scene(*member);
            let Some(meta) = self.records.get_mut(member.0).and_then(|record| {
                let endpoint = record.device.info.endpoints.get_mut(&member.1)?;
                Some(&mut endpoint.meta)
            }) else {
                continue;
            };
            let scenes = match meta.get_mut(SCENES) {
                Some(Json::Object(scenes)) => scenes,
                _ if matches!(change, SceneChange::Keep { .. }) => {
                    meta.insert(SCENES.to_owned(), json!({}));
                    match meta.get_mut(SCENES) {
                        Some(Json::Object(scenes)) => scenes,
                        _ => continue,
                    }
                }
                _ => continue,
            };
            changed |= change_one(scenes, group, change, cached);
        }
        if changed {
            self.devices_changed();
        }
        changed
    }

    /// The part of an endpoint's cached state that a scene is remembered with.
    fn cached_scene(&self, (ieee, endpoint): (IeeeAddress, EndpointId)) -> JsonMap {
        let Some(record) = self.records.get(ieee) else {
            return JsonMap::new();
        };
        let definition = record.device.definition.as_deref();
        REMEMBERED
            .into_iter()
            .filter_map(|property| {
                let value = record
                    .state
                    .get(&member_key(property, definition, endpoint))?;
                Some((property.to_owned(), value.clone()))
            })
            .collect()
    }

    /// Publishes of each member of a group what it remembers of the group's scene.
    pub(crate) fn recall_group_scene(&mut self, group: GroupId, scene: u8) {
        let members = self
            .records
            .group(group)
            .map(|record| record.group.members.clone())
            .unwrap_or_default();
        for member in members {
            let Some(record) = self.records.get(member.0) else {
                continue;
            };
            if record.options.disabled {
                continue;
            }
            let Some(state) = self.scene(member, group, scene) else {
                self.log(
                    LogLevel::Warning,
                    Some(Entity::Device(member.0)),
                    "Unknown scene was recalled for '{name}', can't restore state.",
                );
                continue;
            };
            let definition = record.device.definition.as_deref();
            let cached = |property: &str| {
                let key = member_key(property, definition, member.1);
                record.state.get(&key).cloned()
            };
            let payload: JsonMap = recalled(state, &record.options.raw, cached)
                .into_iter()
                .map(|(property, value)| (member_key(&property, definition, member.1), value))
                .filter(|(key, _)| !record.options.filtered_optimistic.matches(key))
                .collect();
            if !record.options.pessimistic && !payload.is_empty() {
                self.publish(member.0, payload, Cause::Other);
            }
        }
    }
}

/// Changes the scenes of one endpoint.
fn change_one(scenes: &mut JsonMap, group: GroupId, change: &SceneChange, cached: JsonMap) -> bool {
    match change {
        SceneChange::Keep { scene, name, state } => {
            let mut state = state.clone().unwrap_or(cached);
            state.retain(|property, _| REMEMBERED.contains(&property.as_str()));
            let mut entry = json!({ "state": state });
            if let (Some(name), Some(entry)) = (name, entry.as_object_mut()) {
                entry.insert("name".to_owned(), name.clone().into());
            }
            scenes.insert(key(*scene, group), entry);
            true
        }
        SceneChange::Rename { scene, name } => match scenes.get_mut(&key(*scene, group)) {
            Some(Json::Object(entry)) => {
                entry.insert("name".to_owned(), name.clone().into());
                true
            }
            _ => false,
        },
        SceneChange::Forget { scene } => scenes.remove(&key(*scene, group)).is_some(),
        SceneChange::ForgetAll => {
            let suffix = format!("_{}", group.0);
            let before = scenes.len();
            scenes.retain(|key, _| !key.ends_with(&suffix));
            scenes.len() != before
        }
    }
}
