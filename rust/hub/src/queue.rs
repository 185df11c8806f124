//! What waits for a device: exchanges, one in flight at a time.

use std::collections::VecDeque;
use std::time::Duration;

use adapters::{Instant, RequestId};
use zigbee::zcl::{Direction, Header};
use zigbee::{AttributeId, ClusterId, CommandId, EndpointId, ManufacturerCode, NwkAddress, zdo};

use crate::executor::SlotId;
use crate::timers::TimerKey;

/// How long a device has for its answer once a request was delivered.
pub(crate) const RESPONSE_TIME: Duration = Duration::from_secs(10);
/// How long a request may wait for its turn, or for the coordinator to come back.
pub(crate) const QUEUE_TIME: Duration = Duration::from_secs(30);
/// How long requests to a sleepy device wait when it has the poll control cluster but its check-in
/// interval is not known (shared/facts/config.md §7.1).
pub(crate) const POLL_CONTROL_TIME: Duration = Duration::from_secs(86_400);
/// How long they wait for a battery powered end device of which nothing else is known.
pub(crate) const SLEEPY_TIME: Duration = Duration::from_secs(3_600);
/// An expired request is reported at the device's next message, or this much later.
pub(crate) const EXPIRY_GRACE: Duration = Duration::from_secs(300);
/// How often a request to a sleepy device is sent at most.
pub(crate) const ATTEMPTS: u32 = 24;
/// How many requests wait for one device at most; more are refused.
pub(crate) const QUEUE_LENGTH: usize = 256;
/// How many answers to one device's messages are under way at most; more are dropped.
pub(crate) const ANSWERS: usize = 8;
/// How long such an answer may wait until it can be sent. By then the device has stopped waiting.
pub(crate) const ANSWER_TIME: Duration = Duration::from_secs(5);
/// How many wait for one exchange at most: each newer value takes over those who wait for the one it
/// replaces.
pub(crate) const WAITERS: usize = 8;
/// How long a sequence number whose answer never came is not used again.
const QUARANTINE_TIME: Duration = Duration::from_secs(20);
/// How many such numbers are remembered.
const QUARANTINE_LENGTH: usize = 32;

/// Names an exchange with a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ExchangeId(pub(crate) u64);

/// A ZCL request without its sequence number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ZclRequest {
    /// The coordinator's endpoint.
    pub(crate) source: EndpointId,
    pub(crate) endpoint: EndpointId,
    pub(crate) cluster: ClusterId,
    /// A command of the cluster; otherwise a foundation command.
    pub(crate) of_cluster: bool,
    pub(crate) role: Role,
    pub(crate) manufacturer: Option<ManufacturerCode>,
    pub(crate) command: CommandId,
    pub(crate) payload: Vec<u8>,
    pub(crate) disable_default_response: bool,
    /// The device's answer is waited for.
    pub(crate) wait: bool,
}

/// In which role the coordinator speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// It asks the cluster's server.
    Client,
    /// It is the cluster's server, and answers the message of a number, or tells news.
    Server(Option<u8>),
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Body {
    Zcl(ZclRequest),
    /// A ZDO request; the network address in it is filled in when it is sent.
    Zdo(zdo::Request),
}

/// What a newer request may replace an older one by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Replaces {
    /// Nothing: commands have effects of their own.
    Nothing,
    /// A write: older writes of a part of these attributes.
    Write(Vec<AttributeId>),
    /// A read: an equal one.
    Equal,
}

/// One exchange.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) id: ExchangeId,
    pub(crate) body: Body,
    pub(crate) replaces: Replaces,
    /// Doing it twice is the same as doing it once.
    pub(crate) repeatable: bool,
    /// Who waits for its result, the oldest first.
    pub(crate) slots: Vec<SlotId>,
    /// When it is no longer wanted.
    pub(crate) expires: Instant,
    pub(crate) timer: Option<TimerKey>,
    /// After a failure it waits for the device's next message.
    pub(crate) patient: bool,
    /// It waits for the device's next message.
    pub(crate) parked: bool,
    pub(crate) attempts: u32,
}

/// The exchange in flight.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) exchange: Exchange,
    pub(crate) request: RequestId,
    pub(crate) sequence: u8,
    pub(crate) timer: Option<TimerKey>,
}

/// The exchanges of one device.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    pub(crate) waiting: VecDeque<Exchange>,
    pub(crate) active: Option<Active>,
    sequence: u8,
    quarantine: VecDeque<(Instant, u8)>,
}

impl Queue {
    /// Starts the sequence numbers somewhere else after every start, so that a device which remembers
    /// them does not take the first requests for repetitions.
    pub(crate) fn start_at(&mut self, sequence: u8) {
        self.sequence = sequence;
    }

