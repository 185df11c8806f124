//! The house: everything in it, and the bridge's life.

mod config;
mod outside;
mod setup;
mod time;
mod timers;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use adapters::Instant;
use bridge::core::{CoreInput, LogEntry};
use bridge::data::Settings;
use devices::{Catalogue, ConverterSet, JsonMap};
use hub::durable::Quota;
use hub::{Entity, Now};
use serde_json::{Value as Json, json};
use simulator::{Network, Stick, StickConfig};
use zigbee::{EndpointId, IeeeAddress};

use crate::bridge_side::{Around, Bridge, Wish};
use crate::broker::{Broker, Message};
use crate::disk::Disk;
use crate::life::Life;

pub use config::{HouseConfig, HouseError, NewDevice};

/// How long a clean stop may take.
const STOPPING: Duration = Duration::from_secs(10);

/// A house in virtual time.
pub struct House {
    stick: Stick,
    plugged: bool,
    /// `None` before the beginning and after a kill.
    bridge: Option<Bridge>,
    around: Around,
    /// When the house began: what callers count from.
    began: Instant,
    /// The wall clock at instant 0, milliseconds since 1970.
    origin: i64,
    /// `configuration.yaml` before the beginning.
    document: JsonMap,
    seed: u64,
    lives: u64,
    base: String,
    life: Life,
    /// Names and addresses in the order in which they came.
    devices: Vec<(String, IeeeAddress)>,
    /// Options of the devices before the beginning.
    options: BTreeMap<IeeeAddress, JsonMap>,
    /// Groups with their members before the beginning.
    groups: Vec<(String, Vec<(IeeeAddress, EndpointId)>)>,
    to_stick: Vec<u8>,
    catalogue: Arc<Catalogue>,
    converters: ConverterSet,
    /// The transaction number of the last frame of [`House::report`].
    sequence: u8,
    /// How many sticks came after the first.
    sticks: u64,
    /// Whoever commits timers and values, and has loaded them: how much it keeps.
    timers: Option<Quota>,
    /// Why bridges have ended by themselves.
    failures: Vec<String>,
}

impl House {
    /// A house without devices. Nothing runs before [`House::begin`].
    pub fn new(config: HouseConfig) -> Result<Self, HouseError> {
        let mut document = config.configuration;
        let network = Network::default();
        let fixed = json!({
            "version": 5,
            "mqtt": {"server": "mqtt://localhost", "base_topic": "zigbee2mqtt"},
            "serial": {"port": "virtual", "adapter": "zstack"},
            "advanced": {
                "network_key": network.key,
                "pan_id": network.pan_id,
                "ext_pan_id": network.extended_pan_id,
                "channel": network.channel,
                "log_level": "info",
            },
            "frontend": {"enabled": false},
            "homeassistant": {"enabled": false},
        });
        for (key, value) in fixed.as_object().into_iter().flatten() {
            overlay(&mut document, key, value);
        }
        let settings = Settings::new(document.clone()).map_err(HouseError::Configuration)?;
        let base = settings.mqtt().base_topic.clone();
        let stick = StickConfig {
            seed: config.seed,
            ..StickConfig::default()
        };
        // An image that is not given is not damaged.
        let mut stick =
            Stick::new(stick).map_err(|error| HouseError::NoDevice(error.to_string()))?;
        stick.preform(&network);
        Ok(Self {
            stick,
            plugged: true,
            bridge: None,
            around: Around {
                now: Now {
                    instant: Instant(0),
                    unix_ms: config.unix_ms,
                },
                broker: Broker::default(),
                disk: Disk::new(settings),
                log: Vec::new(),
                due: Vec::new(),
                rung: false,
                converters: None,
                journal: config.journal,
            },
            began: Instant(0),
            origin: config.unix_ms,
            document,
            seed: config.seed,
            lives: 0,
            base,
            life: Life::default(),
            devices: Vec::new(),
            options: BTreeMap::new(),
            groups: Vec::new(),
            to_stick: Vec::new(),
            catalogue: Catalogue::builtin(),
            converters: ConverterSet::default(),
            sequence: 0,
            sticks: 0,
            timers: None,
            failures: Vec::new(),
        })
    }

    /// Starts the bridge from what is on the disk, as after a power cut. Does nothing while it runs.
    pub fn start(&mut self) {
        if self.bridge.is_some() {
            return;
        }
        self.lives += 1;
        let seed = self.seed.wrapping_add(self.lives);
        let catalogue = Arc::clone(&self.catalogue);
        self.bridge = Some(Bridge::start(&mut self.around, catalogue, seed));
    }

