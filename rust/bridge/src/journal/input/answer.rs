//! Answers to requests as they stand in the journal.

use std::borrow::Cow;
use std::time::Duration;

use adapters::{InterPanMessage, Reply, RequestError, RequestId};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use zigbee::{ClusterId, IeeeAddress, zdo};

use super::restore::{Context, Unreadable};
use crate::journal::hex::{self, Hex};

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

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl Answer {
    pub(super) fn new(id: RequestId, result: &Result<Reply, RequestError>) -> Self {
        Self {
            id: id.0,
            answer: match result {
                Ok(reply) => AnswerKind::new(reply),
                Err(error) => AnswerKind::Error(Failure::new(error)),
            },
        }
    }

    /// The request and what came of it.
    pub(super) fn into_result(
        self,
        context: &mut Context,
    ) -> Result<(RequestId, Result<Reply, RequestError>), Unreadable> {
        Ok((RequestId(self.id), self.answer.into_result(context)?))
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
