//! Messages to devices, groups and everyone, and what is done when they are not delivered.

use std::collections::BTreeMap;
use std::time::Duration;

use tracing::Level;
use zigbee::{EndpointId, GroupId, IeeeAddress, NwkAddress, Reader, Writer};

use super::commands::af;
use super::core::Handle;
use super::executor::{Sender, channel};
use super::recovery::RemovedChild;
use super::requester::{ANSWER_TIME, Priority, StickError};
use super::scheduler::PermitId;
use super::status;
use crate::{ApsRequest, Destination, Instant, Reply, RequestError, RequestId};

/// How long the stick may take to tell what became of a message. A sleeping child has 7.68 s to fetch
/// one.
const CONFIRM_TIME: Duration = Duration::from_secs(10);
/// The same for a group: nobody acknowledges it.
const GROUP_CONFIRM_TIME: Duration = Duration::from_secs(3);
/// How long a transaction id is not used after its confirm failed to come.
const QUARANTINE: Duration = Duration::from_secs(20);
/// Silence after a message that every router repeats.
const BROADCAST_PAUSE: Duration = Duration::from_millis(200);
/// Hops that a message may take.
const RADIUS: u8 = 30;
/// The most payload of `AF.dataRequestExt`: what 250 bytes leave beside its 20 other bytes.
pub(super) const MAX_PAYLOAD: usize = 230;
/// The most payload of `AF.dataRequest`.
const MAX_SHORT_PAYLOAD: usize = 220;
/// How often a message is sent again.
const RETRIES: u32 = 4;

/// Waits for `AF.dataConfirm`, by transaction id.
#[derive(Default)]
pub(super) struct Confirms {
    waiting: BTreeMap<u8, (EndpointId, Sender<u8>)>,
    quarantine: BTreeMap<u8, Instant>,
}

impl Confirms {
    /// The lowest id that is free, so that one is used again as late as possible only under load and
    /// never while it is under way.
    fn allocate(&mut self, now: Instant, endpoint: EndpointId, sender: Sender<u8>) -> Option<u8> {
        self.quarantine.retain(|_, until| *until > now);
        let id = (1..=u8::MAX)
            .find(|id| !self.waiting.contains_key(id) && !self.quarantine.contains_key(id))?;
        self.waiting.insert(id, (endpoint, sender));
        Some(id)
    }

    fn release(&mut self, id: u8) {
        self.waiting.remove(&id);
    }

    fn lose(&mut self, now: Instant, id: u8) {
        self.waiting.remove(&id);
        self.quarantine.insert(id, now + QUARANTINE);
    }

    /// A confirm arrived.
    pub(super) fn confirm(&mut self, status: u8, endpoint: EndpointId, id: u8) {
        if self
            .waiting
            .get(&id)
            .is_some_and(|(expected, _)| *expected == endpoint)
            && let Some((_, sender)) = self.waiting.remove(&id)
        {
            sender.send(status);
        }
    }

    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.quarantine.clear();
    }
}

/// The right to send. Given back when dropped.
pub(super) struct Permit {
    handle: Handle,
    id: PermitId,
}

impl Permit {
    /// Nothing may overtake this message any more.
    fn hold(&self) {
        self.handle.with(|core| core.scheduler.hold(self.id));
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.handle.with(|core| {
            let now = core.now;
            core.scheduler.leave(now, self.id);
        });
    }
}

impl Handle {
    /// Waits until a message to a destination may be sent.
    pub(super) async fn admit(&self, to: NwkAddress, exclusive: bool) -> Permit {
        let (id, admitted) = self.with(|core| {
            let now = core.now;
            core.scheduler.enter(now, to, exclusive)
        });
        let permit = Permit {
            handle: self.clone(),
            id,
        };
        admitted.await;
        permit
    }

    /// Carries out an APS request and answers it.
    pub(super) async fn aps(&self, id: RequestId, request: ApsRequest) {
        if request.payload.len() > MAX_PAYLOAD {
            let error = RequestError::Unsupported("payloads of more than 230 bytes");
            return self.with(|core| core.reply(id, Err(error)));
        }
        match request.destination {
            Destination::Device(to, endpoint) => {
                let result = self.to_device(to, endpoint, &request).await;
                self.with(|core| core.reply(id, result.map(|()| Reply::Done)));
            }
            Destination::Group(group) => {
                // Every router repeats it, and there is room for few such messages: one at a time.
                let permit = self.admit(NwkAddress::BROADCAST_ALL, true).await;
                let result = self.to_group(group, &request, &permit).await;
                self.with(|core| core.reply(id, result.map(|()| Reply::Done)));
                self.sleep(BROADCAST_PAUSE).await;
                drop(permit);
            }
            Destination::Broadcast(to, endpoint) => {
                let permit = self.admit(NwkAddress::BROADCAST_ALL, true).await;
                let address = Address::Short(to);
                let result = self.send(address, endpoint, &request, None).await;
                let result = result.and_then(|status| delivered(af::DATA_REQUEST_EXT.name, status));
                self.with(|core| core.reply(id, result.map(|()| Reply::Done)));
                self.sleep(BROADCAST_PAUSE).await;
                drop(permit);
            }
        }
    }

