//! From `set` and `get` to messages for the device (shared/facts/mqtt-api.md §6).

use serde_json::Value as Json;
use zigbee::zcl::{Attribute, ReadRecord};
use zigbee::{AttributeId, ClusterId, CommandId, EndpointId, ManufacturerCode};

use crate::definition::{At, Data};
use crate::generic;
use crate::message::{KeyError, SetOutcome, SetRequest};
use crate::{
    Definition, Io, JsonMap, LocalFuture, Operation, OperationError, OperationReply, Payload,
};

/// Why a key could not be set or got.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum Failure {
    /// The value is not one that can be set.
    #[error("{0}")]
    Value(String),
    /// The exchange with the device failed.
    #[error("ZCL command {what} failed ({why})")]
    Exchange {
        /// Device, endpoint, cluster and command.
        what: String,
        /// Why.
        why: OperationError,
    },
}

impl Failure {
    pub(crate) fn value(text: impl Into<String>) -> Self {
        Self::Value(text.into())
    }
}

/// One key of a `set` or `get` message on its way to a primitive.
pub(crate) struct Call<'a> {
    /// The definition.
    pub(crate) data: &'a Data,
    /// The device.
    pub(crate) io: &'a dyn Io,
    /// The endpoint that is addressed.
    pub(crate) endpoint: EndpointId,
    /// The suffix of properties, if an endpoint was chosen by the key or the topic.
    pub(crate) suffix: Option<&'a str>,
    /// The key without suffix.
    pub(crate) key: &'a str,
    /// Its value.
    pub(crate) value: &'a Json,
    /// The whole message, suffixes of the same endpoint removed.
    pub(crate) message: &'a Payload,
    /// Options that apply to the device.
    pub(crate) options: &'a JsonMap,
}

impl Call<'_> {
    /// The cached value of a property of the addressed endpoint.
    pub(crate) fn state(&self, property: &str) -> Option<Json> {
        match self.suffix {
            Some(suffix) => self.io.state(&format!("{property}_{suffix}")),
            None => self.io.state(property),
        }
    }

    /// Reads an attribute; the answer is published.
    pub(crate) async fn read(
        &self,
        endpoint: EndpointId,
        at: At,
    ) -> Result<Vec<ReadRecord>, Failure> {
        self.read_attribute(endpoint, at.cluster(), at.attribute(), at.manufacturer())
            .await
    }

    /// Reads an attribute; the answer is published.
    pub(crate) async fn read_attribute(
        &self,
        endpoint: EndpointId,
        cluster: ClusterId,
        attribute: AttributeId,
        manufacturer: Option<ManufacturerCode>,
    ) -> Result<Vec<ReadRecord>, Failure> {
        let records = read(
            self.data,
            self.io,
            endpoint,
            cluster,
            manufacturer,
            vec![attribute],
        )
        .await
        .map_err(|why| self.failed(endpoint, cluster, "read", why))?;
        let refused = records.iter().find_map(|record| {
            record
                .result
                .as_ref()
                .err()
                .map(|status| (record.id, *status))
        });
        match refused {
            Some((attribute, status)) => Err(self.failed(
                endpoint,
                cluster,
                "read",
                OperationError::Status {
                    status,
                    attribute: Some(attribute),
                },
            )),
            None => Ok(records),
        }
    }

    /// Writes attributes at the addressed endpoint.
    pub(crate) async fn write(&self, at: At, attributes: Vec<Attribute>) -> Result<(), Failure> {
        self.write_attributes(at.cluster(), at.manufacturer(), attributes)
            .await
    }

    /// Writes attributes at the addressed endpoint.
    pub(crate) async fn write_attributes(
        &self,
        cluster: ClusterId,
        manufacturer: Option<ManufacturerCode>,
        attributes: Vec<Attribute>,
    ) -> Result<(), Failure> {
        self.perform(
            Operation::Write {
                endpoint: self.endpoint,
                cluster,
                manufacturer,
                attributes,
                wait: true,
            },
            cluster,
            "write",
        )
        .await
    }

    /// Sends a command to the addressed endpoint and waits for its default response.
    pub(crate) async fn command(
        &self,
        cluster: ClusterId,
        command: CommandId,
        payload: Vec<u8>,
        name: &str,
    ) -> Result<(), Failure> {
        self.perform(
            Operation::Command {
                endpoint: self.endpoint,
                cluster,
                manufacturer: None,
                command,
                payload,
                disable_default_response: self.data.no_default_response,
            },
            cluster,
            name,
        )
        .await
    }

    /// Carries out an operation at the addressed endpoint.
    pub(crate) async fn perform(
        &self,
        operation: Operation,
        cluster: ClusterId,
        name: &str,
    ) -> Result<(), Failure> {
        match self.io.perform(operation).await {
            Ok(_) => Ok(()),
            Err(why) => Err(self.failed(self.endpoint, cluster, name, why)),
        }
    }

    /// The failure of an exchange, with the words that Zigbee2MQTT uses for it.
    pub(crate) fn failed(
        &self,
        endpoint: EndpointId,
        cluster: ClusterId,
        command: &str,
        why: OperationError,
    ) -> Failure {
        let cluster = zigbee::library::cluster_key(cluster);
        let what = match self.io.device() {
            Some(device) => format!("{}/{endpoint} {cluster}.{command}", device.ieee),
            None => format!("{cluster}.{command}"),
        };
        Failure::Exchange { what, why }
    }
}

