//! A definition on a bench: frames in, values out; keys in, operations out. There is no hub and no
//! device; every operation is noted and succeeds.
//!
//! All of it is JSON, as tools and tests write it down; the forms are those of functions
//! ([`crate::FunctionCall`], [`crate::FunctionReply`]).

mod shown;

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use serde::Deserialize;
use serde_json::{Value as Json, json};
use zigbee::zcl::{Foundation, FrameType};
use zigbee::{ClusterId, EndpointId, GroupId, IeeeAddress, ManufacturerCode, NwkAddress};

use crate::addressed::number;
use crate::message::{Effect, Memory, Message, MessageKind, SetRequest};
use crate::{
    Definition, DeviceInfo, DeviceKind, Endpoint, FunctionCall, FunctionError, FunctionReply, Io,
    JsonMap, LocalFuture, Operation, OperationError, OperationReply, Payload,
};

/// A frame of a device as tools write it down.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frame {
    /// The endpoint that it comes from.
    #[serde(default = "first_endpoint")]
    pub endpoint: u8,
    /// The cluster: a number, also as text (`"0x0402"`).
    pub cluster: Json,
    /// The group that it was sent to.
    #[serde(default)]
    pub group: Option<u16>,
    /// The whole ZCL frame, hexadecimal.
    pub zcl: String,
}

fn first_endpoint() -> u8 {
    1
}

/// What a tool may say of the device on the bench. What it leaves out follows from the definition.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Described {
    model: Option<String>,
    manufacturer: Option<String>,
    manufacturer_code: Option<u16>,
    router: Option<bool>,
    /// Endpoint → server clusters, client clusters.
    endpoints: BTreeMap<u8, (Vec<u16>, Vec<u16>)>,
}

/// A definition with a device of its kind.
#[derive(Debug)]
pub struct Bench {
    definition: Arc<Definition>,
    device: DeviceInfo,
    options: Arc<JsonMap>,
    // An `Io` is shared by futures that may move between threads.
    notes: Mutex<Notes>,
}

/// What is known of the device, and what was noted.
#[derive(Debug, Default)]
struct Notes {
    state: JsonMap,
    memory: Memory,
    meta: JsonMap,
    operations: Vec<Operation>,
    calls: Vec<FunctionCall>,
    /// What functions will give, in the order of their calls.
    replies: VecDeque<Json>,
    logged: Vec<String>,
}

impl Frame {
    fn message(&self) -> Result<Message, String> {
        let bytes = crate::number::bytes(&self.zcl).ok_or("the frame is not hexadecimal")?;
        let cluster = number(&self.cluster)
            .ok_or_else(|| format!("{} is no cluster's number", self.cluster))?;
        let frame = zigbee::zcl::Frame::parse(&bytes).map_err(|error| error.to_string())?;
        let kind = match frame.header.frame_type {
            FrameType::Global => {
                let parsed = Foundation::parse(&frame).map_err(|error| error.to_string())?;
                MessageKind::Foundation(parsed)
            }
            FrameType::Cluster => MessageKind::Cluster(frame.payload),
            FrameType::Reserved(_) => return Err("the frame is of a reserved type".to_owned()),
        };
        Ok(Message {
            endpoint: EndpointId(self.endpoint),
            group: self.group.map(GroupId),
            cluster: ClusterId(cluster),
            header: frame.header,
            kind,
        })
    }
}

