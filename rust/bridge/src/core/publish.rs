//! Publishing: states in their output modes (§5.5), retained lists, and what holds for all of them.

use std::sync::Arc;

use devices::JsonMap;
use hub::{Entity, LogLevel};
use serde_json::{Value as Json, json};

use super::{Core, CoreOutput, Publish, Qos, Radio, topics};
use crate::data::Output;
use crate::json;

impl Core {
    pub(super) fn bridge_topic(&self, path: &str) -> Arc<str> {
        Arc::from(format!("{}/bridge/{path}", self.view.base))
    }

    /// True when somebody may hear what is said: the broker, or clients of our own.
    pub(super) fn has_audience(&self) -> bool {
        let web = self.sockets.as_ref().is_some_and(|all| all.greeted());
        self.greeted || web || (self.has_locals() && self.radio != Radio::Starting)
    }

    /// Publishes a message to broker and web clients, telling the log.
    pub(super) fn publish(&mut self, topic: Arc<str>, payload: Vec<u8>, qos: Qos, retain: bool) {
        self.mirror(&topic, &payload, retain);
        self.send(Publish::new(topic, payload, qos, retain));
    }

    /// Publishes a message to the broker only, telling the log.
    pub(super) fn send(&mut self, message: Publish) {
        if self.connected && self.wants(LogLevel::Info, "z2m:mqtt") {
            let text = format!(
                "MQTT publish: topic '{}', payload {}",
                message.topic,
                if holds_codes(&message) {
                    format!("of {} bytes that holds secrets", message.payload.len())
                } else {
                    shown(&message.payload)
                }
            );
            self.send_quietly(message);
            self.log(LogLevel::Info, "z2m:mqtt", text);
        } else {
            self.send_quietly(message);
        }
    }

    /// Publishes a message that holds secrets: the log gets its size only.
    pub(super) fn publish_secret(&mut self, topic: Arc<str>, payload: Vec<u8>) {
        let text = format!(
            "MQTT publish: topic '{topic}', payload of {} bytes that holds secrets",
            payload.len()
        );
        self.publish_quietly(topic, payload, Qos::AtMostOnce, false);
        self.log(LogLevel::Info, "z2m:mqtt", text);
    }

    /// Publishes a message to broker and web clients without telling the log.
    pub(super) fn publish_quietly(
        &mut self,
        topic: Arc<str>,
        payload: Vec<u8>,
        qos: Qos,
        retain: bool,
    ) {
        self.mirror(&topic, &payload, retain);
        self.send_quietly(Publish::new(topic, payload, qos, retain));
    }

    /// Publishes a message to the broker only, without telling the log.
    pub(super) fn send_quietly(&mut self, mut message: Publish) {
        if self.is_for_one() {
            return;
        }
        let topic = &message.topic;
        if topic.contains(['+', '#']) {
            let text = format!("Topic '{topic}' has a wildcard; nothing is published there");
            self.log(LogLevel::Error, "z2m:mqtt", text);
            return;
        }
        if !self.connected {
            if message.retain && message.payload.is_empty() {
                self.clears.insert(message.topic);
                return;
            }
            if message.retain {
                // Said again when the broker is back.
                return;
            }
            self.dropped += 1;
            if self.dropped == 1 {
                let text = "Not connected to the broker; nothing is published until it is back";
                self.log(LogLevel::Error, "z2m:mqtt", text.to_owned());
            }
            return;
        }
        if topics::parse(&self.view.base, topic).is_some() {
            self.echoes.insert(Arc::clone(topic));
        }
        message.retain &= !self.view.force_disable_retain;
        self.health.published += 1;
        self.out.push(CoreOutput::Publish(message));
    }

    /// Publishes a retained message below `bridge/`.
    pub(super) fn publish_bridge(&mut self, path: &str, payload: Vec<u8>) {
        if self.has_audience() {
            let topic = self.bridge_topic(path);
            self.publish_quietly(topic, payload, Qos::AtMostOnce, true);
        }
    }

    /// `bridge/state`: online while the coordinator is there.
    pub(super) fn publish_state(&mut self) {
        if self.has_audience() {
            let state = match self.radio {
                Radio::Up => "online",
                Radio::Starting | Radio::Down => "offline",
            };
            let topic = self.bridge_topic("state");
            let payload = json::render(&json!({ "state": state }));
            self.publish_quietly(topic, payload, Qos::AtLeastOnce, true);
        }
    }

