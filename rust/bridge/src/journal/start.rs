//! What a run begins from, without secrets.

use std::collections::BTreeMap;

use adapters::Instant;
use devices::JsonMap;
use hub::{Device, DurableRows, Entity, Group, Now, Registry, Watched};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::input::{Network, Recorded};
use super::redact;
use super::secrets::Pseudonyms;
use crate::core::{Core, CoreConfig, HostInfo};
use crate::data::{DatabaseImage, LogLevel, Settings, parse_database, parse_state, render_state};

/// The first line of a piece of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Head {
    /// The version of the format.
    pub(crate) journal: u32,
    /// Names the run.
    pub(crate) run: String,
    /// The number of the first input that follows.
    pub(crate) first: u64,
    /// The version that wrote it.
    pub(crate) ferrobee: String,
    /// True at the beginning of a run: a replay gives all of it. Otherwise what follows is the house as
    /// it was then, without what was under way.
    pub(crate) is_begin: bool,
    /// Monotonic time, microseconds.
    pub(crate) t: u64,
    /// Wall clock, milliseconds since 1970.
    pub(crate) unix_ms: i64,
    pub(crate) start: Start,
    /// What the core was told and has to be told again when a replay begins here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) again: Vec<Recorded<'static>>,
}

/// The version of the format.
pub(crate) const VERSION: u32 = 2;

impl Head {
    /// The time as both clocks told it.
    pub(crate) fn now(&self) -> Now {
        Now {
            instant: Instant(self.t),
            unix_ms: self.unix_ms,
        }
    }
}

/// What a [`Head`] is made of.
#[expect(clippy::struct_field_names, reason = "it is what the head calls it")]
pub(crate) struct Begin {
    pub(crate) run: String,
    pub(crate) first: u64,
    pub(crate) is_begin: bool,
    pub(crate) now: Now,
    pub(crate) again: Vec<Recorded<'static>>,
    pub(crate) snapshot: Snapshot,
}

impl Begin {
    /// The first line of a piece.
    pub(crate) fn head(&self, hidden: &Pseudonyms) -> Head {
        let network = self.snapshot.network.clone().map(Recorded::Up);
        Head {
            journal: VERSION,
            run: self.run.clone(),
            first: self.first,
            ferrobee: env!("CARGO_PKG_VERSION").to_owned(),
            is_begin: self.is_begin,
            t: self.now.instant.0,
            unix_ms: self.now.unix_ms,
            start: self.snapshot.start(hidden),
            again: self.again.iter().cloned().chain(network).collect(),
        }
    }
}

/// Settings, devices, groups, states.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Start {
    settings: JsonMap,
    /// Of the log, where the settings have none.
    log_level: String,
    /// Records as in `database.db`.
    database: Vec<String>,
    /// As in `state.json`.
    states: JsonMap,
    seed: u64,
    os: String,
    cpus: String,
    memory_mb: u64,
    utc_offset_minutes: i32,
    has_backup: bool,
    #[serde(default)]
    durable: DurableRows,
    /// The highest number that a record has, also one that is not here.
    #[serde(default)]
    last_id: u32,
    /// How devices are watched; nothing at the beginning of a run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) watched: Vec<Watched>,
}

/// A house as it is, taken where the core is and made a [`Start`] elsewhere.
pub(crate) struct Snapshot {
    settings: Settings,
    database: DatabaseImage,
    states: BTreeMap<Entity, JsonMap>,
    seed: u64,
    host: HostInfo,
    utc_offset_minutes: i32,
    has_backup: bool,
    network: Option<Network>,
    durable: DurableRows,
    last_id: u32,
    watched: Vec<Watched>,
}

impl Snapshot {
    /// What a core is made from.
    pub(crate) fn of_config(config: &CoreConfig) -> Self {
        let registry = &config.registry;
        Self {
            settings: config.settings.clone(),
            database: DatabaseImage::new(&registry.devices, &registry.groups),
            states: registry.states.clone(),
            seed: config.seed,
            host: config.host.clone(),
            utc_offset_minutes: config.utc_offset_minutes,
            has_backup: config.has_backup,
            network: None,
            durable: registry.durable.clone(),
            last_id: registry.last_id,
            watched: Vec::new(),
        }
    }

    /// A core as it is now.
    pub(crate) fn of_core(core: &Core, seed: u64, host: &HostInfo, utc_offset: i32) -> Self {
        let hub = core.hub();
        let devices = hub.devices().map(|d: &Device| Entity::Device(d.info.ieee));
        let groups = hub.groups().map(|group: &Group| Entity::Group(group.id));
        Self {
            settings: core.settings().clone(),
            database: DatabaseImage::new(hub.devices(), hub.groups()),
            states: devices
                .chain(groups)
                .filter_map(|entity| Some((entity, hub.state(entity)?.clone())))
                .collect(),
            seed,
            host: host.clone(),
            utc_offset_minutes: utc_offset,
            // None is due at once.
            has_backup: true,
            network: hub.network().map(Network::from),
            durable: hub.durable(),
            last_id: 0,
            watched: hub.watched(),
        }
    }

    /// Without its secrets.
    fn start(&self, hidden: &Pseudonyms) -> Start {
        let states = self.states.iter().map(|(entity, state)| (*entity, state));
        let states = render_state(states, &JsonMap::new());
        Start {
            settings: settings(&self.settings, hidden),
            log_level: self.settings.log_level().name().to_owned(),
            database: self
                .database
                .lines()
                .map(|line| hidden.replace(line).into_owned())
                .collect(),
            states: map(&hidden.replace(&states)),
            seed: self.seed,
            os: self.host.os.clone(),
            cpus: self.host.cpus.clone(),
            memory_mb: self.host.memory_mb,
            utc_offset_minutes: self.utc_offset_minutes,
            has_backup: self.has_backup,
            durable: redact::rows(&self.durable, hidden),
            last_id: self.last_id,
            watched: self.watched.clone(),
        }
    }
}

fn map(text: &str) -> JsonMap {
    // What was rendered a moment ago is an object.
    serde_json::from_str(text).unwrap_or_default()
}

/// Settings without secrets.
fn settings(settings: &Settings, hidden: &Pseudonyms) -> JsonMap {
    let document = Json::Object(settings.document().clone()).to_string();
    map(&hidden.replace(&document))
}

/// Why a run's beginning can not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadStart {
    #[error("its settings can't be used: {0}")]
    Settings(String),
    #[error("its states can't be read: {0}")]
    States(#[from] serde_json::Error),
}

impl Start {
    /// What a core is made from.
    pub(crate) fn config(
        &self,
        catalogue: std::sync::Arc<devices::Catalogue>,
    ) -> Result<CoreConfig, BadStart> {
        let level = serde_json::from_value(self.log_level.clone().into());
        let level = level.unwrap_or(LogLevel::Info);
        let settings = Settings::from_checked(self.settings.clone(), level)
            .map_err(|error| BadStart::Settings(error.to_string()))?;
        let database = parse_database(self.database.join("\n").as_bytes());
        let states = Json::Object(self.states.clone()).to_string();
        Ok(CoreConfig {
            registry: Registry {
                devices: database.devices,
                groups: database.groups,
                states: parse_state(states.as_bytes())?.states,
                options: settings.all_options(),
                durable: self.durable.clone(),
                last_id: self.last_id,
            },
            settings,
            catalogue,
            seed: self.seed,
            host: HostInfo {
                os: self.os.clone(),
                cpus: self.cpus.clone(),
                memory_mb: self.memory_mb,
            },
            utc_offset_minutes: self.utc_offset_minutes,
            has_backup: self.has_backup,
        })
    }
}
