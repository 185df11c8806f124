//! What goes into the hub and what comes out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use adapters::{ApsIndication, Instant, NetworkInfo, RequestId, Secret};
use devices::{Catalogue, Definition, DeviceInfo, FunctionError, JsonMap, OperationReply};
use serde_json::Value as Json;
use zigbee::zdo::{BindTarget, Neighbor, Route};
use zigbee::{ClusterId, EndpointId, ExtendedPanId, GroupId, IeeeAddress};

use crate::durable::{DurableChange, DurableRows, TimerDue};
use crate::functions::{CallId, ConverterCall};
use crate::ota::{Fetch, FetchId, Fetched, OtaCommand, OtaFile, OtaReply, OtaSettings};

/// The current time, as both clocks tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Monotonic.
    pub instant: Instant,
    /// Wall clock, milliseconds since 1970.
    pub unix_ms: i64,
}

/// An input.
#[derive(Debug)]
pub enum Input {
    /// The coordinator tells something.
    Adapter(adapters::Event),
    /// Somebody wants something; answered by one [`Output::Reply`] with the same number.
    Command(CommandId, Command),
    /// What became of an [`Output::Fetch`].
    Fetched(FetchId, Fetched),
    /// What a function answered ([`Output::CallConverter`]), as [`devices::FunctionReply::parse`] reads
    /// it, or why it did not.
    ConverterReply(CallId, Result<Json, FunctionError>),
    /// The deadline of [`crate::Hub::next_deadline`] has passed.
    Timer,
}

/// Names a command until its reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub u64);

/// Who is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Entity {
    /// A device.
    Device(IeeeAddress),
    /// A group.
    Group(GroupId),
}

/// What can be asked of the hub.
#[derive(Debug, Clone)]
pub enum Command {
    /// `B/N/set`.
    Set {
        /// Whom.
        entity: Entity,
        /// The endpoint of the topic, by name or number.
        endpoint: Option<String>,
        /// Keys and values.
        payload: devices::Payload,
    },
    /// `B/N/get`.
    Get {
        /// Whom.
        entity: Entity,
        /// The endpoint of the topic, by name or number.
        endpoint: Option<String>,
        /// Keys.
        payload: devices::Payload,
    },
    /// Open (or with 0 close) the network.
    PermitJoin {
        /// Seconds, at most 254.
        seconds: u8,
        /// One router, or the coordinator by its address; `None` is all.
        via: Option<IeeeAddress>,
    },
    /// Interview a device again.
    Interview(IeeeAddress),
    /// Configure a device again.
    Configure(IeeeAddress),
    /// Ask a device to leave and forget it.
    Remove {
        /// Which.
        device: IeeeAddress,
        /// Forget it even if it does not answer.
        force: bool,
        /// Never let it join again.
        block: bool,
    },
    /// Groups and their members.
    Group(GroupCommand),
    /// Bindings of a device.
    Bind(BindCommand),
    /// Exchanges with a device, one after another until one fails. A device that sleeps is not waited
    /// for. Replies [`CommandReply::Performed`].
    Perform {
        /// Which.
        device: IeeeAddress,
        /// What.
        operations: Vec<devices::Operation>,
    },
    /// Software over the air.
    Ota {
        /// Which.
        device: IeeeAddress,
        /// What.
        command: OtaCommand,
    },
    /// The effective options of a device or group changed (`device_options` overlaid by its own).
    SetOptions(Entity, Arc<JsonMap>),
    /// The hub's settings changed.
    SetSettings(Settings),
    /// Replies [`CommandReply::Backup`].
    Backup,
    /// Ask the coordinator and all routers for their neighbours, and with `routes` for their routes,
    /// one after the other. Replies [`CommandReply::Network`] when all were asked.
    ScanNetwork {
        /// Ask for routes too.
        routes: bool,
    },
    /// Admit one device with its install code.
    InstallCode {
        /// Which.
        device: IeeeAddress,
        /// The code with its CRC (18 bytes), or a key that was derived from one (16 bytes).
        code: Secret<Vec<u8>>,
    },
    /// Devices beside the network that are close by.
    Touchlink(Touchlink),
    /// Move the network to a channel (11 to 26).
    ChangeChannel(u8),
    /// Send a frame as it is.
    Raw(RawMessage),
    /// Change durable timers and values, all of it or nothing.
    Durable(Vec<DurableChange>),
    /// Somebody listens to durable timers from now on, and has heard of none yet. Before, none is due.
    ListenToTimers,
    /// Look all devices up in another catalogue, at once.
    SetDefinitions(Arc<Catalogue>),
    /// Counts for [`crate::Hub::traffic`] begin anew.
    ResetTraffic,
    /// Publish all cached states (start, Home Assistant birth).
    PublishCached,
    /// Publish the cached state of one device or group, if there is any (a new name, a broker that lost
    /// a retained state).
    PublishState(Entity),
}

