//! Operations as functions write them.
//!
//! Clusters, attributes and commands are numbers, numbers as text (`"0x0402"`), or names of the cluster
//! library. Bytes are `{"bytes": "hexadecimal"}`, a list of numbers, or hexadecimal text for a payload.

use std::time::Duration;

use serde_json::Value as Json;
use zigbee::zcl::{ConfigureReporting, ReportingDirection};
use zigbee::{EndpointId, ManufacturerCode, json};

use crate::addressed::{Addressed, data_type, number};
use crate::primitives::datapoint_operation;
use crate::{JsonMap, Operation};

/// The longest pause that a function may ask for.
const LONGEST_PAUSE: f64 = 60.0;

/// Reads one operation; the error says what is wrong with it.
pub(crate) fn parse(given: &Json, endpoint: EndpointId) -> Result<Operation, String> {
    const KINDS: &str =
        "write, read, command, datapoint, bind, report or sleep with what belongs to it";
    let given = given
        .as_object()
        .ok_or_else(|| format!("not an object with {KINDS}"))?;
    let mut entries = given.iter();
    let (Some((kind, value)), None) = (entries.next(), entries.next()) else {
        return Err(format!("not one of {KINDS}"));
    };
    if kind == "sleep" {
        return sleep(value);
    }
    let fields = value
        .as_object()
        .ok_or_else(|| format!("'{kind}' needs an object"))?;
    let fields = Fields {
        kind,
        given: fields,
        endpoint,
    };
    match kind.as_str() {
        "write" => fields.write(),
        "read" => fields.read(),
        "command" => fields.command(),
        "datapoint" => fields.datapoint(),
        "bind" => fields.bind(),
        "report" => fields.report(),
        other => Err(format!("'{other}' is not one of {KINDS}")),
    }
}

fn sleep(seconds: &Json) -> Result<Operation, String> {
    seconds
        .as_f64()
        .filter(|seconds| (0.0..=LONGEST_PAUSE).contains(seconds))
        .map(|seconds| Operation::Sleep(Duration::from_secs_f64(seconds)))
        .ok_or_else(|| format!("'sleep' needs seconds, 0 to {LONGEST_PAUSE}"))
}

struct Fields<'a> {
    kind: &'a str,
    given: &'a JsonMap,
    endpoint: EndpointId,
}

