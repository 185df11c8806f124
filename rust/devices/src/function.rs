//! Functions of converters: what data cannot say.
//!
//! The engine never runs one. Decoding gives [`crate::Effect::Call`], and everything that talks to a
//! device asks [`crate::Io::call`]; whoever runs the engine has the function run elsewhere and gives
//! back a [`FunctionReply`].

mod operations;
mod typed;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use zigbee::EndpointId;

use crate::{JsonMap, Operation};

pub(crate) use typed::{data as typed_data, hexadecimal as hexadecimal_text, value as typed_value};

/// The most values that one reply may have.
const MOST_VALUES: usize = 64;
/// The most operations that one reply may have.
const MOST_OPERATIONS: usize = 32;

/// What a function is called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// A message of the device becomes values.
    FromZigbee,
    /// A key of a `set` message becomes operations.
    ToZigbee,
    /// The device is set up.
    Configure,
}

/// A call of a function of a converter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionCall {
    /// What for.
    #[serde(rename = "call")]
    pub purpose: Purpose,
    /// The function's name.
    pub function: String,
    /// The endpoint of the message, or the one that is addressed.
    pub endpoint: u8,
    /// [`Purpose::FromZigbee`]: the message. [`Purpose::ToZigbee`]: the whole `set` message.
    pub message: Json,
    /// [`Purpose::ToZigbee`]: the key, endpoint suffix removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// [`Purpose::ToZigbee`]: its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Json>,
}

/// What a function gave.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FunctionReply {
    /// Properties with their values.
    pub values: JsonMap,
    /// What has to be said to the device, in order.
    pub operations: Vec<Operation>,
}

/// Why a function gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}", self.text())]
pub struct FunctionError {
    /// A short name: an exception's, or `timeout`, `crash`, `nonsense`, `unavailable`. What it is
    /// counted under.
    #[serde(rename = "type")]
    pub kind: String,
    /// What happened.
    #[serde(rename = "text")]
    pub reason: String,
    /// The file of the line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line that failed, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

impl FunctionError {
    /// An error that has no place in a file.
    pub fn new(kind: &str, reason: impl Into<String>) -> Self {
        Self {
            kind: kind.to_owned(),
            reason: reason.into(),
            file: None,
            line: None,
        }
    }

    fn text(&self) -> String {
        let Self { kind, reason, .. } = self;
        match (&self.file, self.line) {
            (Some(file), Some(line)) => format!("{file}:{line}: {kind}: {reason}"),
            (Some(file), None) => format!("{file}: {kind}: {reason}"),
            _ => format!("{kind}: {reason}"),
        }
    }
}

impl FunctionReply {
    /// Reads what a function gave: `{"values": {...}, "operations": [...]}`, both optional. Operations
    /// that name no endpoint go to `endpoint`.
    pub fn parse(reply: &Json, endpoint: EndpointId) -> Result<Self, FunctionError> {
        let nonsense = |reason: String| FunctionError::new("nonsense", reason);
        let object = reply
            .as_object()
            .ok_or_else(|| nonsense("the answer is no object".to_owned()))?;
        let values = match object.get("values") {
            None | Some(Json::Null) => JsonMap::new(),
            Some(Json::Object(values)) => values.clone(),
            Some(_) => return Err(nonsense("the values are no object".to_owned())),
        };
        if values.len() > MOST_VALUES {
            let count = values.len();
            return Err(nonsense(format!(
                "it gave {count} values; {MOST_VALUES} are the most"
            )));
        }
        let list = match object.get("operations") {
            None | Some(Json::Null) => &[][..],
            Some(Json::Array(list)) => list,
            Some(_) => return Err(nonsense("the operations are no list".to_owned())),
        };
        if list.len() > MOST_OPERATIONS {
            let count = list.len();
            return Err(nonsense(format!(
                "it gave {count} operations; {MOST_OPERATIONS} are the most"
            )));
        }
        let operations = list
            .iter()
            .enumerate()
            .map(|(index, json)| {
                operations::parse(json, endpoint)
                    .map_err(|why| nonsense(format!("operations[{index}]: {why}")))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { values, operations })
    }
}
