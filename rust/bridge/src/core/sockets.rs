//! Web clients (shared/facts/frontend-ws.md §2): what they say is handled like a message at the broker,
//! and they get everything that is published below the base topic, states as whole objects.
//!
//! They do not depend on the broker: while it is away, they still hear everything.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use devices::DeviceKind;
use hub::Entity;
use serde::de::IgnoredAny;

use super::{Audience, Core, CoreOutput, SocketId, topics};
use crate::json;

/// Everything about web clients.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    /// The lists were said once. Before that nothing is known that is worth saying.
    greeted: bool,
    open: BTreeSet<SocketId>,
    /// Those of `open` that came before the greeting: the devices' states follow it.
    waiting: Vec<SocketId>,
    retained: Retained,
}

impl Sockets {
    pub(super) fn greeted(&self) -> bool {
        self.greeted
    }

    pub(super) fn greet(&mut self) {
        self.greeted = true;
    }
}

/// The last frame of each retained message, in the order in which the topics came up.
#[derive(Debug, Default)]
struct Retained {
    places: HashMap<Arc<str>, u64>,
    frames: BTreeMap<u64, Bytes>,
    next: u64,
}

impl Retained {
    fn put(&mut self, topic: &Arc<str>, frame: Bytes) {
        let next = &mut self.next;
        let place = *self.places.entry(Arc::clone(topic)).or_insert_with(|| {
            *next += 1;
            *next
        });
        self.frames.insert(place, frame);
    }

    fn remove(&mut self, topic: &str) {
        if let Some(place) = self.places.remove(topic) {
            self.frames.remove(&place);
        }
    }
}

impl Core {
    /// True when clients of our own have a use for a message.
    pub(super) fn mirrors(&self, retain: bool) -> bool {
        self.has_locals() || self.web_mirrors(retain)
    }

    /// True when the web has a use for a message.
    fn web_mirrors(&self, retain: bool) -> bool {
        self.sockets
            .as_ref()
            .is_some_and(|sockets| retain || !sockets.open.is_empty())
    }

    /// Gives a message to the clients of our own, and keeps it for those of the web to come.
    pub(super) fn mirror(&mut self, topic: &Arc<str>, payload: &[u8], retain: bool) {
        self.tell_locals(topic, payload);
        if !self.is_for_one() {
            self.mirror_to_web(topic, payload, retain);
        }
    }

    /// Gives a message to the web clients only, and keeps it for those to come.
    pub(super) fn mirror_to_web(&mut self, topic: &Arc<str>, payload: &[u8], retain: bool) {
        if !self.web_mirrors(retain) {
            return;
        }
        let Some(short) = below(&self.view.base, topic) else {
            return;
        };
        let Some(sockets) = &mut self.sockets else {
            return;
        };
        let frame = frame(short, payload);
        if !sockets.open.is_empty() {
            self.out
                .push(CoreOutput::Frame(Audience::All, frame.clone()));
        }
        if retain {
            if payload.is_empty() {
                sockets.retained.remove(topic);
            } else {
                sockets.retained.put(topic, frame);
            }
        }
    }

    pub(super) fn socket_opened(&mut self, id: SocketId) {
        let Some(sockets) = &mut self.sockets else {
            return;
        };
        sockets.open.insert(id);
        for frame in sockets.retained.frames.values() {
            let frame = CoreOutput::Frame(Audience::One(id), frame.clone());
            self.out.push(frame);
        }
        if sockets.greeted {
            self.say_states(id);
        } else {
            sockets.waiting.push(id);
        }
    }

    pub(super) fn socket_closed(&mut self, id: SocketId) {
        if let Some(sockets) = &mut self.sockets {
            sockets.open.remove(&id);
            sockets.waiting.retain(|waiting| *waiting != id);
        }
    }

