//! What is in the air around the stick: its members, messages on their way, damage, and what happens when.

use std::collections::VecDeque;
use std::time::Duration;

use adapters::Instant;
use adapters::znp::frame::Header;
use zigbee::IeeeAddress;

use super::interpan::Elsewhere;
use super::security::Heard;
use crate::device::{Device, Incoming, Outgoing};

/// Damage in the air.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkFaults {
    /// How many of 1000 messages are lost.
    pub lose_permille: u16,
    /// How many of 1000 messages arrive twice.
    pub duplicate_permille: u16,
    /// How many of 1000 messages arrive with a flipped bit.
    pub corrupt_permille: u16,
    /// Added to the way of every message.
    pub delay: Duration,
}

/// How a message of the host ended, for [`Stick::sent`](super::Stick::sent).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It is on its way or was broadcast.
    Sent,
    /// It was refused with this status.
    Failed(u8),
}

/// A message that the host sent into the air.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// When.
    pub at: Instant,
    /// The device, if it went to one.
    pub device: Option<IeeeAddress>,
    /// The network address, or the group.
    pub address: u16,
    /// True when `address` is a group.
    pub group: bool,
    /// The device's endpoint; 0 is ZDO.
    pub endpoint: u8,
    /// The cluster.
    pub cluster: u16,
    /// A ZCL frame, or a ZDO request without its sequence number.
    pub payload: Vec<u8>,
    /// What became of it.
    pub delivery: Delivery,
}

/// There is no device with this address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no simulated device {0}")]
pub struct NoDevice(pub IeeeAddress);

/// Why a device does not get onto the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// There is no such device.
    #[error(transparent)]
    NoDevice(#[from] NoDevice),
    /// The coordinator has no network.
    #[error("the coordinator runs no network")]
    NoNetwork,
    /// The network does not let devices in.
    #[error("the network is closed: joining is not permitted")]
    Closed,
    /// It is on another network.
    #[error("the device is on another network")]
    Elsewhere,
    /// Only devices with a known install code may join.
    #[error("the device's install code is not known")]
    NoInstallCode,
}

/// Where a message of the host goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum To {
    Nwk(u16),
    Ieee(IeeeAddress),
    Group(u16),
}

/// A message of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) to: To,
    pub(super) endpoint: u8,
    pub(super) source_endpoint: u8,
    pub(super) cluster: u16,
    pub(super) transaction: u8,
    pub(super) payload: Vec<u8>,
}

/// A device in the air.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) device: Device,
    /// Until when a sleepy device listens.
    pub(super) awake_until: Instant,
    /// When it polled last.
    pub(super) polled_at: Instant,
    /// The earliest [`Event::Device`] in the schedule.
    pub(super) scheduled: Option<Instant>,
    pub(super) faults: LinkFaults,
    /// Statuses that the next deliveries fail with.
    pub(super) failures: VecDeque<u8>,
    /// It is on another network.
    pub(super) elsewhere: Option<Elsewhere>,
    /// The network that it is on, and how far it has heard the coordinator.
    pub(super) heard: Option<Heard>,
    /// A router of the user's choice lets devices in.
    pub(super) permit_until: Option<Instant>,
}

/// What happens at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// An answer for the host that takes its time.
    Answer(Header, Vec<u8>),
    /// The chip is up again, for this reason.
    Booted(u8),
    /// The network layer changed its state.
    State(u8),
    /// What became of a message: status, endpoint, transaction.
    Confirm(u8, u8, u8),
    /// A message arrives at a device.
    Down(IeeeAddress, Incoming),
    /// A ZDO request arrives at a device: cluster, payload, sequence number.
    DownZdo(IeeeAddress, u16, Vec<u8>, u8),
    /// A message of a device arrives where it goes.
    Up(IeeeAddress, Outgoing),
    /// A ZDO message arrives at the coordinator: sender, broadcast, cluster, payload, sequence.
    UpZdo(u16, bool, u16, Vec<u8>, u8),
    /// A device has something to do.
    Device(IeeeAddress),
    /// The trust centre let a device in: the host is told.
    Authorised(IeeeAddress),
    /// A device has left.
    Gone(IeeeAddress),
    /// A device tells everyone where it is.
    Announce(IeeeAddress),
    /// A new device begins to live on the network.
    Joined(IeeeAddress),
    /// The time for joining may be over.
    PermitEnds,
    /// A message of the coordinator for itself.
    Loopback {
        endpoint: u8,
        source_endpoint: u8,
        cluster: u16,
        payload: Vec<u8>,
    },
    /// A message without a network arrives at the coordinator.
    InterPan(IeeeAddress, Vec<u8>),
    /// The commissioning notification: status, mode.
    Commissioned(u8, u8),
}
