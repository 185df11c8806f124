//! What goes into the core and what comes out.

use std::sync::{Arc, OnceLock};

use adapters::{Request, RequestId};
use bytes::Bytes;
use devices::{FunctionError, Origin};
use hub::{
    CallId, ConverterCall, DurableChange, Fetch, FetchId, Fetched, LogLevel, OtaFile, TimerDue,
};
use serde_json::Value as Json;

use super::external::External;
use crate::data::{Icon, Settings};

/// An input.
#[derive(Debug)]
pub enum CoreInput {
    /// The coordinator tells something.
    Adapter(adapters::Event),
    /// A message arrived at the broker.
    Mqtt {
        /// Its topic.
        topic: String,
        /// Its payload.
        payload: Vec<u8>,
        /// True when the broker had it stored.
        retain: bool,
    },
    /// The broker took us (again).
    MqttConnected,
    /// The broker is gone.
    MqttDisconnected,
    /// A web client connected. It gets everything that is retained, then the state of each device.
    SocketOpened(SocketId),
    /// A web client is gone.
    SocketClosed(SocketId),
    /// A web client said something; handled like a message at the broker.
    SocketMessage {
        /// The topic without the base topic.
        topic: String,
        /// The payload.
        payload: Vec<u8>,
    },
    /// A client in this process came, or wants to hear anew what is: what is retained, then the state
    /// of each device and group, flagged [`Told::stored`]. From then on it hears everything that is
    /// published below the base topic, whether or not there is a broker.
    LocalOpened(LocalId),
    /// A client in this process is gone.
    LocalClosed(LocalId),
    /// A client in this process publishes: below the base topic like a message at the broker, other
    /// topics at the broker.
    LocalPublish(Publish),
    /// A client in this process wants messages at the broker on this topic filter, too.
    LocalSubscribe(LocalId, String),
    /// The coordinator cannot be reached now; the link will be tried again.
    LinkFailed,
    /// The archive that [`CoreOutput::Archive`] asked for: base64 of a zip file, or why not.
    Archived(ArchiveId, Result<String, String>),
    /// The file that [`CoreOutput::Fetch`] asked for, or why not.
    Fetched(FetchId, Fetched),
    /// The files with code that were found at the start.
    External(External),
    /// The converters that there are now, all of them: what [`devices::ConverterSet::read`] takes. Comes
    /// before the first [`CoreInput::Adapter`] where there are any, so that no device is set up by
    /// another definition.
    Converters(String),
    /// What a function answered that [`CoreOutput::CallConverter`] asked for, or why it did not.
    ConverterReply(CallId, Result<Json, FunctionError>),
    /// The file that [`CoreOutput::Remove`] named is gone, or why not.
    Removed(RemovalId, Result<(), String>),
    /// What was answered to [`CoreOutput::Ask`]: the `data` of the response, or why there is none.
    Answered(AskId, Result<Json, String>),
    /// The figures that [`CoreOutput::MeasureHost`] asked for.
    HostMeasured(HostUsage),
    /// Local time is ahead of UTC by this many minutes from now on.
    UtcOffset(i32),
    /// Automations change their timers and values, all of it or nothing; followed by a
    /// [`Save::Durable`].
    Durable(Vec<DurableChange>),
    /// Automations listen to their timers from now on, and have heard of none yet.
    ListenToTimers,
    /// A line for the log from outside of the core, such as from the transport.
    Log(LogEntry),
    /// The deadline of [`crate::core::Core::next_deadline`] has passed.
    Timer,
    /// Save everything and say goodbye; ends with [`CoreOutput::Stopped`].
    Stop,
}

/// Names a connected web client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SocketId(pub u64);

/// Names a client in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LocalId(pub u64);

/// A message for a client in this process, or of a broker for a client there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The whole topic.
    pub topic: Arc<str>,
    /// The payload.
    pub payload: Bytes,
    /// It tells what is, not that something happened: the broker had it retained, it was said at a
    /// greeting, or it is a cached state.
    pub stored: bool,
}

/// Which web clients a frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// This one.
    One(SocketId),
    /// All that were told of by [`CoreInput::SocketOpened`].
    All,
}

/// Names a request for an archive until it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ArchiveId(pub u64);

/// Names a removal until it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RemovalId(pub u64);

/// Names a question to Python until it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AskId(pub u64);

/// How machine and process are, for `bridge/health`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct HostUsage {
    /// Over 1, 5 and 15 minutes.
    pub load_average: [f64; 3],
    /// The machine's memory in kB; 0 if unknown.
    pub memory_total_kb: u64,
    /// What of it could be had, in kB.
    pub memory_free_kb: u64,
    /// The memory of this process in kB.
    pub process_memory_kb: u64,
    /// Since the bridge started, in seconds.
    pub process_uptime_s: u64,
    /// Messages that wait for the broker.
    pub mqtt_queued: usize,
}

