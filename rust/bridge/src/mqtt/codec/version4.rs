//! MQTT 3.1.1.

use bytes::BytesMut;
use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v4::{
    Connect, ConnectReturnCode, LastWill, Login, Packet as Packet4, PubAck, PubComp, PubRec,
    PubRel, Publish as Publish4, Subscribe, SubscribeFilter, Unsubscribe,
};

use super::{Answer, Codec, CodecError, Limits, Packet, keep_alive};
use crate::core::{Publish, Qos};
use crate::mqtt::Options;

/// MQTT 3.1.1.
pub(in crate::mqtt) struct Version4;

fn qos(qos: Qos) -> QoS {
    match qos {
        Qos::AtMostOnce => QoS::AtMostOnce,
        Qos::AtLeastOnce => QoS::AtLeastOnce,
        Qos::ExactlyOnce => QoS::ExactlyOnce,
    }
}

impl Codec for Version4 {
    fn connect(&self, options: &Options, out: &mut BytesMut) -> Result<(), CodecError> {
        let mut connect = Connect::new(&options.client_id);
        connect.clean_session = true;
        connect.keep_alive = keep_alive(options);
        connect.login = options.user.as_ref().map(|user| {
            let password = options.password.clone().unwrap_or_default();
            Login::new(user.clone(), password)
        });
        connect.last_will = options.will.as_ref().map(|will| {
            let payload = will.payload.clone();
            LastWill::new(&*will.topic, payload, qos(will.qos), will.retain)
        });
        connect.write(out)?;
        Ok(())
    }

    fn size(&self, message: &Publish) -> usize {
        // The greatest header, the topic and its length, an id, the payload.
        5 + 2 + message.topic.len() + 2 + message.payload.len()
    }

    fn publish(&self, message: Publish, id: u16, out: &mut BytesMut) -> Result<(), CodecError> {
        let mut packet = Publish4::new(&*message.topic, qos(message.qos), message.payload);
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
            .map(|path| SubscribeFilter::new(path, QoS::AtMostOnce));
        let mut packet = Subscribe::new_many(filters);
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
        let mut packet = Unsubscribe::new("");
        packet.topics = filters;
        packet.pkid = id;
        packet.write(out)?;
        Ok(())
    }

    fn answer(&self, answer: Answer, id: u16, out: &mut BytesMut) -> Result<(), CodecError> {
        match answer {
            Answer::Acknowledge => PubAck::new(id).write(out)?,
            Answer::Receive => PubRec::new(id).write(out)?,
            Answer::Release => PubRel::new(id).write(out)?,
            Answer::Complete => PubComp::new(id).write(out)?,
        };
        Ok(())
    }

    fn ping(&self, out: &mut BytesMut) -> Result<(), CodecError> {
        Packet4::PingReq.write(out, usize::MAX)?;
        Ok(())
    }

    fn disconnect(&self, out: &mut BytesMut) -> Result<(), CodecError> {
        Packet4::Disconnect.write(out, usize::MAX)?;
        Ok(())
    }

    fn read(&self, input: &mut BytesMut) -> Result<Packet, CodecError> {
        Ok(match Packet4::read(input, usize::MAX)? {
            Packet4::ConnAck(ack) => match ack.code {
                ConnectReturnCode::Success => Packet::Accepted(Limits::default()),
                code => Packet::Refused(refusal(code).to_owned()),
            },
            Packet4::Publish(message) => Packet::Publish {
                topic: message.topic,
                payload: message.payload.into(),
                retain: message.retain,
                qos: message.qos as u8,
                id: message.pkid,
            },
            Packet4::PubAck(ack) => Packet::Acknowledged(ack.pkid),
            Packet4::PubRec(ack) => Packet::Received {
                id: ack.pkid,
                accepted: true,
            },
            Packet4::PubRel(release) => Packet::Released(release.pkid),
            Packet4::PubComp(ack) => Packet::Completed(ack.pkid),
            Packet4::SubAck(ack) => Packet::Subscribed(ack.pkid),
            Packet4::UnsubAck(ack) => Packet::Subscribed(ack.pkid),
            Packet4::PingResp => Packet::Ping,
            _ => Packet::Other,
        })
    }
}

fn refusal(code: ConnectReturnCode) -> &'static str {
    match code {
        ConnectReturnCode::Success => "accepted",
        ConnectReturnCode::RefusedProtocolVersion => "it does not speak MQTT 3.1.1",
        ConnectReturnCode::BadClientId => super::BAD_CLIENT_ID,
        ConnectReturnCode::ServiceUnavailable => "it is not available",
        ConnectReturnCode::BadUserNamePassword => super::BAD_PASSWORD,
        ConnectReturnCode::NotAuthorized => super::NOT_AUTHORISED,
    }
}
