//! Home Assistant's discovery, as the core drives it: [`crate::homeassistant`].

use std::sync::Arc;

use devices::{DeviceKind, Expose, JsonMap, Payload};
use hub::{Command, Entity, Filter, InterviewState, LogLevel};
use serde_json::{Value as Json, json};

use super::topics::Verb;
use super::{Core, CoreOutput, Publish, Qos, describe, info};
use crate::data::Output;
use crate::homeassistant::{
    Bridge, Context, Discovery, Due, Facts, Key, Retained, Same, TriggerParts, Update, bridge,
    entities,
};
use crate::json;

/// Attributes that a message has besides the cached state.
const AUTOMATIC: [&str; 4] = ["device", "last_seen", "linkquality", "update"];

/// The actions that exposes promise; a `*` stands for what is known only once it happens.
fn actions(exposes: &[Expose]) -> Vec<String> {
    let values = exposes
        .iter()
        .filter(|expose| expose.property.as_deref() == Some("action"))
        .flat_map(|expose| expose.values.iter().flatten());
    values
        .filter_map(Json::as_str)
        .filter(|action| !action.is_empty() && !action.contains('*'))
        .map(str::to_owned)
        .collect()
}

impl Core {
    /// The session with the broker began: everything is made, and what the broker has is learnt.
    pub(super) fn start_discovery(&mut self) {
        let settings = self.settings.homeassistant();
        if !settings.enabled {
            self.homeassistant = None;
            return;
        }
        if self.view.output == Output::Attribute {
            let text = "Home Assistant is not possible with 'advanced.output: attribute'";
            return self.refuse_discovery(text);
        }
        if settings.discovery_topic == self.view.base {
            let text = "'homeassistant.discovery_topic' must not be 'mqtt.base_topic'";
            return self.refuse_discovery(text);
        }
        // Without a coordinator there is nobody to belong to; it will be there later.
        let Some(context) = self.discovery_context() else {
            return;
        };
        if self.homeassistant.is_none() {
            if !self.settings.advanced().cache_state {
                let text =
                    "With 'advanced.cache_state: false' Home Assistant shows 'unknown' a lot";
                self.log(LogLevel::Warning, "z2m", text.to_owned());
            }
            let status = self.settings.homeassistant().status_topic.clone();
            self.homeassistant = Some(Box::new(Discovery::new(context, status)));
        }
        let now = self.now.instant;
        if let Some(discovery) = &mut self.homeassistant {
            discovery.learn(now);
            let filters = vec![discovery.status_topic.clone(), discovery.filter()];
            self.out.push(CoreOutput::Subscribe(filters));
        }
        self.refresh_discovery();
    }

    fn refuse_discovery(&mut self, text: &str) {
        self.homeassistant = None;
        if !self.started {
            self.log(LogLevel::Error, "z2m", text.to_owned());
        }
    }

    fn discovery_context(&self) -> Option<Context> {
        let settings = self.settings.homeassistant();
        let frontend = self.settings.frontend();
        Some(Context {
            base: self.view.base.clone(),
            discovery: settings.discovery_topic.clone(),
            coordinator: self.coordinator()?.to_string(),
            version: info::CONTRACT_VERSION,
            frontend: frontend
                .url
                .clone()
                .map(|url| (url, frontend.package.contains("windfront"))),
            event_entities: settings.experimental_event_entities,
            legacy_action_sensor: settings.legacy_action_sensor,
            last_seen: self.settings.advanced().last_seen,
        })
    }

    /// Brings discovery in step with names, options, members and settings after any of them changed.
    pub(super) fn refresh_discovery(&mut self) {
        let enabled = self.settings.homeassistant().enabled;
        if enabled && self.homeassistant.is_none() && self.view.output != Output::Attribute {
            if self.coordinator().is_some() {
                self.start_discovery();
            }
            return;
        }
        let Some(mut discovery) = self.homeassistant.take() else {
            return;
        };
        if !enabled {
            // What is published stays, as in Zigbee2MQTT.
            let filters = vec![discovery.status_topic.clone(), discovery.filter()];
            self.out.push(CoreOutput::Unsubscribe(filters));
            return;
        }
        if let Some(context) = self.discovery_context() {
            // Another discovery topic takes effect with a restart.
            let context = Context {
                discovery: discovery.context.discovery.clone(),
                ..context
            };
            if context != discovery.context {
                discovery.change_context(context);
            }
        }
        let update = self.rediscover(&mut discovery);
        self.homeassistant = Some(discovery);
        self.publish_discovery(update);
    }

