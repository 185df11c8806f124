//! Inputs again, from what stands in the journal.

use std::collections::BTreeMap;

use adapters::{ApsIndication, Event};
use hub::{FetchId, LogLevel};
use zigbee::{ClusterId, EndpointId, GroupId, NwkAddress, ProfileId};

use super::{Message, Payload, Recorded, level_name};
use crate::core::{
    ArchiveId, AskId, CoreInput, External, HostUsage, LocalId, LogEntry, Publish, Qos, RemovalId,
    SocketId,
};

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
    pub(super) fn name(&mut self, name: &str) -> &'static str {
        if let Some(known) = self.names.get(name) {
            return known;
        }
        let kept: &'static str = Box::leak(name.to_owned().into_boxed_str());
        self.names.insert(name.to_owned(), kept);
        kept
    }
}

impl Recorded<'_> {
    /// The input again.
    pub(crate) fn into_input(self, context: &mut Context) -> Result<CoreInput, Unreadable> {
        let event = match self {
            Self::Message(message) => Event::Message(message.into_indication()),
            Self::Up(network) => Event::Up(network.into_info()),
            Self::Down => Event::Down,
            Self::Reply(answer) => {
                let (id, result) = answer.into_result(context)?;
                Event::Reply(id, result)
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
                common: None,
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
            Self::Answered { id, answer, error } => {
                CoreInput::Answered(AskId(id), error.map_or(Ok(answer), Err))
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