    /// Publishes a device's or group's state message.
    pub(super) fn publish_entity(&mut self, entity: Entity, mut message: JsonMap) {
        if message.is_empty() {
            return;
        }
        if !self.has_audience() {
            // At start the cached states follow the greeting; later losses are counted.
            self.dropped += u64::from(self.started);
            return;
        }
        let Some(named) = self.names.get(entity) else {
            return;
        };
        let state = named.message(Vec::new());
        self.fill_for_discovery(entity, &mut message);
        // The hub has put the key there, unless a filter keeps it out.
        let device = if self.view.hub.include_device_information && message.contains_key("device") {
            self.information(entity)
        } else {
            None
        };
        // Our own clients get the whole object, whatever the broker gets.
        let mirrored = self.mirrors(state.retain);
        if mirrored || self.view.output != Output::Attribute {
            let (payload, common) = match &device {
                Some(device) => {
                    let text = &device.text;
                    let (payload, at) = json::render_with(&message, "device", &text.text);
                    (payload, at.map(|at| (at, Arc::clone(text))))
                }
                None => (json::render_object(&message), None),
            };
            if mirrored {
                self.mirror(&state.topic, &payload, state.retain);
            }
            if self.view.output != Output::Attribute {
                self.send(Publish {
                    payload,
                    common,
                    ..state.clone()
                });
            }
        }
        if self.view.output != Output::Json {
            if let Some(device) = device {
                message.insert("device".to_owned(), Json::Object(device.object.clone()));
            }
            self.publish_attributes(&format!("{}/", state.topic), &message, &state);
        }
        if self.greeted {
            self.follow_for_discovery(entity, &state.topic, &message);
        }
    }

    /// One topic for each attribute; objects by `-` and their keys. All go as `state` does.
    fn publish_attributes(&mut self, prefix: &str, message: &JsonMap, state: &Publish) {
        for (key, value) in message {
            let payload = match value {
                Json::Object(map) => {
                    if key == "color"
                        && let Some(rgb) = rgb(map)
                    {
                        rgb.into_bytes()
                    } else {
                        self.publish_attributes(&format!("{prefix}{key}-"), map, state);
                        continue;
                    }
                }
                Json::Array(items) => {
                    let items: Vec<_> = items.iter().map(attribute_text).collect();
                    items.join(",").into_bytes()
                }
                other => attribute_text(other).into_bytes(),
            };
            self.send(Publish {
                topic: Arc::from(format!("{prefix}{key}")),
                payload,
                ..state.clone()
            });
        }
    }

    /// Clears a retained message.
    pub(super) fn clear(&mut self, topic: Arc<str>) {
        self.publish(topic, Vec::new(), Qos::AtMostOnce, true);
    }

    /// States that the broker should hold, again: it may have lost them.
    pub(super) fn publish_retained_states(&mut self) {
        let entities: Vec<_> = self
            .names
            .iter()
            .filter(|(_, named)| named.retain)
            .map(|(entity, _)| entity)
            .collect();
        for entity in entities {
            self.publish_cached(entity);
        }
    }

    /// Publishes the cached state of one entity.
    pub(super) fn publish_cached(&mut self, entity: Entity) {
        self.as_stored(|core| core.command(hub::Command::PublishState(entity)));
    }
}

/// Bytes of a payload that the log shows.
const SHOWN: usize = 1000;

/// True for a state with the codes of a lock, which its owner may have published, or one code alone.
fn holds_codes(message: &Publish) -> bool {
    const CODE: &[u8] = b"\"pin_code\":\"";
    message.topic.ends_with("pin_code")
        || message.payload.windows(CODE.len()).any(|part| part == CODE)
}

/// A payload in quotes for the log; only the beginning of a long one.
fn shown(payload: &[u8]) -> String {
    let beginning = payload.get(..SHOWN).unwrap_or(payload);
    let text = String::from_utf8_lossy(beginning);
    if beginning.len() == payload.len() {
        format!("'{text}'")
    } else {
        // A character that was cut is not worth a replacement character.
        let text = text.trim_end_matches('\u{fffd}');
        format!("'{text}...' ({} bytes)", payload.len())
    }
}

fn attribute_text(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => json::render_text(other),
    }
}

fn rgb(color: &JsonMap) -> Option<String> {
    let part = |key| color.get(key).map(attribute_text);
    Some(format!("{},{},{}", part("r")?, part("g")?, part("b")?))
}
