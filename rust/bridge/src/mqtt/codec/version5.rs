//! MQTT 5.

use bytes::{Buf, BytesMut};
use rumqttc::v5::mqttbytes::v5::{
    Connect, ConnectProperties, ConnectReturnCode, Disconnect, DisconnectReasonCode, Filter,
    LastWill, Login, Packet as Packet5, PingReq, PubAck, PubComp, PubRec, PubRecReason, PubRel,
    Publish as Publish5, PublishProperties, Subscribe, Unsubscribe,
};
use rumqttc::v5::mqttbytes::{Error, QoS};

use super::{Answer, Codec, CodecError, Limits, Packet, keep_alive};
use crate::core::{Publish, Qos};
use crate::mqtt::Options;

/// A goodbye of a broker that says nothing more, which the library's codec does not read.
const BARE_DISCONNECT: [u8; 2] = [0xe0, 0x00];
/// How the answer to a greeting begins in the versions before: it has no properties.
const OLD_ANSWER: [u8; 2] = [0x20, 0x02];

/// MQTT 5.
pub(in crate::mqtt) struct Version5;

fn qos(qos: Qos) -> QoS {
    match qos {
        Qos::AtMostOnce => QoS::AtMostOnce,
        Qos::AtLeastOnce => QoS::AtLeastOnce,
        Qos::ExactlyOnce => QoS::ExactlyOnce,
    }
}

impl Codec for Version5 {
    fn connect(&self, options: &Options, out: &mut BytesMut) -> Result<(), CodecError> {
        let mut properties = ConnectProperties::new();
        properties.max_packet_size = Some(limit(options.maximum_packet_size));
        let connect = Connect {
            keep_alive: keep_alive(options),
            client_id: options.client_id.clone(),
            clean_start: true,
            properties: Some(properties),
        };
        let login = options.user.as_ref().map(|user| {
            let password = options.password.clone().unwrap_or_default();
            Login::new(user.clone(), password)
        });
        let will = options.will.as_ref().map(|will| {
            let payload = will.payload.clone();
            LastWill::new(&*will.topic, payload, qos(will.qos), will.retain, None)
        });
        Packet5::Connect(connect, will, login).write(out, None)?;
        Ok(())
    }

    fn size(&self, message: &Publish) -> usize {
        // The greatest header, the topic and its length, an id, the expiry, the payload.
        5 + 2 + message.topic.len() + 2 + 6 + message.payload.len()
    }

    fn publish(&self, message: Publish, id: u16, out: &mut BytesMut) -> Result<(), CodecError> {
        let properties = message.expiry.map(|expiry| PublishProperties {
            message_expiry_interval: Some(expiry),
            ..PublishProperties::default()
        });
        let mut packet = Publish5::new(
            &*message.topic,
            qos(message.qos),
            message.payload,
            properties,
        );
        packet.retain = message.retain;
        packet.pkid = id;
        packet.write(out)?;
        Ok(())
    }

    fn subscribe(
        &self,
        filters: Vec<String>,
        id: u16,
        out: &mut BytesMut,
    ) -> Result<(), CodecError> {
        let filters = filters
            .into_iter()
            .map(|path| Filter::new(path, QoS::AtMostOnce));
        let mut packet = Subscribe::new_many(filters, None);
        packet.pkid = id;
        packet.write(out)?;
        Ok(())
    }

    fn unsubscribe(
        &self,
        filters: Vec<String>,
        id: u16,
        out: &mut BytesMut,
    ) -> Result<(), CodecError> {
        let mut packet = Unsubscribe::new("", None);
        packet.filters = filters;
        packet.pkid = id;
        packet.write(out)?;
        Ok(())
    }

    fn answer(&self, answer: Answer, id: u16, out: &mut BytesMut) -> Result<(), CodecError> {
        match answer {
            Answer::Acknowledge => PubAck::new(id, None).write(out)?,
            Answer::Receive => PubRec::new(id, None).write(out)?,
            Answer::Release => PubRel::new(id, None).write(out)?,
            Answer::Complete => PubComp::new(id, None).write(out)?,
        };
        Ok(())
    }

    fn ping(&self, out: &mut BytesMut) -> Result<(), CodecError> {
        Packet5::PingReq(PingReq).write(out, None)?;
        Ok(())
    }

