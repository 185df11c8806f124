//! Runs a definition: messages to state, state to messages.

use std::sync::Arc;

use zigbee::zcl::{Header, Parsed};
use zigbee::{ClusterId, EndpointId, GroupId};

use crate::{DeviceInfo, Io, JsonMap, Operation, Payload};

/// What a device is and how it speaks.
#[derive(Debug)]
pub struct Definition {}

/// The built-in definitions, indexed by model identifier.
#[derive(Debug)]
pub struct Catalogue {}

/// What the engine remembers of a device between messages (recent transaction numbers and the like).
/// Not persisted.
#[derive(Debug, Clone, Default)]
pub struct Memory {}

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
    /// Publish this after a delay, unless the same key is scheduled again or cancelled before.
    Later {
        /// Names the timer within the device.
        key: String,
        /// When, in milliseconds from now.
        after_ms: u64,
        /// What to publish.
        payload: JsonMap,
    },
    /// Forget the timer of this key.
    Cancel(String),
    /// Keep a value in the device's record (`meta` in `database.db`).
    Remember(String, serde_json::Value),
    /// The device lost power: run [`Definition::reconcile`], as after an announce.
    Reconcile,
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

impl Catalogue {
    /// The catalogue that is built in.
    pub fn builtin() -> Arc<Self> {
        todo!()
    }

    /// The definition for a device, or the generic fallback derived from its endpoints.
    pub fn find(&self, device: &DeviceInfo) -> Option<Arc<Definition>> {
        let _ = device;
        todo!()
    }
}

impl Definition {
    /// Decodes a message from the device.
    pub fn decode(
        &self,
        device: &DeviceInfo,
        options: &JsonMap,
        state: &JsonMap,
        memory: &mut Memory,
        message: &Message,
    ) -> Decoded {
        let _ = (device, options, state, memory, message);
        todo!()
    }

    /// Sets values: the processing order, endpoint suffixes and conversions of mqtt-api.md §6 and §7.
    pub async fn set(&self, io: &dyn Io, request: SetRequest) -> SetOutcome {
        let _ = (io, request);
        todo!()
    }

    /// Reads values from the device.
    pub async fn get(&self, io: &dyn Io, request: SetRequest) -> SetOutcome {
        let _ = (io, request);
        todo!()
    }

    /// Configures the device: bindings, reporting, writes, first reads.
    pub async fn configure(&self, io: &dyn Io) -> Result<(), crate::OperationError> {
        let _ = io;
        todo!()
    }

    /// What `meta.configured` in `database.db` says once [`Definition::configure`] has run (`0.0.x`);
    /// `None` when there is nothing to configure. The hub configures a device again when its record says
    /// something else.
    pub fn configure_version(&self) -> Option<&str> {
        None
    }

    /// Makes the device agree again with the settings it was given (shared/facts/devices.md: QBKG40LM
    /// forgets them): reads them back and writes those that differ, with bounded retries. The hub calls
    /// it after an announce of a configured device, and for [`Effect::Reconcile`]. Desired values are
    /// what the engine stored by [`Io::remember`]; nothing is sent while there are none.
    pub async fn reconcile(&self, io: &dyn Io, options: &JsonMap) {
        let _ = (io, options);
    }

    /// True when some setting of this model is kept for [`Definition::reconcile`].
    pub fn reconciles(&self) -> bool {
        todo!()
    }

    /// The model's name, as on `bridge/devices`.
    pub fn model(&self) -> &str {
        todo!()
    }

    /// The vendor's name.
    pub fn vendor(&self) -> &str {
        todo!()
    }

    /// What the device is.
    pub fn description(&self) -> &str {
        todo!()
    }

    /// True for a definition of the catalogue or a converter, false for a generated one
    /// (`supported` on `bridge/devices`).
    pub fn supported(&self) -> bool {
        todo!()
    }

    /// True when the device takes firmware over the air.
    pub fn supports_ota(&self) -> bool {
        todo!()
    }

    /// Names of endpoints, in the order of the definition.
    pub fn endpoint_names(&self) -> &[(String, EndpointId)] {
        todo!()
    }

    /// The name of an endpoint.
    pub fn endpoint_name(&self, endpoint: EndpointId) -> Option<&str> {
        let _ = endpoint;
        todo!()
    }

    /// `exposes` of the `definition` object (mqtt-api.md §11.4).
    pub fn exposes(&self) -> Vec<serde_json::Value> {
        todo!()
    }

    /// The `definition` object of `bridge/devices` (mqtt-api.md §11.4).
    pub fn describe(&self) -> serde_json::Value {
        todo!()
    }
}