/// Reads attributes. The hub decodes and publishes the answer like any message; what is published
/// from answers to our own reads only is published here.
pub(crate) async fn read(
    data: &Data,
    io: &dyn Io,
    endpoint: EndpointId,
    cluster: ClusterId,
    manufacturer: Option<ManufacturerCode>,
    attributes: Vec<AttributeId>,
) -> Result<Vec<ReadRecord>, OperationError> {
    let reply = io
        .perform(Operation::Read {
            endpoint,
            cluster,
            manufacturer,
            attributes,
        })
        .await?;
    let OperationReply::Read(records) = reply else {
        return Ok(Vec::new());
    };
    let mut state = JsonMap::new();
    for capability in &data.capabilities {
        capability.get().learn(cluster, &records, &mut state);
    }
    if !state.is_empty() {
        io.publish(state);
    }
    Ok(records)
}

/// The endpoint that is meant where none is named: the one named `default`, else the first.
pub(crate) fn default_endpoint(data: &Data, io: &dyn Io) -> EndpointId {
    data.endpoint_named("default")
        .or_else(|| io.device()?.endpoints.keys().next().copied())
        .unwrap_or(EndpointId(1))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Set,
    Get,
}

impl Direction {
    fn name(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Get => "get",
        }
    }
}

/// Where a key goes.
struct Target {
    endpoint: EndpointId,
    suffix: Option<String>,
}

impl Definition {
    /// Sets values: the processing order, endpoint suffixes and conversions of mqtt-api.md §6 and §7.
    ///
    /// The state of the outcome is what a device with default options publishes; `optimistic` and
    /// `filtered_optimistic` are applied by the caller.
    pub async fn set(&self, io: &dyn Io, request: SetRequest) -> SetOutcome {
        run(&[self], io, request, Direction::Set).await
    }

    /// Reads values from the device.
    pub async fn get(&self, io: &dyn Io, request: SetRequest) -> SetOutcome {
        run(&[self], io, request, Direction::Get).await
    }

    /// Sets values of a group through the definitions of its members: each key goes to the first that
    /// deals with it.
    pub async fn set_group(members: &[&Self], io: &dyn Io, request: SetRequest) -> SetOutcome {
        run(members, io, request, Direction::Set).await
    }

    /// Reads values from a group.
    pub async fn get_group(members: &[&Self], io: &dyn Io, request: SetRequest) -> SetOutcome {
        run(members, io, request, Direction::Get).await
    }
}

