//! What every coordinator can be asked, and what it tells.

use std::time::Duration;

use serde_json::Value as Json;
use zigbee::{
    ClusterId, EndpointId, ExtendedPanId, GroupId, IeeeAddress, NwkAddress, PanId, ProfileId, zdo,
};

use crate::{Instant, Secret};

/// Names a request until its reply. Chosen by the asker, unique among those under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Where an APS message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Destination {
    /// One endpoint of one device.
    Device(NwkAddress, EndpointId),
    /// Every member of a group.
    Group(GroupId),
    /// Every device of a broadcast class.
    Broadcast(NwkAddress, EndpointId),
}

/// An APS message to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApsRequest {
    /// Where it goes.
    pub destination: Destination,
    /// The coordinator's endpoint it comes from.
    pub source_endpoint: EndpointId,
    /// The profile.
    pub profile: ProfileId,
    /// The cluster.
    pub cluster: ClusterId,
    /// The payload (a ZCL frame).
    pub payload: Vec<u8>,
    /// How long it may wait until it can be sent; then it is given up with [`RequestError::NotSent`].
    /// `None` waits for its turn. Messages to groups and broadcasts always wait.
    pub patience: Option<Duration>,
}

/// An APS message that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApsIndication {
    /// The sender.
    pub source: NwkAddress,
    /// The sender's endpoint.
    pub source_endpoint: EndpointId,
    /// The coordinator's endpoint that was addressed.
    pub destination_endpoint: EndpointId,
    /// Set when it was sent to a group.
    pub group: Option<GroupId>,
    /// True when it was broadcast.
    pub broadcast: bool,
    /// The profile, where the coordinator tells it.
    pub profile: Option<ProfileId>,
    /// The cluster.
    pub cluster: ClusterId,
    /// Link quality of the last hop, 0 to 255.
    pub link_quality: u8,
    /// The payload (a ZCL frame).
    pub payload: Vec<u8>,
}

/// Which nodes open the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PermitVia {
    /// The coordinator and all routers.
    All,
    /// The coordinator only.
    Coordinator,
    /// One router.
    Router(NwkAddress),
}

/// What a coordinator can be asked. Each request gets exactly one [`Event::Reply`].
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// Send a message. Replies [`Reply::Done`] once the message was delivered (device) or sent.
    Aps(ApsRequest),
    /// Ask a node's ZDO (`0x0000` is the coordinator itself). Replies [`Reply::Zdo`].
    Zdo(NwkAddress, zdo::Request),
    /// Open the network for `seconds` (0 closes, at most 254).
    PermitJoin {
        /// Duration in seconds.
        seconds: u8,
        /// Who opens.
        via: PermitVia,
    },
    /// Admit one device with its install code: the 16 byte code with its 2 byte CRC, or the 16 byte key
    /// that was derived from one.
    InstallCode {
        /// The device.
        ieee: IeeeAddress,
        /// Code and CRC, or key.
        code: Secret<Vec<u8>>,
    },
    /// Find a route to a node again.
    DiscoverRoute(NwkAddress),
    /// Read the whole network state. Replies [`Reply::Backup`].
    Backup,
    /// Measure the energy on channels (bit mask). Replies [`Reply::Energy`].
    EnergyScan(u32),
    /// Move the network to a channel (11 to 26).
    ChangeChannel(u8),
    /// Set the transmit power in dBm.
    SetTransmitPower(i8),
    /// Tune the radio to a channel (11 to 26) for [`Request::InterPan`]; `None` brings it back to the
    /// network's own. Everything else waits until it is back, which it is by itself when nothing is
    /// asked of it for a while.
    InterPanChannel(Option<u8>),
    /// Speak to devices close by, whatever network they are on. Replies [`Reply::InterPan`].
    InterPan(InterPanRequest),
}

