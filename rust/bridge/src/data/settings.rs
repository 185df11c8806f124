//! The settings in memory: what `configuration.yaml` says, what follows from it, and how it changes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use adapters::NetworkParameters;
use devices::JsonMap;
use hub::Entity;
use serde_json::Value as Json;
use zigbee::{ExtendedPanId, GroupId, IeeeAddress, PanId};

use super::changes::SettingsError;
use super::typed::{
    Advanced, Availability, Frontend, Health, HomeAssistant, LastSeen, LogLevel, Mqtt, Ota, Serial,
    Typed, without_credentials,
};
use super::{json, schema};

/// The group that devices without another are bound to; it is not in the settings.
pub const DEFAULT_BIND_GROUP: GroupId = GroupId(901);

static DEFAULTS: LazyLock<JsonMap> = LazyLock::new(schema::defaults);

/// What `configuration.yaml` says, references resolved, as types and as a document.
///
/// The document is what counts: keys that nothing here knows stay in it. It changes only through the
/// methods, which keep the views in step with it.
#[derive(Clone, PartialEq)]
pub struct Settings {
    /// The content of the file, with the content of the files it names in place.
    pub(super) document: JsonMap,
    /// `advanced.log_level` where the document has none.
    pub(super) log_level: LogLevel,
    typed: Typed,
    devices: BTreeMap<IeeeAddress, EntitySettings>,
    pub(super) groups: BTreeMap<GroupId, EntitySettings>,
    names: BTreeMap<String, Entity>,
}

/// The settings of one device or group.
#[derive(Debug, Clone, PartialEq)]
pub struct EntitySettings {
    /// `friendly_name`.
    pub friendly_name: String,
    /// `description`.
    pub description: Option<String>,
    /// `disabled`.
    pub disabled: bool,
    /// Its own options, as they are in the file, the name included.
    pub own: JsonMap,
    /// Its effective options: for a device `device_options` overlaid by its own.
    pub options: Arc<JsonMap>,
    /// Its key as written in the file.
    pub(super) key: String,
}

impl Settings {
    /// Settings from a document, as `configuration.yaml` would hold it (current format). `Err` lists the
    /// rules that it breaks, as in [`SettingsError::Invalid`].
    pub fn new(document: JsonMap) -> Result<Self, Vec<SettingsError>> {
        let violations = super::check::check(&document);
        if !violations.is_empty() {
            return Err(violations
                .iter()
                .map(|violation| SettingsError::Invalid(violation.message()))
                .collect());
        }
        Self::from_checked(document, LogLevel::Info).map_err(|error| vec![error])
    }

    /// From a document that [`super::check::check`] found nothing wrong with.
    pub(crate) fn from_checked(
        document: JsonMap,
        log_level: LogLevel,
    ) -> Result<Self, SettingsError> {
        let mut effective = DEFAULTS.clone();
        let level = Json::String(log_level.name().to_owned());
        json::set(&mut effective, &["advanced", "log_level"], level);
        for key in [
            "mqtt",
            "serial",
            "advanced",
            "homeassistant",
            "availability",
            "frontend",
            "ota",
            "health",
        ] {
            if let (Some(Json::Object(below)), Some(Json::Object(above))) =
                (effective.get_mut(key), document.get(key))
            {
                json::overlay(below, above);
            }
        }
        let typed = Typed::from_effective(&effective)
            .map_err(|error| SettingsError::Invalid(error.to_string()))?;
        let mut settings = Self {
            document,
            log_level,
            typed,
            devices: BTreeMap::new(),
            groups: BTreeMap::new(),
            names: BTreeMap::new(),
        };
        settings.index();
        Ok(settings)
    }

    /// `mqtt`.
    pub fn mqtt(&self) -> &Mqtt {
        &self.typed.mqtt
    }

    /// `serial`.
    pub fn serial(&self) -> &Serial {
        &self.typed.serial
    }

    /// `advanced`.
    pub fn advanced(&self) -> &Advanced {
        &self.typed.advanced
    }

