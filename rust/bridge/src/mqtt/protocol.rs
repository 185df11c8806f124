//! A version of the protocol without I/O: messages to bytes, bytes to messages.

use bytes::{Buf, BytesMut};
use rumqttc::mqttbytes::v4::{
    Connect, ConnectReturnCode, LastWill, Login, Packet, Publish as Packet4, Subscribe,
    SubscribeFilter, Unsubscribe,
};
use rumqttc::mqttbytes::{Error as CodecError, QoS};
use rumqttc::{MqttState, PingReq, Request, StateError};

use super::Options;
use crate::core::{Publish, Qos};

/// Messages with an acknowledgement that may be under way at once.
const IN_FLIGHT: u16 = 100;

/// What the broker said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    /// It takes us.
    Accepted,
    /// It does not, for this reason.
    Refused(String),
    /// A message.
    Message {
        topic: String,
        payload: Vec<u8>,
        retain: bool,
    },
    /// A message of this many bytes was left out.
    Skipped(usize),
    /// Something that only the protocol cares for.
    Other,
}

/// What is wrong with the broker's bytes, or what it failed to do.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProtocolError {
    #[error("the broker sent something that is not MQTT: {0}")]
    Codec(#[from] CodecError),
    #[error("the broker did not answer a ping")]
    NoPing,
    #[error("{0}")]
    State(StateError),
}

impl From<StateError> for ProtocolError {
    fn from(error: StateError) -> Self {
        match error {
            StateError::AwaitPingResp => Self::NoPing,
            other => Self::State(other),
        }
    }
}

/// A version of MQTT.
pub(super) trait Protocol {
    /// The greeting.
    fn connect(&mut self, options: &Options, out: &mut BytesMut) -> Result<(), ProtocolError>;
    /// Encodes a message; gives it back when too many wait for their acknowledgement.
    fn publish(
        &mut self,
        message: Publish,
        out: &mut BytesMut,
    ) -> Result<Option<Publish>, ProtocolError>;
    /// Subscribes at quality of service 0.
    fn subscribe(&mut self, filters: Vec<String>, out: &mut BytesMut) -> Result<(), ProtocolError>;
    /// Unsubscribes.
    fn unsubscribe(
        &mut self,
        filters: Vec<String>,
        out: &mut BytesMut,
    ) -> Result<(), ProtocolError>;
    /// Asks for a sign of life.
    fn ping(&mut self, out: &mut BytesMut) -> Result<(), ProtocolError>;
    /// Says goodbye, so that the broker keeps the last will to itself.
    fn disconnect(&mut self, out: &mut BytesMut) -> Result<(), ProtocolError>;
    /// Takes one packet off the front of `input`; `None` when it is not all there. Answers go to `out`.
    fn receive(
        &mut self,
        input: &mut BytesMut,
        out: &mut BytesMut,
    ) -> Result<Option<Incoming>, ProtocolError>;
}

/// MQTT 3.1.1.
pub(super) struct Version4 {
    state: MqttState,
    limit: usize,
    /// Bytes of a packet over the limit that are still to come.
    skip: usize,
}

impl Version4 {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            state: MqttState::new(IN_FLIGHT, false),
            limit: options.maximum_packet_size,
            skip: 0,
        }
    }

    fn send(&mut self, request: Request, out: &mut BytesMut) -> Result<(), ProtocolError> {
        let packet = self.state.handle_outgoing_packet(request)?;
        self.write(packet, out)
    }

    fn write(&mut self, packet: Option<Packet>, out: &mut BytesMut) -> Result<(), ProtocolError> {
        // Nobody listens to these here.
        self.state.events.clear();
        if let Some(packet) = packet {
            packet.write(out, usize::MAX)?;
        }
        Ok(())
    }
}

fn qos(qos: Qos) -> QoS {
    match qos {
        Qos::AtMostOnce => QoS::AtMostOnce,
        Qos::AtLeastOnce => QoS::AtLeastOnce,
        Qos::ExactlyOnce => QoS::ExactlyOnce,
    }
}