    fn rediscover(&self, discovery: &mut Discovery) -> Update {
        let now = self.now.instant;
        let mut update = Update::new();
        let facts = Facts::Bridge(self.discovered_bridge());
        if let Facts::Bridge(facts_of) = &facts
            && !discovery.is_current(Key::Bridge, &facts)
        {
            let configs = bridge(facts_of, &discovery.context);
            update.extend(discovery.set(now, Key::Bridge, facts, configs, None, |_| false));
        }
        for device in self.hub.devices() {
            update.extend(self.rediscover_device(discovery, device));
        }
        for id in discovery.groups() {
            if !self.hub.groups().any(|group| group.id == id) {
                update.extend(discovery.remove(Key::Entity(Entity::Group(id))));
            }
        }
        for group in self.hub.groups() {
            update.extend(self.rediscover_group(discovery, group));
        }
        update
    }

    fn discovered_bridge(&self) -> Bridge {
        let hardware = self.hub.network().map(|network| {
            let revision = json::render_text(network.meta.get("revision").unwrap_or(&Json::Null));
            format!("{} {}", network.kind, revision.trim_matches('"'))
        });
        Bridge { hardware }
    }

    fn rediscover_device(&self, discovery: &mut Discovery, device: &hub::Device) -> Update {
        let entity = Entity::Device(device.info.ieee);
        let key = Key::Entity(entity);
        let (Retained::Wanted, Some(definition), Some(named)) = (
            self.discoverable(entity),
            &device.definition,
            self.names.get(entity),
        ) else {
            return Update::new();
        };
        let metas = device
            .info
            .endpoints
            .values()
            .map(|endpoint| &endpoint.meta);
        let scenes = id_and_name(&describe::scenes(metas, 0));
        let options = self.settings.options(entity);
        let availability = self.publishes_availability(entity);
        let facts = Facts::Device {
            definition: Same(Arc::clone(definition)),
            name: Arc::clone(&named.name),
            options: Arc::clone(&options),
            software: device.info.software_build_id.clone(),
            hardware: device.info.hardware_version,
            scenes: scenes.clone(),
            availability,
        };
        if discovery.is_current(key, &facts) {
            return Update::new();
        }
        let ieee = device.info.ieee.to_string();
        let described = entities::Device {
            ieee: &ieee,
            name: &named.name,
            topic: &named.topic,
            options: &options,
            vendor: definition.vendor(),
            model: definition.model(),
            description: definition.description(),
            exposes: definition.exposes(),
            supports_ota: definition.supports_ota(),
            software: device.info.software_build_id.as_deref(),
            hardware: device.info.hardware_version,
            scenes: &scenes,
            availability,
        };
        let configs = entities::device(&described, &discovery.context, &discovery.lookup);
        let triggers = options
            .get("homeassistant")
            .and_then(|changes| changes.get("device_automation"));
        let parts = (!triggers.is_some_and(Json::is_null)).then(|| TriggerParts {
            device: entities::device_block(&described, &discovery.context),
            topic: named.topic.to_string(),
            ieee: ieee.clone(),
            actions: actions(definition.exposes()),
        });
        let filter = Filter::new(options.get("filtered_attributes"));
        let hidden = |property: &str| filter.matches(property);
        discovery.set(self.now.instant, key, facts, configs, parts, hidden)
    }

