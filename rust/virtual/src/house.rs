//! The house: everything in it, and its time.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use adapters::Instant;
use bridge::core::{CoreInput, LogEntry};
use bridge::data::{Settings, SettingsError};
use devices::{Catalogue, ConverterSet, JsonMap};
use hub::{Entity, InterviewState, LogLevel, Now};
use serde_json::{Value as Json, json};
use simulator::{
    Action, ControlError, Model, ModelError, Network, Outgoing, Stick, StickConfig, Target,
};
use zigbee::{EndpointId, GroupId, IeeeAddress, NwkAddress};

use crate::bridge_side::{Around, Bridge, Wish};
use crate::broker::{Broker, Message};
use crate::disk::Disk;
use crate::life::Life;
use crate::saying::Oracle;

/// How long devices may take to be configured when the house begins, or to join later.
const SETTLING: Duration = Duration::from_secs(120);
/// What begins is quiet for so long after that.
const QUIET: Duration = Duration::from_secs(2);
/// How long a clean stop may take.
const STOPPING: Duration = Duration::from_secs(10);
/// Steps without time passing after which it passes by a millisecond: what wants to be called for ever
/// must not hold up the house.
const STEPS: u32 = 1000;
/// Lines of the log that are kept for [`House::take_log`].
const LOG_KEPT: usize = 10_000;

/// How a house begins.
#[derive(Debug, Clone)]
pub struct HouseConfig {
    /// Feeds every choice that would otherwise be random.
    pub seed: u64,
    /// The wall clock when the house begins, milliseconds since 1970.
    pub unix_ms: i64,
    /// What `configuration.yaml` says beside `version`, `mqtt`, `serial`, network and devices.
    pub configuration: JsonMap,
    /// The data directory in which a journal is written, as the bridge of a real house does.
    pub journal: Option<PathBuf>,
}

impl Default for HouseConfig {
    /// 2026-01-05T12:00:00Z.
    fn default() -> Self {
        Self {
            seed: 1,
            unix_ms: 1_767_614_400_000,
            configuration: JsonMap::new(),
            journal: None,
        }
    }
}

/// A device for the house.
#[derive(Debug, Clone)]
pub struct NewDevice {
    /// Its friendly name.
    pub name: String,
    /// What it is.
    pub model: Arc<Model>,
    /// Its address; `None`: one that follows from its place.
    pub ieee: Option<IeeeAddress>,
    /// Its options, as in `configuration.yaml`.
    pub options: JsonMap,
}

impl NewDevice {
    /// A device of a model that the simulator has.
    pub fn built_in(name: impl Into<String>, model: &str) -> Result<Self, HouseError> {
        Ok(Self {
            name: name.into(),
            model: Model::built_in(model)?,
            ieee: None,
            options: JsonMap::new(),
        })
    }
}

