//! Changes of the settings.

use devices::JsonMap;
use hub::Entity;
use serde_json::Value as Json;
use zigbee::{GroupId, IeeeAddress};

use super::names::{NameError, check_name};
use super::settings::{DEFAULT_BIND_GROUP, Settings, place};
use super::{check, json, schema};

/// What a change of options did.
#[derive(Debug, Clone, PartialEq)]
pub struct OptionsChange {
    /// The options before, without `friendly_name`.
    pub from: JsonMap,
    /// The options now, without `friendly_name`.
    pub to: JsonMap,
    /// True if it takes effect with a restart.
    pub restart_required: bool,
    /// Options that no device is known to have by the table; those of the definition are the caller's
    /// to know.
    pub unknown: Vec<String>,
}

/// Why settings can not be changed. The text is that of the error response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A value breaks a rule: `advanced/channel must be <= 26`.
    #[error("{0}")]
    Invalid(String),
    /// The name can not be used.
    #[error(transparent)]
    Name(#[from] NameError),
    /// There is no such device or group in the settings.
    #[error("there is no such device or group")]
    Unknown,
    /// The group's id is taken.
    #[error("Group ID '{0}' is already in use")]
    GroupTaken(u16),
}

impl Settings {
    /// Gives a device that was just seen an entry. `true` if it had none.
    pub fn ensure_device(&mut self, ieee: IeeeAddress) -> bool {
        self.ensure(Entity::Device(ieee))
    }

    /// Gives a group that was just seen an entry. `true` if it had none; the default bind group gets none.
    pub fn ensure_group(&mut self, id: GroupId) -> bool {
        id != DEFAULT_BIND_GROUP && self.ensure(Entity::Group(id))
    }

    fn ensure(&mut self, entity: Entity) -> bool {
        if self.entity(entity).is_some() {
            return false;
        }
        let (section, key) = place(entity);
        json::set(
            &mut self.document,
            &[section, &key, "friendly_name"],
            key.as_str().into(),
        );
        self.refresh(entity);
        true
    }

    /// Adds a group with a name, under an id or the lowest free one.
    pub fn add_group(&mut self, name: &str, id: Option<GroupId>) -> Result<GroupId, SettingsError> {
        let name = name.trim();
        check_name(name)?;
        self.check_free(name, None)?;
        let id = match id {
            Some(id) if self.groups.contains_key(&id) => {
                return Err(SettingsError::GroupTaken(id.0));
            }
            Some(id) => id,
            None => (1..=u16::MAX)
                .map(GroupId)
                .find(|id| !self.groups.contains_key(id) && *id != DEFAULT_BIND_GROUP)
                .ok_or(SettingsError::GroupTaken(u16::MAX))?,
        };
        let (section, key) = place(Entity::Group(id));
        json::set(
            &mut self.document,
            &[section, &key, "friendly_name"],
            name.into(),
        );
        self.refresh(Entity::Group(id));
        Ok(id)
    }

    /// Renames a device or group. Spaces around the name are dropped.
    pub fn rename(&mut self, entity: Entity, to: &str) -> Result<(), NameError> {
        let to = to.trim();
        check_name(to)?;
        self.check_free(to, Some(entity))?;
        // Its own name, too, is one in use: going through with it would clear what is retained.
        if self.friendly_name(entity) == to {
            return Err(NameError::Taken(to.to_owned()));
        }
        let key = self.key(entity).ok_or(NameError::Unknown)?;
        json::set(
            &mut self.document,
            &[place(entity).0, &key, "friendly_name"],
            to.into(),
        );
        self.refresh(entity);
        Ok(())
    }

    /// Whether a name can be given to `entity` (or to something new).
    fn check_free(&self, name: &str, entity: Option<Entity>) -> Result<(), NameError> {
        match self.find(name) {
            Some(other) if Some(other) != entity => Err(NameError::Taken(name.to_owned())),
            _ => Ok(()),
        }
    }

