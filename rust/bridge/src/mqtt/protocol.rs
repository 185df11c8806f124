//! The protocol without I/O: messages to bytes, bytes to messages.

use bytes::{Buf, BytesMut};

use super::Options;
use super::codec::{Answer, Codec, CodecError, Packet, Version4, Version5};
use super::flight::Flight;
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
    /// It ends the session, for this reason.
    Closed(String),
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

/// What became of a message to be sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outgoing {
    /// It was encoded.
    Sent,
    /// Too many wait for their acknowledgement; here it is again.
    Later(Publish),
    /// The broker takes no packets of this size: it is left out.
    TooLarge(Publish),
}

/// What is wrong with the broker's bytes, or what it failed to do.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProtocolError {
    #[error("the broker sent something that is not MQTT: {0}")]
    Codec(#[from] CodecError),
    #[error("the broker sent something that is not MQTT: a packet's length without end")]
    Length,
    #[error("the broker did not answer a ping")]
    NoPing,
}

/// One connection's side of the protocol.
pub(super) struct Protocol {
    codec: Box<dyn Codec>,
    flight: Flight,
    /// The last ping has no answer yet.
    pinged: bool,
    /// Bytes of the greatest packet that is read.
    limit: usize,
    /// Bytes of the greatest packet that the broker takes.
    broker_limit: usize,
    /// Bytes of a packet over the limit that are still to come.
    skip: usize,
}

impl Protocol {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            codec: match options.version {
                5 => Box::new(Version5),
                _ => Box::new(Version4),
            },
            flight: Flight::new(IN_FLIGHT),
            pinged: false,
            limit: options.maximum_packet_size,
            broker_limit: usize::MAX,
            skip: 0,
        }
    }

    /// The greeting.
    pub(super) fn connect(
        &mut self,
        options: &Options,
        out: &mut BytesMut,
    ) -> Result<(), ProtocolError> {
        Ok(self.codec.connect(options, out)?)
    }

    /// Encodes a message.
    pub(super) fn publish(
        &mut self,
        message: Publish,
        out: &mut BytesMut,
    ) -> Result<Outgoing, ProtocolError> {
        if self.codec.size(&message) > self.broker_limit {
            return Ok(Outgoing::TooLarge(message));
        }
        let id = match message.qos {
            Qos::AtMostOnce => 0,
            Qos::AtLeastOnce | Qos::ExactlyOnce => match self.flight.message() {
                Some(id) => id,
                None => return Ok(Outgoing::Later(message)),
            },
        };
        self.codec.publish(message, id, out)?;
        Ok(Outgoing::Sent)
    }

    /// Subscribes at quality of service 0.
    pub(super) fn subscribe(
        &mut self,
        filters: Vec<String>,
        out: &mut BytesMut,
    ) -> Result<(), ProtocolError> {
        let id = self.flight.subscription();
        Ok(self.codec.subscribe(filters, id, out)?)
    }

    /// Unsubscribes.
    pub(super) fn unsubscribe(
        &mut self,
        filters: Vec<String>,
        out: &mut BytesMut,
    ) -> Result<(), ProtocolError> {
        let id = self.flight.subscription();
        Ok(self.codec.unsubscribe(filters, id, out)?)
    }

    /// Asks for a sign of life. Fails when the last question was not answered.
    pub(super) fn ping(&mut self, out: &mut BytesMut) -> Result<(), ProtocolError> {
        if self.pinged {
            return Err(ProtocolError::NoPing);
        }
        self.pinged = true;
        Ok(self.codec.ping(out)?)
    }

    /// Says goodbye, so that the broker keeps the last will to itself.
    pub(super) fn disconnect(&mut self, out: &mut BytesMut) -> Result<(), ProtocolError> {
        Ok(self.codec.disconnect(out)?)
    }

    /// Takes one packet off the front of `input`; `None` when it is not all there. Answers go to `out`.
    pub(super) fn receive(
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
        let Some(length) = frame_length(input)? else {
            return Ok(None);
        };
        if length > self.limit {
            self.skip = length;
            return Ok(Some(Incoming::Skipped(length)));
        }
        if length > input.len() {
            return Ok(None);
        }
        Ok(Some(match self.codec.read(input)? {
            Packet::Accepted(limits) => {
                self.flight.lower(limits.in_flight);
                self.broker_limit = limits.packet;
                Incoming::Accepted
            }
            Packet::Refused(reason) => Incoming::Refused(reason),
            Packet::Closed(reason) => Incoming::Closed(reason),
            Packet::Publish {
                topic,
                payload,
                retain,
                qos,
                id,
            } => {
                match qos {
                    0 => {}
                    1 => self.codec.answer(Answer::Acknowledge, id, out)?,
                    _ => self.codec.answer(Answer::Receive, id, out)?,
                }
                Incoming::Message {
                    topic,
                    payload,
                    retain,
                }
            }
            Packet::Acknowledged(id) | Packet::Completed(id) => {
                self.flight.end_message(id);
                Incoming::Other
            }
            Packet::Received { id, accepted } => {
                if accepted {
                    self.codec.answer(Answer::Release, id, out)?;
                } else {
                    self.flight.end_message(id);
                }
                Incoming::Other
            }
            Packet::Released(id) => {
                self.codec.answer(Answer::Complete, id, out)?;
                Incoming::Other
            }
            Packet::Subscribed(id) => {
                self.flight.end_subscription(id);
                Incoming::Other
            }
            Packet::Ping => {
                self.pinged = false;
                Incoming::Other
            }
            Packet::Other => Incoming::Other,
        }))
    }
}

