//! Questions to a node's Zigbee Device Object.
//!
//! MT has a command of its own for each, and shows no transaction number: an answer is matched by its
//! command and sender, so each device is asked one thing at a time.

use std::time::Duration;

use zigbee::zdo::{Request, Response, Status};
use zigbee::{ClusterId, IeeeAddress, NwkAddress, Reader, Writer};

use super::commands::{self, Command};
use super::core::{Core, Handle};
use super::executor::{Receiver, Sender, channel};
use super::frame::Header;
use super::requester::StickError;
use crate::{Event, Reply, RequestError};

/// How long a device may take to answer.
const RESPONSE_TIME: Duration = Duration::from_secs(10);
/// How far a response's cluster is from its request's.
const RESPONSE: u16 = 0x8000;
const NWK_ADDR_RSP: u16 = 0x8000;
const IEEE_ADDR_RSP: u16 = 0x8001;
const DEVICE_ANNOUNCE: u16 = 0x0013;

/// Who is expected to answer.
#[derive(Debug, PartialEq, Eq)]
enum Key {
    /// A node.
    Source(NwkAddress),
    /// Whoever has this address; the answer's sender is not shown.
    Ieee(IeeeAddress),
    /// Whoever has this network address; the answer's sender is not shown.
    Nwk(NwkAddress),
}

/// A question under way.
pub(super) struct PendingZdo {
    cluster: ClusterId,
    key: Key,
    sender: Sender<Result<Response, Status>>,
}

impl Handle {
    /// Carries out a ZDO request of the hub.
    pub(super) async fn zdo(
        &self,
        to: NwkAddress,
        request: &Request,
    ) -> Result<Reply, RequestError> {
        let _permit = self.admit(to, true).await;
        let mut result = self.zdo_exchange(to, request).await;
        // The first question to a device that joined behind a router may find no route.
        if matches!(result, Err(RequestError::Refused { .. }))
            && matches!(request, Request::NodeDescriptor { .. })
            && self.discover(to).await
        {
            result = self.zdo_exchange(to, request).await;
        }
        Ok(result?.map_or(Reply::Done, Reply::Zdo))
    }

    /// Asks and waits for the answer; a broadcast has none.
    pub(super) async fn zdo_exchange(
        &self,
        to: NwkAddress,
        request: &Request,
    ) -> Result<Option<Response>, RequestError> {
        let (command, data) = frame(to, request);
        let key = match request {
            Request::NwkAddress { ieee, .. } => Key::Ieee(*ieee),
            Request::IeeeAddress { nwk, .. } => Key::Nwk(*nwk),
            _ => Key::Source(to),
        };
        if to.is_broadcast() && matches!(key, Key::Source(_)) {
            self.command(command, &data).await?;
            return Ok(None);
        }
        let receiver = self.expect_zdo(request.cluster(), key);
        self.command(command, &data).await?;
        match self.within(RESPONSE_TIME, receiver).await {
            Some(Some(result)) => result.map(Some).map_err(RequestError::Zdo),
            Some(None) => Err(RequestError::NotConnected),
            None => Err(RequestError::NoResponse(RESPONSE_TIME)),
        }
    }

    fn expect_zdo(&self, request: ClusterId, key: Key) -> Receiver<Result<Response, Status>> {
        let (sender, receiver) = channel();
        self.with(|core| {
            core.zdo.retain(|pending| !pending.sender.is_abandoned());
            core.zdo.push(PendingZdo {
                cluster: ClusterId(request.0 | RESPONSE),
                key,
                sender,
            });
        });
        receiver
    }

    /// Waits for a response of the coordinator itself to a command sent in another way.
    pub(super) fn expect_own(&self, request: u16) -> Receiver<Result<Response, Status>> {
        self.expect_zdo(ClusterId(request), Key::Source(NwkAddress::COORDINATOR))
    }

    /// The same for any node.
    pub(super) fn expect_from(
        &self,
        request: u16,
        from: NwkAddress,
    ) -> Receiver<Result<Response, Status>> {
        self.expect_zdo(ClusterId(request), Key::Source(from))
    }