/// Carries out a message for a device with its definition, or for a group with those of its members.
async fn run(
    definitions: &[&Definition],
    io: &dyn Io,
    request: SetRequest,
    direction: Direction,
) -> SetOutcome {
    let mut outcome = SetOutcome::default();
    let Some(first) = definitions.first() else {
        return outcome;
    };
    let topic = match first.topic_endpoint(io, request.endpoint.as_deref()) {
        Ok(topic) => topic,
        Err(message) => {
            outcome.errors.push(KeyError {
                key: String::new(),
                message,
            });
            return outcome;
        }
    };
    // A capability deals with a message once per endpoint, whatever number of its keys it has.
    let mut used: Vec<(usize, Identity, EndpointId)> = Vec::new();
    for (key, value) in ordered(&request.payload) {
        let (base, target) = first.target(key, &topic, io.device().is_none());
        let message = without_suffix(&request.payload, target.suffix.as_deref());
        let converter = definitions
            .iter()
            .enumerate()
            .find_map(|(index, definition)| Some((index, definition.converter(base)?)));
        let (index, converter) = converter.unzip();
        let definition = index
            .and_then(|index| definitions.get(index))
            .unwrap_or(first);
        let endpoint = match (converter, &target.suffix) {
            (Some(converter), None) => definition.place(converter, io),
            _ => None,
        };
        let endpoint = endpoint.unwrap_or(target.endpoint);
        let call = Call {
            data: &definition.data,
            io,
            endpoint,
            suffix: target.suffix.as_deref(),
            key: base,
            value,
            message: &message,
            options: &request.options,
        };
        let error = |message: String| KeyError {
            key: key.to_owned(),
            message,
        };
        let (Some(index), Some(converter)) = (index, converter) else {
            outcome.errors.push(error(format!(
                "No converter available for '{base}' on '{{name}}': ({})",
                shown(base, value)
            )));
            continue;
        };
        if direction == Direction::Set {
            let identity = (index, converter.identity(base), target.endpoint);
            if used.contains(&identity) {
                continue;
            }
            used.push(identity);
        }
        let done = match direction {
            Direction::Set => converter.set(&call),
            Direction::Get => converter.get(&call).map(|future| -> LocalFuture<'_, _> {
                Box::pin(async { future.await.map(|()| JsonMap::new()) })
            }),
        };
        let Some(done) = done else {
            outcome.errors.push(error(format!(
                "No converter available for '{}' '{base}' ({})",
                direction.name(),
                match shown(base, value) {
                    Json::String(text) => text.clone(),
                    other => other.to_string(),
                }
            )));
            continue;
        };
        match done.await {
            Ok(state) => {
                for (property, value) in state {
                    let property = match &target.suffix {
                        Some(suffix) => format!("{property}_{suffix}"),
                        None => property,
                    };
                    outcome.state.insert(property, value);
                }
            }
            Err(failure) => outcome.errors.push(error(format!(
                "Publish '{}' '{base}' to '{{name}}' failed: 'Error: {failure}'",
                direction.name()
            ))),
        }
    }
    outcome
}

impl Definition {
    /// The endpoint that the topic names, or the default one.
    fn topic_endpoint(&self, io: &dyn Io, named: Option<&str>) -> Result<Target, String> {
        let Some(named) = named else {
            return Ok(Target {
                endpoint: default_endpoint(&self.data, io),
                suffix: None,
            });
        };
        if let Some(endpoint) = self.data.endpoint_named(named) {
            return Ok(Target {
                endpoint,
                suffix: Some(named.to_owned()),
            });
        }
        let by_number = named.parse().ok().map(EndpointId).filter(|endpoint| {
            // A group has no endpoints of its own: any number is taken.
            io.device()
                .is_none_or(|device| device.endpoints.contains_key(endpoint))
        });
        match by_number {
            Some(endpoint) => Ok(Target {
                endpoint,
                suffix: self.suffix_of(io, endpoint, named),
            }),
            None => Err(format!("Device '{{name}}' has no endpoint '{named}'")),
        }
    }

    /// The suffix of properties of an endpoint that the topic names by its number. Groups have no
    /// endpoints: a number is no second name for the same values (mqtt-api.md §14, 3).
    fn suffix_of(&self, io: &dyn Io, endpoint: EndpointId, number: &str) -> Option<String> {
        io.device()?;
        Some(self.endpoint_name(endpoint).unwrap_or(number).to_owned())
    }

