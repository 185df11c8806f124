//! What data cannot say: functions in Python.
//!
//! The capability says what is exposed, which messages and keys its functions want, and no more; they
//! run elsewhere ([`crate::Effect::Call`], [`crate::Io::call`]).

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use zigbee::library::{self, Argument};
use zigbee::{AttributeId, ClusterId, CommandId, ManufacturerCode};

use super::Primitive;
use super::tuya;
use crate::configure::Step;
use crate::decode::{Command, Incoming, structure_clusters};
use crate::definition::{Data, EndpointNumber};
use crate::encode::{self, Call, Failure};
use crate::expose::Expose;
use crate::function::{FunctionCall, Purpose, typed_data, typed_value};
use crate::message::{Decoded, Effect, Memory};
use crate::{JsonMap, LocalFuture};

/// The property whose values are gathered from all capabilities.
const ACTION: &str = "action";

/// Functions of a converter.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Python {
    /// What is shown, in the form of `bridge/devices`; label and property follow from the name.
    #[serde(default)]
    exposes: Vec<Expose>,
    /// Which messages become values.
    #[serde(default)]
    from: Vec<Source>,
    /// Which keys can be set.
    #[serde(default)]
    to: Vec<Key>,
    /// Which keys can be asked for, and where the answer is.
    #[serde(default)]
    read: Vec<Read>,
    /// The function that sets the device up, once.
    #[serde(default)]
    configure: Option<String>,
    /// Options of its own.
    #[serde(default)]
    options: Vec<Expose>,
}

/// A function with a message that it wants.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "RawSource")]
struct Source {
    function: String,
    endpoint: Option<EndpointNumber>,
    manufacturer: Option<ManufacturerCode>,
    what: What,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Attribute(ClusterId, AttributeId),
    Command(ClusterId, CommandId),
    /// A datapoint of Tuya's cluster.
    Datapoint(u8),
    /// A tag of a structure that the definition names.
    Tag(u8),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSource {
    function: String,
    #[serde(default)]
    endpoint: Option<EndpointNumber>,
    #[serde(default)]
    cluster: Option<Number>,
    #[serde(default)]
    attribute: Option<Number>,
    #[serde(default)]
    command: Option<Number>,
    /// Only messages with this code; without it, with any or none.
    #[serde(default)]
    manufacturer: Option<Number>,
    #[serde(default)]
    dp: Option<Number>,
    #[serde(default)]
    tag: Option<Number>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(transparent)]
struct Number(#[serde(deserialize_with = "crate::number::hexadecimal")] u16);

impl Number {
    fn byte(self, what: &str) -> Result<u8, String> {
        u8::try_from(self.0).map_err(|_| format!("{what} {:#x} is too large", self.0))
    }
}

impl TryFrom<RawSource> for Source {
    type Error = String;

    fn try_from(raw: RawSource) -> Result<Self, String> {
        let what = match (raw.cluster, raw.attribute, raw.command, raw.dp, raw.tag) {
            (Some(cluster), Some(attribute), None, None, None) => {
                What::Attribute(ClusterId(cluster.0), AttributeId(attribute.0))
            }
            (Some(cluster), None, Some(command), None, None) => {
                What::Command(ClusterId(cluster.0), CommandId(command.byte("command")?))
            }
            (None, None, None, Some(dp), None) => What::Datapoint(dp.byte("dp")?),
            (None, None, None, None, Some(tag)) => What::Tag(tag.byte("tag")?),
            _ => {
                return Err(
                    "a source is a cluster with an attribute or a command, or a dp, or a tag"
                        .to_owned(),
                );
            }
        };
        if raw.function.is_empty() {
            return Err("the function has no name".to_owned());
        }
        Ok(Self {
            function: raw.function,
            endpoint: raw.endpoint,
            manufacturer: raw.manufacturer.map(|code| ManufacturerCode(code.0)),
            what,
        })
    }
}

/// A function with the key that it sets.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    key: String,
    function: String,
}

/// Where the value of a key is read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    key: String,
    cluster: Number,
    attribute: Number,
    #[serde(default)]
    manufacturer: Option<Number>,
    #[serde(default)]
    endpoint: Option<EndpointNumber>,
}