impl Protocol for Version4 {
    fn connect(&mut self, options: &Options, out: &mut BytesMut) -> Result<(), ProtocolError> {
        let mut connect = Connect::new(&options.client_id);
        connect.clean_session = true;
        connect.keep_alive = u16::try_from(options.keepalive.as_secs()).unwrap_or(u16::MAX);
        connect.login = options.user.as_ref().map(|user| {
            let password = options.password.clone().unwrap_or_default();
            Login::new(user.clone(), password)
        });
        let will = &options.will;
        connect.last_will = Some(LastWill::new(
            &*will.topic,
            will.payload.clone(),
            qos(will.qos),
            will.retain,
        ));
        connect.write(out)?;
        Ok(())
    }

    fn publish(
        &mut self,
        message: Publish,
        out: &mut BytesMut,
    ) -> Result<Option<Publish>, ProtocolError> {
        let acknowledged = message.qos != Qos::AtMostOnce;
        if acknowledged && (self.state.inflight() >= IN_FLIGHT || self.state.collision.is_some()) {
            return Ok(Some(message));
        }
        let mut packet = Packet4::new(&*message.topic, qos(message.qos), message.payload);
        packet.retain = message.retain;
        if acknowledged {
            self.send(Request::Publish(packet), out)?;
        } else {
            packet.write(out)?;
        }
        Ok(None)
    }

    fn subscribe(&mut self, filters: Vec<String>, out: &mut BytesMut) -> Result<(), ProtocolError> {
        let filters = filters
            .into_iter()
            .map(|path| SubscribeFilter::new(path, QoS::AtMostOnce));
        self.send(Request::Subscribe(Subscribe::new_many(filters)), out)
    }

    fn unsubscribe(
        &mut self,
        filters: Vec<String>,
        out: &mut BytesMut,
    ) -> Result<(), ProtocolError> {
        let mut unsubscribe = Unsubscribe::new("");
        unsubscribe.topics = filters;
        self.send(Request::Unsubscribe(unsubscribe), out)
    }

    fn ping(&mut self, out: &mut BytesMut) -> Result<(), ProtocolError> {
        self.send(Request::PingReq(PingReq), out)
    }

    fn disconnect(&mut self, out: &mut BytesMut) -> Result<(), ProtocolError> {
        Packet::Disconnect.write(out, usize::MAX)?;
        Ok(())
    }

