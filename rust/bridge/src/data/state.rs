//! `state.json`: the last known states (shared/facts/config.md §8).

use std::collections::BTreeMap;

use devices::JsonMap;
use hub::Entity;
use serde_json::Value as Json;

use super::json;
use super::settings::{address, group_id};

/// The file's name.
pub(crate) const FILE: &str = "state.json";

/// What a `state.json` says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct States {
    /// States by device or group.
    pub states: BTreeMap<Entity, JsonMap>,
    /// Entries that belong to neither; written back as they are.
    pub foreign: JsonMap,
}

/// Reads a `state.json`.
pub fn parse_state(bytes: &[u8]) -> Result<States, serde_json::Error> {
    let map: JsonMap = serde_json::from_slice(bytes)?;
    let mut states = States::default();
    for (key, value) in map {
        let entity = address(&key)
            .map(Entity::Device)
            .or_else(|| group_id(&key).map(Entity::Group));
        match (entity, value) {
            (Some(entity), Json::Object(state)) => {
                states.states.insert(entity, state);
            }
            (_, value) => {
                states.foreign.insert(key, value);
            }
        }
    }
    Ok(states)
}

/// Writes a `state.json`: an indent of four spaces, no line end at the end.
pub fn render_state<'a>(
    states: impl IntoIterator<Item = (Entity, &'a JsonMap)>,
    foreign: &JsonMap,
) -> String {
    let mut map: BTreeMap<String, &JsonMap> = BTreeMap::new();
    for (entity, state) in states {
        let key = match entity {
            Entity::Device(ieee) => ieee.to_string(),
            Entity::Group(id) => id.0.to_string(),
        };
        map.insert(key, state);
    }
    let mut all: BTreeMap<&str, Value<'_>> = map
        .iter()
        .map(|(key, state)| (key.as_str(), Value::State(state)))
        .collect();
    for (key, value) in foreign {
        all.entry(key).or_insert(Value::Foreign(value));
    }
    json::pretty(&all, 4)
}

#[derive(serde::Serialize)]
#[serde(untagged)]
enum Value<'a> {
    State(&'a JsonMap),
    Foreign(&'a Json),
}