    /// The next sequence number. Those whose answer may still come are left out.
    pub(crate) fn next_sequence(&mut self, now: Instant) -> u8 {
        while self
            .quarantine
            .front()
            .is_some_and(|(since, _)| now.since(*since) >= QUARANTINE_TIME)
        {
            self.quarantine.pop_front();
        }
        // Fewer numbers are in quarantine than there are, so one is found.
        for _ in 0..=QUARANTINE_LENGTH {
            self.sequence = self.sequence.wrapping_add(1);
            if !self
                .quarantine
                .iter()
                .any(|(_, used)| *used == self.sequence)
            {
                break;
            }
        }
        self.sequence
    }

    pub(crate) fn quarantine(&mut self, now: Instant, sequence: u8) {
        if self.quarantine.len() >= QUARANTINE_LENGTH {
            self.quarantine.pop_front();
        }
        self.quarantine.push_back((now, sequence));
    }

    /// Takes the next exchange that may be sent.
    pub(crate) fn take_next(&mut self) -> Option<Exchange> {
        let index = self.waiting.iter().position(|exchange| !exchange.parked)?;
        self.waiting.remove(index)
    }

    /// Puts an exchange back where it was: exchanges are sent in the order in which they came.
    pub(crate) fn put_back(&mut self, exchange: Exchange) {
        let index = self
            .waiting
            .iter()
            .position(|other| other.id > exchange.id)
            .unwrap_or(self.waiting.len());
        self.waiting.insert(index, exchange);
    }

    /// Takes out an exchange that waits.
    pub(crate) fn take(&mut self, id: ExchangeId) -> Option<Exchange> {
        let index = self.waiting.iter().position(|other| other.id == id)?;
        self.waiting.remove(index)
    }

    /// Takes out the waiting exchanges that a newer one makes pointless.
    pub(crate) fn take_replaced(&mut self, newer: &Exchange) -> Vec<Exchange> {
        let mut replaced = Vec::new();
        let mut index = 0;
        while let Some(older) = self.waiting.get(index) {
            if newer.replaces(older) {
                replaced.extend(self.waiting.remove(index));
            } else {
                index += 1;
            }
        }
        replaced
    }
}

impl Exchange {
    /// Those that waited longest, when there are too many.
    pub(crate) fn crowded_out(&mut self) -> Vec<SlotId> {
        let excess = self.slots.len().saturating_sub(WAITERS);
        self.slots.drain(..excess).collect()
    }

    pub(crate) fn replaces(&self, older: &Self) -> bool {
        match (&self.replaces, &older.replaces) {
            (Replaces::Equal, Replaces::Equal) => self.body == older.body,
            (Replaces::Write(new), Replaces::Write(old)) => {
                let (Body::Zcl(new_request), Body::Zcl(old_request)) = (&self.body, &older.body)
                else {
                    return false;
                };
                new_request.endpoint == old_request.endpoint
                    && new_request.cluster == old_request.cluster
                    && new_request.manufacturer == old_request.manufacturer
                    && old.iter().all(|attribute| new.contains(attribute))
            }
            _ => false,
        }
    }
}

impl ZclRequest {
    /// True when a frame from the device answers this request (sent with `sequence`).
    pub(crate) fn is_answered_by(
        &self,
        sequence: u8,
        endpoint: EndpointId,
        cluster: ClusterId,
        header: &Header,
        default_response_to: Option<CommandId>,
    ) -> bool {
        use zigbee::zcl::FrameType;

        if header.sequence != sequence
            || header.direction != Direction::ToClient
            || endpoint != self.endpoint
            || cluster != self.cluster
        {
            return false;
        }
        if let Some(command) = default_response_to {
            return command == self.command;
        }
        match header.frame_type {
            FrameType::Global => {
                !self.of_cluster && response_to(self.command) == Some(header.command)
            }
            FrameType::Cluster => self.of_cluster,
            FrameType::Reserved(_) => false,
        }
    }
}

/// The foundation command that answers a foundation command (ZCL 2.5).
fn response_to(command: CommandId) -> Option<CommandId> {
    match command.0 {
        0x00 => Some(0x01),
        0x02 | 0x03 => Some(0x04),
        0x06 => Some(0x07),
        0x08 => Some(0x09),
        0x0c => Some(0x0d),
        0x0f => Some(0x10),
        0x11 => Some(0x12),
        0x13 => Some(0x14),
        0x15 => Some(0x16),
        _ => None,
    }
    .map(CommandId)
}

/// Puts the device's present network address into a ZDO request that names the device by it.
pub(crate) fn addressed(mut request: zdo::Request, address: NwkAddress) -> zdo::Request {
    use zdo::Request as R;

    match &mut request {
        R::NodeDescriptor { nwk }
        | R::PowerDescriptor { nwk }
        | R::SimpleDescriptor { nwk, .. }
        | R::ActiveEndpoints { nwk }
        | R::Match { nwk, .. }
        | R::IeeeAddress { nwk, .. } => *nwk = address,
        _ => {}
    }
    request
}