    fn rediscover_group(&self, discovery: &mut Discovery, group: &hub::Group) -> Update {
        let entity = Entity::Group(group.id);
        let key = Key::Entity(entity);
        let (Retained::Wanted, Some(named)) = (self.discoverable(entity), self.names.get(entity))
        else {
            return Update::new();
        };
        let scenes = id_and_name(&self.group_scenes(group));
        let options = self.settings.options(entity);
        let availability = self.publishes_availability(entity);
        let version = |ieee| discovery.version(Key::Entity(Entity::Device(ieee)));
        let facts = Facts::Group {
            name: Arc::clone(&named.name),
            options: Arc::clone(&options),
            members: group
                .members
                .iter()
                .map(|(ieee, endpoint)| (*ieee, *endpoint, version(*ieee)))
                .collect(),
            scenes: scenes.clone(),
            availability,
        };
        if discovery.is_current(key, &facts) {
            return Update::new();
        }
        let members: Vec<_> = group
            .members
            .iter()
            .filter_map(|(ieee, endpoint)| {
                let definition = self.hub.device(*ieee)?.definition.as_ref()?;
                Some(entities::Member {
                    exposes: definition.exposes(),
                    endpoint: definition.endpoint_name(*endpoint),
                    configs: discovery.configs(Key::Entity(Entity::Device(*ieee))),
                })
            })
            .collect();
        let described = entities::Group {
            id: group.id.0,
            name: &named.name,
            topic: &named.topic,
            options: &options,
            members: &members,
            scenes: &scenes,
            availability,
        };
        let configs = entities::group(&described, &discovery.context, &discovery.lookup);
        let filter = Filter::new(options.get("filtered_attributes"));
        let hidden = |property: &str| filter.matches(property);
        discovery.set(self.now.instant, key, facts, configs, None, hidden)
    }

    /// Whether an entity is discovered, and if not, whether what the broker has of it may go.
    fn discoverable(&self, entity: Entity) -> Retained {
        let understood = |device: &hub::Device| {
            device.interview == InterviewState::Successful && device.definition.is_some()
        };
        let standing = match entity {
            Entity::Device(ieee) => match self.hub.device(ieee) {
                Some(device) if device.info.kind == DeviceKind::Coordinator => Retained::Unwanted,
                None => Retained::Unwanted,
                // Zigbee2MQTT clears these. A device that we do not understand yet is one that a
                // user has in Home Assistant, and clearing would take its history with it.
                Some(device) if !understood(device) => Retained::LeftAlone,
                Some(_) => Retained::Wanted,
            },
            Entity::Group(id) => match self.hub.groups().find(|group| group.id == id) {
                None => Retained::Unwanted,
                Some(group) if group.members.is_empty() => Retained::Unwanted,
                Some(group) => {
                    let mut members = group.members.iter();
                    let all =
                        members.all(|(ieee, _)| self.hub.device(*ieee).is_some_and(understood));
                    if all {
                        Retained::Wanted
                    } else {
                        Retained::LeftAlone
                    }
                }
            },
        };
        if entities::changes(&self.settings.options(entity)).is_err() {
            return Retained::Unwanted;
        }
        standing
    }

    /// Whether `B/N/availability` is published. A topic that says nothing would make every entity
    /// unavailable for ever.
    fn publishes_availability(&self, entity: Entity) -> bool {
        self.hub.is_watched(entity)
    }

    fn publish_discovery(&mut self, update: Update) {
        for (topic, payload) in update {
            self.send_quietly(Publish::new(topic, payload, Qos::AtLeastOnce, true));
        }
    }

    /// Does what discovery has planned for now.
    pub(super) fn discovery_due(&mut self) {
        let now = self.now.instant;
        let Some(discovery) = &mut self.homeassistant else {
            return;
        };
        if discovery.next_deadline().is_none_or(|due| due > now) {
            return;
        }
        let Due {
            update,
            restored,
            learnt,
        } = discovery.due(now);
        let birth = discovery.birth_due(now);
        if learnt {
            let filters = vec![discovery.filter()];
            self.out.push(CoreOutput::Unsubscribe(filters));
        }
        self.publish_discovery(update);
        // A broker that lost the one has lost the others, and Home Assistant takes a state only from
        // whom it knows: discovery, availability, state.
        for entity in &restored {
            self.forget_availability(*entity);
        }
        self.complete_availability();
        for entity in restored {
            self.publish_cached(entity);
        }
        if birth {
            self.publish_state();
            self.command(Command::PublishCached);
        }
    }

