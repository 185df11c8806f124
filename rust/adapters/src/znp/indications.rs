//! What the stick tells without being asked.

use tracing::Level;
use zigbee::{ClusterId, EndpointId, GroupId, IeeeAddress, NwkAddress, ParseError, Reader, Writer};

use super::commands::{self, af, zdo};
use super::core::{Core, Handle};
use super::endpoints;
use super::frame::{Header, Subsystem};
use super::interpan;
use super::requester::StickError;
use crate::{ApsIndication, Event, InterPanMessage};

/// The most of a large message that is read at once.
const CHUNK: u16 = 240;
/// A message is never longer: fragments of what fits into a ZCL frame.
const MAX_MESSAGE: u16 = 2048;
/// Bit of the MAC capabilities that routers have.
const FULL_FUNCTION: u8 = 0x02;

/// Work that an indication makes.
pub(super) enum Chore {
    /// Fetch the payload of a large message.
    Fetch(Extended),
    /// Look for a route to an end device that announced itself: it may have another parent.
    Route(NwkAddress),
}

/// The part of `AF.incomingMsgExt` that is needed when its payload comes later.
pub(super) struct Extended {
    indication: ApsIndication,
    timestamp: u32,
    length: u16,
}

impl Core {
    /// Handles an asynchronous message.
    pub(super) fn indication(&mut self, header: Header, data: &[u8]) {
        let result = match header.subsystem {
            Subsystem::AF => self.af(header.id, data),
            Subsystem::ZDO => self.zdo_indication(header, data),
            _ => Ok(()),
        };
        if let Err(error) = result {
            let name = commands::Command::find(header).map_or("message", |command| command.name);
            self.log(Level::DEBUG, format!("{name} can't be read: {error}"));
        }
    }

    fn af(&mut self, id: u8, data: &[u8]) -> Result<(), ParseError> {
        if id == af::INCOMING_MSG.id {
            let indication = incoming(data)?;
            self.deliver(indication);
        } else if id == af::DATA_CONFIRM.id {
            let [status, endpoint, transaction] = Reader::new(data).array()?;
            self.confirms
                .confirm(status, EndpointId(endpoint), transaction);
        } else if id == af::INCOMING_MSG_EXT.id {
            self.incoming_extended(data)?;
        }
        Ok(())
    }

    fn deliver(&mut self, indication: ApsIndication) {
        self.scheduler.reachable(indication.source);
        self.emit(Event::Message(indication));
    }

    fn incoming_extended(&mut self, data: &[u8]) -> Result<(), ParseError> {
        let mut reader = Reader::new(data);
        let (group, cluster) = (reader.u16()?, reader.u16()?);
        let (mode, address) = (reader.u8()?, reader.u64()?);
        let source = if mode == 3 {
            self.addresses.nwk(IeeeAddress(address))
        } else {
            // The address takes the first two of the eight bytes.
            u16::try_from(address & 0xffff).ok().map(NwkAddress)
        };
        let source_endpoint = reader.u8()?;
        reader.u16()?;
        let destination = reader.u8()?;
        let (broadcast, link_quality, _security) = (reader.u8()?, reader.u8()?, reader.u8()?);
        let (timestamp, _sequence, length) = (reader.u32()?, reader.u8()?, reader.u16()?);
        if mode == 3 && source_endpoint == interpan::ENDPOINT.0 {
            let payload = reader.rest().get(..usize::from(length));
            self.inter_pan.hear(InterPanMessage {
                source: IeeeAddress(address),
                cluster: ClusterId(cluster),
                link_quality,
                payload: payload.unwrap_or_default().to_vec(),
            });
            return Ok(());
        }
        let Some(source) = source else {
            self.log(Level::DEBUG, "AF.incomingMsgExt of an unknown device");
            return Ok(());
        };
        let indication = ApsIndication {
            source,
            source_endpoint: EndpointId(source_endpoint),
            destination_endpoint: EndpointId(destination),
            group: (group != 0).then_some(GroupId(group)),
            broadcast: broadcast != 0,
            profile: endpoints::profile(EndpointId(destination)),
            cluster: ClusterId(cluster),
            link_quality,
            payload: reader
                .rest()
                .get(..usize::from(length))
                .unwrap_or_default()
                .to_vec(),
        };
        if indication.payload.len() == usize::from(length) {
            self.deliver(indication);
        } else {
            // The payload waits in the stick's memory and must be fetched, or freed.
            self.chores.push(Chore::Fetch(Extended {
                indication,
                timestamp,
                length,
            }));
        }
        Ok(())
    }