impl Bench {
    /// A bench for a definition. `setup` is an object with any of `device` (`model`, `manufacturer`,
    /// `manufacturer_code`, `router`, `endpoints`: number → [server clusters, client clusters]),
    /// `options`, `state` (what is cached) and `replies` (what functions will give, in the order of
    /// their calls).
    pub fn new(definition: Arc<Definition>, setup: &Json) -> Result<Self, String> {
        #[derive(Default, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        struct Setup {
            device: Described,
            options: JsonMap,
            state: JsonMap,
            replies: VecDeque<Json>,
        }
        let setup = match setup {
            Json::Null => Setup::default(),
            given => Setup::deserialize(given).map_err(|error| error.to_string())?,
        };
        Ok(Self {
            device: device(&definition, setup.device),
            definition,
            options: Arc::new(setup.options),
            notes: Mutex::new(Notes {
                state: setup.state,
                replies: setup.replies,
                ..Notes::default()
            }),
        })
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The device on the bench.
    pub fn device(&self) -> &DeviceInfo {
        &self.device
    }

    /// A frame arrives: `{"handled", "values", "calls", "operations", "problems"}`. Values are merged into
    /// the state.
    pub fn decode(&self, frame: &Frame) -> Result<Json, String> {
        let message = frame.message()?;
        let decoded = {
            let Notes { state, memory, .. } = &mut *self.notes();
            self.definition
                .decode(&self.device, &self.options, state, memory, &message)
        };
        let mut calls = Vec::new();
        let mut operations = Vec::new();
        for effect in decoded.effects {
            match effect {
                Effect::Call(call) => calls.push(json!(call)),
                Effect::Perform(operation) => operations.push(shown::operation(&operation)),
                _ => {}
            }
        }
        let problems: Vec<Json> = decoded
            .problems
            .iter()
            .map(|problem| json!({"kind": problem.kind, "text": problem.message}))
            .collect();
        self.merge(&decoded.payload);
        Ok(json!({
            "handled": decoded.handled,
            "values": decoded.payload,
            "calls": calls,
            "operations": operations,
            "problems": problems,
        }))
    }

    /// A `set` message: `{"operations", "calls", "state", "errors", "echo"}`. `echo` holds the frames with
    /// which the device would report what was written, as far as that is known.
    pub fn set(&self, payload: Payload, endpoint: Option<String>) -> Json {
        let request = self.request(payload, endpoint);
        let outcome = poll(self.definition.set(self, request));
        self.noted(outcome)
    }

    /// A `get` message, as [`Bench::set`].
    pub fn get(&self, payload: Payload, endpoint: Option<String>) -> Json {
        let request = self.request(payload, endpoint);
        let outcome = poll(self.definition.get(self, request));
        self.noted(outcome)
    }

    /// Sets the device up, as [`Bench::set`].
    pub fn configure(&self) -> Json {
        let mut outcome = crate::SetOutcome::default();
        match poll(self.definition.configure(self)) {
            Some(Ok(())) => {}
            Some(Err(error)) => outcome.errors.push(crate::KeyError {
                key: String::new(),
                message: error.to_string(),
            }),
            None => return self.noted(None),
        }
        self.noted(Some(outcome))
    }

    fn request(&self, payload: Payload, endpoint: Option<String>) -> SetRequest {
        SetRequest {
            payload,
            endpoint,
            options: self.options.clone(),
        }
    }

    fn noted(&self, outcome: Option<crate::SetOutcome>) -> Json {
        let operations = std::mem::take(&mut self.notes().operations);
        let shown: Vec<Json> = operations.iter().map(shown::operation).collect();
        let echo: Vec<Json> = (0..=u8::MAX)
            .cycle()
            .zip(&operations)
            .filter_map(|(sequence, operation)| shown::echo(operation, sequence))
            .collect();
        let (state, errors) = match outcome {
            Some(outcome) => {
                self.merge(&outcome.state);
                let errors = outcome.errors.into_iter().map(|error| {
                    let name = self.definition.model();
                    Json::from(error.message.replace("{name}", name))
                });
                (outcome.state, errors.collect())
            }
            None => (JsonMap::new(), vec![Json::from("it never ends")]),
        };
        let mut notes = self.notes();
        json!({
            "operations": shown,
            "calls": std::mem::take(&mut notes.calls),
            "state": state,
            "errors": errors,
            "echo": echo,
            "log": std::mem::take(&mut notes.logged),
        })
    }

