//! Inputs of the core as they stand in the journal.
//!
//! Serialised with serde, tagged by name: a reader refuses what it doesn't know by that name, and takes
//! records that lack what was added later.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use adapters::{
    ApsIndication, Event, InterPanMessage, NetworkInfo, Reply, RequestError, RequestId,
};
use devices::FunctionError;
use hub::{DurableChange, FetchId, LogLevel};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use zigbee::{
    ClusterId, EndpointId, ExtendedPanId, GroupId, IeeeAddress, NwkAddress, PanId, ProfileId, zdo,
};

use super::hex::{self, Hex};
use super::redact;
use super::secrets::Pseudonyms;
use crate::core::{
    ArchiveId, CoreInput, External, HostUsage, LocalId, LogEntry, Publish, Qos, RemovalId, SocketId,
};

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

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Answer {
    id: u64,
    #[serde(flatten)]
    answer: AnswerKind,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AnswerKind {
    Done,
    Zdo {
        cluster: u16,
        payload: Hex<'static>,
    },
    /// Only whose keys it has, not one of them.
    Backup {
        devices: Vec<String>,
    },
    Energy(Vec<(u8, u8)>),
    InterPan(Vec<Heard>),
    Error(Failure),
}

/// A message without a network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Heard {
    #[serde(with = "hex::address")]
    source: IeeeAddress,
    cluster: u16,
    lqi: u8,
    zcl: Hex<'static>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Failure {
    NotConnected,
    NoAnswer {
        command: Cow<'static, str>,
        after_us: u64,
    },
    Refused {
        command: Cow<'static, str>,
        status: u8,
    },
    NotSent {
        after_us: u64,
    },
    Undelivered {
        status: u8,
        name: Cow<'static, str>,
    },
    NoResponse {
        after_us: u64,
    },
    Zdo {
        status: u8,
    },
    Unsupported {
        what: Cow<'static, str>,
    },
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

/// Why a record can not be made an input again.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Unreadable {
    #[error("the file number {0} that it refers to is not there")]
    File(u64),
    #[error("its ZDO response makes no sense")]
    Zdo,
    #[error("its level of the log is '{0}'")]
    Level(String),
}

/// What a reader knows besides the records: files, and the names that errors have.
#[derive(Debug, Default)]
pub(crate) struct Context {
    pub(crate) files: BTreeMap<u64, hub::Fetched>,
    names: BTreeMap<String, &'static str>,
}

impl Context {
    /// Commands and statuses are a small closed set: each is kept once for the life of the process.
    fn name(&mut self, name: &str) -> &'static str {
        if let Some(known) = self.names.get(name) {
            return known;
        }
        let kept: &'static str = Box::leak(name.to_owned().into_boxed_str());
        self.names.insert(name.to_owned(), kept);
        kept
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
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
            Event::Reply(id, result) => Self::Reply(Answer {
                id: id.0,
                answer: match result {
                    Ok(reply) => AnswerKind::new(reply),
                    Err(error) => AnswerKind::Error(Failure::new(error)),
                },
            }),
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

    /// The input again.
    pub(crate) fn into_input(self, context: &mut Context) -> Result<CoreInput, Unreadable> {
        let event = match self {
            Self::Message(message) => Event::Message(message.into_indication()),
            Self::Up(network) => Event::Up(network.into_info()),
            Self::Down => Event::Down,
            Self::Reply(Answer { id, answer }) => {
                Event::Reply(RequestId(id), answer.into_result(context)?)
            }
            Self::Joined { nwk, ieee, parent } => Event::Joined {
                nwk: NwkAddress(nwk),
                ieee,
                parent: NwkAddress(parent),
            },
            Self::Announced {
                nwk,
                ieee,
                capabilities,
            } => Event::Announced {
                nwk: NwkAddress(nwk),
                ieee,
                capabilities,
            },
            Self::Left { nwk, ieee } => Event::Left {
                nwk: NwkAddress(nwk),
                ieee,
            },
            Self::Address { nwk, ieee } => Event::Address {
                nwk: NwkAddress(nwk),
                ieee,
            },
            Self::Zdo {
                source,
                cluster,
                payload,
            } => Event::Zdo {
                source: NwkAddress(source),
                cluster: ClusterId(cluster),
                payload: payload.into_bytes(),
            },
            other => return other.into_other(context),
        };
        Ok(CoreInput::Adapter(event))
    }