/// A message without a network (inter-PAN, Zigbee specification annex B).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterPanRequest {
    /// One device; `None` is all that hear it.
    pub destination: Option<IeeeAddress>,
    /// The cluster.
    pub cluster: ClusterId,
    /// The payload (a ZCL frame).
    pub payload: Vec<u8>,
    /// How long answers are collected.
    pub listen: Duration,
}

/// A message without a network that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterPanMessage {
    /// The sender.
    pub source: IeeeAddress,
    /// The cluster.
    pub cluster: ClusterId,
    /// Link quality, 0 to 255.
    pub link_quality: u8,
    /// The payload (a ZCL frame).
    pub payload: Vec<u8>,
}

/// What a request gave.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// It was carried out.
    Done,
    /// The node's ZDO answered.
    Zdo(zdo::Response),
    /// Open Coordinator Backup (shared/facts/config.md §9) as JSON. Holds the network key.
    Backup(Secret<Json>),
    /// Energy per channel, 0 to 255.
    Energy(Vec<(u8, u8)>),
    /// What came back.
    InterPan(Vec<InterPanMessage>),
}

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The coordinator is not connected or lost its connection while the request was under way.
    #[error("the coordinator is not connected")]
    NotConnected,
    /// The coordinator did not answer in time.
    #[error("the coordinator did not answer {command} within {after:?}")]
    NoAnswer {
        /// The coordinator's command.
        command: &'static str,
        /// The time limit.
        after: Duration,
    },
    /// The coordinator refused the request.
    #[error("the coordinator refused {command} with status 0x{status:02x}")]
    Refused {
        /// The coordinator's command.
        command: &'static str,
        /// Its status.
        status: u8,
    },
    /// The message was given up before it could be sent, as its asker wished.
    #[error("the message could not be sent within {0:?}")]
    NotSent(Duration),
    /// The message was sent but not delivered; `name` is the status' name, such as `MAC_NO_ACK`.
    #[error("delivery failed: {name} (0x{status:02x})")]
    Undelivered {
        /// The coordinator's status code.
        status: u8,
        /// Its name.
        name: &'static str,
    },
    /// The device did not answer a ZDO request in time.
    #[error("the device did not answer within {0:?}")]
    NoResponse(Duration),
    /// The device answered a ZDO request with a status other than success.
    #[error("the device answered with ZDO status {0}")]
    Zdo(zdo::Status),
    /// The coordinator cannot do this.
    #[error("this coordinator does not support {0}")]
    Unsupported(&'static str),
}

/// What the coordinator is and which network it runs.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkInfo {
    /// The coordinator's address.
    pub ieee: IeeeAddress,
    /// The network's PAN id.
    pub pan_id: PanId,
    /// The network's extended PAN id.
    pub extended_pan_id: ExtendedPanId,
    /// The channel, 11 to 26.
    pub channel: u8,
    /// `coordinator.type` on `bridge/info`, such as `zStack3x0`.
    pub kind: String,
    /// `coordinator.meta` on `bridge/info`: firmware version fields, among them `revision`.
    pub meta: Json,
    /// The coordinator's own endpoints.
    pub endpoints: Vec<EndpointId>,
    /// True when the session put the network onto the coordinator just now: a new one, or from a backup.
    pub formed: bool,
}

/// What a coordinator tells.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The network is up; requests are taken. Sent again after every reconnect or reset.
    Up(NetworkInfo),
    /// The link or the network went down; every request under way was replied to with an error.
    Down,
    /// The answer to a request.
    Reply(RequestId, Result<Reply, RequestError>),
    /// A message from a device.
    Message(ApsIndication),
    /// A device joined (the trust centre authorised it).
    Joined {
        /// Its network address.
        nwk: NwkAddress,
        /// Its address.
        ieee: IeeeAddress,
        /// The router it joined through.
        parent: NwkAddress,
    },
    /// A device announced itself.
    Announced {
        /// Its network address.
        nwk: NwkAddress,
        /// Its address.
        ieee: IeeeAddress,
        /// MAC capabilities (Zigbee specification 2.4.3.1.11).
        capabilities: u8,
    },
    /// A device left the network.
    Left {
        /// Its network address.
        nwk: NwkAddress,
        /// Its address.
        ieee: IeeeAddress,
    },
    /// The coordinator learned which network address a device has.
    Address {
        /// Its network address.
        nwk: NwkAddress,
        /// Its address.
        ieee: IeeeAddress,
    },
    /// A ZDO message that nobody asked for (other than an announce).
    Zdo {
        /// The sender.
        source: NwkAddress,
        /// The cluster.
        cluster: ClusterId,
        /// The payload without sequence number.
        payload: Vec<u8>,
    },
}

