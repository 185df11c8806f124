//! The MQTT contract as a function: topics in, hub commands; hub outputs, topics out.
//!
//! [`Core`] owns the [`Hub`]. It reads no clock and does no I/O; the runtime, the tests and replay
//! drive it alike. What Zigbee2MQTT does on the wire is in shared/facts/mqtt-api.md; section numbers
//! in this module are that document's.

mod automations;
mod availability;
mod clusters;
mod config;
mod contract;
mod converters;
mod describe;
mod entities;
mod events;
mod external;
mod health;
mod homeassistant;
mod info;
mod information;
mod locals;
mod logging;
mod map;
mod metrics;
mod names;
mod publish;
mod requests;
mod saving;
mod sockets;
mod topics;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use adapters::Instant;
use hub::{Change, Entity, Hub, Input, LogLevel, Now, Output};
use zigbee::IeeeAddress;

pub use external::{External, Kind};
pub use metrics::CONTENT_TYPE as METRICS_TYPE;
pub(crate) use requests::disguise;
pub use requests::request_paths;

pub use contract::{
    ArchiveId, AskId, Audience, Common, CoreConfig, CoreInput, CoreOutput, HostInfo, HostUsage,
    LocalId, LogEntry, Publish, Qos, RemovalId, Save, SocketId, Told, Worker,
};

use crate::data::Settings;
use crate::homeassistant::Discovery;
use config::View;
use locals::Locals;
use names::Names;
use requests::Pending;
use saving::Saving;
use sockets::Sockets;

/// Names of more levels share one subscription: a filter for each of thousands of levels would take
/// gigabytes, and a topic has room for 32,000.
const DEEPEST: usize = 32;

/// Whether the coordinator is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Radio {
    /// Not known yet: nothing has been said on MQTT.
    Starting,
    Up,
    Down,
}

/// What of the retained lists has to be published again.
#[derive(Debug, Clone, Copy, Default)]
struct Dirty {
    info: bool,
    devices: bool,
    groups: bool,
}

/// The MQTT contract around a hub.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own: the broker, two greetings, the restart"
)]
pub struct Core {
    hub: Hub,
    settings: Settings,
    view: View,
    names: Names,
    /// The options that the hub was told.
    told_options: BTreeMap<Entity, Arc<devices::JsonMap>>,
    host: HostInfo,
    utc_offset_minutes: i32,
    now: Now,
    out: Vec<CoreOutput>,
    radio: Radio,
    connected: bool,
    /// The greeting of this MQTT session was said.
    greeted: bool,
    /// The first greeting of this process was said.
    started: bool,
    permit_join_until: Option<i64>,
    restart_required: bool,
    /// The last device that joined since the start, for `rename` with `last`.
    last_joined: Option<IeeeAddress>,
    pending: BTreeMap<hub::CommandId, Pending>,
    archives: BTreeMap<ArchiveId, requests::Reply>,
    asked: BTreeMap<AskId, requests::Asked>,
    removals: BTreeMap<RemovalId, (requests::Reply, Kind, String)>,
    external: External,
    converters: devices::ConverterSet,
    automations: automations::Automations,
    health: health::Health,
    information: information::Known,
    next_id: u64,
    dirty: Dirty,
    saving: Saving,
    /// Retained messages to clear once the broker is back.
    clears: BTreeSet<Arc<str>>,
    availability: availability::Availability,
    /// Topics published by us that read like commands; what comes back on them is ignored.
    echoes: HashSet<Arc<str>>,
    last_logged: Option<(LogLevel, String)>,
    /// Messages that nobody could be given, as the broker is not there.
    dropped: u64,
    levels_subscribed: usize,
    restart_at: Option<Instant>,
    stopping: Option<Instant>,
    /// Home Assistant's discovery, where it is on.
    homeassistant: Option<Box<Discovery>>,
    /// Web clients, where there may be any.
    sockets: Option<Box<Sockets>>,
    /// Clients in this process, while there are any.
    locals: Option<Box<Locals>>,
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core")
            .field("radio", &self.radio)
            .field("connected", &self.connected)
            .field("started", &self.started)
            .finish_non_exhaustive()
    }
}

