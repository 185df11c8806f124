//! Reads the vectors of tests/vectors and drives the engine with them.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test program uses a part of this module"
)]

pub mod files;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::task::{Context, Poll, Waker};

use devices::{
    Catalogue, Definition, DeviceInfo, DeviceKind, Endpoint, Io, JsonMap, LocalFuture, Memory,
    Message, MessageKind, Operation, OperationError, OperationReply, Payload, SetRequest,
};
use files::hex;
use serde_json::{Value as Json, json};
use zigbee::zcl::{Foundation, Frame, FrameType};
use zigbee::{ClusterId, EndpointId, GroupId, IeeeAddress, ManufacturerCode, NwkAddress};

/// The device of a case.
pub fn device_info(record: &Json) -> DeviceInfo {
    let text = |key: &str| record[key].as_str().map(str::to_owned);
    let number = |key: &str| {
        record[key]
            .as_u64()
            .map(|number| u8::try_from(number).unwrap())
    };
    let clusters = |list: &Json| -> Vec<ClusterId> {
        list.as_array()
            .unwrap()
            .iter()
            .map(|id| ClusterId(u16::try_from(id.as_u64().unwrap()).unwrap()))
            .collect()
    };
    DeviceInfo {
        ieee: IeeeAddress(0x0015_8d00_0123_4567),
        nwk: NwkAddress(0x1234),
        kind: match record["type"].as_str().unwrap() {
            "Router" => DeviceKind::Router,
            _ => DeviceKind::EndDevice,
        },
        model_id: text("modelID"),
        manufacturer_name: text("manufacturerName"),
        manufacturer_code: record["manufacturerID"]
            .as_u64()
            .map(|code| ManufacturerCode(u16::try_from(code).unwrap())),
        power_source: None,
        application_version: number("appVersion"),
        stack_version: number("stackVersion"),
        hardware_version: number("hwVersion"),
        zcl_version: number("zclVersion"),
        date_code: text("dateCode"),
        software_build_id: text("swBuildId"),
        endpoints: record["endpoints"]
            .as_array()
            .unwrap()
            .iter()
            .map(|endpoint| {
                let id = EndpointId(u8::try_from(endpoint["id"].as_u64().unwrap()).unwrap());
                let endpoint = Endpoint {
                    inputs: clusters(&endpoint["in"]),
                    outputs: clusters(&endpoint["out"]),
                    ..Endpoint::default()
                };
                (id, endpoint)
            })
            .collect(),
    }
}

/// A message from the bytes of a frame; `None` for what is not a frame that devices may send.
pub fn message(endpoint: u8, cluster: u16, group: Option<u16>, zcl: &[u8]) -> Option<Message> {
    let frame = Frame::parse(zcl).ok()?;
    let kind = match frame.header.frame_type {
        FrameType::Global => MessageKind::Foundation(Foundation::parse(&frame).ok()?),
        FrameType::Cluster => MessageKind::Cluster(frame.payload),
        FrameType::Reserved(_) => return None,
    };
    Some(Message {
        endpoint: EndpointId(endpoint),
        group: group.map(GroupId),
        cluster: ClusterId(cluster),
        header: frame.header,
        kind,
    })
}

/// Runs a future that never has to wait.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the engine waits for something that is not an operation"),
    }
}

/// A cell of a test device: an `Io` is `Sync`, which `RefCell` is not.
#[derive(Default)]
pub struct Held<T>(RwLock<T>);

impl<T> Held<T> {
    pub fn new(value: T) -> Self {
        Self(RwLock::new(value))
    }

    pub fn borrow(&self) -> RwLockReadGuard<'_, T> {
        self.0.read().unwrap()
    }

    pub fn borrow_mut(&self) -> RwLockWriteGuard<'_, T> {
        self.0.write().unwrap()
    }
}