    fn merge(&self, values: &JsonMap) {
        self.notes().state.extend(
            values
                .iter()
                .map(|(key, value)| (key.clone(), value.clone())),
        );
    }
}

/// A device of the definition's kind.
fn device(definition: &Definition, described: Described) -> DeviceInfo {
    let matched = definition.data.matches.first();
    let manufacturer = matched.and_then(|matched| matched.manufacturers.first());
    let mut endpoints: BTreeMap<EndpointId, Endpoint> = described
        .endpoints
        .into_iter()
        .map(|(id, (inputs, outputs))| {
            let endpoint = Endpoint {
                inputs: inputs.into_iter().map(ClusterId).collect(),
                outputs: outputs.into_iter().map(ClusterId).collect(),
                ..Endpoint::default()
            };
            (EndpointId(id), endpoint)
        })
        .collect();
    if endpoints.is_empty() {
        let named = definition.endpoint_names().map(|(_, id)| id);
        let ids = named.chain(std::iter::once(EndpointId(1)));
        let inputs: Vec<ClusterId> = definition.listeners.keys().copied().collect();
        endpoints = ids
            .map(|id| {
                let endpoint = Endpoint {
                    inputs: inputs.clone(),
                    ..Endpoint::default()
                };
                (id, endpoint)
            })
            .collect();
    }
    DeviceInfo {
        ieee: IeeeAddress(0x0000_0000_0000_0001),
        nwk: NwkAddress(0x0001),
        kind: match described.router {
            Some(false) => DeviceKind::EndDevice,
            _ => DeviceKind::Router,
        },
        model_id: described
            .model
            .or_else(|| matched.map(|matched| matched.model.clone())),
        manufacturer_name: described.manufacturer.or_else(|| manufacturer.cloned()),
        manufacturer_code: described.manufacturer_code.map(ManufacturerCode),
        power_source: None,
        application_version: None,
        stack_version: None,
        hardware_version: None,
        zcl_version: None,
        date_code: None,
        software_build_id: None,
        endpoints,
    }
}

/// Runs what only waits for operations, all of which are done at once. `None` for what waits for
/// something else.
fn poll<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future)
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

impl Io for Bench {
    fn perform(
        &self,
        operation: Operation,
    ) -> LocalFuture<'_, Result<OperationReply, OperationError>> {
        let reply = match &operation {
            Operation::Read { .. } => OperationReply::Read(Vec::new()),
            Operation::ReadReporting { .. } => OperationReply::Reporting(Vec::new()),
            _ => OperationReply::Done,
        };
        self.notes().operations.push(operation);
        Box::pin(async { Ok(reply) })
    }

    fn device(&self) -> Option<DeviceInfo> {
        Some(self.device.clone())
    }

    fn state(&self, property: &str) -> Option<Json> {
        self.notes().state.get(property).cloned()
    }

    fn publish(&self, state: JsonMap) {
        self.merge(&state);
    }

    fn remembered(&self, key: &str) -> Option<Json> {
        self.notes().meta.get(key).cloned()
    }

    fn remember(&self, key: &str, value: Json) {
        self.notes().meta.insert(key.to_owned(), value);
    }

    fn with_memory(&self, borrow: &mut dyn FnMut(&mut Memory)) {
        borrow(&mut self.notes().memory);
    }

    fn call(&self, call: FunctionCall) -> LocalFuture<'_, Result<FunctionReply, FunctionError>> {
        let endpoint = EndpointId(call.endpoint);
        let reply = match self.notes().replies.pop_front() {
            Some(reply) => FunctionReply::parse(&reply, endpoint),
            None => Ok(FunctionReply::default()),
        };
        self.notes().calls.push(call);
        Box::pin(async { reply })
    }

    fn warn(&self, text: &str) {
        self.notes().logged.push(text.to_owned());
    }
}