    /// Those who came before the greeting have the lists now; the states follow.
    pub(super) fn end_socket_greeting(&mut self) {
        let waiting = self.sockets.as_mut().map(|all| &mut all.waiting);
        for id in waiting.map(std::mem::take).unwrap_or_default() {
            self.say_states(id);
        }
    }

    /// One frame for each device.
    fn say_states(&mut self, id: SocketId) {
        let devices = self.hub.devices();
        let frames: Vec<_> = devices
            .filter(|device| device.info.kind != DeviceKind::Coordinator)
            .filter_map(|device| {
                let ieee = device.info.ieee;
                let state = json::render_object(&self.hub.snapshot(ieee)?);
                let name = self.name(Entity::Device(ieee));
                Some(CoreOutput::Frame(Audience::One(id), frame(&name, &state)))
            })
            .collect();
        self.out.extend(frames);
    }

    pub(super) fn socket_message(&mut self, topic: &str, payload: &[u8]) {
        // Not through `message`: what looks like an echo of ours is none here.
        let topic = format!("{}/{topic}", self.view.base);
        self.dispatch(&topic, payload);
    }

    /// Carries out what a topic below the base topic asks for.
    pub(super) fn dispatch(&mut self, topic: &str, payload: &[u8]) {
        match topics::parse(&self.view.base, topic) {
            Some(topics::Topic::Entity {
                name,
                verb,
                attribute,
            }) => self.set_or_get(name, verb, attribute, payload),
            Some(topics::Topic::Request(path)) => self.request(topic, path, payload),
            None => {}
        }
    }
}

/// A topic without the base topic; `None` for what is not below it, such as Home Assistant's discovery.
pub(super) fn below<'a>(base: &str, topic: &'a str) -> Option<&'a str> {
    topic.strip_prefix(base)?.strip_prefix('/')
}

/// `{"payload":...,"topic":...}`: JSON as it is, anything else as text.
fn frame(topic: &str, payload: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(payload.len() + topic.len() + 32);
    out.extend_from_slice(b"{\"payload\":");
    let is_json = std::str::from_utf8(payload)
        .is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
    if is_json {
        out.extend_from_slice(payload);
    } else {
        let text = String::from_utf8_lossy(payload).into_owned();
        out.extend(json::render(&text.into()));
    }
    out.extend_from_slice(b",\"topic\":");
    out.extend(json::render(&topic.into()));
    out.push(b'}');
    Bytes::from(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_json_or_else_text() {
        for (payload, expected) in [
            (&br#"{"b":[1,"x"]}"#[..], r#"{"b":[1,"x"]}"#),
            (b"12", "12"),
            (b"null", "null"),
            (b"single", r#""single""#),
            (b"", r#""""#),
            (b"{\"cut", r#""{\"cut""#),
            (b"\"\xff\"", "\"\\\"\u{fffd}\\\"\""),
        ] {
            let text = format!("{{\"payload\":{expected},\"topic\":\"a/\\\"b\"}}");
            assert_eq!(frame("a/\"b", payload), text.as_bytes());
        }
    }

    #[test]
    fn only_what_is_below_the_base_topic_is_for_the_web() {
        assert_eq!(below("z", "z/lamp"), Some("lamp"));
        assert_eq!(below("home/z", "home/z/bridge/state"), Some("bridge/state"));
        assert_eq!(below("z", "zz/lamp"), None);
        assert_eq!(below("z", "homeassistant/switch/x/config"), None);
    }

    #[test]
    fn retained_frames_stay_in_the_order_of_their_first_publication() {
        let mut retained = Retained::default();
        let topics = ["a", "b", "c"].map(Arc::<str>::from);
        for topic in topics.iter().chain([&topics[0]]) {
            retained.put(topic, Bytes::copy_from_slice(topic.as_bytes()));
        }
        retained.remove("b");
        retained.remove("b");
        retained.put(&topics[1], Bytes::from_static(b"again"));
        let frames: Vec<_> = retained.frames.values().collect();
        assert_eq!(frames, ["a", "c", "again"]);
    }
}