    /// Forgets a device or group. `true` if it had an entry.
    pub fn remove(&mut self, entity: Entity) -> bool {
        let Some(key) = self.key(entity) else {
            return false;
        };
        json::take(&mut self.document, &[place(entity).0, &key]);
        self.refresh(entity);
        true
    }

    /// Adds a device to `blocklist`. `true` if it was not there.
    pub fn block(&mut self, ieee: IeeeAddress) -> bool {
        if self.blocklist().contains(&ieee) {
            return false;
        }
        let list = self
            .document
            .entry("blocklist")
            .or_insert_with(|| Json::Array(Vec::new()));
        if let Json::Array(list) = list {
            list.push(ieee.to_string().into());
        }
        true
    }

    /// Changes options of a device or group. `null` removes an option, except `homeassistant`, where it
    /// means "not announced"; objects are merged.
    pub fn set_options(
        &mut self,
        entity: Entity,
        options: &JsonMap,
    ) -> Result<OptionsChange, SettingsError> {
        let key = self.key(entity).ok_or(SettingsError::Unknown)?;
        let (section, definition) = match entity {
            Entity::Device(_) => ("devices", "device"),
            Entity::Group(_) => ("groups", "group"),
        };
        let old = self
            .entity(entity)
            .map(|entry| entry.own.clone())
            .unwrap_or_default();
        let mut new = old.clone();
        let mut given = options.clone();
        // Names change by `rename` only.
        given.remove("friendly_name");
        merge(&mut new, &given, false);
        if let Some(violation) = schema::validate_entity(definition, &new).first() {
            return Err(SettingsError::Invalid(violation.message()));
        }
        let mut document = self.document.clone();
        json::set(&mut document, &[section, &key], Json::Object(new.clone()));
        let changed = self.replace(document)?;
        let without_name = |mut map: JsonMap| {
            map.remove("friendly_name");
            map
        };
        Ok(OptionsChange {
            restart_required: changed,
            unknown: given
                .keys()
                .filter(|key| !schema::is_known(&[section, "*", key]))
                .cloned()
                .collect(),
            from: without_name(old),
            to: without_name(new),
        })
    }

    /// `bridge/request/options`: merges `change` into the settings; `null` removes a key. `Ok(true)` if
    /// it takes effect with a restart.
    pub fn change(&mut self, change: &JsonMap) -> Result<bool, SettingsError> {
        // The format is ours to change: with another number, or none, the next start would refuse the
        // file or bring it from a format that it is not in.
        if let Some(version) = change.get("version")
            && self.document.get("version") != Some(version)
        {
            return Err(SettingsError::Invalid(
                "version must not be changed".to_owned(),
            ));
        }
        let mut document = self.document.clone();
        merge(&mut document, change, false);
        self.replace(document)
    }

    /// Takes over a changed document if it is valid, and says whether it needs a restart.
    fn replace(&mut self, document: JsonMap) -> Result<bool, SettingsError> {
        if let Some(violation) = check::check(&document).first() {
            return Err(SettingsError::Invalid(violation.message()));
        }
        let restart = check::needs_restart(&self.document, &document);
        *self = Self::from_checked(document, self.log_level)?;
        Ok(restart)
    }

    fn key(&self, entity: Entity) -> Option<String> {
        self.entity(entity).map(|entry| entry.key.clone())
    }
}

/// Deep merge; `null` deletes, except where the key or one above it is `homeassistant`.
fn merge(base: &mut JsonMap, change: &JsonMap, keep_null: bool) {
    for (key, value) in change {
        let keep_null = keep_null || key == "homeassistant";
        match (base.get_mut(key), value) {
            (_, Json::Null) if !keep_null => {
                base.remove(key);
            }
            (Some(Json::Object(below)), Json::Object(above)) => merge(below, above, keep_null),
            (_, Json::Object(above)) => {
                let mut below = JsonMap::new();
                merge(&mut below, above, keep_null);
                base.insert(key.clone(), Json::Object(below));
            }
            _ => {
                base.insert(key.clone(), value.clone());
            }
        }
    }
}