impl Source {
    /// True when the message, or a part of it, is for this function.
    fn wants(&self, incoming: &Incoming<'_>, dps: &[(u8, Json)]) -> bool {
        let elsewhere = |endpoint: EndpointNumber| incoming.endpoint() != endpoint.into();
        let foreign = |code| incoming.message.header.manufacturer != Some(code);
        if self.endpoint.is_some_and(elsewhere) || self.manufacturer.is_some_and(foreign) {
            return false;
        }
        match self.what {
            What::Attribute(cluster, attribute) => incoming.attribute(cluster, attribute).is_some(),
            What::Command(cluster, command) => incoming
                .command()
                .is_some_and(|heard| heard.cluster == cluster && heard.id == command),
            What::Datapoint(dp) => dps.iter().any(|(known, _)| *known == dp),
            What::Tag(tag) => incoming.tag(tag).is_some(),
        }
    }
}

impl Python {
    /// Names of properties that it shows.
    fn shown(&self) -> impl Iterator<Item = Expose> {
        self.exposes.iter().cloned().map(Expose::completed)
    }

    fn reads(&self, key: &str) -> impl Iterator<Item = &Read> {
        self.read.iter().filter(move |read| read.key == key)
    }
}

impl Primitive for Python {
    fn clusters(&self, data: &Data, out: &mut Vec<ClusterId>) {
        for source in &self.from {
            match source.what {
                What::Attribute(cluster, _) | What::Command(cluster, _) => out.push(cluster),
                What::Datapoint(_) => out.push(tuya::CLUSTER),
                What::Tag(_) => out.extend(structure_clusters(data)),
            }
        }
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        out.extend(
            self.shown()
                .filter(|expose| expose.property.as_deref() != Some(ACTION)),
        );
    }

    fn actions(&self, out: &mut Vec<String>) {
        let actions = self
            .shown()
            .filter(|expose| expose.property.as_deref() == Some(ACTION));
        for value in actions.filter_map(|expose| expose.values).flatten() {
            out.extend(value.as_str().map(str::to_owned));
        }
    }

    fn options(&self, out: &mut Vec<Expose>) {
        out.extend(self.options.iter().cloned().map(Expose::completed));
    }

    fn hears(&self, command: Command<'_>) -> bool {
        self.from.iter().any(|source| match source.what {
            What::Command(cluster, id) => cluster == command.cluster && id == command.id,
            What::Datapoint(_) => tuya::carries_datapoints(command),
            What::Attribute(..) | What::Tag(_) => false,
        })
    }

    fn decode(&self, incoming: &Incoming<'_>, memory: &mut Memory, out: &mut Decoded) {
        let dps = incoming
            .command()
            .map_or_else(Vec::new, tuya::datapoint_values);
        let functions: BTreeSet<usize> = (0..self.from.len())
            .filter(|index| {
                let source = self.from.get(*index);
                source.is_some_and(|source| source.wants(incoming, &dps))
            })
            .collect();
        if functions.is_empty() || (!dps.is_empty() && incoming.is_repeated(memory)) {
            return;
        }
        let message = describe(incoming, dps);
        let mut called: Vec<&str> = Vec::new();
        for source in functions.iter().filter_map(|index| self.from.get(*index)) {
            // A function that wants several attributes is called once with them all.
            if called.contains(&source.function.as_str()) {
                continue;
            }
            called.push(&source.function);
            out.effects.push(Effect::Call(FunctionCall {
                purpose: Purpose::FromZigbee,
                function: source.function.clone(),
                endpoint: incoming.endpoint().0,
                message: message.clone(),
                key: None,
                value: None,
            }));
        }
    }

    fn claims(&self, key: &str) -> bool {
        self.to.iter().any(|known| known.key == key) || self.reads(key).next().is_some()
    }

    fn part(&self, key: &str) -> usize {
        self.to
            .iter()
            .position(|known| known.key == key)
            .map_or(0, |index| index + 1)
    }

    fn set<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<JsonMap, Failure>>> {
        let function = &self.to.iter().find(|known| known.key == call.key)?.function;
        Some(Box::pin(async move {
            let message = call.message.iter();
            let message = message.map(|(key, value)| (key.to_owned(), value.clone()));
            let reply = call
                .io
                .call(FunctionCall {
                    purpose: Purpose::ToZigbee,
                    function: function.clone(),
                    endpoint: call.endpoint.0,
                    message: Json::Object(message.collect()),
                    key: Some(call.key.to_owned()),
                    value: Some(call.value.clone()),
                })
                .await
                .map_err(|error| Failure::value(error.to_string()))?;
            for operation in reply.operations {
                call.io
                    .perform(operation)
                    .await
                    .map_err(|why| Failure::value(why.to_string()))?;
            }
            Ok(reply.values)
        }))
    }

