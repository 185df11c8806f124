//! The packets of the versions of MQTT, as far as a client needs them.

mod version4;
mod version5;

use bytes::BytesMut;
use rumqttc::mqttbytes::Error as Error4;
use rumqttc::v5::mqttbytes::Error as Error5;

pub(super) use version4::Version4;
pub(super) use version5::Version5;

use super::Options;
use crate::core::Publish;

/// What a broker may send.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Packet {
    /// It takes us, within these limits.
    Accepted(Limits),
    /// It does not, for this reason.
    Refused(String),
    /// A message; `id` is 0 at quality of service 0.
    Publish {
        topic: String,
        payload: Vec<u8>,
        retain: bool,
        qos: u8,
        id: u16,
    },
    /// The end of our message at quality of service 1.
    Acknowledged(u16),
    /// The first half of the acknowledgement of our message at quality of service 2.
    Received { id: u16, accepted: bool },
    /// The broker lets go of its message at quality of service 2.
    Released(u16),
    /// The end of our message at quality of service 2.
    Completed(u16),
    /// The answer to a subscription or its end.
    Subscribed(u16),
    /// The answer to a ping.
    Ping,
    /// It ends the session, for this reason.
    Closed(String),
    /// Something that no broker sends to its client.
    Other,
}

/// What the broker takes at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Messages without their acknowledgement.
    pub(super) in_flight: u16,
    /// Bytes of a packet.
    pub(super) packet: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            in_flight: u16::MAX,
            packet: usize::MAX,
        }
    }
}

/// The answers that a client owes for messages above quality of service 0, and for their ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Acknowledge,
    Receive,
    Release,
    Complete,
}

/// What is wrong with a packet.
#[derive(Debug, thiserror::Error)]
pub(super) enum CodecError {
    #[error(transparent)]
    Version4(#[from] Error4),
    #[error(transparent)]
    Version5(#[from] Error5),
}

/// A version's packets to bytes and back.
pub(super) trait Codec {
    /// The greeting.
    fn connect(&self, options: &Options, out: &mut BytesMut) -> Result<(), CodecError>;
    /// Bytes that a message takes.
    fn size(&self, message: &Publish) -> usize;
    /// A message; `id` is 0 at quality of service 0.
    fn publish(&self, message: Publish, id: u16, out: &mut BytesMut) -> Result<(), CodecError>;
    /// A subscription at quality of service 0.
    fn subscribe(
        &self,
        filters: Vec<String>,
        id: u16,
        out: &mut BytesMut,
    ) -> Result<(), CodecError>;
    /// The end of one.
    fn unsubscribe(
        &self,
        filters: Vec<String>,
        id: u16,
        out: &mut BytesMut,
    ) -> Result<(), CodecError>;
    /// An answer to the message `id`.
    fn answer(&self, answer: Answer, id: u16, out: &mut BytesMut) -> Result<(), CodecError>;
    /// The question whether the broker is there.
    fn ping(&self, out: &mut BytesMut) -> Result<(), CodecError>;
    /// The goodbye.
    fn disconnect(&self, out: &mut BytesMut) -> Result<(), CodecError>;
    /// Takes one packet off the front of `input`, where all of it is.
    fn read(&self, input: &mut BytesMut) -> Result<Packet, CodecError>;
}

fn keep_alive(options: &Options) -> u16 {
    u16::try_from(options.keepalive.as_secs()).unwrap_or(u16::MAX)
}

const BAD_CLIENT_ID: &str = "it does not like the client id (mqtt.client_id)";
const BAD_PASSWORD: &str = "user name or password are wrong (mqtt.user, mqtt.password)";
const NOT_AUTHORISED: &str = "not authorised (mqtt.user, mqtt.password)";