/// Bytes of the packet at the front, its header included, once its length is there.
fn frame_length(input: &BytesMut) -> Result<Option<usize>, ProtocolError> {
    let mut length = 0;
    for (index, byte) in input.iter().skip(1).take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some(length + index + 2));
        }
    }
    // A length has four bytes at most.
    if input.len() > 4 {
        return Err(ProtocolError::Length);
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use proptest::prelude::*;

    const VERSIONS: [u8; 2] = [4, 5];

    fn message(topic: &str, payload: &[u8], qos: Qos) -> Publish {
        Publish {
            topic: Arc::from(topic),
            payload: payload.to_vec(),
            qos,
            retain: false,
            expiry: None,
            common: None,
        }
    }

    fn protocol(version: u8, limit: usize) -> Protocol {
        Protocol::new(&Options {
            host: String::new(),
            port: 1,
            tls: None,
            path: None,
            user: None,
            password: None,
            client_id: "c".to_owned(),
            version,
            keepalive: Duration::ZERO,
            will: None,
            maximum_packet_size: limit,
        })
    }

    fn bytes_of(version: u8, messages: &[(&str, usize)]) -> BytesMut {
        let mut out = BytesMut::new();
        let mut sender = protocol(version, 1000);
        for (topic, length) in messages {
            let message = message(topic, &vec![b'x'; *length], Qos::AtMostOnce);
            assert_eq!(sender.publish(message, &mut out).unwrap(), Outgoing::Sent);
        }
        out
    }

    /// Gives the protocol a packet of the broker and gives what it answers.
    fn hear(protocol: &mut Protocol, bytes: &[u8]) -> (Option<Incoming>, Vec<u8>) {
        let mut out = BytesMut::new();
        let incoming = protocol
            .receive(&mut BytesMut::from(bytes), &mut out)
            .unwrap();
        (incoming, out.to_vec())
    }

    #[test]
    fn a_message_over_the_limit_is_skipped_in_whatever_pieces_it_comes() {
        for (version, skipped) in [(4, 5006), (5, 5007)] {
            let all = bytes_of(version, &[("a", 10), ("b", 5000), ("c", 20)]);
            for piece in [1, 7, 1000, 10_000] {
                let mut receiver = protocol(version, 1000);
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
                let skipped = format!("Skipped({skipped})");
                assert_eq!(seen, ["a 10", &*skipped, "c 20"], "pieces of {piece}");
            }
        }
    }

    #[test]
    fn acknowledged_messages_wait_when_too_many_are_under_way() {
        for version in VERSIONS {
            let mut sender = protocol(version, 1000);
            let mut out = BytesMut::new();
            for _ in 0..IN_FLIGHT {
                let given = message("a", b"x", Qos::AtLeastOnce);
                assert_eq!(sender.publish(given, &mut out).unwrap(), Outgoing::Sent);
            }
            let one_more = message("a", b"x", Qos::AtLeastOnce);
            let back = sender.publish(one_more.clone(), &mut out).unwrap();
            assert_eq!(back, Outgoing::Later(one_more.clone()));
            // PUBACK of packet 1.
            let (seen, answer) = hear(&mut sender, &[0x40, 0x02, 0x00, 0x01]);
            assert_eq!((seen, answer), (Some(Incoming::Other), Vec::new()));
            assert_eq!(sender.publish(one_more, &mut out).unwrap(), Outgoing::Sent);
        }
    }

    #[test]
    fn a_message_exactly_once_goes_through_its_four_steps() {
        for version in VERSIONS {
            let mut sender = protocol(version, 1000);
            let mut out = BytesMut::new();
            for _ in 0..IN_FLIGHT {
                let given = message("a", b"x", Qos::ExactlyOnce);
                assert_eq!(sender.publish(given, &mut out).unwrap(), Outgoing::Sent);
            }
            // PUBREC is answered by PUBREL; only PUBCOMP is the end.
            let (_, answer) = hear(&mut sender, &[0x50, 0x02, 0x00, 0x01]);
            assert_eq!(answer, [0x62, 0x02, 0x00, 0x01]);
            let next = message("a", b"x", Qos::ExactlyOnce);
            let back = sender.publish(next.clone(), &mut out).unwrap();
            assert_eq!(back, Outgoing::Later(next.clone()));
            hear(&mut sender, &[0x70, 0x02, 0x00, 0x01]);
            assert_eq!(sender.publish(next, &mut out).unwrap(), Outgoing::Sent);
        }
    }

    #[test]
    fn a_message_that_the_broker_does_not_allow_is_over() {
        let mut sender = protocol(5, 1000);
        let mut out = BytesMut::new();
        // CONNACK with a receive maximum of 1.
        let (seen, _) = hear(&mut sender, &[0x20, 6, 0, 0, 3, 0x21, 0, 1]);
        assert_eq!(seen, Some(Incoming::Accepted));
        let denied = message("a", b"x", Qos::ExactlyOnce);
        assert_eq!(
            sender.publish(denied.clone(), &mut out).unwrap(),
            Outgoing::Sent
        );
        assert_eq!(
            sender.publish(denied.clone(), &mut out).unwrap(),
            Outgoing::Later(denied.clone())
        );
        // PUBREC with the reason 'not authorised'.
        let (_, answer) = hear(&mut sender, &[0x50, 0x03, 0x00, 0x01, 0x87]);
        assert_eq!(answer, Vec::<u8>::new());
        assert_eq!(sender.publish(denied, &mut out).unwrap(), Outgoing::Sent);
    }

    #[test]
    fn what_is_greater_than_the_broker_takes_is_not_sent() {
        let mut sender = protocol(5, 1000);
        let mut out = BytesMut::new();
        // CONNACK with a maximum packet size of 100.
        hear(&mut sender, &[0x20, 8, 0, 0, 5, 0x27, 0, 0, 0, 100]);
        let large = message("a", &[b'x'; 100], Qos::AtMostOnce);
        assert_eq!(
            sender.publish(large.clone(), &mut out).unwrap(),
            Outgoing::TooLarge(large)
        );
        let small = message("a", &[b'x'; 80], Qos::AtMostOnce);
        assert_eq!(sender.publish(small, &mut out).unwrap(), Outgoing::Sent);
    }

    #[test]
    fn messages_of_the_broker_get_their_acknowledgements() {
        let mut version4 = protocol(4, 1000);
        let (_, answer) = hear(&mut version4, &[0x32, 5, 0, 1, b'a', 0, 9]);
        assert_eq!(answer, [0x40, 0x02, 0x00, 0x09]);
        let (_, answer) = hear(&mut version4, &[0x34, 5, 0, 1, b'a', 0, 9]);
        assert_eq!(answer, [0x50, 0x02, 0x00, 0x09]);
        let (_, answer) = hear(&mut version4, &[0x62, 2, 0, 9]);
        assert_eq!(answer, [0x70, 0x02, 0x00, 0x09]);
    }

    #[test]
    fn retention_is_the_message_expiry_of_version_5_and_nothing_in_version_4() {
        for (version, expected) in [
            (4, &[0x30, 4, 0, 1, b'a', b'x'][..]),
            (5, &[0x30, 10, 0, 1, b'a', 5, 0x02, 0, 0, 1, 44, b'x']),
        ] {
            let mut out = BytesMut::new();
            let kept = Publish {
                expiry: Some(300),
                ..message("a", b"x", Qos::AtMostOnce)
            };
            let sent = protocol(version, 1000).publish(kept, &mut out).unwrap();
            assert_eq!((sent, &out[..]), (Outgoing::Sent, expected));
        }
    }

    #[test]
    fn the_broker_says_why_it_refuses_or_leaves() {
        for (bytes, expected) in [
            (
                &[0x20, 3, 0, 0x86, 0][..],
                "user name or password are wrong",
            ),
            (&[0x20, 3, 0, 0x89, 0], "server busy"),
            // A broker of the time before version 5.
            (&[0x20, 2, 0, 1], "does not speak MQTT 5"),
            (&[0x20, 8, 0, 0x87, 5, 0x1f, 0, 2, b'n', b'o'], ": no"),
            (&[0xe0, 0], "without a reason"),
            (&[0xe0, 1, 0x8e], "session taken over"),
            (&[0xe0, 2, 0x8b, 0], "server shutting down"),
        ] {
            let (seen, _) = hear(&mut protocol(5, 1000), bytes);
            let Some(Incoming::Refused(reason) | Incoming::Closed(reason)) = seen else {
                panic!("{bytes:x?} is neither");
            };
            assert!(reason.contains(expected), "{reason}");
        }
    }

    #[test]
    fn a_packet_that_ends_too_early_is_an_error_and_not_awaited() {
        for bytes in [
            &[0x30, 2, 0, 9][..],
            &[0x20, 3, 0, 0, 9],
            &[0x30, 0xff, 0xff, 0xff, 0xff, 1],
        ] {
            let mut input = BytesMut::from(bytes);
            let seen = protocol(5, 1000).receive(&mut input, &mut BytesMut::new());
            assert!(seen.is_err(), "{bytes:x?}: {seen:?}");
        }
    }

    #[test]
    fn a_ping_without_an_answer_ends_the_connection() {
        for version in VERSIONS {
            let mut protocol = protocol(version, 1000);
            let mut out = BytesMut::new();
            protocol.ping(&mut out).unwrap();
            hear(&mut protocol, &[0xd0, 0]);
            protocol.ping(&mut out).unwrap();
            assert!(matches!(
                protocol.ping(&mut out),
                Err(ProtocolError::NoPing)
            ));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            version in prop::sample::select(&VERSIONS[..]),
            first in prop::sample::select(&[0x20, 0x30, 0x32, 0x40, 0x50, 0x62, 0x70, 0x90, 0xb0, 0xe0][..]),
            rest in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let mut receiver = protocol(version, 1000);
            // A true length brings the bytes to the packet's own reader.
            let length = u8::try_from(rest.len()).unwrap();
            let mut input = BytesMut::from(&[first, length][..]);
            input.extend_from_slice(&rest);
            let mut out = BytesMut::new();
            let _ = receiver.receive(&mut input, &mut out);
            let mut input = BytesMut::from(&rest[..]);
            let _ = receiver.receive(&mut input, &mut out);
        }
    }
}