    /// `homeassistant`.
    pub fn homeassistant(&self) -> &HomeAssistant {
        &self.typed.homeassistant
    }

    /// `availability`.
    pub fn availability(&self) -> &Availability {
        &self.typed.availability
    }

    /// `frontend`.
    pub fn frontend(&self) -> &Frontend {
        &self.typed.frontend
    }

    /// `ota`.
    pub fn ota(&self) -> &Ota {
        &self.typed.ota
    }

    /// `health`.
    pub fn health(&self) -> &Health {
        &self.typed.health
    }

    /// The network that the file describes. Values that are still to be generated are those of the
    /// defaults; [`super::DataDirectory::open`] leaves none.
    pub fn network(&self) -> NetworkParameters {
        let value = |key| {
            json::get(&self.document, &["advanced", key])
                .filter(|value| !value.is_string())
                .or_else(|| json::get(&DEFAULTS, &["advanced", key]))
        };
        let number = |key| value(key).and_then(json::whole);
        let bytes = |key| -> Vec<u8> {
            value(key)
                .and_then(Json::as_array)
                .map(|list| {
                    list.iter()
                        .filter_map(json::whole)
                        .filter_map(|b| u8::try_from(b).ok())
                        .collect()
                })
                .unwrap_or_default()
        };
        let mut network_key = [0; 16];
        for (byte, from) in network_key.iter_mut().zip(bytes("network_key")) {
            *byte = from;
        }
        let mut extended = [0; 8];
        for (byte, from) in extended.iter_mut().zip(bytes("ext_pan_id")) {
            *byte = from;
        }
        NetworkParameters {
            pan_id: PanId(
                number("pan_id")
                    .and_then(|n| n.try_into().ok())
                    .unwrap_or(0),
            ),
            // The list has the order in which an extended PAN id is printed.
            extended_pan_id: ExtendedPanId(u64::from_be_bytes(extended)),
            channel: number("channel")
                .and_then(|n| n.try_into().ok())
                .unwrap_or(11),
            network_key,
        }
    }

    /// `passlist`; entries that are no address are left out.
    pub fn passlist(&self) -> Vec<IeeeAddress> {
        self.addresses("passlist")
    }

    /// `blocklist`; entries that are no address are left out.
    pub fn blocklist(&self) -> Vec<IeeeAddress> {
        self.addresses("blocklist")
    }

    fn addresses(&self, key: &str) -> Vec<IeeeAddress> {
        self.document
            .get(key)
            .and_then(Json::as_array)
            .map(|list| {
                list.iter()
                    .filter_map(|item| address(item.as_str()?))
                    .collect()
            })
            .unwrap_or_default()
    }

    /// What the hub wants to know.
    pub fn hub(&self) -> hub::Settings {
        hub::Settings {
            cache_state: self.typed.advanced.cache_state,
            last_seen: match self.typed.advanced.last_seen {
                LastSeen::Disable => hub::LastSeen::Disable,
                LastSeen::Iso8601 => hub::LastSeen::Iso8601,
                LastSeen::Iso8601Local => hub::LastSeen::Iso8601Local,
                LastSeen::Epoch => hub::LastSeen::Epoch,
            },
            elapsed: self.typed.advanced.elapsed,
            include_device_information: self.typed.mqtt.include_device_information,
            passlist: self.passlist(),
            blocklist: self.blocklist(),
            availability: self.typed.availability.hub(),
            ota: self.typed.ota.hub(),
            // The local time zone is the runtime's to know.
            ..hub::Settings::default()
        }
    }

    /// The settings of a device.
    pub fn device(&self, ieee: IeeeAddress) -> Option<&EntitySettings> {
        self.devices.get(&ieee)
    }

    /// The settings of a group.
    pub fn group(&self, id: GroupId) -> Option<&EntitySettings> {
        self.groups.get(&id)
    }

    /// The settings of a device or group.
    pub fn entity(&self, entity: Entity) -> Option<&EntitySettings> {
        match entity {
            Entity::Device(ieee) => self.device(ieee),
            Entity::Group(id) => self.group(id),
        }
    }

