//! From a device's message to values.

use std::cell::Cell;

use zigbee::lumi::Problem;
use zigbee::zcl::{Attribute, Direction, Foundation, ReadRecord, Value, Violation};
use zigbee::{AttributeId, ClusterId, CommandId, EndpointId};

use crate::definition::{At, Data, StructureForm};
use crate::message::{self, Decoded, Memory, Message, MessageKind};
use crate::structure::Structure;
use crate::{Definition, DeviceInfo, JsonMap};

/// A message on its way through the capabilities of a definition.
#[derive(Debug)]
pub(crate) struct Incoming<'a> {
    /// The definition.
    pub(crate) data: &'a Data,
    /// The device as its interview and later reads describe it.
    pub(crate) device: &'a DeviceInfo,
    /// Options that apply to the device.
    pub(crate) options: &'a JsonMap,
    /// Its cached state.
    pub(crate) state: &'a JsonMap,
    /// The message.
    pub(crate) message: &'a Message,
    attributes: Attributes<'a>,
    tags: Option<Structure>,
    members: Option<Structure>,
    repeated: Cell<Option<bool>>,
}

#[derive(Debug, Clone, Copy)]
enum Attributes<'a> {
    Report(&'a [Attribute]),
    Read(&'a [ReadRecord]),
    /// A command of the cluster has none.
    None,
}

/// A command of a cluster that a device sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Command<'a> {
    /// The cluster.
    pub(crate) cluster: ClusterId,
    /// Who is addressed: sensors are servers, remotes are clients.
    pub(crate) direction: Direction,
    /// The command.
    pub(crate) id: CommandId,
    /// Its payload.
    pub(crate) payload: &'a [u8],
}

impl<'a> Attributes<'a> {
    /// The value of an attribute; of one that comes twice the last.
    fn value(self, id: AttributeId) -> Option<&'a Value> {
        match self {
            Self::Report(attributes) => attributes
                .iter()
                .rev()
                .find(|attribute| attribute.id == id)
                .map(|attribute| &attribute.value),
            Self::Read(records) => records
                .iter()
                .rev()
                .find_map(|record| match &record.result {
                    Ok((_, value)) if record.id == id => Some(value),
                    _ => None,
                }),
            Self::None => None,
        }
    }

    fn last(self) -> Option<AttributeId> {
        match self {
            Self::Report(attributes) => attributes.last().map(|attribute| attribute.id),
            Self::Read(records) => records.last().map(|record| record.id),
            Self::None => None,
        }
    }
}

impl<'a> Command<'a> {
    fn of(message: &'a Message) -> Option<Self> {
        match &message.kind {
            MessageKind::Cluster(payload) => Some(Self {
                cluster: message.cluster,
                direction: message.header.direction,
                id: message.header.command,
                payload,
            }),
            MessageKind::Foundation(_) => None,
        }
    }
}

impl Incoming<'_> {
    /// The value of an attribute, if the message carries it. Manufacturer codes are compared only for
    /// attributes that are `exact`: devices send their own with and without.
    pub(crate) fn value(&self, at: At) -> Option<&Value> {
        if !at.admits(self.message.header.manufacturer) {
            return None;
        }
        self.attribute(at.cluster(), at.attribute())
    }

    /// The value of an attribute of a cluster.
    pub(crate) fn attribute(&self, cluster: ClusterId, attribute: AttributeId) -> Option<&Value> {
        if self.message.cluster == cluster {
            self.attributes.value(attribute)
        } else {
            None
        }
    }

    /// True for a report of attributes of the cluster and for an answer to a read.
    pub(crate) fn carries_attributes_of(&self, cluster: ClusterId) -> bool {
        self.message.cluster == cluster && !matches!(self.attributes, Attributes::None)
    }

    /// The value of a tag of the structure in the message.
    pub(crate) fn tag(&self, tag: u8) -> Option<&Value> {
        self.tags.as_ref()?.get(tag)
    }

    /// All attributes of the message, in order.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = (AttributeId, &Value)> {
        let (reported, read) = match self.attributes {
            Attributes::Report(attributes) => (attributes, &[][..]),
            Attributes::Read(records) => (&[][..], records),
            Attributes::None => (&[][..], &[][..]),
        };
        let reported = reported
            .iter()
            .map(|attribute| (attribute.id, &attribute.value));
        let read = read
            .iter()
            .filter_map(|record| Some((record.id, &record.result.as_ref().ok()?.1)));
        reported.chain(read)
    }

    /// All tags of the structure in the message.
    pub(crate) fn tags(&self) -> impl Iterator<Item = (u8, &Value)> {
        self.tags.iter().flat_map(Structure::iter)
    }

    /// A member of the numbered structure in the message.
    pub(crate) fn member(&self, index: u8) -> Option<&Value> {
        self.members.as_ref()?.get(index)
    }

    /// The command of the cluster that the message is; `None` for attributes.
    pub(crate) fn command(&self) -> Option<Command<'_>> {
        Command::of(self.message)
    }

    /// True for a report, false for the answer to a read.
    pub(crate) fn is_report(&self) -> bool {
        matches!(self.attributes, Attributes::Report(_))
    }

    /// True for a message that came before with the same transaction number. All capabilities that ask
    /// are told the same.
    pub(crate) fn is_repeated(&self, memory: &mut Memory) -> bool {
        if let Some(repeated) = self.repeated.get() {
            return repeated;
        }
        let repeated = memory.repeated(self.endpoint(), self.message.header.sequence);
        self.repeated.set(Some(repeated));
        repeated
    }

    pub(crate) fn endpoint(&self) -> EndpointId {
        self.message.endpoint
    }
}