/// What a session wants done by whoever holds it.
#[derive(Clone, PartialEq)]
pub enum Output {
    /// Write these bytes. Some of them are keys.
    Write(Vec<u8>),
    /// Set the serial port's lines (nothing to do on TCP).
    Lines {
        /// Data terminal ready.
        dtr: bool,
        /// Request to send.
        rts: bool,
    },
    /// Tell the hub.
    Event(Event),
    /// A line for the log.
    Log(tracing::Level, String),
    /// The session can not go on; close the link. The owner reconnects with back-off and starts a
    /// new session, or stops when the reason is not [`Failure::Link`].
    Fail(Failure),
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Write(bytes) => write!(f, "Write({} bytes)", bytes.len()),
            Self::Lines { dtr, rts } => write!(f, "Lines {{ dtr: {dtr}, rts: {rts} }}"),
            Self::Event(event) => f.debug_tuple("Event").field(event).finish(),
            Self::Log(level, text) => f.debug_tuple("Log").field(level).field(text).finish(),
            Self::Fail(failure) => f.debug_tuple("Fail").field(failure).finish(),
        }
    }
}

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The coordinator does not answer or reset itself; trying again may help.
    #[error("{0}")]
    Link(String),
    /// The coordinator runs another network than the configuration says. Only the owner can decide.
    #[error("{0}")]
    Mismatch(String),
    /// This is not a coordinator, or one with firmware that is not supported.
    #[error("{0}")]
    Unsupported(String),
}

/// A coordinator driver without I/O.
pub trait Session {
    /// Bytes arrived.
    fn receive(&mut self, now: Instant, bytes: &[u8]);
    /// A request for the coordinator.
    fn request(&mut self, now: Instant, id: RequestId, request: Request);
    /// The deadline that [`Session::deadline`] gave has passed.
    fn timeout(&mut self, now: Instant);
    /// When [`Session::timeout`] wants to be called.
    fn deadline(&self) -> Option<Instant>;
    /// The next thing to do; call until `None` after each of the calls above.
    fn output(&mut self) -> Option<Output>;
}

/// The network that the data directory describes.
#[derive(Clone, PartialEq, Eq)]
pub struct NetworkParameters {
    /// PAN id.
    pub pan_id: PanId,
    /// Extended PAN id.
    pub extended_pan_id: ExtendedPanId,
    /// Channel, 11 to 26.
    pub channel: u8,
    /// Network key. Never logged.
    pub network_key: [u8; 16],
}

impl std::fmt::Debug for NetworkParameters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NetworkParameters")
            .field("pan_id", &self.pan_id)
            .field("extended_pan_id", &self.extended_pan_id)
            .field("channel", &self.channel)
            .finish_non_exhaustive()
    }
}

/// What a session needs to know to start.
#[derive(Debug, Clone)]
pub struct SessionConfig {
    /// The network to resume or form.
    pub network: NetworkParameters,
    /// `coordinator_backup.json`, if there is one.
    pub backup: Option<Secret<Json>>,
    /// True when the data directory has no network yet (no database), so that forming loses nothing.
    pub may_form: bool,
    /// `advanced.adapter_concurrent`.
    pub concurrency: Option<u8>,
    /// `advanced.transmit_power` in dBm.
    pub transmit_power: Option<i8>,
    /// `serial.disable_led`.
    pub disable_led: bool,
    /// True for a serial port, whose lines can be toggled.
    pub has_lines: bool,
}