    fn zdo_indication(&mut self, header: Header, data: &[u8]) -> Result<(), ParseError> {
        let mut reader = Reader::new(data);
        match header {
            h if h == zdo::TC_DEVICE_IND.header() => {
                let (nwk, ieee, parent) = (reader.nwk()?, reader.ieee()?, reader.nwk()?);
                self.addresses.learn(nwk, ieee);
                self.scheduler.reachable(nwk);
                self.emit(Event::Joined { nwk, ieee, parent });
            }
            h if h == zdo::END_DEVICE_ANNCE_IND.header() => {
                reader.nwk()?;
                let (nwk, ieee, capabilities) = (reader.nwk()?, reader.ieee()?, reader.u8()?);
                self.addresses.learn(nwk, ieee);
                self.scheduler.reachable(nwk);
                self.emit(Event::Announced {
                    nwk,
                    ieee,
                    capabilities,
                });
                if capabilities & FULL_FUNCTION == 0 {
                    self.chores.push(Chore::Route(nwk));
                }
            }
            h if h == zdo::LEAVE_IND.header() => {
                let (nwk, ieee) = (reader.nwk()?, reader.ieee()?);
                let (_request, _children, rejoin) = (reader.u8()?, reader.u8()?, reader.u8()?);
                if rejoin == 0 {
                    self.emit(Event::Left { nwk, ieee });
                }
            }
            h if h == zdo::CONCENTRATOR_IND.header() => {
                let (nwk, ieee) = (reader.nwk()?, reader.ieee()?);
                // It comes with every route record; only a change is news.
                if self.addresses.ieee(nwk) != Some(ieee) {
                    self.addresses.learn(nwk, ieee);
                    self.emit(Event::Address { nwk, ieee });
                }
            }
            h if h == zdo::MSG_CB_INCOMING.header() => self.zdo_raw(data),
            h if (0x80..=0xb8).contains(&h.id) => self.zdo_response(h, data),
            _ => {}
        }
        Ok(())
    }
}

/// `AF.incomingMsg`.
fn incoming(data: &[u8]) -> Result<ApsIndication, ParseError> {
    let mut reader = Reader::new(data);
    let (group, cluster, source) = (reader.u16()?, reader.u16()?, reader.nwk()?);
    let [
        source_endpoint,
        destination,
        broadcast,
        link_quality,
        _security,
    ] = reader.array()?;
    let (_timestamp, _sequence) = (reader.u32()?, reader.u8()?);
    let length = reader.u8()?;
    Ok(ApsIndication {
        source,
        source_endpoint: EndpointId(source_endpoint),
        destination_endpoint: EndpointId(destination),
        group: (group != 0).then_some(GroupId(group)),
        broadcast: broadcast != 0,
        profile: endpoints::profile(EndpointId(destination)),
        cluster: ClusterId(cluster),
        link_quality,
        payload: reader.take(usize::from(length))?.to_vec(),
    })
}

impl Handle {
    /// Does what an indication asks for.
    pub(super) async fn chore(&self, chore: Chore) {
        match chore {
            Chore::Route(nwk) => {
                let may = self.with(|core| {
                    core.up && core.firmware.discovers_routes() && !core.inter_pan.is_active()
                });
                if may {
                    // A failure is found out again by the next message to it.
                    let _ = self.request_route(nwk).await;
                }
            }
            Chore::Fetch(message) => {
                let payload = self.fetch(message.timestamp, message.length).await;
                // Length zero frees the memory, also of a message that could not be read.
                let freed = self
                    .request(af::DATA_RETRIEVE, &retrieve(message.timestamp, 0, 0))
                    .await;
                match payload.and_then(|payload| freed.map(|_| payload)) {
                    Ok(payload) => self.with(|core| {
                        core.deliver(ApsIndication {
                            payload,
                            ..message.indication
                        });
                    }),
                    Err(error) => self.log(
                        Level::WARN,
                        format!(
                            "A message of {} bytes from {} is lost: {error}",
                            message.length, message.indication.source
                        ),
                    ),
                }
            }
        }
    }

    async fn fetch(&self, timestamp: u32, length: u16) -> Result<Vec<u8>, StickError> {
        let malformed = StickError::Malformed {
            command: af::DATA_RETRIEVE.name,
        };
        if length > MAX_MESSAGE {
            return Err(malformed);
        }
        let mut payload = Vec::with_capacity(length.into());
        let mut index = 0;
        while index < length {
            let chunk = CHUNK.min(length - index);
            let answer = self
                .request(af::DATA_RETRIEVE, &retrieve(timestamp, index, chunk))
                .await?;
            let [status, count, data @ ..] = answer.as_slice() else {
                return Err(malformed);
            };
            if *status != 0 {
                return Err(StickError::Refused {
                    command: af::DATA_RETRIEVE.name,
                    status: *status,
                });
            }
            if u16::from(*count) != chunk || data.len() != usize::from(chunk) {
                return Err(malformed);
            }
            payload.extend_from_slice(data);
            index += chunk;
        }
        Ok(payload)
    }
}

/// The data of `AF.dataRetrieve`.
fn retrieve(timestamp: u32, index: u16, length: u16) -> Vec<u8> {
    let mut writer = Writer::new();
    writer
        .u32(timestamp)
        .u16(index)
        .u8(u8::try_from(length).unwrap_or(u8::MAX));
    writer.into_bytes()
}
