//! Inputs of the core as they stand in the journal.
//!
//! Serialised with serde, tagged by name: a reader refuses what it doesn't know by that name, and takes
//! records that lack what was added later.

mod answer;
mod restore;

use std::borrow::Cow;

use adapters::{Event, NetworkInfo};
use devices::FunctionError;
use hub::{DurableChange, LogLevel};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use zigbee::{EndpointId, ExtendedPanId, IeeeAddress, PanId};

use super::hex::{self, Hex};
use super::redact;
use super::secrets::Pseudonyms;
use crate::core::{AskId, CoreInput};

pub(crate) use answer::Answer;
pub(crate) use restore::Context;

/// An input without secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Recorded<'a> {
    Message(Message<'a>),
    Up(Network),
    Down,
    Reply(Answer),
    Joined {
        nwk: u16,
        #[serde(with = "hex::address")]
        ieee: IeeeAddress,
        parent: u16,
    },
    Announced {
        nwk: u16,
        #[serde(with = "hex::address")]
        ieee: IeeeAddress,
        capabilities: u8,
    },
    Left {
        nwk: u16,
        #[serde(with = "hex::address")]
        ieee: IeeeAddress,
    },
    Address {
        nwk: u16,
        #[serde(with = "hex::address")]
        ieee: IeeeAddress,
    },
    Zdo {
        source: u16,
        cluster: u16,
        payload: Hex<'a>,
    },
    Mqtt {
        topic: Cow<'a, str>,
        payload: Payload<'a>,
        #[serde(default, skip_serializing_if = "is_false")]
        retain: bool,
    },
    MqttConnected,
    MqttDisconnected,
    SocketOpened(u64),
    SocketClosed(u64),
    SocketMessage {
        topic: Cow<'a, str>,
        payload: Payload<'a>,
    },
    LocalOpened(u64),
    LocalClosed(u64),
    LocalPublish {
        topic: Cow<'a, str>,
        payload: Payload<'a>,
        #[serde(default, skip_serializing_if = "is_zero")]
        qos: u8,
        #[serde(default, skip_serializing_if = "is_false")]
        retain: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expiry: Option<u32>,
    },
    LocalSubscribe(u64, String),
    LinkFailed,
    /// The archive itself is not kept.
    Archived {
        id: u64,
        error: Option<String>,
    },
    Fetched {
        id: u64,
        /// The number of the file in this piece of the journal.
        file: Option<u64>,
        #[serde(default, skip_serializing_if = "is_false")]
        is_image: bool,
        error: Option<String>,
    },
    /// Names only.
    External {
        converters: Vec<String>,
        extensions: Vec<String>,
    },
    Removed {
        id: u64,
        error: Option<String>,
    },
    Converters(String),
    ConverterReply {
        id: u64,
        answer: Json,
        error: Option<FunctionError>,
    },
    Answered {
        id: u64,
        answer: Json,
        error: Option<String>,
    },
    HostMeasured(Usage),
    UtcOffset(i32),
    Durable(Vec<DurableChange>),
    ListenToTimers,
    Log {
        level: Cow<'a, str>,
        namespace: Cow<'a, str>,
        text: Cow<'a, str>,
    },
    Timer,
    Stop,
}

/// A frame from a device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Message<'a> {
    pub(crate) source: u16,
    pub(crate) endpoint: u8,
    pub(crate) to: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<u16>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) broadcast: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) profile: Option<u16>,
    pub(crate) cluster: u16,
    pub(crate) lqi: u8,
    pub(crate) zcl: Hex<'a>,
}

/// A payload: text where it is one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Payload<'a> {
    Text(Cow<'a, str>),
    Bytes { hex: Hex<'a> },
}

/// What the coordinator is and which network it runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Network {
    #[serde(with = "hex::address")]
    ieee: IeeeAddress,
    pan_id: u16,
    extended_pan_id: u64,
    channel: u8,
    kind: String,
    meta: Json,
    endpoints: Vec<u8>,
    formed: bool,
}