    fn receive(
        &mut self,
        input: &mut BytesMut,
        out: &mut BytesMut,
    ) -> Result<Option<Incoming>, ProtocolError> {
        if self.skip > 0 {
            let now = self.skip.min(input.len());
            input.advance(now);
            self.skip -= now;
            if self.skip > 0 {
                return Ok(None);
            }
        }
        if let Some(length) = frame_length(input)
            && length > self.limit
        {
            self.skip = length;
            return Ok(Some(Incoming::Skipped(length)));
        }
        let packet = match Packet::read(input, usize::MAX) {
            Ok(packet) => packet,
            Err(CodecError::InsufficientBytes(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        match packet {
            Packet::ConnAck(ack) => Ok(Some(match ack.code {
                ConnectReturnCode::Success => Incoming::Accepted,
                code => Incoming::Refused(refusal(code).to_owned()),
            })),
            // The usual case without a copy for the bookkeeping.
            Packet::Publish(message) if message.qos == QoS::AtMostOnce => {
                Ok(Some(Incoming::Message {
                    topic: message.topic,
                    payload: message.payload.into(),
                    retain: message.retain,
                }))
            }
            packet => {
                let message = match &packet {
                    Packet::Publish(message) => Incoming::Message {
                        topic: message.topic.clone(),
                        payload: message.payload.to_vec(),
                        retain: message.retain,
                    },
                    _ => Incoming::Other,
                };
                let answer = self.state.handle_incoming_packet(packet)?;
                self.write(answer, out)?;
                Ok(Some(message))
            }
        }
    }
}

/// Bytes of the packet at the front, its header included, once its length is there.
fn frame_length(input: &BytesMut) -> Option<usize> {
    let mut length = 0;
    for (index, byte) in input.iter().skip(1).take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some(length + index + 2);
        }
    }
    None
}

fn refusal(code: ConnectReturnCode) -> &'static str {
    match code {
        ConnectReturnCode::Success => "accepted",
        ConnectReturnCode::RefusedProtocolVersion => "it does not speak MQTT 3.1.1",
        ConnectReturnCode::BadClientId => "it does not like the client id (mqtt.client_id)",
        ConnectReturnCode::ServiceUnavailable => "it is not available",
        ConnectReturnCode::BadUserNamePassword => {
            "user name or password are wrong (mqtt.user, mqtt.password)"
        }
        ConnectReturnCode::NotAuthorized => "not authorised (mqtt.user, mqtt.password)",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use proptest::prelude::*;

    fn message(topic: &str, payload: &[u8], qos: Qos) -> Publish {
        Publish {
            topic: Arc::from(topic),
            payload: payload.to_vec(),
            qos,
            retain: false,
        }
    }

    fn version4(limit: usize) -> Version4 {
        Version4::new(&Options {
            host: String::new(),
            port: 1,
            tls: None,
            user: None,
            password: None,
            client_id: "c".to_owned(),
            keepalive: Duration::ZERO,
            will: message("w", b"", Qos::AtMostOnce),
            maximum_packet_size: limit,
        })
    }

    fn bytes_of(messages: &[(&str, usize)]) -> BytesMut {
        let mut out = BytesMut::new();
        let mut sender = version4(1000);
        for (topic, length) in messages {
            let message = message(topic, &vec![b'x'; *length], Qos::AtMostOnce);
            assert_eq!(sender.publish(message, &mut out).unwrap(), None);
        }
        out
    }

    #[test]
    fn a_message_over_the_limit_is_skipped_in_whatever_pieces_it_comes() {
        let all = bytes_of(&[("a", 10), ("b", 5000), ("c", 20)]);
        for piece in [1, 7, 1000, 10_000] {
            let mut receiver = version4(1000);
            let mut input = BytesMut::new();
            let mut out = BytesMut::new();
            let mut seen = Vec::new();
            for part in all.chunks(piece) {
                input.extend_from_slice(part);
                while let Some(incoming) = receiver.receive(&mut input, &mut out).unwrap() {
                    seen.push(match incoming {
                        Incoming::Message { topic, payload, .. } => {
                            format!("{topic} {}", payload.len())
                        }
                        other => format!("{other:?}"),
                    });
                }
            }
            assert_eq!(seen, ["a 10", "Skipped(5006)", "c 20"], "pieces of {piece}");
        }
    }

    #[test]
    fn acknowledged_messages_wait_when_too_many_are_under_way() {
        let mut sender = version4(1000);
        let mut out = BytesMut::new();
        for _ in 0..IN_FLIGHT {
            let given = message("a", b"x", Qos::AtLeastOnce);
            assert_eq!(sender.publish(given, &mut out).unwrap(), None);
        }
        let one_more = message("a", b"x", Qos::AtLeastOnce);
        let back = sender.publish(one_more.clone(), &mut out).unwrap();
        assert_eq!(back.as_ref(), Some(&one_more));
        // PUBACK of packet 1.
        let mut input = BytesMut::from(&[0x40, 0x02, 0x00, 0x01][..]);
        let seen = sender.receive(&mut input, &mut out).unwrap();
        assert_eq!(seen, Some(Incoming::Other));
        assert_eq!(sender.publish(one_more, &mut out).unwrap(), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut receiver = version4(1000);
            let mut input = BytesMut::from(&bytes[..]);
            let mut out = BytesMut::new();
            while let Ok(Some(_)) = receiver.receive(&mut input, &mut out) {}
        }
    }
}