    /// All devices with settings.
    pub fn devices(&self) -> impl Iterator<Item = (IeeeAddress, &EntitySettings)> {
        self.devices.iter().map(|(ieee, entry)| (*ieee, entry))
    }

    /// All groups with settings.
    pub fn groups(&self) -> impl Iterator<Item = (GroupId, &EntitySettings)> {
        self.groups.iter().map(|(id, entry)| (*id, entry))
    }

    /// The name of a device or group: its own, else its address or id.
    pub fn friendly_name(&self, entity: Entity) -> String {
        match (self.entity(entity), entity) {
            (Some(entry), _) => entry.friendly_name.clone(),
            (None, Entity::Group(DEFAULT_BIND_GROUP)) => "default_bind_group".to_owned(),
            (None, Entity::Device(ieee)) => ieee.to_string(),
            (None, Entity::Group(id)) => id.0.to_string(),
        }
    }

    /// The effective options of a device or group; those of all devices for a device without settings.
    pub fn options(&self, entity: Entity) -> Arc<JsonMap> {
        match (self.entity(entity), entity) {
            (Some(entry), _) => Arc::clone(&entry.options),
            (None, Entity::Device(_)) => Arc::new(self.device_options().clone()),
            (None, Entity::Group(_)) => Arc::default(),
        }
    }

    /// The effective options of every device and group with settings, for [`hub::Registry::options`].
    pub fn all_options(&self) -> BTreeMap<Entity, Arc<JsonMap>> {
        let devices = self
            .devices()
            .map(|(ieee, entry)| (Entity::Device(ieee), Arc::clone(&entry.options)));
        let groups = self
            .groups()
            .map(|(id, entry)| (Entity::Group(id), Arc::clone(&entry.options)));
        devices.chain(groups).collect()
    }

    /// Finds a device or group by what a request calls it: a device's address, a device's name, a group's
    /// id, a group's name, in this order. The coordinator is the caller's.
    pub fn find(&self, name: &str) -> Option<Entity> {
        let device = address(name)
            .filter(|ieee| self.devices.contains_key(ieee))
            .map(Entity::Device);
        let named = self.names.get(name).copied();
        device
            .or(named.filter(|entity| matches!(entity, Entity::Device(_))))
            .or_else(|| {
                group_id(name)
                    .filter(|id| self.groups.contains_key(id))
                    .map(Entity::Group)
            })
            .or(named)
    }

    /// The level of the log where the document has none.
    pub(crate) fn log_level(&self) -> LogLevel {
        self.log_level
    }

    /// Whether the file itself says that code may come over MQTT. What stands for a key that is not there
    /// is Zigbee2MQTT's: true.
    pub(crate) fn takes_code(&self) -> bool {
        json::get(&self.document, &["advanced", "enable_external_js"]) == Some(&Json::Bool(true))
    }

    /// The document as the file holds it, secrets included.
    pub(crate) fn document(&self) -> &JsonMap {
        &self.document
    }

    /// All settings with their defaults, without secrets: `config` on `bridge/info`.
    pub fn effective(&self) -> JsonMap {
        let mut map = DEFAULTS.clone();
        let mut document = self.document.clone();
        document.retain(|_, value| !value.is_null());
        json::overlay(&mut map, &document);
        for path in [
            ["advanced", "network_key"],
            ["mqtt", "password"],
            ["frontend", "auth_token"],
        ] {
            json::take(&mut map, &path);
        }
        if let Some(Json::String(server)) = json::get(&map, &["mqtt", "server"]) {
            let shown = without_credentials(server);
            json::set(&mut map, &["mqtt", "server"], shown.into());
        }
        map
    }

    /// The JSON schema of the settings: `config_schema` on `bridge/info`.
    pub fn schema() -> Json {
        schema::public()
    }

    fn device_options(&self) -> &JsonMap {
        static EMPTY: LazyLock<JsonMap> = LazyLock::new(JsonMap::new);
        self.document
            .get("device_options")
            .and_then(Json::as_object)
            .unwrap_or(&EMPTY)
    }