/// An output, in the order it has to be carried out.
#[derive(Debug, Clone)]
pub enum CoreOutput {
    /// Ask the coordinator.
    Adapter(RequestId, Request),
    /// Publish a message. Only given while the broker is connected.
    Publish(Publish),
    /// Give web clients a text frame, which is JSON (shared/facts/frontend-ws.md §2.1).
    Frame(Audience, Bytes),
    /// Tell a client in this process.
    Tell(LocalId, Told),
    /// Subscribe to these topic filters at quality of service 0.
    Subscribe(Vec<String>),
    /// Unsubscribe from these.
    Unsubscribe(Vec<String>),
    /// Save something.
    Save(Save),
    /// Write to console and file.
    Log(LogEntry),
    /// Get a file: [`crate::ota`] tells what becomes of its bytes.
    Fetch(FetchId, Fetch),
    /// Keep or delete an image in the folder of images. A fetch that follows finds what was kept.
    OtaFile(OtaFile),
    /// Zip the data directory (shared/facts/config.md §1).
    Archive(ArchiveId),
    /// Programs that run functions of converters, all of them: others than these are not needed any more.
    Workers(Vec<Worker>),
    /// Call a function of a converter; answered by [`CoreInput::ConverterReply`].
    CallConverter(CallId, ConverterCall),
    /// Remove a file of the data directory.
    Remove {
        /// For the answer.
        id: RemovalId,
        /// The file, from the data directory on; a folder and a name.
        path: String,
    },
    /// Ask Python, which may take its time (`ferrobee.converters.requests` says what it understands);
    /// answered by [`CoreInput::Answered`].
    Ask(AskId, Json),
    /// The moment of an automation's timer has come.
    TimerDue(TimerDue),
    /// See how machine and process are.
    MeasureHost,
    /// Stop cleanly and start again.
    Restart,
    /// Everything is said; follows [`CoreInput::Stop`].
    Stopped,
}

/// A program that runs the functions of a converter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// The converter. One with another version is another program.
    pub origin: Arc<Origin>,
    /// The program with its arguments.
    pub command: Vec<String>,
}

/// A message to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// The topic.
    pub topic: Arc<str>,
    /// The payload.
    pub payload: Vec<u8>,
    /// The quality of service.
    pub qos: Qos,
    /// Whether the broker stores it.
    pub retain: bool,
    /// For how many seconds it is worth something. Only MQTT 5 can say so.
    pub expiry: Option<u32>,
    /// What stands in the payload, from this byte on, as it does in message after message.
    pub common: Option<(usize, Arc<Common>)>,
}

/// A text that many messages have in common: what is to be known of it is found out once.
#[derive(Debug, Default)]
pub struct Common {
    /// As it stands in payloads.
    pub text: Vec<u8>,
    /// For the journal: its digest, unless there may be a secret in it.
    pub(crate) digest: OnceLock<Option<u64>>,
}

impl PartialEq for Common {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Common {}

impl Publish {
    /// A message that does not expire.
    pub fn new(topic: Arc<str>, payload: Vec<u8>, qos: Qos, retain: bool) -> Self {
        Self {
            topic,
            payload,
            qos,
            retain,
            expiry: None,
            common: None,
        }
    }
}

/// MQTT's quality of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[allow(missing_docs, reason = "the names are MQTT's own")]
pub enum Qos {
    #[default]
    AtMostOnce = 0,
    AtLeastOnce = 1,
    ExactlyOnce = 2,
}

/// What has to be saved; the content is read through the views of [`crate::core::Core`].
#[derive(Clone, PartialEq)]
pub enum Save {
    /// `configuration.yaml` and the files it refers to: [`crate::core::Core::settings`].
    Settings,
    /// `database.db`: [`crate::core::Core::hub`].
    Database,
    /// `state.json`: [`crate::core::Core::hub`].
    State,
    /// `coordinator_backup.json` with this content, which holds the network key.
    CoordinatorBackup(Json),
    /// An image that an option names.
    Icon(Icon),
    /// `ferrobee.db`: these changes, in one transaction, in the order in which they are given.
    Durable(Vec<DurableChange>),
}

impl std::fmt::Debug for Save {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Settings => "Settings",
            Self::Database => "Database",
            Self::State => "State",
            Self::CoordinatorBackup(_) => "CoordinatorBackup(..)",
            Self::Icon(_) => "Icon",
            Self::Durable(_) => "Durable",
        })
    }
}

/// A line for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// How bad it is.
    pub level: LogLevel,
    /// Where it comes from, in Zigbee2MQTT's names (`z2m`, `z2m:mqtt`, `zh:adapter`).
    pub namespace: String,
    /// The text.
    pub text: String,
}

/// The machine, as `os` on `bridge/info` tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostInfo {
    /// Name and version of the operating system.
    pub os: String,
    /// Model and number of processors.
    pub cpus: String,
    /// Memory in MB.
    pub memory_mb: u64,
}

/// What the core starts from.
#[derive(Debug)]
pub struct CoreConfig {
    /// `configuration.yaml`.
    pub settings: Settings,
    /// Devices, groups, cached states.
    pub registry: hub::Registry,
    /// Known models.
    pub catalogue: Arc<devices::Catalogue>,
    /// Feeds every choice that would otherwise be random.
    pub seed: u64,
    /// The machine.
    pub host: HostInfo,
    /// Minutes that local time is ahead of UTC.
    pub utc_offset_minutes: i32,
    /// True when `coordinator_backup.json` is there.
    pub has_backup: bool,
}