/// How machine and process are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Usage {
    load: [f64; 3],
    memory_total_kb: u64,
    memory_free_kb: u64,
    process_memory_kb: u64,
    process_uptime_s: u64,
    mqtt_queued: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(value: &u8) -> bool {
    *value == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_false(value: &bool) -> bool {
    !value
}

impl<'a> Recorded<'a> {
    /// An input without its secrets. `file` is the number that its file gets.
    pub(crate) fn new(input: &'a CoreInput, hidden: &Pseudonyms, file: u64) -> Self {
        match input {
            CoreInput::Adapter(event) => Self::event(event, hidden),
            CoreInput::Mqtt {
                topic,
                payload,
                retain,
            } => Self::Mqtt {
                topic: topic.into(),
                payload: redact::payload(topic, payload, hidden),
                retain: *retain,
            },
            CoreInput::MqttConnected => Self::MqttConnected,
            CoreInput::MqttDisconnected => Self::MqttDisconnected,
            CoreInput::SocketOpened(id) => Self::SocketOpened(id.0),
            CoreInput::SocketClosed(id) => Self::SocketClosed(id.0),
            CoreInput::SocketMessage { topic, payload } => Self::SocketMessage {
                topic: topic.into(),
                payload: redact::payload(topic, payload, hidden),
            },
            CoreInput::LocalOpened(id) => Self::LocalOpened(id.0),
            CoreInput::LocalClosed(id) => Self::LocalClosed(id.0),
            CoreInput::LocalPublish(publish) => Self::LocalPublish {
                topic: (&*publish.topic).into(),
                payload: redact::payload(&publish.topic, &publish.payload, hidden),
                qos: publish.qos as u8,
                retain: publish.retain,
                expiry: publish.expiry,
            },
            CoreInput::LocalSubscribe(id, filter) => Self::LocalSubscribe(id.0, filter.clone()),
            CoreInput::LinkFailed => Self::LinkFailed,
            CoreInput::Archived(id, result) => Self::Archived {
                id: id.0,
                error: result.as_ref().err().cloned(),
            },
            CoreInput::Fetched(id, fetched) => {
                let (is_image, error) = match fetched {
                    hub::Fetched::Index(result) => (false, result.as_ref().err().cloned()),
                    hub::Fetched::Image(result) => (true, result.as_ref().err().cloned()),
                };
                Self::Fetched {
                    id: id.0,
                    file: error.is_none().then_some(file),
                    is_image,
                    error: error.map(|text| hidden.replace(&text).into_owned()),
                }
            }
            CoreInput::External(external) => {
                let names =
                    |list: &[(String, String)]| list.iter().map(|(name, _)| name.clone()).collect();
                Self::External {
                    converters: names(&external.converters),
                    extensions: names(&external.extensions),
                }
            }
            CoreInput::Removed(id, result) => Self::Removed {
                id: id.0,
                error: result.as_ref().err().cloned(),
            },
            CoreInput::Converters(set) => Self::Converters(hidden.replace(set).into_owned()),
            CoreInput::ConverterReply(id, result) => {
                let (answer, error) = match result {
                    Ok(answer) => (hidden.replace(&answer.to_string()).parse().ok(), None),
                    Err(error) => (None, Some(error.clone())),
                };
                Self::ConverterReply {
                    id: id.0,
                    answer: answer.unwrap_or_default(),
                    error,
                }
            }
            CoreInput::Answered(id, result) => Self::answered(*id, result, hidden),
            CoreInput::HostMeasured(usage) => Self::HostMeasured(Usage {
                load: usage.load_average,
                memory_total_kb: usage.memory_total_kb,
                memory_free_kb: usage.memory_free_kb,
                process_memory_kb: usage.process_memory_kb,
                process_uptime_s: usage.process_uptime_s,
                mqtt_queued: usage.mqtt_queued,
            }),
            CoreInput::UtcOffset(minutes) => Self::UtcOffset(*minutes),
            CoreInput::Durable(changes) => {
                let changes = changes.iter();
                Self::Durable(
                    changes
                        .map(|change| redact::change(change, hidden))
                        .collect(),
                )
            }
            CoreInput::ListenToTimers => Self::ListenToTimers,
            CoreInput::Log(entry) => Self::Log {
                level: level_name(entry.level).into(),
                namespace: entry.namespace.as_str().into(),
                text: hidden.replace(&entry.text),
            },
            CoreInput::Timer => Self::Timer,
            CoreInput::Stop => Self::Stop,
        }
    }

    fn answered(id: AskId, result: &Result<Json, String>, hidden: &Pseudonyms) -> Self {
        let answer = result.as_ref().ok().map(ToString::to_string);
        let answer = answer.and_then(|answer| hidden.replace(&answer).parse().ok());
        let error = result.as_ref().err();
        Self::Answered {
            id: id.0,
            answer: answer.unwrap_or_default(),
            error: error.map(|text| hidden.replace(text).into_owned()),
        }
    }

    fn event(event: &'a Event, hidden: &Pseudonyms) -> Self {
        match event {
            Event::Message(message) => Self::Message(Message {
                source: message.source.0,
                endpoint: message.source_endpoint.0,
                to: message.destination_endpoint.0,
                group: message.group.map(|group| group.0),
                broadcast: message.broadcast,
                profile: message.profile.map(|profile| profile.0),
                cluster: message.cluster.0,
                lqi: message.link_quality,
                zcl: redact::frame(message, hidden),
            }),
            Event::Up(info) => Self::Up(Network::from(info)),
            Event::Down => Self::Down,
            Event::Reply(id, result) => Self::Reply(Answer::new(*id, result)),
            Event::Joined { nwk, ieee, parent } => Self::Joined {
                nwk: nwk.0,
                ieee: *ieee,
                parent: parent.0,
            },
            Event::Announced {
                nwk,
                ieee,
                capabilities,
            } => Self::Announced {
                nwk: nwk.0,
                ieee: *ieee,
                capabilities: *capabilities,
            },
            Event::Left { nwk, ieee } => Self::Left {
                nwk: nwk.0,
                ieee: *ieee,
            },
            Event::Address { nwk, ieee } => Self::Address {
                nwk: nwk.0,
                ieee: *ieee,
            },
            Event::Zdo {
                source,
                cluster,
                payload,
            } => Self::Zdo {
                source: source.0,
                cluster: cluster.0,
                payload: Hex::borrowed(payload),
            },
        }
    }
}

/// The name of a level of the log.
pub(crate) fn level_name(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "error",
        LogLevel::Warning => "warning",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
    }
}

impl From<&NetworkInfo> for Network {
    fn from(info: &NetworkInfo) -> Self {
        Self {
            ieee: info.ieee,
            pan_id: info.pan_id.0,
            extended_pan_id: info.extended_pan_id.0,
            channel: info.channel,
            kind: info.kind.clone(),
            meta: info.meta.clone(),
            endpoints: info.endpoints.iter().map(|endpoint| endpoint.0).collect(),
            formed: info.formed,
        }
    }
}

impl Network {
    fn into_info(self) -> NetworkInfo {
        NetworkInfo {
            ieee: self.ieee,
            pan_id: PanId(self.pan_id),
            extended_pan_id: ExtendedPanId(self.extended_pan_id),
            channel: self.channel,
            kind: self.kind,
            meta: self.meta,
            endpoints: self.endpoints.into_iter().map(EndpointId).collect(),
            formed: self.formed,
        }
    }
}
