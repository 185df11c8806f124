//! A setting of the device in an attribute: a boolean or a choice.

use serde::Deserialize;
use serde_json::Value as Json;
use zigbee::zcl::{Attribute, ReadRecord, Value};
use zigbee::{ClusterId, EndpointId};

use super::Primitive;
use crate::decode::{Incoming, structure_clusters};
use crate::definition::{At, Data, TypeName};
use crate::encode::{Call, Failure};
use crate::expose::{Expose, ExposeKind, GET, SET, STATE};
use crate::keep::{self, Kept};
use crate::message::{Decoded, Memory};
use crate::{Io, JsonMap, LocalFuture, configure, number};

/// A setting with its values.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches of the catalogue's format"
)]
pub(crate) struct Setting {
    /// Its name, also its property.
    name: String,
    /// Its label where that does not follow from the name.
    #[serde(default)]
    label: Option<String>,
    at: At,
    /// A tag of the structure in a message that carries it too.
    #[serde(default)]
    tag: Option<u8>,
    data_type: TypeName,
    /// Values on MQTT and in the attribute, in the order of the expose. Of a binary setting the
    /// first is on, the second off.
    values: Vec<(Json, i64)>,
    /// Binary rather than a choice.
    #[serde(default)]
    binary: bool,
    /// Raw values that are not listed mean the second value: of a binary setting, off.
    #[serde(default)]
    otherwise_off: bool,
    /// Of a binary setting: raw values that are not listed are on.
    #[serde(default)]
    otherwise_on: bool,
    /// Raw values that are not listed say nothing.
    #[serde(default)]
    others_ignored: bool,
    /// Endpoints that have it, each with its description; none: one for the whole device.
    #[serde(default)]
    endpoints: Vec<(String, String)>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    category: Option<String>,
    /// False for values that are published without being promised.
    #[serde(default = "yes")]
    exposed: bool,
    #[serde(default = "yes")]
    writable: bool,
    #[serde(default = "yes")]
    readable: bool,
    /// What is published after a write.
    #[serde(default)]
    publish: Publish,
    /// Reads the attribute after a write.
    #[serde(default)]
    read_back: bool,
    /// Accepts `{"state": value}` for a value.
    #[serde(default)]
    accepts_object: bool,
    /// Does not take ON and OFF for true and false.
    #[serde(default)]
    only_booleans: bool,
    /// Published from answers to our own reads only.
    #[serde(default)]
    answers_only: bool,
    /// The device forgets it; it is written again.
    #[serde(default)]
    keep: bool,
}

/// What is published after a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Publish {
    /// The value in the spelling of the expose.
    #[default]
    Canonical,
    /// The value as it came.
    Given,
    /// Nothing until the device reports it.
    Reported,
}

fn yes() -> bool {
    true
}

impl Setting {
    /// Which value is meant, with its raw form.
    fn find(&self, given: &Json) -> Result<&(Json, i64), Failure> {
        let given = match given {
            Json::Object(object) if self.accepts_object => object.get("state").unwrap_or(given),
            other => other,
        };
        let booleans = self.values.iter().any(|(value, _)| value.is_boolean());
        let found = match given {
            Json::Bool(_) if booleans => self.values.iter().find(|(value, _)| value == given),
            Json::String(text) if booleans => {
                let text = text.to_lowercase();
                let wanted = match text.as_str() {
                    "true" => Some(true),
                    "false" => Some(false),
                    "on" if !self.only_booleans => Some(true),
                    "off" if !self.only_booleans => Some(false),
                    _ => None,
                };
                wanted.and_then(|wanted| {
                    self.values
                        .iter()
                        .find(|(value, _)| *value == Json::Bool(wanted))
                })
            }
            Json::String(text) => self.values.iter().find(|(value, _)| {
                value
                    .as_str()
                    .is_some_and(|value| value.eq_ignore_ascii_case(text))
            }),
            _ => self.values.iter().find(|(value, _)| value == given),
        };
        found.ok_or_else(|| self.refuse(given))
    }

    fn refuse(&self, given: &Json) -> Failure {
        let names: Vec<String> = self.values.iter().map(|(value, _)| plain(value)).collect();
        Failure::value(format!(
            "Value '{}' not allowed for {}, choose between: {}",
            plain(given),
            self.name,
            names.join(", ")
        ))
    }

    fn meaning(&self, value: &Value) -> Option<&Json> {
        let raw = number::integer(value)?;
        let listed = self.values.iter().find(|(_, known)| *known == raw);
        let found = match listed {
            None if self.otherwise_off => self.values.get(1),
            None if self.otherwise_on => self.values.first(),
            listed => listed,
        };
        found.map(|(value, _)| value)
    }

    /// The property for messages of an endpoint; `None` if the endpoint does not have the setting.
    fn property(&self, data: &Data, endpoint: EndpointId) -> Option<String> {
        if self.endpoints.is_empty() {
            return Some(self.name.clone());
        }
        let name = data.endpoint_name(endpoint)?;
        self.endpoints
            .iter()
            .any(|(known, _)| known == name)
            .then(|| format!("{}_{name}", self.name))
    }

    fn attribute(&self, raw: i64) -> Attribute {
        let data_type = self.data_type.data_type();
        Attribute {
            id: self.at.attribute(),
            data_type,
            value: configure::value(data_type, raw),
        }
    }
}

fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl Primitive for Setting {
    fn clusters(&self, data: &Data, out: &mut Vec<ClusterId>) {
        out.push(self.at.cluster());
        if self.tag.is_some() {
            out.extend(structure_clusters(data));
        }
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        if !self.exposed {
            return;
        }
        let access =
            STATE | if self.writable { SET } else { 0 } | if self.readable { GET } else { 0 };
        let kind = if self.binary {
            ExposeKind::Binary
        } else {
            ExposeKind::Enum
        };
        let mut expose = Expose::generic(kind, &self.name, access);
        if let Some(label) = &self.label {
            expose.label = Some(label.clone());
        }
        expose.description.clone_from(&self.description);
        expose.category.clone_from(&self.category);
        if self.binary {
            let mut values = self.values.iter().map(|(value, _)| value.clone());
            expose.value_on = values.next();
            expose.value_off = values.next();
        } else {
            expose.values = Some(self.values.iter().map(|(value, _)| value.clone()).collect());
        }
        if self.endpoints.is_empty() {
            out.push(expose);
        } else {
            out.extend(self.endpoints.iter().map(|(endpoint, description)| {
                expose
                    .clone()
                    .on_endpoint(endpoint)
                    .described(description.as_str())
            }));
        }
    }

    fn decode(&self, incoming: &Incoming<'_>, _memory: &mut Memory, out: &mut Decoded) {
        if self.answers_only {
            return;
        }
        let tagged = self.tag.and_then(|tag| incoming.tag(tag));
        let Some(value) = incoming.value(self.at).or(tagged) else {
            return;
        };
        let Some(meaning) = self.meaning(value) else {
            if self.others_ignored {
                return;
            }
            out.problem(
                "unexpected_value",
                format!("{value:?} is none of the values of {}", self.name),
            );
            return;
        };
        if self.endpoints.is_empty() {
            out.put(&self.name, meaning.clone());
        } else if let Some(property) = self.property(incoming.data, incoming.endpoint()) {
            out.put(&property, meaning.clone());
        } else {
            out.problem(
                "unnamed_endpoint",
                format!("{} comes from endpoint {}", self.name, incoming.endpoint()),
            );
        }
    }

    fn learn(&self, cluster: ClusterId, records: &[ReadRecord], state: &mut JsonMap) {
        if !self.answers_only || cluster != self.at.cluster() {
            return;
        }
        for record in records {
            if record.id == self.at.attribute()
                && let Ok((_, value)) = &record.result
                && let Some(meaning) = self.meaning(value)
            {
                state.insert(self.name.clone(), meaning.clone());
            }
        }
    }

    fn claims(&self, key: &str) -> bool {
        self.exposed && (self.writable || self.readable) && self.name == key
    }

    fn set<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<JsonMap, Failure>>> {
        if !self.writable {
            return None;
        }
        Some(Box::pin(async move {
            let (canonical, raw) = self.find(call.value)?;
            call.write(self.at, vec![self.attribute(*raw)]).await?;
            if self.keep
                && let Some(property) = self.property(call.data, call.endpoint)
            {
                keep::remember(call.io, &property, Json::from(*raw));
            }
            if self.read_back {
                call.read(call.endpoint, self.at).await?;
            }
            let published = match self.publish {
                Publish::Canonical => canonical,
                Publish::Given => call.value,
                Publish::Reported => return Ok(JsonMap::new()),
            };
            Ok(JsonMap::from_iter([(self.name.clone(), published.clone())]))
        }))
    }

    fn get<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<(), Failure>>> {
        if !self.readable {
            return None;
        }
        Some(Box::pin(async move {
            let records = call.read(call.endpoint, self.at).await?;
            let unknown = records.iter().find_map(|record| match &record.result {
                Ok((data_type, value)) if self.meaning(value).is_none() => Some((data_type, value)),
                _ => None,
            });
            match unknown {
                Some((data_type, value)) if !self.others_ignored => Err(Failure::value(format!(
                    "the device answered {}, which is none of the values of {}",
                    zigbee::json::from_value(*data_type, value),
                    self.name
                ))),
                _ => Ok(()),
            }
        }))
    }

    fn keeps(&self) -> bool {
        self.keep
    }

    fn reconcile<'a>(
        &'a self,
        data: &'a Data,
        io: &'a dyn Io,
        desired: &'a JsonMap,
    ) -> LocalFuture<'a, ()> {
        Box::pin(async move {
            if !self.keep {
                return;
            }
            let endpoints: Vec<EndpointId> = if self.endpoints.is_empty() {
                vec![crate::encode::default_endpoint(data, io)]
            } else {
                self.endpoints
                    .iter()
                    .filter_map(|(name, _)| data.endpoint_named(name))
                    .collect()
            };
            for endpoint in endpoints {
                let Some(property) = self.property(data, endpoint) else {
                    continue;
                };
                let Some(raw) = desired.get(&property).and_then(Json::as_i64) else {
                    continue;
                };
                Kept {
                    io,
                    endpoint,
                    at: self.at,
                    attribute: self.attribute(raw),
                    raw,
                    readable: self.readable,
                    property: &property,
                }
                .restore()
                .await;
            }
        })
    }
}