    /// Builds the views of devices and groups.
    fn index(&mut self) {
        let devices = section(&self.document, "devices").filter_map(|(key, _)| address(key));
        let groups = section(&self.document, "groups").filter_map(|(key, _)| group_id(key));
        // Devices last: where a name is there twice, the device has it.
        let all: Vec<_> = groups
            .map(Entity::Group)
            .chain(devices.map(Entity::Device))
            .collect();
        let keys = self.keys();
        for entity in all {
            self.view(entity, &keys);
        }
    }

    /// Keys as they are written, where they are not written as we would.
    fn keys(&self) -> BTreeMap<Entity, String> {
        let devices = section(&self.document, "devices")
            .filter_map(|(key, _)| Some((Entity::Device(address(key)?), key)));
        let groups = section(&self.document, "groups")
            .filter_map(|(key, _)| Some((Entity::Group(group_id(key)?), key)));
        devices
            .chain(groups)
            .filter(|(entity, key)| place(*entity).1 != *key)
            .map(|(entity, key)| (entity, key.to_owned()))
            .collect()
    }

    /// Brings the view of one device or group in step with the document.
    pub(super) fn refresh(&mut self, entity: Entity) {
        let keys = self
            .entity(entity)
            .map(|entry| BTreeMap::from([(entity, entry.key.clone())]))
            .unwrap_or_default();
        let old = match entity {
            Entity::Device(ieee) => self.devices.remove(&ieee),
            Entity::Group(id) => self.groups.remove(&id),
        };
        if let Some(old) = old
            && self.names.get(&old.friendly_name) == Some(&entity)
        {
            self.names.remove(&old.friendly_name);
        }
        self.view(entity, &keys);
    }

    fn view(&mut self, entity: Entity, keys: &BTreeMap<Entity, String>) {
        let (section, key) = place(entity);
        let key = keys.get(&entity).cloned().unwrap_or(key);
        let Some(own) = json::get(&self.document, &[section, &key]).and_then(Json::as_object)
        else {
            return;
        };
        let mut options = match entity {
            Entity::Device(_) => self.device_options().clone(),
            Entity::Group(_) => JsonMap::new(),
        };
        options.extend(own.clone());
        let entry = EntitySettings::new(&key, own, options);
        self.names.insert(entry.friendly_name.clone(), entity);
        match entity {
            Entity::Device(ieee) => {
                self.devices.insert(ieee, entry);
            }
            Entity::Group(id) => {
                self.groups.insert(id, entry);
            }
        }
    }
}

impl EntitySettings {
    fn new(key: &str, own: &JsonMap, options: JsonMap) -> Self {
        let text = |name| own.get(name).and_then(Json::as_str).map(str::to_owned);
        Self {
            friendly_name: text("friendly_name").unwrap_or_else(|| key.to_owned()),
            description: text("description"),
            disabled: own.get("disabled") == Some(&Json::Bool(true)),
            own: own.clone(),
            options: Arc::new(options),
            key: key.to_owned(),
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The document holds the network key.
        f.debug_struct("Settings")
            .field("typed", &self.typed)
            .field("devices", &self.devices.len())
            .field("groups", &self.groups.len())
            .finish_non_exhaustive()
    }
}

/// Where the settings of a device or group are.
pub(super) fn place(entity: Entity) -> (&'static str, String) {
    match entity {
        Entity::Device(ieee) => ("devices", ieee.to_string()),
        Entity::Group(id) => ("groups", id.0.to_string()),
    }
}

/// The entries of `devices` or `groups`.
pub(crate) fn section<'a>(
    document: &'a JsonMap,
    name: &str,
) -> impl Iterator<Item = (&'a str, &'a JsonMap)> {
    document
        .get(name)
        .and_then(Json::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.as_str(), value.as_object()?)))
}

/// A device's key. Upper case digits are taken too.
pub(crate) fn address(text: &str) -> Option<IeeeAddress> {
    text.to_ascii_lowercase().parse().ok()
}

/// A group's key.
pub(crate) fn group_id(text: &str) -> Option<GroupId> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok().map(GroupId)).flatten()
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