    /// Waits for what [`Handle::expect_own`] gave.
    pub(super) async fn zdo_answer(
        &self,
        receiver: Receiver<Result<Response, Status>>,
        limit: Duration,
    ) -> Result<Response, RequestError> {
        match self.within(limit, receiver).await {
            Some(Some(result)) => result.map_err(RequestError::Zdo),
            Some(None) => Err(RequestError::NotConnected),
            None => Err(RequestError::NoResponse(limit)),
        }
    }
}

impl Core {
    /// A message of the ZDO subsystem that carries a response.
    pub(super) fn zdo_response(&mut self, header: Header, data: &[u8]) {
        let cluster = ClusterId(RESPONSE | u16::from(header.id & 0x7f));
        if matches!(cluster.0, NWK_ADDR_RSP | IEEE_ADDR_RSP) {
            // These carry no sender, and number of associated devices and start index the other way
            // round than over the air.
            let mut payload = data.to_vec();
            if payload.len() > 12 {
                payload.swap(11, 12);
            }
            let source = nwk_at(data, 9).unwrap_or(NwkAddress::UNKNOWN);
            self.zdo_payload(source, cluster, &payload);
        } else if let Some((source, payload)) = data.split_at_checked(2) {
            let source = nwk_at(source, 0).unwrap_or(NwkAddress::UNKNOWN);
            self.zdo_payload(source, cluster, payload);
        }
    }

    /// `ZDO.msgCbIncoming`: a ZDO message as it came over the air.
    pub(super) fn zdo_raw(&mut self, data: &[u8]) {
        let mut reader = Reader::new(data);
        let parsed = (|| {
            let source = reader.nwk()?;
            reader.u8()?;
            let cluster = reader.u16()?;
            // Security, sequence number, MAC destination.
            reader.take(4)?;
            Ok::<_, zigbee::ParseError>((source, ClusterId(cluster)))
        })();
        if let Ok((source, cluster)) = parsed
            // Announces come as ZDO.endDeviceAnnceInd as well.
            && cluster.0 != DEVICE_ANNOUNCE
        {
            let payload = reader.take_rest();
            if cluster.0 & RESPONSE == 0 {
                self.emit(Event::Zdo {
                    source,
                    cluster,
                    payload: payload.to_vec(),
                });
            } else if self.find_zdo(source, cluster, payload).is_some() {
                // Responses come in the command's own form as well, unless ZDO_DIRECT_CB is off.
                self.zdo_payload(source, cluster, payload);
            }
        }
    }

    fn zdo_payload(&mut self, source: NwkAddress, cluster: ClusterId, payload: &[u8]) {
        if cluster.0 == NWK_ADDR_RSP
            && payload.first() == Some(&0)
            && let (Some(ieee), Some(nwk)) = (ieee_at(payload, 1), nwk_at(payload, 9))
        {
            self.addresses.learn(nwk, ieee);
        }
        let found = self.find_zdo(source, cluster, payload);
        match (found, Response::parse(cluster, payload)) {
            (Some(index), Some(Ok(response))) => {
                self.zdo.remove(index).sender.send(response);
            }
            (Some(_), Some(Err(error))) => {
                self.log(
                    tracing::Level::WARN,
                    format!("ZDO response {cluster} of {source} can't be read: {error}"),
                );
            }
            _ => self.emit(Event::Zdo {
                source,
                cluster,
                payload: payload.to_vec(),
            }),
        }
    }

    fn find_zdo(&self, source: NwkAddress, cluster: ClusterId, payload: &[u8]) -> Option<usize> {
        self.zdo.iter().position(|pending| {
            pending.cluster == cluster
                && !pending.sender.is_abandoned()
                && match &pending.key {
                    Key::Source(expected) => *expected == source,
                    Key::Ieee(expected) => ieee_at(payload, 1) == Some(*expected),
                    Key::Nwk(expected) => nwk_at(payload, 9) == Some(*expected),
                }
        })
    }
}

fn nwk_at(bytes: &[u8], at: usize) -> Option<NwkAddress> {
    Reader::new(bytes.get(at..)?).nwk().ok()
}