    /// The converters that there are, all of them, as [`CoreInput::Converters`] takes them. A bridge that
    /// runs takes them at once, one that is started later from its start on.
    pub fn set_converters(&mut self, converters: &str) {
        self.around.converters = Some(converters.to_owned());
        // What can't be read is told by the bridge.
        if let Ok(read) = ConverterSet::read(converters, &self.converters) {
            self.converters = read;
        }
        if self.bridge.is_some() {
            self.tell(CoreInput::Converters(converters.to_owned()));
        }
    }

    /// The bridge's process dies: what was not given out to be saved is lost.
    pub fn kill(&mut self) {
        let Some(bridge) = &self.bridge else {
            return;
        };
        let (topic, payload) = bridge.will();
        self.end();
        self.around.broker.publish(&topic, payload, true, false);
    }

    /// The bridge stops as by SIGTERM. Takes a moment of virtual time.
    pub fn stop(&mut self) {
        self.tell(CoreInput::Stop);
        let end = self.instant() + STOPPING;
        while self.instant() < end && self.is_running() {
            self.run(self.instant() + Duration::from_millis(10), false);
        }
        self.end();
    }

    /// The bridge asked to be started anew. Whoever listens to timers goes on.
    fn start_anew(&mut self) {
        let timers = self.timers.take();
        self.stop();
        self.start();
        if timers.is_some() {
            self.timers = timers;
            self.tell(CoreInput::ListenToTimers);
        }
    }

    /// The bridge is no more.
    fn end(&mut self) {
        let Some(bridge) = self.bridge.take() else {
            return;
        };
        self.failures.extend(bridge.failure);
        self.timers = None;
        self.around.due.clear();
        self.around.rung = false;
        self.around.broker.drop_bridge();
        self.stick.unplugged();
    }

    /// Why bridges have ended by themselves since the last call.
    pub fn take_failures(&mut self) -> Vec<String> {
        std::mem::take(&mut self.failures)
    }

    fn wish(&self) -> Option<Wish> {
        self.bridge.as_ref().and_then(|bridge| bridge.wish)
    }

    /// True while there is a bridge.
    pub fn is_running(&self) -> bool {
        self.bridge.is_some()
    }

    /// True while the bridge has its network.
    pub fn is_up(&self) -> bool {
        self.bridge.as_ref().is_some_and(Bridge::is_up)
    }

    /// Somebody wants to hear everything below the base topic: gets what is retained and the known
    /// states, all `stored`, and from then on what is published.
    pub fn listen(&mut self) {
        self.subscribe(&format!("{}/#", self.base));
        let Some(bridge) = &self.bridge else {
            return;
        };
        let (hub, settings) = (bridge.core.hub(), bridge.core.settings());
        let devices = hub.devices().map(|device| Entity::Device(device.info.ieee));
        let groups = hub.groups().map(|group| Entity::Group(group.id));
        for entity in devices.chain(groups) {
            let Some(state) = hub.state(entity).filter(|state| !state.is_empty()) else {
                continue;
            };
            let topic = format!("{}/{}", self.base, settings.friendly_name(entity));
            self.around.broker.to_listener.push(Message {
                topic: Arc::from(topic),
                payload: Json::Object(state.clone()).to_string().into_bytes().into(),
                stored: true,
            });
        }
    }

    /// Whoever listens wants to hear this filter too, and gets what is retained of it.
    pub fn subscribe(&mut self, filter: &str) {
        self.around.broker.subscribe_listener(filter);
    }

    /// Nobody listens any more.
    pub fn unlisten(&mut self) {
        self.around.broker.drop_listener();
    }

    /// Publishes a message at the broker. It has its effect at the next [`House::advance`].
    pub fn publish(&mut self, topic: &str, payload: &[u8], retain: bool) {
        self.around
            .broker
            .publish(&Arc::from(topic), payload, retain, false);
    }

    /// Messages for whoever listens, in their order.
    pub fn take(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.around.broker.to_listener)
    }

    fn tell(&mut self, input: CoreInput) {
        if let Some(bridge) = &mut self.bridge {
            bridge.input(&mut self.around, input);
        }
    }

    /// What the bridge logged since the last call, the last 10,000 lines at most.
    pub fn take_log(&mut self) -> Vec<LogEntry> {
        std::mem::take(&mut self.around.log)
    }

    /// The base topic.
    pub fn base(&self) -> &str {
        &self.base
    }
}

impl std::fmt::Debug for House {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("House")
            .field("now", &self.now())
            .field("devices", &self.devices)
            .finish_non_exhaustive()
    }
}

/// Puts a value below a key, keeping what is there beside it.
fn overlay(document: &mut JsonMap, key: &str, value: &Json) {
    match (document.get_mut(key), value) {
        (Some(Json::Object(below)), Json::Object(above)) => {
            for (key, value) in above {
                below.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        (Some(_), _) => {}
        (None, _) => {
            document.insert(key.to_owned(), value.clone());
        }
    }
}
