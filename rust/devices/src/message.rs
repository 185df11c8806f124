//! What goes into the engine and what comes out of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use zigbee::zcl::{Header, Parsed};
use zigbee::{ClusterId, EndpointId, GroupId};

use crate::{FunctionCall, JsonMap, Operation, Payload};

/// What the engine remembers of a device between messages (recent transaction numbers and the like).
/// Not persisted.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    /// Per endpoint the transaction numbers of the last actions, oldest first.
    pub(crate) recent_actions: BTreeMap<EndpointId, VecDeque<u8>>,
    /// Timers that run.
    pub(crate) timers: BTreeSet<String>,
    /// The time, from any fixed point on.
    pub(crate) now: Duration,
    /// What the panel of a keypad shows.
    pub(crate) panel: Option<Panel>,
    /// Simulated brightness by endpoint.
    pub(crate) dimmers: BTreeMap<EndpointId, Dimmer>,
}

impl Memory {
    /// Tells the time, from any fixed point on, before anything that may need it.
    pub fn set_time(&mut self, now: Duration) {
        self.now = now;
    }
}

/// What the panel of a keypad shows.
#[derive(Debug, Clone)]
pub(crate) struct Panel {
    /// The panel status (ZCL 8.3.2.5.7).
    pub(crate) status: u8,
    /// When the delay that it shows ends.
    pub(crate) until: Option<Duration>,
    /// The audible notification.
    pub(crate) sound: u8,
}

/// A simulated brightness.
#[derive(Debug, Clone)]
pub(crate) struct Dimmer {
    /// 0 to 255.
    pub(crate) brightness: f64,
    /// It moves up, or would.
    pub(crate) up: bool,
    /// For how long it has been moving.
    pub(crate) moved: Duration,
}

/// A message from a device, parsed as far as ZCL goes.
#[derive(Debug, Clone)]
pub struct Message {
    /// The endpoint it came from.
    pub endpoint: EndpointId,
    /// The group it was sent to, if any.
    pub group: Option<GroupId>,
    /// The cluster.
    pub cluster: ClusterId,
    /// The frame's header.
    pub header: Header,
    /// What it says.
    pub kind: MessageKind,
}

/// The content of a message.
#[derive(Debug, Clone)]
pub enum MessageKind {
    /// A foundation command.
    Foundation(Parsed),
    /// A command of the cluster: its payload.
    Cluster(Vec<u8>),
}

/// What a message meant.
#[derive(Debug, Clone, Default)]
pub struct Decoded {
    /// True when some capability of the definition deals with this kind of message, even if it
    /// gave nothing (Zigbee2MQTT's "a converter exists").
    pub handled: bool,
    /// Properties with their new values, calibration and precision applied.
    pub payload: JsonMap,
    /// The state is published although nothing in it is new.
    pub repeats_state: bool,
    /// What has to be done besides publishing.
    pub effects: Vec<Effect>,
    /// What could not be understood: logged once per device and kind, and counted.
    pub problems: Vec<Problem>,
}

/// Something to do because of a message.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Send this to the device.
    Perform(Operation),
    /// Set a timer, in place of one of the same name: [`crate::Definition::expired`] says what follows
    /// when it runs out.
    Arm {
        /// Names the timer within the device.
        timer: String,
        /// From now.
        after: Duration,
    },
    /// Stop the timer of this name, if it runs.
    Disarm(String),
    /// Tell the device the time.
    TellTime(TellTime),
    /// Keep a value in the device's record (`meta` in `database.db`).
    Remember(String, serde_json::Value),
    /// Have a function of the converter called; what it gives is merged as if it had been decoded.
    Call(FunctionCall),
    /// The device lost power: run [`crate::Definition::reconcile`], as after an announce.
    Reconcile,
}

/// The time in the form of Tuya's devices; the message is [`TellTime::operation`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TellTime {
    /// The endpoint that wants to know.
    pub endpoint: EndpointId,
    /// Seconds count from 2000 rather than from 1970.
    pub since_2000: bool,
    /// Not when it was told less than this long ago, milliseconds.
    pub unless_within_ms: u64,
}

/// Something in a message that was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// A short fixed name, such as `lumi_unknown_type`: what it is counted under.
    pub kind: &'static str,
    /// A sentence for the log.
    pub message: String,
}

/// A `set` or `get` message for a device (shared/facts/mqtt-api.md §6).
#[derive(Debug, Clone)]
pub struct SetRequest {
    /// Keys and values as they came.
    pub payload: Payload,
    /// The endpoint of the topic, by name or number.
    pub endpoint: Option<String>,
    /// The device's effective options.
    pub options: Arc<JsonMap>,
}

/// What came of a `set` or `get`.
#[derive(Debug, Clone, Default)]
pub struct SetOutcome {
    /// State to publish at once (optimistic), endpoint suffixes in place.
    pub state: JsonMap,
    /// Keys that failed; the others were carried out.
    pub errors: Vec<KeyError>,
}

/// A key that could not be set or got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyError {
    /// The key as it came.
    pub key: String,
    /// The whole log line's text, with `{name}` where the device's friendly name goes.
    pub message: String,
}