fn ieee_at(bytes: &[u8], at: usize) -> Option<IeeeAddress> {
    Reader::new(bytes.get(at..)?).ieee().ok()
}

/// The command and its data.
fn frame(to: NwkAddress, request: &Request) -> (Command, Vec<u8>) {
    use commands::zdo as z;
    let mut writer = Writer::new();
    let command = match request {
        Request::NwkAddress { .. } | Request::IeeeAddress { .. } => {
            writer.bytes(&request.emit());
            return (
                match request {
                    Request::NwkAddress { .. } => z::NWK_ADDR_REQ,
                    _ => z::IEEE_ADDR_REQ,
                },
                writer.into_bytes(),
            );
        }
        Request::MgmtPermitJoin {
            seconds,
            trust_center_significance,
        } => {
            let significance = u8::from(*trust_center_significance);
            return permit_join(to, *seconds, significance);
        }
        Request::MgmtNwkUpdate {
            channels,
            duration,
            count,
            manager,
            ..
        } => return network_update(to, *channels, *duration, *count, *manager),
        Request::Bind { .. } | Request::Unbind { .. } => {
            let mut payload = request.emit();
            // A group's two bytes take the room of an address and endpoint.
            payload.resize(21, 0);
            writer.nwk(to).bytes(&payload);
            return (
                match request {
                    Request::Bind { .. } => z::BIND_REQ,
                    _ => z::UNBIND_REQ,
                },
                writer.into_bytes(),
            );
        }
        Request::NodeDescriptor { .. } => z::NODE_DESC_REQ,
        Request::PowerDescriptor { .. } => z::POWER_DESC_REQ,
        Request::SimpleDescriptor { .. } => z::SIMPLE_DESC_REQ,
        Request::ActiveEndpoints { .. } => z::ACTIVE_EP_REQ,
        Request::Match { .. } => z::MATCH_DESC_REQ,
        Request::MgmtLqi { .. } => z::MGMT_LQI_REQ,
        Request::MgmtRouting { .. } => z::MGMT_RTG_REQ,
        Request::MgmtBind { .. } => z::MGMT_BIND_REQ,
        Request::MgmtLeave { .. } => z::MGMT_LEAVE_REQ,
    };
    writer.nwk(to).bytes(&request.emit());
    (command, writer.into_bytes())
}

/// How MT names the kind of an address.
fn address_mode(to: NwkAddress) -> u8 {
    if to.is_broadcast() { 15 } else { 2 }
}

/// `Mgmt_Permit_Joining_req`. To `0x0000` it opens the coordinator only.
pub(super) fn permit_join(to: NwkAddress, seconds: u8, significance: u8) -> (Command, Vec<u8>) {
    // "Only the coordinator" is written as an ordinary address that is the broadcast one.
    let (mode, to) = match to {
        NwkAddress::COORDINATOR => (2, NwkAddress::BROADCAST_ROUTERS),
        to => (address_mode(to), to),
    };
    let mut writer = Writer::new();
    writer.u8(mode).nwk(to).u8(seconds).u8(significance);
    (commands::zdo::MGMT_PERMIT_JOIN_REQ, writer.into_bytes())
}

/// `Mgmt_NWK_Update_req`. The stick counts the update id itself.
pub(super) fn network_update(
    to: NwkAddress,
    channels: u32,
    duration: u8,
    count: u8,
    manager: NwkAddress,
) -> (Command, Vec<u8>) {
    let mut writer = Writer::new();
    writer
        .nwk(to)
        .u8(address_mode(to))
        .u32(channels)
        .u8(duration)
        .u8(count)
        .nwk(manager);
    (commands::zdo::MGMT_NWK_UPDATE_REQ, writer.into_bytes())
}

/// Why an exchange with the coordinator itself failed, in the words of start-up.
pub(super) fn own_error(command: &'static str, error: &RequestError) -> StickError {
    match error {
        RequestError::Zdo(status) => StickError::Refused {
            command,
            status: status.0,
        },
        RequestError::NotConnected => StickError::Reset { command },
        _ => StickError::NoAnswer {
            command,
            after: RESPONSE_TIME,
        },
    }
}