    async fn to_group(
        &self,
        group: GroupId,
        request: &ApsRequest,
        permit: &Permit,
    ) -> Result<(), RequestError> {
        let mut attempts = 0;
        loop {
            let address = Address::Group(group);
            let limit = Some(GROUP_CONFIRM_TIME);
            let status = self
                .send(address, EndpointId::BROADCAST, request, limit)
                .await?;
            match status {
                status::BUFFER_FULL | status::MAC_NO_RESOURCES if attempts < RETRIES => {
                    self.congestion(permit).await;
                }
                status::MAC_CHANNEL_ACCESS_FAILURE if attempts < RETRIES => {
                    self.sleep(backoff(attempts)).await;
                }
                status => return delivered(af::DATA_REQUEST_EXT.name, status),
            }
            attempts += 1;
        }
    }

    async fn to_device(
        &self,
        to: NwkAddress,
        endpoint: EndpointId,
        request: &ApsRequest,
    ) -> Result<(), RequestError> {
        self.with(|core| {
            let now = core.now;
            core.scheduler.check(now, to)
        })?;
        let admission = self.admit(to, false);
        let permit = match request.patience {
            None => admission.await,
            Some(limit) => self
                .within(limit, admission)
                .await
                .ok_or(RequestError::NotSent(limit))?,
        };
        let result = self.with_recovery(to, endpoint, request, &permit).await;
        self.with(|core| {
            let now = core.now;
            match &result {
                Ok(()) => core.scheduler.delivered(to),
                Err(RequestError::Undelivered { status, .. }) if is_unreachable(*status) => {
                    core.scheduler.undelivered(now, to, *status);
                }
                Err(_) => {}
            }
        });
        result
    }

    /// Sends a message until it is delivered or all that may help was tried once.
    async fn with_recovery(
        &self,
        destination: NwkAddress,
        endpoint: EndpointId,
        request: &ApsRequest,
        permit: &Permit,
    ) -> Result<(), RequestError> {
        let mut to = destination;
        let mut removed: Option<RemovedChild> = None;
        let (mut tried_removal, mut tried_route, mut tried_address) = (false, false, false);
        let mut unreachable = 0;
        for attempt in 0..=RETRIES {
            let limit = Some(CONFIRM_TIME);
            let status = self
                .send(Address::Short(to), endpoint, request, limit)
                .await?;
            if let Some(child) = removed.take() {
                if status == status::SUCCESS {
                    // It has another parent now, which this message reached it through.
                    child.forget();
                } else {
                    child.restore().await;
                }
            }
            if attempt == RETRIES || !is_recoverable(status) {
                return delivered(af::DATA_REQUEST.name, status);
            }
            permit.hold();
            match status {
                status::BUFFER_FULL | status::MAC_NO_RESOURCES => {
                    self.congestion(permit).await;
                    continue;
                }
                status::MAC_CHANNEL_ACCESS_FAILURE => {
                    self.sleep(backoff(attempt)).await;
                    continue;
                }
                _ => {}
            }
            unreachable += 1;
            if unreachable == 1 {
                // The other messages may pass meanwhile, so this costs them nothing.
                self.sleep(backoff(attempt)).await;
            } else if status == status::MAC_TRANSACTION_EXPIRED
                && !std::mem::replace(&mut tried_removal, true)
                && let Some(child) = self.remove_child(to).await
            {
                removed = Some(child);
            } else if !std::mem::replace(&mut tried_route, true) && self.discover(to).await {
                // The discovery has had its time.
            } else if !std::mem::replace(&mut tried_address, true) {
                if let Some(found) = self.find_again(to).await {
                    to = found;
                }
            } else {
                self.sleep(backoff(attempt)).await;
            }
        }
        // The loop returns in its last round.
        Ok(())
    }

    /// Closes the gate and waits for a place behind it: no request is retried on its own.
    async fn congestion(&self, permit: &Permit) {
        let admitted = self.with(|core| {
            let now = core.now;
            core.scheduler.congested(now);
            core.scheduler.enter_again(now, permit.id)
        });
        admitted.await;
    }