/// What can be done to devices close by that are on another network, or on none (touchlink).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touchlink {
    /// Look for them on all channels. Replies [`CommandReply::Found`].
    Scan,
    /// Have one show itself.
    Identify {
        /// Which.
        device: IeeeAddress,
        /// Its channel, 11 to 26.
        channel: u8,
    },
    /// Reset one to its factory settings.
    FactoryReset {
        /// Which.
        device: IeeeAddress,
        /// Its channel, 11 to 26.
        channel: u8,
    },
    /// Reset the first one that is found. Replies [`CommandReply::Found`] with it, or with none.
    FactoryResetFirst,
    /// Reset Philips Hue devices by the serial numbers printed on them; nobody answers.
    HueReset {
        /// The network that they are to look for.
        extended_pan_id: ExtendedPanId,
        /// Three bytes each.
        serial_numbers: Vec<u32>,
    },
}

/// A frame that somebody else made.
#[derive(Debug, Clone, PartialEq)]
pub struct RawMessage {
    /// The message. Where the frame is to have a number of the hub's choice, it is 0.
    pub message: adapters::ApsRequest,
    /// Give the frame a sequence number.
    pub number: bool,
    /// Wait for so long for the frame that answers; replies [`CommandReply::Raw`].
    pub answer: Option<Duration>,
}

/// What a node said of the network around it.
#[derive(Debug, Clone, PartialEq)]
pub struct Surroundings {
    /// Who.
    pub device: IeeeAddress,
    /// Its neighbours; `None`: it did not tell.
    pub neighbors: Option<Vec<Neighbor>>,
    /// Its routes; `None`: it was not asked, or did not tell.
    pub routes: Option<Vec<Route>>,
}

/// What can be done to groups and memberships.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupCommand {
    /// Make a group without members. One that is there stays as it is.
    Create(GroupId),
    /// Tell the members that they are none any more, and forget the group.
    Delete {
        /// Which.
        group: GroupId,
        /// Forget it without a word to its members.
        force: bool,
    },
    /// Make an endpoint a member.
    Add(GroupId, IeeeAddress, EndpointId),
    /// Take an endpoint out of a group.
    Remove {
        /// Which group.
        group: GroupId,
        /// Which endpoint.
        member: (IeeeAddress, EndpointId),
        /// Leave reporting alone that only this membership needed.
        keep_reporting: bool,
    },
    /// Take an endpoint out of all groups, also those that nobody here knows.
    RemoveFromAll {
        /// Which endpoint.
        member: (IeeeAddress, EndpointId),
        /// Leave reporting alone that only its memberships needed.
        keep_reporting: bool,
    },
}

/// What can be done to a device's bindings (mqtt-api.md §12.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BindCommand {
    /// Bind clusters of an endpoint, and have the targets report what they are told from then on.
    /// Replies [`CommandReply::Bound`].
    Bind {
        /// Whose.
        source: (IeeeAddress, EndpointId),
        /// Where to.
        target: BindTarget,
        /// Which clusters.
        clusters: Vec<ClusterId>,
    },
    /// Remove bindings of an endpoint. Replies [`CommandReply::Bound`].
    Unbind {
        /// Whose.
        source: (IeeeAddress, EndpointId),
        /// Where to.
        target: BindTarget,
        /// Which clusters.
        clusters: Vec<ClusterId>,
        /// Leave reporting alone that only these bindings needed.
        keep_reporting: bool,
    },
    /// Remove all bindings of a device.
    Clear {
        /// Whose.
        device: IeeeAddress,
        /// Only those to these devices; empty for all.
        targets: Vec<IeeeAddress>,
    },
}