    /// What is not from the coordinator.
    #[expect(clippy::too_many_lines, reason = "an arm for each input")]
    fn into_other(self, context: &mut Context) -> Result<CoreInput, Unreadable> {
        let outcome = |error: Option<String>| error.map_or(Ok(()), Err);
        Ok(match self {
            Self::Mqtt {
                topic,
                payload,
                retain,
            } => CoreInput::Mqtt {
                topic: topic.into_owned(),
                payload: payload.into_bytes(),
                retain,
            },
            Self::MqttConnected => CoreInput::MqttConnected,
            Self::MqttDisconnected => CoreInput::MqttDisconnected,
            Self::SocketOpened(id) => CoreInput::SocketOpened(SocketId(id)),
            Self::SocketClosed(id) => CoreInput::SocketClosed(SocketId(id)),
            Self::SocketMessage { topic, payload } => CoreInput::SocketMessage {
                topic: topic.into_owned(),
                payload: payload.into_bytes(),
            },
            Self::LocalOpened(id) => CoreInput::LocalOpened(LocalId(id)),
            Self::LocalClosed(id) => CoreInput::LocalClosed(LocalId(id)),
            Self::LocalPublish {
                topic,
                payload,
                qos,
                retain,
                expiry,
            } => CoreInput::LocalPublish(Publish {
                topic: topic.into(),
                payload: payload.into_bytes(),
                qos: match qos {
                    0 => Qos::AtMostOnce,
                    1 => Qos::AtLeastOnce,
                    _ => Qos::ExactlyOnce,
                },
                retain,
                expiry,
            }),
            Self::LocalSubscribe(id, filter) => CoreInput::LocalSubscribe(LocalId(id), filter),
            Self::LinkFailed => CoreInput::LinkFailed,
            Self::Archived { id, error } => {
                CoreInput::Archived(ArchiveId(id), outcome(error).map(|()| String::new()))
            }
            Self::Fetched {
                id,
                file,
                is_image,
                error,
            } => {
                let fetched = match (file, error.unwrap_or_default()) {
                    (Some(file), _) => context
                        .files
                        .get(&file)
                        .cloned()
                        .ok_or(Unreadable::File(file))?,
                    (None, error) if is_image => hub::Fetched::Image(Err(error)),
                    (None, error) => hub::Fetched::Index(Err(error)),
                };
                CoreInput::Fetched(FetchId(id), fetched)
            }
            Self::External {
                converters,
                extensions,
            } => {
                let files = |names: Vec<String>| {
                    let with_code = |name| (name, String::new());
                    names.into_iter().map(with_code).collect()
                };
                CoreInput::External(External {
                    converters: files(converters),
                    extensions: files(extensions),
                })
            }
            Self::Removed { id, error } => CoreInput::Removed(RemovalId(id), outcome(error)),
            Self::Converters(set) => CoreInput::Converters(set),
            Self::ConverterReply { id, answer, error } => {
                CoreInput::ConverterReply(hub::CallId(id), error.map_or(Ok(answer), Err))
            }
            Self::HostMeasured(usage) => CoreInput::HostMeasured(HostUsage {
                load_average: usage.load,
                memory_total_kb: usage.memory_total_kb,
                memory_free_kb: usage.memory_free_kb,
                process_memory_kb: usage.process_memory_kb,
                process_uptime_s: usage.process_uptime_s,
                mqtt_queued: usage.mqtt_queued,
            }),
            Self::UtcOffset(minutes) => CoreInput::UtcOffset(minutes),
            Self::Durable(changes) => CoreInput::Durable(changes),
            Self::ListenToTimers => CoreInput::ListenToTimers,
            Self::Log {
                level,
                namespace,
                text,
            } => CoreInput::Log(LogEntry {
                level: level_of(&level)?,
                namespace: namespace.into_owned(),
                text: text.into_owned(),
            }),
            Self::Stop => CoreInput::Stop,
            // Everything from the coordinator was dealt with before.
            _ => CoreInput::Timer,
        })
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

fn level_of(name: &str) -> Result<LogLevel, Unreadable> {
    [
        LogLevel::Error,
        LogLevel::Warning,
        LogLevel::Info,
        LogLevel::Debug,
    ]
    .into_iter()
    .find(|level| level_name(*level) == name)
    .ok_or_else(|| Unreadable::Level(name.to_owned()))
}

impl Payload<'_> {
    fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.into_owned().into_bytes(),
            Self::Bytes { hex } => hex.into_bytes(),
        }
    }
}