/// A device at the other end of the engine: answers as the case says and notes what is asked.
pub struct Bench {
    pub definition: Arc<Definition>,
    pub device: DeviceInfo,
    pub options: Arc<JsonMap>,
    pub memory: Held<Memory>,
    pub state: Held<JsonMap>,
    pub meta: Held<JsonMap>,
    /// What is published, in order.
    pub published: Held<Vec<JsonMap>>,
    /// What is sent, in order, in the words of the vectors' `tx`.
    pub sent: Held<Vec<Json>>,
    /// Answers to come, in order: `tx` objects of the vectors with `reply` or `delivery`.
    pub answers: Held<VecDeque<Json>>,
    pub logged: Held<Vec<String>>,
    /// Kinds of what was not understood.
    pub problems: Held<Vec<&'static str>>,
}

impl Bench {
    /// A bench for a device that the catalogue knows.
    pub fn new(device: DeviceInfo, options: JsonMap, state: JsonMap) -> Self {
        let definition = Catalogue::builtin()
            .find(&device)
            .expect("the model is in the catalogue");
        Self {
            definition,
            device,
            options: Arc::new(options),
            memory: Held::default(),
            state: Held::new(state),
            meta: Held::default(),
            published: Held::default(),
            sent: Held::default(),
            answers: Held::default(),
            logged: Held::default(),
            problems: Held::default(),
        }
    }

    /// A message arrives.
    pub fn receive(&self, message: &Message) -> devices::Decoded {
        let decoded = self.definition.decode(
            &self.device,
            &self.options,
            &self.state.borrow(),
            &mut self.memory.borrow_mut(),
            message,
        );
        self.problems
            .borrow_mut()
            .extend(decoded.problems.iter().map(|problem| problem.kind));
        if !decoded.payload.is_empty() || decoded.repeats_state {
            self.merge(decoded.payload.clone());
        }
        for effect in &decoded.effects {
            if let devices::Effect::Perform(operation) = effect {
                let _ = run(self.perform(operation.clone()));
            }
        }
        decoded
    }

    /// A `set` or `get` arrives. Gives the lines that were logged.
    pub fn mqtt(&self, topic: &str, text: &str) -> Vec<String> {
        let (endpoint, direction, payload) = command(topic, text);
        let Some(payload) = payload else {
            return vec!["Invalid message".to_owned()];
        };
        let request = SetRequest {
            payload,
            endpoint,
            options: self.options.clone(),
        };
        let outcome = if direction == "set" {
            run(self.definition.set(self, request))
        } else {
            run(self.definition.get(self, request))
        };
        if !outcome.state.is_empty() {
            self.merge(outcome.state);
        }
        outcome
            .errors
            .into_iter()
            .map(|error| error.message.replace("{name}", "dev"))
            .collect()
    }

    fn merge(&self, payload: JsonMap) {
        let mut message = self.state.borrow().clone();
        message.extend(payload.clone());
        self.published.borrow_mut().push(message);
        for (key, value) in payload {
            if key != "action" && !key.starts_with("action_") {
                self.state.borrow_mut().insert(key, value);
            }
        }
    }