impl<'a> Fields<'a> {
    fn need(&self, name: &str) -> Result<&'a Json, String> {
        self.given
            .get(name)
            .ok_or_else(|| format!("'{}' needs '{name}'", self.kind))
    }

    /// Refuses keys that mean nothing: a mistyped one would be passed over in silence.
    fn only(&self, known: &[&str]) -> Result<(), String> {
        let common = ["endpoint", "cluster", "manufacturer"];
        let unknown = self
            .given
            .keys()
            .find(|key| !known.contains(&key.as_str()) && !common.contains(&key.as_str()));
        match unknown {
            Some(key) => Err(format!("'{}' has no '{key}'", self.kind)),
            None => Ok(()),
        }
    }

    fn number<T: TryFrom<u16>>(&self, name: &str) -> Result<Option<T>, String> {
        match self.given.get(name) {
            None | Some(Json::Null) => Ok(None),
            Some(given) => number(given)
                .and_then(|number| T::try_from(number).ok())
                .map(Some)
                .ok_or_else(|| format!("'{name}' of '{}' can't be {given}", self.kind)),
        }
    }

    fn flag(&self, name: &str, default: bool) -> Result<bool, String> {
        match self.given.get(name) {
            None | Some(Json::Null) => Ok(default),
            Some(Json::Bool(yes)) => Ok(*yes),
            Some(other) => Err(format!("'{name}' of '{}' can't be {other}", self.kind)),
        }
    }

    fn endpoint(&self) -> Result<EndpointId, String> {
        Ok(self.number("endpoint")?.map_or(self.endpoint, EndpointId))
    }

    fn cluster(&self) -> Result<Addressed, String> {
        let manufacturer = self.number("manufacturer")?.map(ManufacturerCode);
        Addressed::of(self.need("cluster")?, manufacturer)
    }

    fn write(&self) -> Result<Operation, String> {
        self.only(&["attributes", "wait"])?;
        let cluster = self.cluster()?;
        let attributes = self
            .need("attributes")?
            .as_object()
            .filter(|attributes| !attributes.is_empty())
            .ok_or("'attributes' of 'write' must be an object, attribute: value")?;
        let attributes = attributes
            .iter()
            .map(|(name, value)| (name.clone(), bytes_as_lists(value)))
            .collect();
        let (attributes, manufacturer) = cluster.values(&attributes)?;
        Ok(Operation::Write {
            endpoint: self.endpoint()?,
            cluster: cluster.id,
            manufacturer,
            attributes,
            wait: self.flag("wait", true)?,
        })
    }

    fn read(&self) -> Result<Operation, String> {
        self.only(&["attributes"])?;
        let cluster = self.cluster()?;
        let named = self
            .need("attributes")?
            .as_array()
            .filter(|attributes| !attributes.is_empty())
            .ok_or("'attributes' of 'read' must be a list")?
            .iter()
            .map(|attribute| cluster.attribute(attribute))
            .collect::<Result<Vec<_>, _>>()?;
        let own = named.first().and_then(|named| named.known?.manufacturer);
        Ok(Operation::Read {
            endpoint: self.endpoint()?,
            cluster: cluster.id,
            manufacturer: cluster.manufacturer.or(own),
            attributes: named.iter().map(|attribute| attribute.id).collect(),
        })
    }

    fn command(&self) -> Result<Operation, String> {
        self.only(&["command", "payload", "disable_default_response"])?;
        let cluster = self.cluster()?;
        let given = self.need("command")?;
        let called = cluster.command(given)?;
        let payload = match self.given.get("payload") {
            None | Some(Json::Null) => called.payload(given, &JsonMap::new())?,
            Some(Json::Object(fields)) if !fields.contains_key("bytes") => {
                let fields = fields
                    .iter()
                    .map(|(name, value)| (name.clone(), bytes_as_lists(value)))
                    .collect();
                called.payload(given, &fields)?
            }
            Some(other) => {
                bytes(other).ok_or_else(|| format!("'payload' of 'command' can't be {other}"))?
            }
        };
        let answered = called.known.is_some_and(|known| known.response.is_some());
        Ok(Operation::Command {
            endpoint: self.endpoint()?,
            cluster: cluster.id,
            manufacturer: cluster.manufacturer.or_else(|| called.known?.manufacturer),
            command: called.id,
            payload,
            disable_default_response: self.flag("disable_default_response", answered)?,
        })
    }

    fn datapoint(&self) -> Result<Operation, String> {
        self.only(&["dp", "type", "value"])?;
        let dp = self.number("dp")?.ok_or("'datapoint' needs 'dp'")?;
        let value = self.need("value")?;
        let kind = self.need("type")?.as_str().unwrap_or_default();
        datapoint_operation(self.endpoint()?, dp, kind, value, bytes(value))
    }

    fn bind(&self) -> Result<Operation, String> {
        self.only(&[])?;
        Ok(Operation::Bind {
            endpoint: self.endpoint()?,
            cluster: self.cluster()?.id,
            target: None,
        })
    }

    fn report(&self) -> Result<Operation, String> {
        self.only(&["attribute", "type", "minimum", "maximum", "change"])?;
        let cluster = self.cluster()?;
        let attribute = cluster.attribute(self.need("attribute")?)?;
        let data_type = match self.given.get("type") {
            Some(given) => data_type(given),
            None => attribute.known.map(|known| known.data_type),
        };
        let data_type = data_type.ok_or("'report' needs the 'type' of the attribute")?;
        let change = match self.given.get("change") {
            _ if !data_type.is_analog() => None,
            None => json::to_value(data_type, &Json::from(0)),
            Some(given) => Some(
                json::to_value(data_type, given)
                    .ok_or_else(|| format!("'change' of 'report' can't be {given}"))?,
            ),
        };
        let seconds = |name| -> Result<u16, String> {
            self.number(name)?
                .ok_or_else(|| format!("'report' needs '{name}', in seconds"))
        };
        Ok(Operation::ConfigureReporting {
            endpoint: self.endpoint()?,
            cluster: cluster.id,
            manufacturer: cluster
                .manufacturer
                .or_else(|| attribute.known?.manufacturer),
            records: vec![ConfigureReporting {
                id: attribute.id,
                direction: ReportingDirection::Send {
                    data_type,
                    minimum: seconds("minimum")?,
                    maximum: seconds("maximum")?,
                    change,
                },
            }],
        })
    }
}

/// Bytes as functions write them.
fn bytes(given: &Json) -> Option<Vec<u8>> {
    match given {
        Json::String(text) => crate::number::bytes(text),
        Json::Object(object) => crate::number::bytes(object.get("bytes")?.as_str()?),
        other => json::to_bytes(other),
    }
}

/// `{"bytes": "0102"}` in the form that the codec takes, also where it is the value beside a type.
fn bytes_as_lists(given: &Json) -> Json {
    let Json::Object(object) = given else {
        return given.clone();
    };
    if let (1, Some(bytes)) = (object.len(), bytes(given)) {
        return bytes.into();
    }
    let inner = object
        .iter()
        .map(|(key, value)| (key.clone(), bytes_as_lists(value)));
    Json::Object(inner.collect())
}
