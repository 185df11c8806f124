//! A boolean setting that is written as octet strings in a vendor's own coding.

use serde::Deserialize;
use serde_json::Value as Json;
use zigbee::ClusterId;
use zigbee::zcl::{Attribute, DataType, Value};

use super::Primitive;
use super::respond::Octets;
use crate::decode::Incoming;
use crate::definition::{At, Data};
use crate::encode::{Call, Failure};
use crate::expose::{Expose, ExposeKind, GET, SET, STATE};
use crate::message::{Decoded, Memory};
use crate::{JsonMap, LocalFuture};

/// A boolean that is written by a sequence of octet strings to one attribute.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CodedSetting {
    /// Its name, also its property.
    name: String,
    at: At,
    /// What is written for true, in order.
    on: Vec<Octets>,
    /// What is written for false, in order.
    off: Vec<Octets>,
    /// How an answer is recognised.
    answer: Answer,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    category: Option<String>,
}

/// An answer that carries the value: its bytes, those at `ignore` not looked at, with the value last.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    pattern: Octets,
    #[serde(default)]
    ignore: Vec<usize>,
}

impl Answer {
    fn value(&self, bytes: &[u8]) -> Option<bool> {
        let (last, front) = bytes.split_last()?;
        let matches = front.len() == self.pattern.0.len()
            && front
                .iter()
                .zip(&self.pattern.0)
                .enumerate()
                .all(|(at, (byte, wanted))| byte == wanted || self.ignore.contains(&at));
        match (matches, last) {
            (true, 0) => Some(false),
            (true, 1) => Some(true),
            _ => None,
        }
    }
}

impl Primitive for CodedSetting {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        out.push(self.at.cluster());
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        let mut expose = Expose::generic(ExposeKind::Binary, &self.name, STATE | SET | GET);
        expose.description.clone_from(&self.description);
        expose.category.clone_from(&self.category);
        expose.value_on = Some(Json::Bool(true));
        expose.value_off = Some(Json::Bool(false));
        out.push(expose);
    }

    fn decode(&self, incoming: &Incoming<'_>, _memory: &mut Memory, out: &mut Decoded) {
        if let Some(Value::Octets(bytes)) = incoming.value(self.at)
            && let Some(value) = self.answer.value(bytes)
        {
            out.put(&self.name, value);
        }
    }

    fn claims(&self, key: &str) -> bool {
        self.name == key
    }

    fn set<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<JsonMap, Failure>>> {
        Some(Box::pin(async move {
            let value = match call.value {
                Json::Bool(value) => Some(*value),
                Json::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
                Json::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
                _ => None,
            };
            let Some(value) = value else {
                return Err(Failure::value(format!(
                    "Value {} not allowed for {}, choose between: true, false",
                    call.value, self.name
                )));
            };
            for octets in if value { &self.on } else { &self.off } {
                let attribute = Attribute {
                    id: self.at.attribute(),
                    data_type: DataType::OCTET_STRING,
                    value: Value::Octets(octets.0.clone()),
                };
                call.write(self.at, vec![attribute]).await?;
            }
            Ok(JsonMap::from_iter([(self.name.clone(), Json::Bool(value))]))
        }))
    }

    fn get<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<(), Failure>>> {
        Some(Box::pin(async move {
            call.read(call.endpoint, self.at).await?;
            Ok(())
        }))
    }
}
