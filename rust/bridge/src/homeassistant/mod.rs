//! Home Assistant's MQTT discovery, as Zigbee2MQTT publishes it (shared/facts/homeassistant.md;
//! section numbers in this module are that document's).
//!
//! Pure: from definitions, names and settings to the discovery messages. [`entities`] says what a
//! device, a group and the bridge are in Home Assistant; `exposes` and `specific` are the mapping of
//! exposes, with the fields that go by name in `lookup.json`; `finish` adds what every message has.
//! [`Discovery`] remembers what is published. [`crate::core::Core`] does the publishing.

mod actions;
mod bridge;
mod climate;
mod discovery;
pub(crate) mod entities;
mod exposes;
mod facts;
mod finish;
mod known;
mod lookup;
mod specific;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use devices::JsonMap;
use serde_json::Value as Json;

use crate::data::LastSeen;

pub(crate) use actions::trigger;
pub(crate) use bridge::{Bridge, bridge};
pub(crate) use discovery::{Discovery, Due, Key, Retained};
pub(crate) use facts::{Facts, Same};
pub(crate) use known::{TriggerParts, Update};

/// What holds for all discovery messages.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Context {
    /// `mqtt.base_topic`.
    pub(crate) base: String,
    /// `homeassistant.discovery_topic`.
    pub(crate) discovery: String,
    /// The coordinator's address.
    pub(crate) coordinator: String,
    /// The version on `bridge/info`.
    pub(crate) version: &'static str,
    /// `frontend.url`, and whether its pages carry an instance number.
    pub(crate) frontend: Option<(String, bool)>,
    /// `homeassistant.experimental_event_entities`.
    pub(crate) event_entities: bool,
    /// `homeassistant.legacy_action_sensor`.
    pub(crate) legacy_action_sensor: bool,
    /// `advanced.last_seen`.
    pub(crate) last_seen: LastSeen,
}

impl Context {
    /// The base topic in the ids of groups and the bridge: its characters' decimal codes (§2).
    fn encoded_base(&self) -> String {
        self.base
            .encode_utf16()
            .map(|unit| unit.to_string())
            .collect()
    }

    fn via(&self) -> String {
        format!("zigbee2mqtt_bridge_{}", self.coordinator)
    }
}

/// A discovery message.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Config {
    pub(crate) topic: Arc<str>,
    pub(crate) payload: Vec<u8>,
    /// `light`, `sensor`, ...
    pub(crate) component: String,
    pub(crate) unique_id: String,
    /// The endpoint of a light, switch, lock, cover, climate or fan.
    pub(crate) endpoint: Option<String>,
    /// It stands for a light, switch, lock, cover, climate or fan as a whole.
    pub(crate) specific: bool,
    /// Properties of the state message that it reads.
    pub(crate) reads: Vec<String>,
}

/// A discovery message before identity, topics of availability and the owner's changes.
#[derive(Debug, Clone)]
struct Draft {
    component: &'static str,
    object_id: String,
    payload: JsonMap,
    endpoint: Option<String>,
    specific: bool,
    reads: Vec<String>,
    /// The end of the entity id where it does not follow from the object id.
    suffix: Option<String>,
}

impl Draft {
    /// `payload` is an object; anything else counts as an empty one.
    fn new(component: &'static str, object_id: impl Into<String>, payload: Json) -> Self {
        Self {
            component,
            object_id: object_id.into(),
            payload: match payload {
                Json::Object(map) => map,
                _ => JsonMap::new(),
            },
            endpoint: None,
            specific: false,
            reads: Vec::new(),
            suffix: None,
        }
    }

    fn put(&mut self, key: &str, value: impl Into<Json>) {
        self.payload.insert(key.to_owned(), value.into());
    }

    fn put_some(&mut self, key: &str, value: Option<impl Into<Json>>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    fn reads(mut self, property: &str) -> Self {
        self.read(property);
        self
    }

    fn read(&mut self, property: &str) {
        if !self.reads.iter().any(|had| had == property) {
            self.reads.push(property.to_owned());
        }
    }
}

/// The template that shows a property as it is.
fn shows(property: &str) -> String {
    format!("{{{{ value_json[\"{property}\"] }}}}")
}

/// `object_id`, with the endpoint if there is one.
fn on_endpoint(object_id: &str, endpoint: Option<&str>) -> String {
    match endpoint {
        Some(endpoint) => format!("{object_id}_{endpoint}"),
        None => object_id.to_owned(),
    }
}

/// Topics of an entity.
#[derive(Debug, Clone, Copy)]
struct At<'a> {
    /// `B/N`.
    state: &'a str,
}

impl At<'_> {
    /// `B/N[/EP]`.
    fn of(self, endpoint: Option<&str>) -> String {
        match endpoint {
            Some(endpoint) => format!("{}/{endpoint}", self.state),
            None => self.state.to_owned(),
        }
    }

    /// `B/N[/EP]/set`.
    fn set(self, endpoint: Option<&str>) -> String {
        format!("{}/set", self.of(endpoint))
    }

    /// `B/N[/EP]/set/<property>`.
    fn set_property(self, endpoint: Option<&str>, property: &str) -> String {
        format!("{}/set/{property}", self.of(endpoint))
    }
}