impl Message<'_> {
    fn into_indication(self) -> ApsIndication {
        ApsIndication {
            source: NwkAddress(self.source),
            source_endpoint: EndpointId(self.endpoint),
            destination_endpoint: EndpointId(self.to),
            group: self.group.map(GroupId),
            broadcast: self.broadcast,
            profile: self.profile.map(ProfileId),
            cluster: ClusterId(self.cluster),
            link_quality: self.lqi,
            payload: self.zcl.into_bytes(),
        }
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

impl AnswerKind {
    fn new(reply: &Reply) -> Self {
        match reply {
            Reply::Done => Self::Done,
            Reply::Zdo(response) => Self::Zdo {
                cluster: response.cluster().0,
                payload: Hex::owned(response.emit()),
            },
            Reply::Backup(backup) => Self::Backup {
                devices: backup
                    .get("devices")
                    .and_then(Json::as_array)
                    .into_iter()
                    .flatten()
                    .filter_map(|device| device.get("ieee_address")?.as_str())
                    .map(str::to_owned)
                    .collect(),
            },
            Reply::Energy(levels) => Self::Energy(levels.clone()),
            Reply::InterPan(messages) => Self::InterPan(
                messages
                    .iter()
                    .map(|message| Heard {
                        source: message.source,
                        cluster: message.cluster.0,
                        lqi: message.link_quality,
                        zcl: Hex::owned(message.payload.clone()),
                    })
                    .collect(),
            ),
        }
    }

    fn into_result(self, context: &mut Context) -> Result<Result<Reply, RequestError>, Unreadable> {
        Ok(Ok(match self {
            Self::Error(failure) => return Ok(Err(failure.into_error(context))),
            Self::Done => Reply::Done,
            Self::Zdo { cluster, payload } => {
                let bytes = payload.into_bytes();
                match zdo::Response::parse(ClusterId(cluster), &bytes) {
                    Some(Ok(Ok(response))) => Reply::Zdo(response),
                    _ => return Err(Unreadable::Zdo),
                }
            }
            Self::Backup { devices } => {
                let devices: Vec<Json> = devices
                    .into_iter()
                    .map(|address| json!({ "ieee_address": address }))
                    .collect();
                Reply::Backup(json!({ "devices": devices }).into())
            }
            Self::Energy(levels) => Reply::Energy(levels),
            Self::InterPan(messages) => Reply::InterPan(
                messages
                    .into_iter()
                    .map(|heard| InterPanMessage {
                        source: heard.source,
                        cluster: ClusterId(heard.cluster),
                        link_quality: heard.lqi,
                        payload: heard.zcl.into_bytes(),
                    })
                    .collect(),
            ),
        }))
    }
}

impl Failure {
    fn new(error: &RequestError) -> Self {
        match error {
            RequestError::NotConnected => Self::NotConnected,
            RequestError::NoAnswer { command, after } => Self::NoAnswer {
                command: Cow::Borrowed(command),
                after_us: micros(*after),
            },
            RequestError::Refused { command, status } => Self::Refused {
                command: Cow::Borrowed(command),
                status: *status,
            },
            RequestError::NotSent(after) => Self::NotSent {
                after_us: micros(*after),
            },
            RequestError::Undelivered { status, name } => Self::Undelivered {
                status: *status,
                name: Cow::Borrowed(name),
            },
            RequestError::NoResponse(after) => Self::NoResponse {
                after_us: micros(*after),
            },
            RequestError::Zdo(status) => Self::Zdo { status: status.0 },
            RequestError::Unsupported(what) => Self::Unsupported {
                what: Cow::Borrowed(what),
            },
        }
    }

    fn into_error(self, context: &mut Context) -> RequestError {
        match self {
            Self::NotConnected => RequestError::NotConnected,
            Self::NoAnswer { command, after_us } => RequestError::NoAnswer {
                command: context.name(&command),
                after: Duration::from_micros(after_us),
            },
            Self::Refused { command, status } => RequestError::Refused {
                command: context.name(&command),
                status,
            },
            Self::NotSent { after_us } => RequestError::NotSent(Duration::from_micros(after_us)),
            Self::Undelivered { status, name } => RequestError::Undelivered {
                status,
                name: context.name(&name),
            },
            Self::NoResponse { after_us } => {
                RequestError::NoResponse(Duration::from_micros(after_us))
            }
            Self::Zdo { status } => RequestError::Zdo(zdo::Status(status)),
            Self::Unsupported { what } => RequestError::Unsupported(context.name(&what)),
        }
    }
}