    fn disconnect(&self, out: &mut BytesMut) -> Result<(), CodecError> {
        let goodbye = Disconnect::new(DisconnectReasonCode::NormalDisconnection);
        Packet5::Disconnect(goodbye).write(out, None)?;
        Ok(())
    }

    fn read(&self, input: &mut BytesMut) -> Result<Packet, CodecError> {
        if input.starts_with(&BARE_DISCONNECT) {
            input.advance(BARE_DISCONNECT.len());
            return Ok(Packet::Closed("without a reason".to_owned()));
        }
        // A goodbye with a reason and no properties, which the codec does not read either.
        if let [0xe0, 0x01, reason, ..] = **input {
            input.advance(3);
            let mut whole = BytesMut::from(&[0xe0, 0x02, reason, 0x00][..]);
            return self.read(&mut whole);
        }
        if input.starts_with(&OLD_ANSWER) {
            return Ok(Packet::Refused(NO_VERSION_5.to_owned()));
        }
        Ok(match Packet5::read(input, None)? {
            Packet5::ConnAck(ack) if ack.code == ConnectReturnCode::Success => {
                let properties = ack.properties.as_ref();
                let packet = properties.and_then(|properties| properties.max_packet_size);
                let in_flight = properties.and_then(|properties| properties.receive_max);
                let none = Limits::default();
                Packet::Accepted(Limits {
                    in_flight: in_flight.unwrap_or(none.in_flight),
                    packet: packet
                        .and_then(|packet| usize::try_from(packet).ok())
                        .unwrap_or(none.packet),
                })
            }
            Packet5::ConnAck(ack) => {
                let told = ack.properties.and_then(|told| told.reason_string);
                Packet::Refused(with_reason(&refusal(ack.code), told))
            }
            Packet5::Publish(message) => Packet::Publish {
                topic: String::from_utf8(message.topic.into()).map_err(|_| Error::TopicNotUtf8)?,
                payload: message.payload.into(),
                retain: message.retain,
                qos: message.qos as u8,
                id: message.pkid,
            },
            Packet5::PubAck(ack) => Packet::Acknowledged(ack.pkid),
            Packet5::PubRec(ack) => Packet::Received {
                id: ack.pkid,
                accepted: matches!(
                    ack.reason,
                    PubRecReason::Success | PubRecReason::NoMatchingSubscribers
                ),
            },
            Packet5::PubRel(release) => Packet::Released(release.pkid),
            Packet5::PubComp(ack) => Packet::Completed(ack.pkid),
            Packet5::SubAck(ack) => Packet::Subscribed(ack.pkid),
            Packet5::UnsubAck(ack) => Packet::Subscribed(ack.pkid),
            Packet5::PingResp(_) => Packet::Ping,
            Packet5::Disconnect(end) => {
                let told = end.properties.and_then(|told| told.reason_string);
                Packet::Closed(with_reason(
                    &spaced(&format!("{:?}", end.reason_code)),
                    told,
                ))
            }
            _ => Packet::Other,
        })
    }
}

const NO_VERSION_5: &str = "it does not speak MQTT 5 (mqtt.version)";

fn refusal(code: ConnectReturnCode) -> String {
    match code {
        ConnectReturnCode::RefusedProtocolVersion
        | ConnectReturnCode::UnsupportedProtocolVersion => NO_VERSION_5.to_owned(),
        ConnectReturnCode::BadClientId | ConnectReturnCode::ClientIdentifierNotValid => {
            super::BAD_CLIENT_ID.to_owned()
        }
        ConnectReturnCode::BadUserNamePassword => super::BAD_PASSWORD.to_owned(),
        ConnectReturnCode::NotAuthorized => super::NOT_AUTHORISED.to_owned(),
        other => spaced(&format!("{other:?}")),
    }
}

fn with_reason(what: &str, told: Option<String>) -> String {
    match told {
        Some(reason) if !reason.is_empty() => format!("{what}: {reason}"),
        _ => what.to_owned(),
    }
}

/// `ServerBusy` to `server busy`: the words of the specification.
fn spaced(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push(' ');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

/// A packet size as the specification has it: from 1.
fn limit(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX).max(1)
}
