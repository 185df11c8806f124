//! Devices and groups: lookup (§4), `set` and `get` (§6), and keeping names, options and hub in step
//! with the configuration.

use std::sync::Arc;

use devices::{DeviceKind, JsonMap};
use hub::{Command, Entity, LogLevel};
use zigbee::IeeeAddress;

use super::Core;
use super::config::View;
use super::names::Names;
use super::topics::{self, BadPayload, Verb};

impl Core {
    /// The friendly name of a device or group; its address or id when it has no entry.
    pub fn name(&self, entity: Entity) -> Arc<str> {
        match self.names.get(entity) {
            Some(named) => Arc::clone(&named.name),
            None => Arc::from(self.settings.friendly_name(entity)),
        }
    }

    /// The coordinator's address, as soon as it is known.
    pub(super) fn coordinator(&self) -> Option<IeeeAddress> {
        let of_registry = || {
            self.hub
                .devices()
                .find(|device| device.info.kind == DeviceKind::Coordinator)
                .map(|device| device.info.ieee)
        };
        self.hub
            .network()
            .map(|network| network.ieee)
            .or_else(of_registry)
    }

    /// Whom a key means, if it is in the registry.
    pub(super) fn find(&self, key: &str) -> Option<Entity> {
        let coordinator = self.coordinator();
        if key.eq_ignore_ascii_case("coordinator")
            || coordinator.is_some_and(|ieee| key == ieee.to_string())
        {
            return coordinator.map(Entity::Device);
        }
        let entity = self.settings.find(key)?;
        self.knows(entity).then_some(entity)
    }

    /// The device that a key means.
    pub(super) fn find_device(&self, key: &str) -> Option<IeeeAddress> {
        match self.find(key)? {
            Entity::Device(ieee) => Some(ieee),
            Entity::Group(_) => None,
        }
    }

    fn knows(&self, entity: Entity) -> bool {
        match entity {
            Entity::Device(ieee) => self.hub.device(ieee).is_some(),
            Entity::Group(id) => self.hub.groups().any(|group| group.id == id),
        }
    }

    /// The options of an entity that has an entry, as `bridge/devices` uses them.
    pub(super) fn options_of(&self, entity: Entity) -> Option<&JsonMap> {
        self.settings.entity(entity).map(|entry| &*entry.options)
    }

    /// Gives everything in the registry an entry in the configuration.
    pub(super) fn register_all(&mut self) {
        let mut added = false;
        for device in self.hub.devices() {
            if device.info.kind != DeviceKind::Coordinator {
                added |= self.settings.ensure_device(device.info.ieee);
            }
        }
        for group in self.hub.groups() {
            added |= self.settings.ensure_group(group.id);
        }
        if added {
            self.saving.settings_changed();
            self.dirty.info = true;
        }
        if added || self.names.is_empty() {
            self.refresh_names();
        }
    }

    fn refresh_names(&mut self) {
        self.names = Names::new(&self.view.base, &self.settings);
        self.forget_information();
        self.move_availability();
        self.subscribe();
    }

    /// Brings everything in step with the configuration after it changed.
    pub(super) fn settings_changed(&mut self) {
        self.saving.settings_changed();
        self.dirty.info = true;
        self.refresh_settings();
    }

    /// Takes over what the configuration says now.
    pub(super) fn refresh_settings(&mut self) {
        let view = View::new(&self.settings, self.utc_offset_minutes);
        let old = std::mem::replace(&mut self.view, view);
        // A new base topic takes effect with a restart, as the last will still names the old one.
        self.view.base = old.base;
        self.refresh_names();
        if self.view.hub != old.hub {
            self.command(Command::SetSettings(self.view.hub.clone()));
        }
        // Whoever comes back is told again.
        let mut told = std::mem::take(&mut self.told_options);
        told.retain(|entity, _| self.knows(*entity));
        self.told_options = told;
        for (entity, options) in self.settings.all_options() {
            if self.knows(entity) && self.told_options.get(&entity) != Some(&options) {
                self.told_options.insert(entity, Arc::clone(&options));
                self.command(Command::SetOptions(entity, options));
            }
        }
    }

    /// A message on `B/<name>/(set|get)`.
    pub(super) fn set_or_get(
        &mut self,
        name: &str,
        verb: Verb,
        attribute: Option<&str>,
        payload: &[u8],
    ) {
        // The whole name first: it may contain `/` and end like an endpoint.
        let (entity, endpoint) = match self.find(name) {
            Some(entity) => (Some(entity), None),
            None => match name.rsplit_once('/') {
                Some((entity, endpoint)) => (self.find(entity), Some(endpoint.to_owned())),
                None => (None, None),
            },
        };
        let Some(entity) = entity else {
            self.error(format!("Entity '{name}' is unknown"));
            return;
        };
        if let Entity::Device(ieee) = entity
            && self
                .hub
                .device(ieee)
                .is_none_or(|device| device.definition.is_none())
        {
            let name = self.name(entity);
            self.error(format!("Cannot publish to unsupported device '{name}'"));
            return;
        }
        let mut payload = match topics::payload(attribute, payload) {
            Ok(payload) => payload,
            Err(reason) => {
                let what = match reason {
                    BadPayload::Undefined => "Invalid message 'undefined', skipping...".to_owned(),
                    BadPayload::Null => "Invalid message 'null', skipping...".to_owned(),
                    BadPayload::NotAnObject => {
                        let name = self.name(entity);
                        format!("Invalid message for '{name}': JSON but no object, skipping...")
                    }
                    BadPayload::TooLong(length) => {
                        let name = self.name(entity);
                        format!("Invalid message for '{name}': {length} bytes long, skipping...")
                    }
                };
                self.log(LogLevel::Error, "z2m", what);
                return;
            }
        };
        self.command_for_discovery(entity, verb, &mut payload);
        if payload.is_empty() {
            return;
        }
        self.command(match verb {
            Verb::Set => Command::Set {
                entity,
                endpoint,
                payload,
            },
            Verb::Get => Command::Get {
                entity,
                endpoint,
                payload,
            },
        });
    }
}