/// What a command gave.
#[derive(Debug, Clone, PartialEq)]
pub enum CommandReply {
    /// It was carried out. For set and get: keys that failed were logged.
    Done,
    /// Open Coordinator Backup. Holds the network key.
    Backup(Secret<Json>),
    /// What those that were asked said, in the order of `database.db`.
    Network(Vec<Surroundings>),
    /// Devices beside the network with their channels.
    Found(Vec<(IeeeAddress, u8)>),
    /// The frame that answered.
    Raw(ApsIndication),
    /// Software over the air.
    Ota(OtaReply),
    /// Which clusters were bound (or unbound), and which the device refused.
    Bound {
        /// Carried out.
        done: Vec<ClusterId>,
        /// Not carried out; the log has why.
        failed: Vec<ClusterId>,
    },
    /// What the exchanges gave, in their order.
    Performed(Vec<OperationReply>),
}

/// Why a command failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CommandError {
    /// No such device.
    #[error("no such device")]
    UnknownDevice,
    /// No such group.
    #[error("no such group")]
    UnknownGroup,
    /// The device has no definition yet.
    #[error("not supported")]
    Unsupported,
    /// The definition has nothing to configure.
    #[error("cannot be configured")]
    NothingToConfigure,
    /// An exchange with the device or the coordinator failed; the text says which and why.
    #[error("{0}")]
    Failed(String),
}

/// Where a device's interview stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the contract's own")]
pub enum InterviewState {
    Pending,
    InProgress,
    Successful,
    Failed,
}

/// A device in the registry.
#[derive(Clone)]
pub struct Device {
    /// What its interview said.
    pub info: DeviceInfo,
    /// Where its interview stands.
    pub interview: InterviewState,
    /// Its definition, once interviewed and if there is one.
    pub definition: Option<Arc<Definition>>,
    /// Last message, milliseconds since 1970.
    pub last_seen: Option<i64>,
    /// Link quality of the last message.
    pub link_quality: Option<u8>,
    /// `meta` of its record, among it `configured`.
    pub meta: JsonMap,
    /// Interval of its check-ins, seconds.
    pub checkin_interval: Option<u32>,
    /// Keys of its record in `database.db` that nothing here knows, kept as they were, and those of
    /// updates of its software.
    pub extra: JsonMap,
    /// Its sequence number in `database.db`.
    pub database_id: u32,
}

/// Leaves out what nothing here knows: a Green Power device keeps its security key there.
impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Device")
            .field("info", &self.info)
            .field("interview", &self.interview)
            .field("last_seen", &self.last_seen)
            .field("link_quality", &self.link_quality)
            .field("meta", &self.meta)
            .field("checkin_interval", &self.checkin_interval)
            .field("database_id", &self.database_id)
            .finish_non_exhaustive()
    }
}

/// A group in the registry.
#[derive(Debug, Clone)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// Its members.
    pub members: Vec<(IeeeAddress, EndpointId)>,
    /// `meta` of its record.
    pub meta: JsonMap,
    /// Keys of its record that nothing here knows.
    pub extra: JsonMap,
    /// Its sequence number in `database.db`.
    pub database_id: u32,
}

/// What the hub starts from.
#[derive(Debug, Default)]
pub struct Registry {
    /// Devices, the coordinator among them, in the order of `database.db`.
    pub devices: Vec<Device>,
    /// Groups.
    pub groups: Vec<Group>,
    /// Cached states.
    pub states: BTreeMap<Entity, JsonMap>,
    /// Effective options.
    pub options: BTreeMap<Entity, Arc<JsonMap>>,
    /// The highest sequence number in `database.db`, also of records that nothing here knows.
    pub last_id: u32,
    /// Durable timers and values.
    pub durable: DurableRows,
}

/// How states are published; the names are those of `advanced.*` (shared/facts/config.md §2.4).
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// `advanced.cache_state`.
    pub cache_state: bool,
    /// `advanced.last_seen`.
    pub last_seen: LastSeen,
    /// `advanced.elapsed`.
    pub elapsed: bool,
    /// `mqtt.include_device_information`. In the messages of devices the key `device` is null; the
    /// bridge puts the object there.
    pub include_device_information: bool,
    /// `passlist`; when not empty, nobody else may join.
    pub passlist: Vec<IeeeAddress>,
    /// `blocklist`.
    pub blocklist: Vec<IeeeAddress>,
    /// Minutes that local time is ahead of UTC now: for [`LastSeen::Iso8601Local`] and for devices
    /// that ask for the time. Whoever owns the clock sends the settings again when it changes.
    pub utc_offset_minutes: i32,
    /// `availability.*`.
    pub availability: AvailabilitySettings,
    /// `ota.*`.
    pub ota: OtaSettings,
}