    fn answer(&self, operation: &Operation) -> Result<OperationReply, OperationError> {
        let (endpoint, cluster, manufacturer, command, payload, cluster_frame) = match operation {
            Operation::Read {
                endpoint,
                cluster,
                manufacturer,
                attributes,
            } => {
                let command = Foundation::Read(attributes.clone());
                (
                    *endpoint,
                    *cluster,
                    *manufacturer,
                    command.id(),
                    command.emit(),
                    false,
                )
            }
            Operation::Write {
                endpoint,
                cluster,
                manufacturer,
                attributes,
                ..
            } => {
                let command = Foundation::Write(attributes.clone());
                (
                    *endpoint,
                    *cluster,
                    *manufacturer,
                    command.id(),
                    command.emit(),
                    false,
                )
            }
            Operation::Command {
                endpoint,
                cluster,
                manufacturer,
                command,
                payload,
                ..
            } => (
                *endpoint,
                *cluster,
                *manufacturer,
                *command,
                payload.clone(),
                true,
            ),
            Operation::From(_, operation) => return self.answer(operation),
            Operation::Respond {
                endpoint,
                cluster,
                command,
                payload,
                ..
            } => (*endpoint, *cluster, None, *command, payload.clone(), true),
            Operation::Sleep(_) => return Ok(OperationReply::Done),
            other => panic!("not expected here: {other:?}"),
        };
        let hex_of = |text: String, byte: &u8| format!("{text}{byte:02x}");
        let payload = payload.iter().fold(String::new(), hex_of);
        self.sent.borrow_mut().push(json!({
            "ep": endpoint.0,
            "cluster": cluster.0,
            "frame_type": if cluster_frame { "cluster" } else { "global" },
            "mfr": manufacturer.map(|code| code.0),
            "cmd": command.0,
            "payload": payload,
        }));
        let answer = self.answers.borrow_mut().pop_front().unwrap_or(Json::Null);
        if answer["delivery"] == "failed" {
            return Err(OperationError::Undelivered("delivery failed".to_owned()));
        }
        let Some(reply) = answer["reply"].as_str() else {
            return Ok(OperationReply::Done);
        };
        let Some(message) = message(endpoint.0, cluster.0, None, &hex(reply)) else {
            return Ok(OperationReply::Done);
        };
        let MessageKind::Foundation(parsed) = &message.kind else {
            return Ok(OperationReply::Done);
        };
        match &parsed.command {
            Foundation::ReadResponse(records) => {
                self.receive(&message);
                Ok(OperationReply::Read(records.clone()))
            }
            Foundation::WriteResponse(statuses) => {
                let waits = matches!(operation, Operation::Write { wait: true, .. });
                match statuses.iter().find(|status| status.status.0 != 0) {
                    Some(refused) if waits => Err(OperationError::Status {
                        status: refused.status,
                        attribute: refused.id,
                    }),
                    _ => Ok(OperationReply::Done),
                }
            }
            _ => Ok(OperationReply::Done),
        }
    }
}

impl Io for Bench {
    fn perform(
        &self,
        operation: Operation,
    ) -> LocalFuture<'_, Result<OperationReply, OperationError>> {
        Box::pin(async move { self.answer(&operation) })
    }

    fn device(&self) -> Option<DeviceInfo> {
        Some(self.device.clone())
    }

    fn state(&self, property: &str) -> Option<Json> {
        self.state.borrow().get(property).cloned()
    }

    fn publish(&self, state: JsonMap) {
        self.merge(state);
    }

    fn remembered(&self, key: &str) -> Option<Json> {
        self.meta.borrow().get(key).cloned()
    }

    fn remember(&self, key: &str, value: Json) {
        self.meta.borrow_mut().insert(key.to_owned(), value);
    }

    fn with_memory(&self, borrow: &mut dyn FnMut(&mut Memory)) {
        borrow(&mut self.memory.borrow_mut());
    }

    fn log(&self, text: &str) {
        self.logged.borrow_mut().push(text.to_owned());
    }
}

/// Takes a topic and its payload apart (shared/facts/mqtt-api.md §6.1 and §6.2).
fn command(topic: &str, text: &str) -> (Option<String>, &'static str, Option<Payload>) {
    const WORDS: [&str; 9] = [
        "on", "off", "toggle", "open", "close", "stop", "lock", "unlock", "",
    ];
    let rest = topic.strip_prefix("zigbee2mqtt/dev").unwrap();
    let mut parts = rest.split('/').filter(|part| !part.is_empty());
    let mut endpoint = None;
    let mut direction = parts.next().unwrap();
    if direction != "set" && direction != "get" {
        endpoint = Some(direction.to_owned());
        direction = parts.next().unwrap();
    }
    let direction = if direction == "set" { "set" } else { "get" };
    let payload = match parts.next() {
        Some(attribute) => {
            let value = serde_json::from_str(text).unwrap_or(Json::from(text));
            Some(Payload::one(attribute, value))
        }
        None if text.starts_with('{') => serde_json::from_str(text).ok(),
        None if text.starts_with('[') => {
            let list: Vec<Json> = serde_json::from_str(text).unwrap();
            Some(
                list.into_iter()
                    .enumerate()
                    .map(|(index, value)| (index.to_string(), value))
                    .collect(),
            )
        }
        None if !text.is_empty() && WORDS.contains(&text.to_lowercase().as_str()) => {
            Some(Payload::one("state", Json::from(text)))
        }
        None => None,
    };
    (endpoint, direction, payload)
}