    /// Sends a message once. Gives the status of the stick's answer, or of the confirm if there is a
    /// time limit for one.
    pub(super) async fn send(
        &self,
        to: Address,
        endpoint: EndpointId,
        request: &ApsRequest,
        confirm: Option<Duration>,
    ) -> Result<u8, RequestError> {
        let (sender, receiver) = channel();
        let source = request.source_endpoint;
        let id = self.with(|core| {
            let now = core.now;
            core.confirms.allocate(now, source, sender)
        });
        // All ids are under way or in quarantine: there is no room.
        let Some(id) = id else {
            return Ok(status::BUFFER_FULL);
        };
        let transaction = Transaction {
            handle: self.clone(),
            id,
        };
        let (command, data) = to.frame(endpoint, id, request);
        let answer = self
            .request_with(command, &data, Priority::Data, ANSWER_TIME)
            .await?;
        let accepted = Reader::new(&answer)
            .u8()
            .map_err(|_| StickError::Malformed {
                command: command.name,
            })?;
        let Some(limit) = confirm else {
            return Ok(accepted);
        };
        if accepted != status::SUCCESS {
            return Ok(accepted);
        }
        match self.within(limit, receiver).await {
            Some(Some(status)) => Ok(status),
            Some(None) => Err(RequestError::NotConnected),
            None => {
                transaction.lose();
                self.log(
                    Level::DEBUG,
                    format!("No AF.dataConfirm for transaction {id} within {limit:?}"),
                );
                Err(RequestError::NoAnswer {
                    command: af::DATA_CONFIRM.name,
                    after: limit,
                })
            }
        }
    }
}

/// A transaction id in use. Free again when dropped.
struct Transaction {
    handle: Handle,
    id: u8,
}

impl Transaction {
    /// Its confirm did not come, but may still.
    fn lose(&self) {
        self.handle.with(|core| {
            let now = core.now;
            core.confirms.lose(now, self.id);
        });
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        self.handle.with(|core| core.confirms.release(self.id));
    }
}

/// The network layer's side of a destination.
pub(super) enum Address {
    Short(NwkAddress),
    Group(GroupId),
    /// A device on whatever network, or all of them.
    InterPan(Option<IeeeAddress>),
}

impl Address {
    fn frame(
        &self,
        endpoint: EndpointId,
        id: u8,
        request: &ApsRequest,
    ) -> (super::commands::Command, Vec<u8>) {
        let payload = request.payload.as_slice();
        let mut writer = Writer::new();
        match self {
            Self::Short(to) if !to.is_broadcast() && payload.len() <= MAX_SHORT_PAYLOAD => {
                writer
                    .nwk(*to)
                    .u8(endpoint.0)
                    .u8(request.source_endpoint.0)
                    .u16(request.cluster.0)
                    .u8(id)
                    .u8(0)
                    .u8(RADIUS)
                    .u8(u8::try_from(payload.len()).unwrap_or(u8::MAX))
                    .bytes(payload);
                return (af::DATA_REQUEST, writer.into_bytes());
            }
            Self::Short(to) => writer.u8(2).u64(to.0.into()),
            Self::Group(group) => writer.u8(1).u64(group.0.into()),
            Self::InterPan(Some(ieee)) => writer.u8(3).ieee(*ieee),
            Self::InterPan(None) => writer.u8(2).u64(NwkAddress::BROADCAST_ALL.0.into()),
        };
        let any_network = matches!(self, Self::InterPan(_));
        writer
            .u8(endpoint.0)
            .u16(if any_network { 0xffff } else { 0 })
            .u8(request.source_endpoint.0)
            .u16(request.cluster.0)
            .u8(id)
            .u8(0)
            .u8(RADIUS)
            .u16(u16::try_from(payload.len()).unwrap_or(u16::MAX))
            .bytes(payload);
        (af::DATA_REQUEST_EXT, writer.into_bytes())
    }
}

pub(super) fn delivered(command: &'static str, status: u8) -> Result<(), RequestError> {
    match status {
        status::SUCCESS => Ok(()),
        // The stick did not even try.
        0x01..=0x10 => Err(RequestError::Refused { command, status }),
        status => Err(RequestError::Undelivered {
            status,
            name: status::name(status),
        }),
    }
}

fn is_unreachable(status: u8) -> bool {
    matches!(
        status,
        status::NWK_NO_ROUTE | status::MAC_NO_ACK | status::MAC_TRANSACTION_EXPIRED
    )
}

fn is_recoverable(status: u8) -> bool {
    is_unreachable(status)
        || matches!(
            status,
            status::MAC_CHANNEL_ACCESS_FAILURE | status::BUFFER_FULL | status::MAC_NO_RESOURCES
        )
}

/// 0.5 s, doubled with each attempt, at most 4 s.
fn backoff(attempt: u32) -> Duration {
    Duration::from_millis(500 << attempt.min(3))
}