impl Core {
    /// A core that has heard neither from its coordinator nor from its broker.
    pub fn new(config: CoreConfig, now: Now) -> Self {
        let CoreConfig {
            settings,
            mut registry,
            catalogue,
            seed,
            host,
            utc_offset_minutes,
            has_backup,
        } = config;
        let view = View::new(&settings, utc_offset_minutes);
        let health = health::Health::new(now.instant, settings.health().interval);
        let sockets = settings.frontend().enabled.then(Box::default);
        registry.options = settings.all_options();
        let told_options = registry.options.clone();
        let hub = Hub::new(catalogue, registry, view.hub.clone(), seed);
        let mut core = Self {
            hub,
            settings,
            view,
            names: Names::default(),
            told_options,
            host,
            utc_offset_minutes,
            now,
            out: Vec::new(),
            radio: Radio::Starting,
            connected: false,
            greeted: false,
            started: false,
            permit_join_until: None,
            restart_required: false,
            last_joined: None,
            pending: BTreeMap::new(),
            archives: BTreeMap::new(),
            asked: BTreeMap::new(),
            removals: BTreeMap::new(),
            external: External::default(),
            converters: devices::ConverterSet::default(),
            automations: automations::Automations::default(),
            health,
            information: information::Known::default(),
            next_id: 0,
            dirty: Dirty::default(),
            saving: Saving::new(has_backup),
            clears: BTreeSet::new(),
            availability: availability::Availability::default(),
            echoes: HashSet::new(),
            last_logged: None,
            dropped: 0,
            levels_subscribed: 0,
            restart_at: None,
            stopping: None,
            homeassistant: None,
            sockets,
            locals: None,
        };
        core.register_all();
        core
    }

    /// Takes an input and says what has to be done, in order.
    pub fn handle(&mut self, now: Now, input: CoreInput) -> Vec<CoreOutput> {
        self.now = now;
        match input {
            CoreInput::Adapter(event) => self.feed(Input::Adapter(event)),
            CoreInput::Mqtt {
                topic,
                payload,
                retain,
            } => {
                self.health.received += 1;
                self.heard(&topic, &payload, retain);
                self.message(&topic, &payload);
            }
            CoreInput::MqttConnected => {
                self.connected = true;
                self.greeted = false;
                self.greet();
            }
            CoreInput::MqttDisconnected => {
                self.connected = false;
                self.greeted = false;
                if let Some(discovery) = &mut self.homeassistant {
                    discovery.disconnected();
                }
            }
            CoreInput::SocketOpened(id) => self.socket_opened(id),
            CoreInput::SocketClosed(id) => self.socket_closed(id),
            CoreInput::SocketMessage { topic, payload } => self.socket_message(&topic, &payload),
            CoreInput::LocalOpened(id) => self.local_opened(id),
            CoreInput::LocalClosed(id) => self.local_closed(id),
            CoreInput::LocalPublish(message) => self.local_publish(message),
            CoreInput::LocalSubscribe(id, filter) => self.local_subscribe(id, filter),
            CoreInput::LinkFailed => self.link_failed(),
            CoreInput::Fetched(id, fetched) => self.feed(Input::Fetched(id, fetched)),
            CoreInput::Archived(id, result) => self.archived(id, result),
            CoreInput::External(external) => self.external_found(external),
            CoreInput::Converters(text) => self.set_converters(&text),
            CoreInput::ConverterReply(id, result) => self.feed(Input::ConverterReply(id, result)),
            CoreInput::Removed(id, result) => self.removed(id, result),
            CoreInput::Answered(id, result) => self.answered(id, result),
            CoreInput::HostMeasured(usage) => self.host_measured(&usage),
            CoreInput::UtcOffset(minutes) => {
                self.utc_offset_minutes = minutes;
                self.refresh_settings();
            }
            CoreInput::Durable(changes) => self.command(hub::Command::Durable(changes)),
            CoreInput::ListenToTimers => self.command(hub::Command::ListenToTimers),
            CoreInput::Log(entry) => self.log(entry.level, &entry.namespace, entry.text),
            CoreInput::Timer => {}
            CoreInput::Stop => self.stop(),
        }
        self.run_due();
        self.flush();
        self.complete_availability();
        std::mem::take(&mut self.out)
    }