    /// Splits the endpoint suffix off a key; it beats the endpoint of the topic. A group has no endpoints.
    fn target<'k>(&self, key: &'k str, topic: &Target, group: bool) -> (&'k str, Target) {
        let endpoints = self.data.endpoints.iter().filter(|_| !group);
        let split = endpoints
            .filter_map(|(name, endpoint)| {
                let base = key.strip_suffix(name.as_str())?.strip_suffix('_')?;
                Some((base, name, *endpoint))
            })
            .min_by_key(|(base, ..)| base.len());
        match split {
            Some((base, name, endpoint)) => (
                base,
                Target {
                    endpoint: endpoint.into(),
                    suffix: Some(name.clone()),
                },
            ),
            None => (
                key,
                Target {
                    endpoint: topic.endpoint,
                    suffix: topic.suffix.clone(),
                },
            ),
        }
    }

    /// The endpoint of a capability where the request names none: in a catalogue's definition the
    /// default one, in a generated one the first that has its cluster.
    fn place(&self, converter: Converter<'_>, io: &dyn Io) -> Option<EndpointId> {
        let Converter::Capability(_, capability) = converter else {
            return None;
        };
        let device = io.device().filter(|_| self.generated)?;
        let mut clusters = Vec::new();
        capability.clusters(&self.data, &mut clusters);
        let has = |endpoint: &crate::Endpoint| {
            let mut inputs = endpoint.inputs.iter();
            inputs.any(|cluster| clusters.contains(cluster))
        };
        let mut endpoints = device.endpoints.iter();
        endpoints
            .find(|(_, endpoint)| has(endpoint))
            .map(|(id, _)| *id)
    }

    fn converter(&self, key: &str) -> Option<Converter<'_>> {
        if let Some(generic) = generic::Generic::of(key) {
            return Some(Converter::Generic(generic));
        }
        self.data
            .capabilities
            .iter()
            .enumerate()
            .find(|(_, capability)| capability.get().claims(key))
            .map(|(index, capability)| Converter::Capability(index, capability.get()))
    }
}

/// Tells what deals with keys apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Identity {
    Generic(generic::Generic),
    /// The position in the definition and the part of the capability.
    Capability(usize, usize),
}

/// What deals with a key.
#[derive(Clone, Copy)]
enum Converter<'a> {
    Generic(generic::Generic),
    /// With its position in the definition.
    Capability(usize, &'a dyn crate::primitives::Primitive),
}

impl<'a> Converter<'a> {
    /// Tells converters of one definition apart.
    fn identity(self, key: &str) -> Identity {
        match self {
            Self::Generic(generic) => Identity::Generic(generic),
            Self::Capability(index, capability) => {
                Identity::Capability(index, capability.part(key))
            }
        }
    }

    fn set<'c>(&self, call: &'c Call<'c>) -> Option<LocalFuture<'c, Result<JsonMap, Failure>>>
    where
        'a: 'c,
    {
        match *self {
            Self::Generic(generic) => Some(generic.set(call)),
            Self::Capability(_, capability) => capability.set(call),
        }
    }

    fn get<'c>(&self, call: &'c Call<'c>) -> Option<LocalFuture<'c, Result<(), Failure>>>
    where
        'a: 'c,
    {
        match *self {
            Self::Generic(_) => None,
            Self::Capability(_, capability) => capability.get(call),
        }
    }
}

/// A value as it may be shown: codes of doors are secrets.
fn shown<'a>(key: &str, value: &'a Json) -> &'a Json {
    let secret = |key: &str| matches!(key, "pin_code" | "code");
    let holds = |object: &JsonMap| object.keys().any(|key| secret(key));
    if secret(key) || value.as_object().is_some_and(holds) {
        &Json::Null
    } else {
        value
    }
}

/// Keys in the order of their processing: those that switch come first, so that a light is on before
/// it changes; switching off comes last.
fn ordered(payload: &Payload) -> Vec<(&str, &Json)> {
    const FIRST: [&str; 3] = ["state", "brightness", "brightness_percent"];
    let off = payload
        .get("state")
        .and_then(Json::as_str)
        .is_some_and(|state| state.eq_ignore_ascii_case("off"));
    let mut keys: Vec<_> = payload.iter().collect();
    keys.sort_by_key(|(key, _)| {
        let rank = FIRST.iter().position(|first| first == key);
        match (rank, off) {
            (Some(rank), false) => rank,
            (Some(rank), true) => FIRST.len() + 1 + rank,
            (None, _) => FIRST.len(),
        }
    });
    keys
}

/// The message with the suffix of an endpoint removed from its keys.
fn without_suffix(payload: &Payload, suffix: Option<&str>) -> Payload {
    let Some(suffix) = suffix else {
        return payload.clone();
    };
    payload
        .iter()
        .map(|(key, value)| {
            let base = key
                .strip_suffix(suffix)
                .and_then(|base| base.strip_suffix('_'))
                .unwrap_or(key);
            (base.to_owned(), value.clone())
        })
        .collect()
}