/// Whether and how devices are watched; the names are those of `availability.*`
/// (shared/facts/config.md §2.1).
#[derive(Debug, Clone, PartialEq)]
pub struct AvailabilitySettings {
    /// All devices are watched that have no wish of their own.
    pub enabled: bool,
    /// The silence after which a device that can be asked is asked.
    pub active_timeout: Duration,
    /// The questions are spread over this time at random.
    pub max_jitter: Duration,
    /// A device that does not answer is asked less and less often.
    pub backoff: bool,
    /// The factor of the back-off beyond which a device is not asked any more; 0: never.
    pub pause_on_backoff_gt: f64,
    /// The silence after which a device that cannot be asked counts as offline.
    pub passive_timeout: Duration,
}

impl Default for AvailabilitySettings {
    fn default() -> Self {
        Self {
            enabled: false,
            active_timeout: Duration::from_secs(10 * 60),
            max_jitter: Duration::from_secs(30),
            backoff: true,
            pause_on_backoff_gt: 0.0,
            passive_timeout: Duration::from_secs(1500 * 60),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cache_state: true,
            last_seen: LastSeen::Disable,
            elapsed: false,
            include_device_information: false,
            passlist: Vec::new(),
            blocklist: Vec::new(),
            utc_offset_minutes: 0,
            availability: AvailabilitySettings::default(),
            ota: OtaSettings::default(),
        }
    }
}

/// Form of `last_seen` in published states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the contract's own")]
pub enum LastSeen {
    Disable,
    Iso8601,
    /// Local by [`Settings::utc_offset_minutes`].
    Iso8601Local,
    Epoch,
}

/// An output, in the order it has to be carried out.
#[derive(Debug, Clone)]
pub enum Output {
    /// Ask the coordinator.
    Adapter(RequestId, adapters::Request),
    /// Something happened.
    Event(Event),
    /// The answer to a command.
    Reply(CommandId, Result<CommandReply, CommandError>),
    /// Something that has to be saved changed; read it through the hub's views.
    Persist(Change),
    /// A file is wanted; answered by [`Input::Fetched`] with the same number.
    Fetch(FetchId, Fetch),
    /// Call a function of a converter; answered by [`Input::ConverterReply`] with the same number.
    CallConverter(CallId, ConverterCall),
    /// Something to do in the folder of images. A fetch that follows finds what was written.
    OtaFile(OtaFile),
    /// A line for the log. `{0}`-style holes are not used; the text is final except that devices are
    /// named by the bridge: see [`LogLine`].
    Log(LogLine),
}

/// A line for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How bad it is.
    pub level: LogLevel,
    /// Whom `{name}` in the text stands for.
    pub device: Option<Entity>,
    /// The text.
    pub text: String,
}

/// Severity of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are the contract's own")]
pub enum LogLevel {
    Error,
    Warning,
    Info,
    Debug,
}

/// What has to be saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A device or group record: `database.db`.
    Registry,
    /// A cached state: `state.json`.
    State,
    /// Durable timers and values: `ferrobee.db`, at once and in one transaction.
    Durable(Vec<DurableChange>),
}

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// A device's or group's state message, ready to be published: cache merged, automatic
    /// attributes added, filters applied.
    State {
        /// Whose.
        entity: Entity,
        /// The message.
        message: JsonMap,
    },
    /// The coordinator is there (again).
    Up(NetworkInfo),
    /// The coordinator is gone.
    Down,
    /// The network was opened or closed; `until` is milliseconds since 1970.
    PermitJoin {
        /// When it closes by itself.
        until: Option<i64>,
    },
    /// A device joined for the first time, or again.
    Joined(IeeeAddress),
    /// A device announced itself.
    Announced(IeeeAddress),
    /// A device left or was removed; it is no longer in the registry.
    Left(IeeeAddress),
    /// An interview began, succeeded or failed.
    Interview(IeeeAddress, InterviewState),
    /// A device or group is there or not any more; only of those that are watched, and only what
    /// changed. [`crate::Hub::availability`] tells what holds now.
    Availability {
        /// Which.
        entity: Entity,
        /// It is there.
        available: bool,
    },
    /// The moment of a durable timer has come.
    TimerDue(TimerDue),
    /// Anything on `bridge/devices` changed.
    DevicesChanged,
}
