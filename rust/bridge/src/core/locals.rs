//! Clients in this process: they hear what a client of the broker hears below the base topic, states as
//! whole objects, and what they say is handled like a message at the broker.
//!
//! They do not depend on the broker: while it is away, they still hear everything, and what they publish
//! for others waits for it. Left out are the log's lines about each publication, which they hear itself.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use devices::DeviceKind;
use hub::{Entity, LogLevel};
use serde_json::json;

use super::sockets::below;
use super::{Core, CoreOutput, DEEPEST, Kind, LocalId, Publish, Radio, Told, topics};
use crate::filter::{covers, overlaps};
use crate::json;

/// Bytes that may wait for the broker.
const LIMIT: usize = 8 * 1024 * 1024;

/// Everything about clients in this process.
#[derive(Debug, Default)]
pub(super) struct Locals {
    /// With what each of them wants beyond what it always hears.
    open: BTreeMap<LocalId, Vec<String>>,
    /// Those of `open` that came before there was anything to say.
    waiting: Vec<LocalId>,
    /// What is said now is for this one only.
    only: Option<LocalId>,
    /// What is said now tells what is.
    stored: bool,
    /// Topics on which they heard us. What comes back from the broker there they know already.
    own: HashSet<Arc<str>>,
    /// What they publish for others, while there is no broker.
    unsent: VecDeque<Publish>,
    unsent_bytes: usize,
}

impl Core {
    pub(super) fn local_opened(&mut self, id: LocalId) {
        let starting = self.radio == Radio::Starting;
        let locals = self.locals.get_or_insert_default();
        locals.open.entry(id).or_default();
        if starting {
            locals.waiting.push(id);
        } else {
            self.greet_local(id);
        }
    }

    pub(super) fn local_closed(&mut self, id: LocalId) {
        if let Some(locals) = &mut self.locals {
            locals.open.remove(&id);
            locals.waiting.retain(|waiting| *waiting != id);
            if locals.open.is_empty() && locals.unsent.is_empty() {
                self.locals = None;
            }
        }
    }

    pub(super) fn local_publish(&mut self, message: Publish) {
        let topic = Arc::clone(&message.topic);
        self.learn_automations(&topic, &message.payload);
        if below(&self.view.base, &topic).is_none() {
            return self.send_for_local(message);
        }
        let command = topics::parse(&self.view.base, &topic).is_some();
        // What comes back from the broker is heard then.
        let comes_back = !command && self.greeted && self.wanted(&topic);
        if !comes_back {
            self.tell_all(&topic, &message.payload, false);
        }
        if command {
            self.dispatch(&topic, &message.payload);
        } else {
            self.send_for_local(message);
        }
    }

    /// Beyond what is said here below the base topic, which they always hear.
    pub(super) fn local_subscribe(&mut self, id: LocalId, filter: String) {
        if self.is_ours(&filter) {
            return;
        }
        let filters = self.locals.as_mut().and_then(|all| all.open.get_mut(&id));
        let Some(filters) = filters.filter(|filters| !filters.contains(&filter)) else {
            return;
        };
        filters.push(filter.clone());
        if self.greeted {
            self.out.push(CoreOutput::Subscribe(vec![filter]));
        }
    }

    /// True for a filter with commands or the bridge's own topics. The bridge subscribes to commands
    /// itself, and brokers deliver twice what two filters fit.
    fn is_ours(&self, filter: &str) -> bool {
        if below(&self.view.base, filter).is_none() {
            return false;
        }
        let mut level = String::from(&*self.view.base);
        if overlaps(filter, &format!("{level}/bridge/#")) {
            return true;
        }
        (1..=DEEPEST).any(|_| {
            level.push_str("/+");
            ["set/#", "get/#"]
                .iter()
                .any(|command| overlaps(filter, &format!("{level}/{command}")))
        })
    }

    /// What all of them subscribe to.
    pub(super) fn local_filters(&self) -> Vec<String> {
        let all = self.locals.iter().flat_map(|locals| locals.open.values());
        all.flatten().cloned().collect()
    }

    /// A message arrived at the broker.
    pub(super) fn heard(&mut self, topic: &str, payload: &[u8], retained: bool) {
        let Some(locals) = &self.locals else {
            return;
        };
        if locals.own.contains(topic) {
            return;
        }
        let topic = Arc::from(topic);
        if below(&self.view.base, &topic).is_some() {
            return self.tell_all(&topic, payload, retained);
        }
        let told = told(&topic, payload, retained);
        for (id, filters) in &locals.open {
            if filters.iter().any(|filter| covers(filter, &topic)) {
                self.out.push(CoreOutput::Tell(*id, told.clone()));
            }
        }
    }

    /// True while there are any.
    pub(super) fn has_locals(&self) -> bool {
        let locals = self.locals.as_ref();
        locals.is_some_and(|locals| !locals.open.is_empty())
    }

    /// Tells them what the bridge publishes.
    pub(super) fn tell_locals(&mut self, topic: &Arc<str>, payload: &[u8]) {
        let Some(locals) = &mut self.locals else {
            return;
        };
        if below(&self.view.base, topic).is_none() {
            return;
        }
        if !locals.own.contains(topic) {
            locals.own.insert(Arc::clone(topic));
        }
        if let Some(id) = locals.only {
            let told = told(topic, payload, true);
            self.out.push(CoreOutput::Tell(id, told));
        } else {
            let stored = locals.stored;
            self.tell_all(topic, payload, stored);
        }
    }