    /// When [`CoreInput::Timer`] is wanted.
    pub fn next_deadline(&self) -> Option<Instant> {
        [
            self.hub.next_deadline(),
            self.saving.next_deadline(),
            Some(self.health.next_deadline()),
            self.restart_at,
            self.stopping,
            self.homeassistant
                .as_ref()
                .and_then(|discovery| discovery.next_deadline()),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The configuration as it is now.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Goes on to watch devices as another core did.
    pub fn go_on_watching(&mut self, all: &[hub::Watched]) {
        self.hub.go_on_watching(all);
    }

    /// Devices, groups and states as they are now.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Gives the hub an input and deals with what comes of it.
    fn feed(&mut self, input: Input) {
        for output in self.hub.handle(self.now, input) {
            match output {
                Output::Adapter(id, request) => self.out.push(CoreOutput::Adapter(id, request)),
                Output::Event(event) => self.event(event),
                Output::Reply(id, result) => self.command_reply(id, result),
                Output::Persist(Change::Durable(changes)) => {
                    self.out.push(CoreOutput::Save(Save::Durable(changes)));
                }
                Output::Persist(Change::Registry) => self.saving.registry_changed(self.now),
                Output::Persist(Change::State) => self.saving.state_changed(self.now),
                Output::Fetch(id, fetch) => self.out.push(CoreOutput::Fetch(id, fetch)),
                Output::CallConverter(id, call) => {
                    self.out.push(CoreOutput::CallConverter(id, call));
                }
                Output::OtaFile(file) => self.out.push(CoreOutput::OtaFile(file)),
                Output::Log(line) => self.hub_log(line),
            }
        }
    }

    /// Gives the hub a command whose reply nobody waits for.
    fn command(&mut self, command: hub::Command) {
        let id = hub::CommandId(self.id());
        self.feed(Input::Command(id, command));
    }

    fn run_due(&mut self) {
        let now = self.now.instant;
        // A timer that sets itself again for now is given the chance at the next call, not in a loop.
        if self.hub.next_deadline().is_some_and(|due| due <= now) {
            self.feed(Input::Timer);
        }
        self.save_due();
        self.health_due();
        self.discovery_due();
        if self.restart_at.is_some_and(|due| due <= now) {
            self.restart_at = None;
            self.out.push(CoreOutput::Restart);
        }
        if self.stopping.is_some_and(|due| due <= now) {
            self.say_goodbye();
        }
    }

    /// Publishes the lists that changed.
    fn flush(&mut self) {
        let dirty = std::mem::take(&mut self.dirty);
        if !self.has_audience() {
            return;
        }
        if dirty.devices {
            self.publish_devices();
        }
        if dirty.groups {
            self.publish_groups();
        }
        if dirty.info {
            self.publish_info();
        }
        if self.greeted && (dirty.devices || dirty.groups || dirty.info) {
            self.refresh_discovery();
        }
    }

    fn link_failed(&mut self) {
        if self.radio == Radio::Starting {
            self.radio = Radio::Down;
            self.greet();
        }
    }

    /// Says everything that is retained to whoever came and has not heard it.
    fn greet(&mut self) {
        if self.radio == Radio::Starting {
            return;
        }
        let broker = self.connected && !self.greeted;
        if !broker && self.sockets.as_ref().is_none_or(|all| all.greeted()) && !self.locals_wait() {
            return;
        }
        self.greeted = self.connected;
        if let Some(sockets) = &mut self.sockets {
            sockets.greet();
        }
        self.as_stored(Self::say_retained);
        if broker {
            self.greet_broker();
        }
        self.end_socket_greeting();
        self.end_local_greeting();
    }

    /// Says everything that is retained, in the order of §1.
    fn say_retained(&mut self) {
        self.dirty = Dirty::default();
        self.publish_state();
        if self.greeted {
            self.levels_subscribed = 0;
            self.subscribe();
            for topic in std::mem::take(&mut self.clears) {
                self.send(Publish::new(topic, Vec::new(), Qos::AtMostOnce, true));
            }
        }
        self.publish_external(Kind::Converter);
        self.publish_info();
        self.publish_devices();
        self.publish_groups();
        self.publish_definitions();
        self.greet_availability();
        self.repeat_health();
        self.publish_external(Kind::Extension);
    }

    /// What only the broker's side hears after that.
    fn greet_broker(&mut self) {
        self.start_discovery();
        if self.started {
            self.publish_retained_states();
        } else {
            self.started = true;
            if self.view.send_cached_on_startup {
                self.as_stored(|core| core.command(hub::Command::PublishCached));
            }
            self.log(LogLevel::Info, "z2m", "ferrobee started".to_owned());
        }
        self.send_local_waiting();
        if self.dropped > 0 {
            let text = format!(
                "{} messages were not published while the broker was not connected",
                std::mem::take(&mut self.dropped)
            );
            self.log(LogLevel::Warning, "z2m:mqtt", text);
        }
    }

    /// Subscribes to what names of the present length can be addressed by. Unlike a subscription to
    /// everything below the base topic this doesn't bring back what we publish.
    fn subscribe(&mut self) {
        // A name, and an endpoint after it. Unknown names of common length are told of in the log.
        let levels = (self.names.levels().max(2) + 1).min(DEEPEST + 1);
        if !self.greeted || levels <= self.levels_subscribed {
            return;
        }
        let base = &self.view.base;
        let mut filters = Vec::new();
        if self.levels_subscribed == 0 {
            filters.push(format!("{base}/bridge/request/#"));
            filters.extend(self.local_filters());
        }
        for level in self.levels_subscribed + 1..=levels {
            let name = vec!["+"; level.min(DEEPEST)].join("/");
            if level > DEEPEST {
                filters.push(format!("{base}/{name}/#"));
                continue;
            }
            filters.push(format!("{base}/{name}/set/#"));
            filters.push(format!("{base}/{name}/get/#"));
        }
        self.levels_subscribed = levels;
        self.out.push(CoreOutput::Subscribe(filters));
    }

    fn message(&mut self, topic: &str, payload: &[u8]) {
        if self.echoes.contains(topic) || self.discovery_message(topic, payload) {
            return;
        }
        self.dispatch(topic, payload);
    }
}