/// Why a house does not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum HouseError {
    /// The configuration breaks rules.
    #[error("configuration: {0:?}")]
    Configuration(Vec<SettingsError>),
    /// There is no such simulated model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The simulator refuses.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// Two devices with one name, or one address.
    #[error("there is a device {0} already")]
    Taken(String),
    /// Neither simulator nor catalogue has such a model.
    #[error("there is no model {0}, neither simulated nor in the catalogue")]
    NoModel(String),
    /// No message of the device gives a property this value.
    #[error("{name}: nothing that this device says makes {key} {value}")]
    Unsayable {
        /// The device.
        name: String,
        /// The property.
        key: String,
        /// The value.
        value: Json,
    },
    /// Only before the beginning.
    #[error("this can only be done before the house begins")]
    Begun,
    /// There is no device of this name.
    #[error("there is no device {0}")]
    NoDevice(String),
    /// Devices did not get ready.
    #[error("{names} did not get ready within {SETTLING:?}; the log says: {log}")]
    Settling {
        /// Which.
        names: String,
        /// The last lines of the log.
        log: String,
    },
    /// The bridge is dead: [`House::start`] brings it back.
    #[error("the bridge does not run")]
    Dead,
}

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
        })
    }

    /// Adds devices. Before the beginning they are simply there; later they join, are interviewed and
    /// get their name, which takes some seconds of virtual time.
    pub fn add(&mut self, new: &[NewDevice]) -> Result<Vec<IeeeAddress>, HouseError> {
        let mut added = Vec::new();
        for device in new {
            let place = u64::try_from(self.devices.len()).unwrap_or(u64::MAX);
            let ieee = device
                .ieee
                .unwrap_or(IeeeAddress(0x0015_8d00_0100_0000 + place));
            if self
                .devices
                .iter()
                .any(|(name, known)| *name == device.name || *known == ieee)
            {
                return Err(HouseError::Taken(device.name.clone()));
            }
            self.devices.push((device.name.clone(), ieee));
            added.push(ieee);
            if self.lives == 0 {
                self.options.insert(ieee, device.options.clone());
                let nwk = 0x1000_u16.saturating_add(u16::try_from(place).unwrap_or(u16::MAX));
                self.stick
                    .add_known(ieee, NwkAddress(nwk), Arc::clone(&device.model));
            } else {
                let fresh = simulator::Device::new(ieee, Arc::clone(&device.model));
                self.stick.add(fresh);
                self.join(&device.name, ieee)?;
                if !device.options.is_empty() {
                    let options = json!({"id": device.name, "options": device.options});
                    self.request("device/options", &options);
                    self.run(self.instant() + QUIET, false);
                }
            }
        }
        Ok(added)
    }

    /// Adds a group with the first endpoints of these devices. Before the beginning.
    pub fn add_group(&mut self, name: &str, members: &[&str]) -> Result<(), HouseError> {
        if self.lives > 0 {
            return Err(HouseError::Begun);
        }
        if self.groups.iter().any(|(known, _)| known == name) {
            return Err(HouseError::Taken(name.to_owned()));
        }
        let id = u16::try_from(self.groups.len()).unwrap_or(u16::MAX) + 1;
        let mut endpoints = Vec::new();
        for member in members {
            let ieee = self.address(member)?;
            let endpoint = self
                .stick
                .device(ieee)
                .and_then(|device| device.node.model.endpoints.first())
                .map_or(1, |endpoint| endpoint.id);
            self.stick.with(ieee, |device, _| {
                device.node.groups.insert((endpoint, id));
            });
            endpoints.push((ieee, EndpointId(endpoint)));
        }
        self.groups.push((name.to_owned(), endpoints));
        Ok(())
    }

    /// Begins: the bridge starts, configures the devices, and time is 0 when all is quiet. More than
    /// once does nothing.
    pub fn begin(&mut self) -> Result<(), HouseError> {
        if self.lives > 0 {
            return Ok(());
        }
        self.name_devices()?;
        let groups: Vec<_> = (1_u16..)
            .zip(&self.groups)
            .map(|(id, (_, members))| (GroupId(id), members.clone()))
            .collect();
        let database = simulator::database(&self.stick);
        self.around.disk.put_database(&database, &groups);
        let wall = self.origin;
        self.start();
        self.run(self.instant() + Duration::from_secs(1), false);
        let all = self.devices.clone();
        for (_, ieee) in &all {
            // Devices that sleep are awake when they are set up.
            self.stick.with(*ieee, |_, io| io.awake = SETTLING);
            let _ = self.stick.announce(self.instant(), *ieee, None);
        }
        self.until_ready(&all)?;
        self.run(self.instant() + QUIET, false);
        self.began = self.instant();
        self.origin = wall - millis(self.began);
        self.set_time(self.began);
        self.stick.clear_sent();
        self.around.log.clear();
        Ok(())
    }

    /// The names of the devices go into the configuration before there is a bridge that could be asked.
    fn name_devices(&mut self) -> Result<(), HouseError> {
        let names: JsonMap = self
            .devices
            .iter()
            .map(|(name, ieee)| {
                let mut own = self.options.get(ieee).cloned().unwrap_or_default();
                own.insert("friendly_name".to_owned(), name.as_str().into());
                (ieee.to_string(), own.into())
            })
            .collect();
        let groups: JsonMap = (1_u16..)
            .zip(&self.groups)
            .map(|(id, (name, _))| (id.to_string(), json!({"friendly_name": name})))
            .collect();
        let mut document = self.document.clone();
        document.insert("devices".to_owned(), names.into());
        document.insert("groups".to_owned(), groups.into());
        self.around.disk.settings = Settings::new(document).map_err(HouseError::Configuration)?;
        Ok(())
    }

    /// Has a device join, and waits until it is ready.
    fn join(&mut self, name: &str, ieee: IeeeAddress) -> Result<(), HouseError> {
        self.request("permit_join", &json!({"time": 254}));
        self.run(self.instant() + Duration::from_secs(1), false);
        self.stick
            .join(self.instant(), ieee)
            .map_err(|error| HouseError::Control(error.into()))?;
        self.until_ready(&[(name.to_owned(), ieee)])?;
        let rename = json!({"from": ieee.to_string(), "to": name});
        self.request("device/rename", &rename);
        self.request("permit_join", &json!({"time": 0}));
        self.run(self.instant() + QUIET, false);
        Ok(())
    }

    fn request(&mut self, path: &str, payload: &Json) {
        let topic = format!("{}/bridge/request/{path}", self.base);
        self.publish(&topic, payload.to_string().as_bytes(), false);
    }

    fn until_ready(&mut self, devices: &[(String, IeeeAddress)]) -> Result<(), HouseError> {
        let end = self.instant() + SETTLING;
        loop {
            let waiting: Vec<&str> = devices
                .iter()
                .filter(|(_, ieee)| !self.is_ready(*ieee))
                .map(|(name, _)| name.as_str())
                .collect();
            if waiting.is_empty() {
                return Ok(());
            }
            if self.instant() >= end {
                let log: Vec<&str> = self
                    .around
                    .log
                    .iter()
                    .rev()
                    .filter(|entry| entry.level <= LogLevel::Warning)
                    .take(5)
                    .map(|entry| entry.text.as_str())
                    .collect();
                return Err(HouseError::Settling {
                    names: waiting.join(", "),
                    log: log.join("; "),
                });
            }
            self.run(self.instant() + Duration::from_millis(100), false);
        }
    }

    /// True once a device is interviewed and, where there is something to configure, configured.
    fn is_ready(&self, ieee: IeeeAddress) -> bool {
        let Some(device) = self
            .bridge
            .as_ref()
            .and_then(|bridge| bridge.core.hub().device(ieee))
        else {
            return false;
        };
        let configured = device
            .definition
            .as_ref()
            .and_then(|definition| definition.configure_version())
            .is_none_or(|version| {
                device.meta.get("configured").and_then(Json::as_str) == Some(version)
            });
        device.interview == InterviewState::Successful && configured
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
        let Some(bridge) = self.bridge.take() else {
            return;
        };
        self.around.broker.drop_bridge();
        let (topic, payload) = bridge.will();
        self.around.broker.publish(&topic, payload, true, false);
        self.stick.unplugged();
    }

    /// The bridge stops as by SIGTERM. Takes a moment of virtual time.
    pub fn stop(&mut self) {
        if self.bridge.is_none() {
            return;
        }
        self.tell(CoreInput::Stop);
        let end = self.instant() + STOPPING;
        while self.instant() < end && self.wish() != Some(Wish::Stopped) {
            self.run(self.instant() + Duration::from_millis(10), false);
        }
        self.bridge = None;
        self.around.broker.drop_bridge();
        self.stick.unplugged();
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

    fn instant(&self) -> Instant {
        self.around.now.instant
    }

    fn set_time(&mut self, instant: Instant) {
        self.around.now = Now {
            instant,
            unix_ms: self.origin.saturating_add(millis(instant)),
        };
    }

    /// Microseconds since the house began.
    pub fn now(&self) -> u64 {
        self.instant().0.saturating_sub(self.began.0)
    }

    /// Milliseconds since 1970, as the house's wall clock has them.
    pub fn unix_ms(&self) -> i64 {
        self.around.now.unix_ms
    }

    /// Sets the wall clock forward or back.
    pub fn step_clock(&mut self, milliseconds: i64) {
        self.origin = self.origin.saturating_add(milliseconds);
        self.set_time(self.instant());
    }

    /// Lets time pass until `until` (microseconds since the house began), or until there is a message
    /// for whoever listens. Gives the time reached.
    pub fn advance(&mut self, until: u64) -> u64 {
        let until = Instant(until.saturating_add(self.began.0)).max(self.instant());
        self.run(until, true);
        self.now()
    }

    fn run(&mut self, until: Instant, attentive: bool) {
        let mut steps = 0;
        loop {
            self.exchange();
            if let Some(bridge) = &mut self.bridge {
                bridge.end_batch(self.around.now);
            }
            match self.wish() {
                Some(Wish::Restart) => {
                    self.stop();
                    self.start();
                }
                Some(Wish::Stopped) => return,
                None => {}
            }
            if attentive && !self.around.broker.to_listener.is_empty() {
                return;
            }
            let bridge = self.bridge.as_ref().and_then(Bridge::deadline);
            let stick = self.stick.deadline();
            let life = self.life.deadline();
            let Some(due) = bridge
                .into_iter()
                .chain(stick)
                .chain(life)
                .min()
                .filter(|due| *due <= until)
            else {
                self.set_time(until);
                return;
            };
            if due > self.instant() {
                steps = 0;
                self.set_time(due);
            } else {
                steps += 1;
                if steps >= STEPS {
                    steps = 0;
                    self.set_time(self.instant() + Duration::from_millis(1));
                }
            }
            if stick.is_some_and(|due| due <= self.instant()) {
                self.stick.timeout(self.instant());
            }
            while let Some((ieee, command)) = self.life.take(self.instant()) {
                let action = Action {
                    name: command
                        .get("action")
                        .and_then(Json::as_str)
                        .unwrap_or_default(),
                    parameters: &command,
                };
                // That it can be done was seen when it was asked for.
                let _ = self.stick.act(self.instant(), ieee, &action);
            }
            if let Some(bridge) = &mut self.bridge {
                bridge.timeout(&mut self.around, self.plugged);
            }
        }
    }

    /// Carries bytes between the two ends until both are silent at this instant.
    fn exchange(&mut self) {
        let now = self.instant();
        let Some(bridge) = &mut self.bridge else {
            self.around.broker.to_bridge.clear();
            // Nobody reads what the stick writes.
            let _ = self.stick.output();
            return;
        };
        for _ in 0..STEPS {
            let mut moved = bridge.pump(&mut self.around, &mut self.to_stick);
            if !self.to_stick.is_empty() {
                if self.plugged {
                    self.stick.receive(now, &self.to_stick);
                }
                self.to_stick.clear();
            }
            if let Some(bytes) = self.stick.output() {
                moved = true;
                if self.plugged {
                    bridge.receive(now, &bytes);
                }
            }
            if !moved {
                break;
            }
        }
        if self.around.log.len() > LOG_KEPT {
            self.around.log.drain(..LOG_KEPT / 2);
        }
    }

    fn tell(&mut self, input: CoreInput) {
        if let Some(bridge) = &mut self.bridge {
            bridge.input(&mut self.around, input);
        }
    }

    /// Carries out a command of the simulator ([`Stick::control`]), whose `device` may be a name, and
    /// `unplug` and `plug` of the stick itself.
    pub fn control(&mut self, command: &Json) -> Result<Json, HouseError> {
        match command.get("cmd").and_then(Json::as_str) {
            Some("unplug") => {
                self.plugged = false;
                self.stick.unplugged();
                if let Some(bridge) = &mut self.bridge {
                    bridge.lost(&mut self.around, "it was unplugged");
                }
                return Ok(json!({}));
            }
            Some("plug") => {
                self.plugged = true;
                self.stick.reset(self.instant());
                return Ok(json!({}));
            }
            _ => {}
        }
        let named = command.get("device").and_then(Json::as_str);
        let address = named.and_then(|name| {
            self.devices
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, ieee)| ieee.to_string())
        });
        let mut command = command.clone();
        if let (Some(address), Some(map)) = (address, command.as_object_mut()) {
            map.insert("device".to_owned(), address.into());
        }
        Ok(self.stick.control(self.instant(), &command)?)
    }

    /// A person does something to a device (an action of [`Stick::control`]).
    pub fn act(&mut self, name: &str, action: &str, parameters: &Json) -> Result<(), HouseError> {
        let ieee = self.address(name)?;
        let action = Action {
            name: action,
            parameters,
        };
        let refused = |error: String| HouseError::Control(ControlError::Refused(error));
        self.stick
            .act(self.instant(), ieee, &action)
            .map_err(|error| refused(error.to_string()))?
            .map_err(|error| refused(error.to_string()))
    }

    /// A simulated model by its name: one that the simulator describes, else one of the catalogue,
    /// whose description follows from its definition.
    pub fn model(&self, name: &str) -> Result<Arc<Model>, HouseError> {
        let error = match Model::built_in(name) {
            Err(ModelError::Unknown(..)) => HouseError::NoModel(name.to_owned()),
            other => return Ok(other?),
        };
        let definition = self
            .converters
            .over(&self.catalogue)
            .all()
            .find(|definition| definition.model() == name)
            .ok_or(error)?;
        let description = crate::generic::describe(&definition)
            .ok_or_else(|| HouseError::NoModel(name.to_owned()))?;
        Ok(Model::from_json(&description)?)
    }

    /// A device notices something: it sends what makes a property of it have a value.
    pub fn report(&mut self, name: &str, key: &str, value: &Json) -> Result<(), HouseError> {
        let ieee = self.address(name)?;
        let bridge = self.bridge.as_ref().ok_or(HouseError::Dead)?;
        let hub = bridge.core.hub();
        let unsayable = || HouseError::Unsayable {
            name: name.to_owned(),
            key: key.to_owned(),
            value: value.clone(),
        };
        let device = hub.device(ieee).ok_or_else(unsayable)?;
        let definition = device.definition.as_ref().ok_or_else(unsayable)?;
        let nothing = JsonMap::new();
        let oracle = Oracle {
            definition,
            info: &device.info,
            options: &bridge.core.settings().options(Entity::Device(ieee)),
            state: hub.state(Entity::Device(ieee)).unwrap_or(&nothing),
        };
        let mut said = oracle.find(key, value).ok_or_else(unsayable)?;
        // So that it answers the same when it is asked, and reports the same when it does so by
        // itself: several attributes may hold the value.
        let held = oracle.hold(key, value);
        self.sequence = self.sequence.wrapping_add(1);
        said.frame.header.sequence = self.sequence;
        self.stick.timeout(self.instant());
        self.stick.with(ieee, |device, io| {
            for (endpoint, cluster, attribute, bytes) in held {
                let path = simulator::Path {
                    endpoint: endpoint.0,
                    cluster: cluster.0,
                    attribute: attribute.0,
                };
                if let Some(own) = device.node.attributes.get_mut(&path) {
                    own.bytes = bytes;
                }
            }
            io.outgoing.push(Outgoing {
                delay: Duration::ZERO,
                endpoint: said.endpoint.0,
                target: Target::Coordinator(1),
                cluster: said.cluster.0,
                payload: said.frame.emit(),
            });
        });
        Ok(())
    }

    /// Daily life: from now on the next of these commands of the simulator (`act`) is carried out each
    /// time that `every` has passed, over and over.
    pub fn live(&mut self, every: Duration, commands: &[Json]) -> Result<(), HouseError> {
        let commands = commands
            .iter()
            .map(|command| {
                let name = command.get("device").and_then(Json::as_str);
                let ieee = self.address(name.unwrap_or_default())?;
                Ok((ieee, Arc::new(command.clone())))
            })
            .collect::<Result<Vec<_>, HouseError>>()?;
        self.life.add(self.instant(), every, commands);
        Ok(())
    }

    /// The address of a device by the name that it was added with.
    pub fn address(&self, name: &str) -> Result<IeeeAddress, HouseError> {
        self.devices
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, ieee)| *ieee)
            .ok_or_else(|| HouseError::NoDevice(name.to_owned()))
    }

    /// The stick with everything around it.
    pub fn stick(&mut self) -> &mut Stick {
        &mut self.stick
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

fn millis(instant: Instant) -> i64 {
    i64::try_from(instant.0 / 1000).unwrap_or(i64::MAX)
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