    /// True while what is said is for one of them only.
    pub(super) fn is_for_one(&self) -> bool {
        self.locals.as_ref().is_some_and(|all| all.only.is_some())
    }

    /// What `say` publishes tells what is, not that something happened.
    pub(super) fn as_stored(&mut self, say: impl FnOnce(&mut Self)) {
        let set = |core: &mut Self, stored| match &mut core.locals {
            Some(locals) => std::mem::replace(&mut locals.stored, stored),
            None => false,
        };
        let before = set(self, true);
        say(self);
        set(self, before);
    }

    /// True when some of them came before there was anything to say.
    pub(super) fn locals_wait(&self) -> bool {
        let locals = self.locals.as_ref();
        locals.is_some_and(|locals| !locals.waiting.is_empty())
    }

    /// Those who came before the greeting have the lists now; the states follow.
    pub(super) fn end_local_greeting(&mut self) {
        let waiting = self.locals.as_mut().map(|all| &mut all.waiting);
        for id in waiting.map(std::mem::take).unwrap_or_default() {
            self.say_states_to(id);
        }
    }

    /// What they published for others while the broker was away.
    pub(super) fn send_local_waiting(&mut self) {
        let Some(locals) = &mut self.locals else {
            return;
        };
        locals.unsent_bytes = 0;
        let unsent = std::mem::take(&mut locals.unsent);
        if locals.open.is_empty() {
            self.locals = None;
        }
        for message in unsent {
            self.send(message);
        }
    }

    /// Says to one what is retained at a broker, then the states.
    fn greet_local(&mut self, id: LocalId) {
        self.whisper(Some(id));
        self.publish_state();
        self.publish_external(Kind::Converter);
        self.publish_info();
        self.publish_devices();
        self.publish_groups();
        self.publish_definitions();
        self.whisper_availability();
        self.repeat_health();
        self.publish_external(Kind::Extension);
        self.whisper(None);
        self.say_states_to(id);
    }

    fn whisper(&mut self, only: Option<LocalId>) {
        if let Some(locals) = &mut self.locals {
            locals.only = only;
        }
    }

    fn whisper_availability(&mut self) {
        let devices = self.hub.devices();
        let devices = devices.map(|device| Entity::Device(device.info.ieee));
        let groups = self.hub.groups().map(|group| Entity::Group(group.id));
        let all: Vec<_> = devices
            .chain(groups)
            .filter_map(|entity| Some((entity, self.hub.availability(entity)?)))
            .collect();
        for (entity, available) in all {
            if let Some(named) = self.names.get(entity) {
                let topic = Arc::from(format!("{}/availability", named.topic));
                let state = if available { "online" } else { "offline" };
                self.tell_locals(&topic, &json::render(&json!({ "state": state })));
            }
        }
    }

    /// The cached state of each device and group that has one.
    fn say_states_to(&mut self, id: LocalId) {
        let devices = self.hub.devices();
        let devices = devices
            .filter(|device| device.info.kind != DeviceKind::Coordinator)
            .filter_map(|device| {
                let ieee = device.info.ieee;
                Some((Entity::Device(ieee), self.hub.snapshot(ieee)?))
            });
        let groups = self.hub.groups().filter_map(|group| {
            let entity = Entity::Group(group.id);
            Some((entity, self.hub.state(entity)?.clone()))
        });
        let states: Vec<_> = devices
            .chain(groups)
            .filter(|(_, state)| !state.is_empty())
            .filter_map(|(entity, state)| {
                let topic = &self.names.get(entity)?.topic;
                let told = told(topic, &json::render_object(&state), true);
                Some(CoreOutput::Tell(id, told))
            })
            .collect();
        self.out.extend(states);
    }

    fn tell_all(&mut self, topic: &Arc<str>, payload: &[u8], stored: bool) {
        if let Some(locals) = &self.locals {
            let told = told(topic, payload, stored);
            let ids = locals.open.keys();
            self.out
                .extend(ids.map(|id| CoreOutput::Tell(*id, told.clone())));
        }
    }

    /// True when one of them has subscribed to a topic.
    fn wanted(&self, topic: &str) -> bool {
        let all = self.locals.iter().flat_map(|locals| locals.open.values());
        all.flatten().any(|filter| covers(filter, topic))
    }

    /// Publishes at the broker, when that is there.
    fn send_for_local(&mut self, message: Publish) {
        if self.greeted {
            return self.send(message);
        }
        let Some(locals) = &mut self.locals else {
            return;
        };
        let size = message.payload.len() + message.topic.len();
        if locals.unsent_bytes + size <= LIMIT {
            locals.unsent_bytes += size;
            locals.unsent.push_back(message);
            return;
        }
        let text = "Too much waits for the broker; messages of automations are dropped".to_owned();
        self.log(LogLevel::Error, "z2m:mqtt", text);
    }
}

fn told(topic: &Arc<str>, payload: &[u8], stored: bool) -> Told {
    Told {
        topic: Arc::clone(topic),
        payload: Bytes::copy_from_slice(payload),
        stored,
    }
}