impl Decoded {
    pub(crate) fn put(&mut self, property: &str, value: impl Into<serde_json::Value>) {
        self.payload.insert(property.to_owned(), value.into());
    }

    pub(crate) fn problem(&mut self, kind: &'static str, text: impl Into<String>) {
        self.problems.push(message::Problem {
            kind,
            message: text.into(),
        });
    }
}

impl Definition {
    /// Decodes a message from the device.
    pub fn decode(
        &self,
        device: &DeviceInfo,
        options: &JsonMap,
        state: &JsonMap,
        memory: &mut Memory,
        message: &Message,
    ) -> Decoded {
        let mut out = Decoded::default();
        let Some(listeners) = self.listeners.get(&message.cluster) else {
            return out;
        };
        let capabilities = || {
            listeners
                .iter()
                .filter_map(|index| self.data.capabilities.get(*index))
        };
        let parsed = match &message.kind {
            MessageKind::Foundation(parsed) => parsed,
            MessageKind::Cluster(_) => {
                out.handled = Command::of(message).is_some_and(|command| {
                    capabilities().any(|capability| capability.get().hears(command))
                });
                if out.handled {
                    let incoming = Incoming {
                        data: &self.data,
                        device,
                        options,
                        state,
                        message,
                        attributes: Attributes::None,
                        tags: None,
                        members: None,
                        repeated: Cell::default(),
                    };
                    for capability in capabilities() {
                        capability.get().decode(&incoming, memory, &mut out);
                    }
                    self.adjust(options, &mut out);
                }
                return out;
            }
        };
        let attributes = match &parsed.command {
            Foundation::Report(attributes) => Attributes::Report(attributes),
            Foundation::ReadResponse(records) => Attributes::Read(records),
            _ => return out,
        };
        out.handled = true;
        let loose = self.data.structures.iter().any(|source| {
            source.form == StructureForm::LooseString
                && source.at.cluster() == message.cluster
                && attributes.value(source.at.attribute()).is_some()
        });
        // Complete records of such a frame could be read, but the reference publishes nothing of it, for
        // bytes left over behind the last one (vector QBKG41LM-193) as for a record that is cut off.
        if !loose && let Some(violation) = parsed.violations.first() {
            out.problem("malformed_frame", describe(*violation));
            return out;
        }
        let mut incoming = Incoming {
            data: &self.data,
            device,
            options,
            state,
            message,
            attributes,
            tags: None,
            members: None,
            repeated: Cell::default(),
        };
        self.structures(&mut incoming, &parsed.trailing, &mut out);
        for capability in capabilities() {
            capability.get().decode(&incoming, memory, &mut out);
        }
        self.adjust(options, &mut out);
        out
    }

    /// Applies calibration and precision.
    pub(crate) fn adjust(&self, options: &JsonMap, out: &mut Decoded) {
        if out.payload.is_empty() {
            return;
        }
        for adjustment in &self.adjustments {
            adjustment.apply(options, &mut out.payload);
        }
    }

    /// Reads the structures of tagged values that the message carries.
    fn structures(&self, incoming: &mut Incoming<'_>, trailing: &[u8], out: &mut Decoded) {
        for source in &self.data.structures {
            let Some(value) = incoming.value(source.at) else {
                continue;
            };
            let last = incoming.attributes.last() == Some(source.at.attribute());
            match (source.form, value) {
                (StructureForm::Octets, Value::Octets(bytes)) => {
                    let (structure, problem) = Structure::parse(bytes);
                    if let Some(problem) = problem {
                        report(source.at.attribute(), problem, out);
                    }
                    if matches!(problem, None | Some(Problem::UnknownType { .. })) {
                        incoming.tags = Some(structure);
                    }
                }
                (StructureForm::LooseString, Value::Octets(bytes) | Value::Text(bytes)) => {
                    // The string may announce too few bytes; then the structure goes on behind it.
                    let joined;
                    let bytes = if last && !trailing.is_empty() {
                        joined = [bytes.as_slice(), trailing].concat();
                        &joined
                    } else {
                        bytes
                    };
                    let (structure, problem) = Structure::parse(bytes);
                    // Some firmware adds a stray byte.
                    if let Some(problem) = problem
                        && !matches!(problem, Problem::Stray { count: 1, .. })
                    {
                        report(source.at.attribute(), problem, out);
                    }
                    incoming.tags = Some(structure);
                }
                (StructureForm::Members, Value::Structure(Some(members))) => {
                    incoming.members = Some(Structure::members(members));
                }
                _ => out.problem(
                    "unexpected_type",
                    format!("attribute {} is not a structure", source.at.attribute()),
                ),
            }
        }
    }
}

fn report(attribute: AttributeId, problem: Problem, out: &mut Decoded) {
    let kind = match problem {
        Problem::UnknownType { .. } => "lumi_unknown_type",
        Problem::Truncated { .. } | Problem::Stray { .. } => "lumi_truncated",
        Problem::Malformed { .. } => "lumi_malformed",
    };
    out.problem(
        kind,
        format!("structure in attribute {attribute}: {problem}"),
    );
}

fn describe(violation: Violation) -> &'static str {
    match violation {
        Violation::StringTooLong => "a string announces more bytes than the frame has",
        Violation::StringTooShort => "a structure goes on behind the string that holds it",
        Violation::TrailingBytes => "bytes are left over behind the last record",
        Violation::TruncatedRecord => "a record is cut off",
        Violation::ReservedValue => "a field has a reserved value",
        Violation::UnknownType => "a value has a type of unknown length",
    }
}

/// The cluster of an attribute with the structures' clusters: what a capability with such sources
/// listens to.
pub(crate) fn structure_clusters(data: &Data) -> impl Iterator<Item = ClusterId> {
    data.structures.iter().map(|source| source.at.cluster())
}