    /// A message that only discovery understands. True when it was one.
    pub(super) fn discovery_message(&mut self, topic: &str, payload: &[u8]) -> bool {
        let Some(mut discovery) = self.homeassistant.take() else {
            return false;
        };
        let taken = if topic == discovery.status_topic {
            if payload.eq_ignore_ascii_case(b"online") {
                discovery.born(self.now.instant);
            }
            true
        } else {
            discovery.message(self.now.instant, topic, payload, |key| match key {
                Key::Bridge => Retained::Wanted,
                Key::Entity(entity) => self.discoverable(entity),
            })
        };
        self.homeassistant = Some(discovery);
        taken
    }

    /// Completes a state message before it is published.
    pub(super) fn fill_for_discovery(&self, entity: Entity, message: &mut JsonMap) {
        if let Some(discovery) = &self.homeassistant {
            discovery.fill(Key::Entity(entity), message);
        }
    }

    /// What follows a state message: states of endpoints, and actions.
    pub(super) fn follow_for_discovery(&mut self, entity: Entity, topic: &str, message: &JsonMap) {
        let wanted = self.homeassistant.is_some() && self.discoverable(entity) == Retained::Wanted;
        let Some(discovery) = &mut self.homeassistant else {
            return;
        };
        let key = Key::Entity(entity);
        let mut endpoints = Vec::new();
        for endpoint in discovery.endpoints(key) {
            let suffix = format!("_{endpoint}");
            let state: JsonMap = message
                .iter()
                .filter_map(|(name, value)| {
                    let name = name.strip_suffix(&suffix)?;
                    Some((name.to_owned(), value.clone()))
                })
                .collect();
            endpoints.push((format!("{topic}/{endpoint}"), state));
        }
        let action = match message.get("action") {
            Some(Json::String(action)) if !action.is_empty() => Some(action.clone()),
            _ => None,
        };
        let legacy = discovery.context.legacy_action_sensor;
        let trigger = match (entity, &action) {
            (Entity::Device(_), Some(action)) if wanted => discovery.trigger(key, action),
            _ => None,
        };
        for (topic, state) in endpoints {
            let payload = json::render_object(&state);
            self.publish(Arc::from(topic), payload, Qos::AtMostOnce, false);
        }
        let Some(action) = action else {
            return;
        };
        if legacy {
            let mut cached = message.clone();
            let state = self.hub.state(entity);
            cached.retain(|name, _| {
                AUTOMATIC.contains(&name.as_str())
                    || state.is_some_and(|state| state.contains_key(name))
            });
            cached.insert("action".to_owned(), json!(""));
            self.publish_entity(entity, cached);
        }
        self.publish_discovery(trigger.into_iter().collect());
        if matches!(entity, Entity::Device(_)) && self.view.output == Output::Json {
            let topic = Arc::from(format!("{topic}/action"));
            self.publish(topic, action.into_bytes(), Qos::AtMostOnce, false);
        }
    }

    /// A change of colour by Home Assistant says `state: ON` along with it; a light that is on is not
    /// switched on again (§5).
    pub(super) fn command_for_discovery(&self, entity: Entity, verb: Verb, payload: &mut Payload) {
        let lit = |state: &JsonMap| state.get("state") == Some(&json!("ON"));
        if self.homeassistant.is_some()
            && verb == Verb::Set
            && payload.get("state").is_some()
            && (payload.get("color").is_some() || payload.get("color_temp").is_some())
            && payload.get("brightness").is_none()
            && self.hub.state(entity).is_some_and(lit)
        {
            payload.remove("state");
        }
    }

    /// Clears everything of a device or group that was removed.
    pub(super) fn undiscover(&mut self, entity: Entity) {
        if let Some(discovery) = &mut self.homeassistant {
            let update = discovery.remove(Key::Entity(entity));
            self.publish_discovery(update);
        }
    }

    /// Clears everything of an entity, so that Home Assistant gives it new entity ids after a pause.
    pub(super) fn discover_anew(&mut self, entity: Entity) {
        let now = self.now.instant;
        if let Some(discovery) = &mut self.homeassistant {
            let update = discovery.clear(now, Key::Entity(entity));
            self.publish_discovery(update);
        }
    }
}

fn id_and_name(scenes: &[Json]) -> Vec<(u64, String)> {
    let pair = |scene: &Json| {
        let name = scene["name"].as_str()?;
        Some((scene["id"].as_u64()?, name.to_owned()))
    };
    scenes.iter().filter_map(pair).collect()
}
