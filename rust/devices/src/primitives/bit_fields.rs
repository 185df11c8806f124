//! What a vendor's cluster says in bits of several attributes, read and set as a whole.

use serde::Deserialize;
use serde_json::Value as Json;
use zigbee::zcl::{Attribute, DataType, Value};
use zigbee::{AttributeId, ClusterId};

use super::Primitive;
use crate::decode::Incoming;
use crate::definition::{ClusterNumber, Data};
use crate::encode::{Call, Failure};
use crate::expose::{Expose, ExposeKind, GET, SET, STATE};
use crate::message::{Decoded, Memory};
use crate::{JsonMap, LocalFuture, number};

/// Bytes of flags and choices in one cluster. Whatever is asked for, all of them are read; what is set
/// is published as the device then has it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BitFields {
    cluster: ClusterNumber,
    /// In the order in which they are read.
    attributes: Vec<Word>,
}

/// An attribute.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Word {
    #[serde(deserialize_with = "number::hexadecimal")]
    attribute: u16,
    /// In the order of the exposes.
    fields: Vec<Field>,
}

/// Bits of an attribute.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Field {
    /// Its name, also its property.
    name: String,
    mask: u8,
    /// The bits of choices and what they mean. Without any it is a flag, which only the device sets: a `set` of it
    /// reads as a `get` does.
    #[serde(default)]
    values: Vec<(u8, String)>,
    #[serde(default)]
    description: Option<String>,
}

impl Field {
    /// What the bits mean; `None` if they are none of the choices.
    fn meaning(&self, bits: u8) -> Option<Json> {
        let bits = bits & self.mask;
        if self.values.is_empty() {
            return Some(Json::Bool(bits != 0));
        }
        let mut values = self.values.iter();
        let (_, name) = values.find(|(code, _)| *code == bits)?;
        Some(Json::from(name.as_str()))
    }

    /// The bits of a choice.
    fn bits(&self, given: &Json) -> Result<u8, Failure> {
        let text = match given {
            Json::String(text) => text.to_lowercase(),
            other => {
                return Err(Failure::value(format!(
                    "{} is not a string, got {other}",
                    self.name
                )));
            }
        };
        let found = self.values.iter().find(|(_, name)| *name == text);
        found.map(|(code, _)| *code).ok_or_else(|| {
            let names: Vec<&str> = self.values.iter().map(|(_, name)| name.as_str()).collect();
            Failure::value(format!(
                "'{text}' not allowed, choose between: {}",
                names.join(",")
            ))
        })
    }
}

impl BitFields {
    fn fields(&self) -> impl Iterator<Item = (AttributeId, &Field)> {
        self.attributes.iter().flat_map(|word| {
            let id = AttributeId(word.attribute);
            word.fields.iter().map(move |field| (id, field))
        })
    }

    async fn read(&self, call: &Call<'_>) -> Result<(), Failure> {
        for word in &self.attributes {
            let id = AttributeId(word.attribute);
            call.read_attribute(call.endpoint, self.cluster.into(), id, None)
                .await?;
        }
        Ok(())
    }
}

impl Primitive for BitFields {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        out.push(self.cluster.into());
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        out.extend(self.fields().map(|(_, field)| {
            let kind = if field.values.is_empty() {
                ExposeKind::Binary
            } else {
                ExposeKind::Enum
            };
            let mut expose = Expose::generic(kind, &field.name, STATE | SET | GET);
            expose.description.clone_from(&field.description);
            if field.values.is_empty() {
                expose.value_on = Some(Json::Bool(true));
                expose.value_off = Some(Json::Bool(false));
            } else {
                let names = field.values.iter().map(|(_, name)| name.as_str().into());
                expose.values = Some(names.collect());
            }
            expose
        }));
    }

    fn decode(&self, incoming: &Incoming<'_>, _memory: &mut Memory, out: &mut Decoded) {
        for (id, field) in self.fields() {
            let Some(value) = incoming.attribute(self.cluster.into(), id) else {
                continue;
            };
            let bits = number::integer(value).and_then(|bits| u8::try_from(bits).ok());
            match bits.and_then(|bits| field.meaning(bits)) {
                Some(meaning) => out.put(&field.name, meaning),
                None => out.problem(
                    "unexpected_value",
                    format!("{value:?} is none of the values of {}", field.name),
                ),
            }
        }
    }

    fn claims(&self, key: &str) -> bool {
        self.fields().any(|(_, field)| field.name == key)
    }

    fn set<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<JsonMap, Failure>>> {
        let (id, field) = self.fields().find(|(_, field)| field.name == call.key)?;
        Some(Box::pin(async move {
            if !field.values.is_empty() {
                let attribute = Attribute {
                    id,
                    data_type: DataType::BITMAP8,
                    value: Value::Unsigned(field.bits(call.value)?.into()),
                };
                call.write_attributes(self.cluster.into(), None, vec![attribute])
                    .await?;
            }
            self.read(call).await?;
            Ok(JsonMap::new())
        }))
    }

    fn get<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<(), Failure>>> {
        Some(Box::pin(self.read(call)))
    }
}