    fn get<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<(), Failure>>> {
        self.reads(call.key).next()?;
        Some(Box::pin(async move {
            for read in self.reads(call.key) {
                let endpoint = read.endpoint.map_or(call.endpoint, Into::into);
                let manufacturer = read.manufacturer.map(|code| ManufacturerCode(code.0));
                let (cluster, attribute) = (read.cluster.0, read.attribute.0);
                let (cluster, attribute) = (ClusterId(cluster), AttributeId(attribute));
                call.read_attribute(endpoint, cluster, attribute, manufacturer)
                    .await?;
            }
            Ok(())
        }))
    }

    fn configure(&self, _data: &Data, out: &mut Vec<Step>) {
        out.extend(self.configure.clone().map(Step::Function));
    }
}

/// Has a function set the device up.
pub(crate) async fn set_up(
    data: &Data,
    io: &dyn crate::Io,
    function: &str,
) -> Result<(), crate::OperationError> {
    let reply = io
        .call(FunctionCall {
            purpose: Purpose::Configure,
            function: function.to_owned(),
            endpoint: encode::default_endpoint(data, io).0,
            message: Json::Null,
            key: None,
            value: None,
        })
        .await
        .map_err(crate::OperationError::Function)?;
    for operation in reply.operations {
        io.perform(operation).await?;
    }
    if !reply.values.is_empty() {
        io.publish(reply.values);
    }
    Ok(())
}

/// A message as functions get it.
fn describe(incoming: &Incoming<'_>, dps: Vec<(u8, Json)>) -> Json {
    let message = incoming.message;
    let mut fields = Map::new();
    fields.insert("cluster".to_owned(), message.cluster.0.into());
    fields.insert("endpoint".to_owned(), message.endpoint.0.into());
    let code = message.header.manufacturer.map(|code| code.0);
    fields.insert("manufacturer".to_owned(), code.into());
    fields.insert("sequence".to_owned(), message.header.sequence.into());
    if let Some(group) = message.group {
        fields.insert("group".to_owned(), group.0.into());
    }
    if !dps.is_empty() {
        let dps = dps.into_iter().map(|(dp, value)| (dp.to_string(), value));
        fields.insert("datapoints".to_owned(), dps.collect());
    }
    if let Some(command) = incoming.command() {
        fields.insert("command".to_owned(), described(command, code));
    } else {
        let attributes = incoming.attributes();
        let attributes = attributes.map(|(id, value)| (hexadecimal(id.0), typed_value(value)));
        fields.insert("attributes".to_owned(), attributes.collect());
    }
    let tags: Map<String, Json> = incoming
        .tags()
        .map(|(tag, value)| (format!("{tag:#04x}"), typed_value(value)))
        .collect();
    if !tags.is_empty() {
        fields.insert("tags".to_owned(), tags.into());
    }
    fields.into()
}

/// A command with its fields, where the cluster library knows them.
fn described(command: Command<'_>, manufacturer: Option<u16>) -> Json {
    let cluster = match manufacturer {
        Some(code) => library::cluster_of(command.cluster, ManufacturerCode(code)),
        None => library::cluster(command.cluster),
    };
    let known = cluster.and_then(|cluster| cluster.command(command.direction, command.id));
    let fields: Map<String, Json> = known
        .map(|known| known.decode(command.payload).arguments)
        .into_iter()
        .flatten()
        .map(|(name, argument)| (name.to_owned(), field(&argument)))
        .collect();
    json!({
        "id": format!("{:#04x}", command.id.0),
        "name": known.map(|known| known.name),
        "payload": typed_data(command.payload),
        "fields": fields,
    })
}

fn field(argument: &Argument) -> Json {
    match argument {
        Argument::Value(value) => typed_value(value),
        Argument::List(values) => values.iter().map(typed_value).collect(),
        Argument::Bytes(bytes) => typed_data(bytes),
        Argument::Records(records) => records
            .iter()
            .map(|record| {
                let fields = record.iter();
                let fields = fields.map(|(name, value)| ((*name).to_owned(), field(value)));
                Json::Object(fields.collect())
            })
            .collect(),
    }
}

fn hexadecimal(id: u16) -> String {
    format!("{id:#06x}")
}
