//! The cluster library: names and types of clusters, attributes and commands.
//!
//! The tables are generated from the data files in `rust/zigbee/library/` (see `README.md` there).
//! Names are those that Zigbee2MQTT shows on MQTT. Where it knows no name it shows the number in
//! decimal; entries that we have named all the same say so ([`Cluster::key`], [`Attribute::key`]).

mod attribute;
mod command;
mod payload;
pub(crate) mod table;

use std::borrow::Cow;

pub use attribute::{Access, Attribute, Limits, Reading, Side};
pub use command::{Command, Condition, Parameter, ParameterType};
pub use payload::{Argument, Decoded, EncodeError};

use crate::generated::{BY_ID, BY_NAME};
use crate::zcl::Direction;
use crate::{AttributeId, ClusterId, CommandId, ManufacturerCode};

/// A cluster.
#[derive(Debug)]
pub struct Cluster {
    /// Its id.
    pub id: ClusterId,
    /// Its name.
    pub name: &'static str,
    /// The manufacturer whose cluster it is. Frames about it carry this code.
    pub manufacturer: Option<ManufacturerCode>,
    /// False when the name is ours: Zigbee2MQTT shows this cluster by its number.
    pub known: bool,
    /// True where Zigbee2MQTT knows the cluster only for the devices whose definition adds it: it is
    /// then among the `custom_clusters` of `bridge/definitions`.
    pub custom: bool,
    /// Sorted by id, then manufacturer.
    pub(crate) attributes: &'static [Attribute],
    /// Positions in `attributes`, sorted by name.
    pub(crate) attribute_names: &'static [u16],
    /// From client to server.
    pub(crate) to_server: Commands,
    /// From server to client.
    pub(crate) to_client: Commands,
}

/// The commands of one direction.
#[derive(Debug)]
pub(crate) struct Commands {
    /// Sorted by id, then manufacturer.
    pub(crate) commands: &'static [Command],
    /// Positions in `commands`, sorted by name.
    pub(crate) names: &'static [u16],
}

/// All clusters, sorted by id, then manufacturer.
pub fn clusters() -> &'static [&'static Cluster] {
    BY_ID
}

/// The cluster of an id. Where several manufacturers use one id, the standard's or the first.
pub fn cluster(id: ClusterId) -> Option<&'static Cluster> {
    first(BY_ID, |cluster| cluster.id.cmp(&id)).copied()
}

/// The cluster of an id as a manufacturer means it, else as [`cluster`] does.
pub fn cluster_of(id: ClusterId, manufacturer: ManufacturerCode) -> Option<&'static Cluster> {
    let wanted = (id, Some(manufacturer));
    first(BY_ID, |cluster| {
        (cluster.id, cluster.manufacturer).cmp(&wanted)
    })
    .copied()
    .or_else(|| cluster(id))
}

/// The cluster of a name.
pub fn cluster_by_name(name: &str) -> Option<&'static Cluster> {
    first(BY_NAME, |cluster| cluster.name.cmp(name)).copied()
}

/// What Zigbee2MQTT calls a cluster: its name, or its number in decimal.
pub fn cluster_key(id: ClusterId) -> Cow<'static, str> {
    match cluster(id) {
        Some(cluster) => cluster.key(),
        None => Cow::Owned(id.0.to_string()),
    }
}

/// What Zigbee2MQTT calls an attribute: its name, or its number in decimal.
pub fn attribute_key(
    cluster: Option<&'static Cluster>,
    id: AttributeId,
    manufacturer: Option<ManufacturerCode>,
) -> Cow<'static, str> {
    match cluster.and_then(|cluster| cluster.attribute(id, manufacturer)) {
        Some(attribute) => attribute.key(),
        None => Cow::Owned(id.0.to_string()),
    }
}

impl Cluster {
    /// What Zigbee2MQTT calls the cluster: the name, or the number in decimal.
    pub fn key(&self) -> Cow<'static, str> {
        if self.known {
            Cow::Borrowed(self.name)
        } else {
            Cow::Owned(self.id.0.to_string())
        }
    }

    /// All attributes, sorted by id, then manufacturer.
    pub fn attributes(&self) -> &'static [Attribute] {
        self.attributes
    }

    /// The attribute of an id in a frame with or without a manufacturer code: the manufacturer's
    /// own if there is one, else the standard's (devices send standard attributes in manufacturer
    /// specific frames).
    pub fn attribute(
        &self,
        id: AttributeId,
        manufacturer: Option<ManufacturerCode>,
    ) -> Option<&'static Attribute> {
        let exact = |manufacturer| {
            let wanted = (id, manufacturer);
            first(self.attributes, |attribute| {
                (attribute.id, attribute.manufacturer).cmp(&wanted)
            })
        };
        exact(manufacturer).or_else(|| manufacturer.and_then(|_| exact(None)))
    }

    /// The attribute of a name.
    pub fn attribute_by_name(&self, name: &str) -> Option<&'static Attribute> {
        first(self.attribute_names, |position| {
            self.attributes
                .get(usize::from(*position))
                .map_or("", |attribute| attribute.name)
                .cmp(name)
        })
        .and_then(|position| self.attributes.get(usize::from(*position)))
    }

    /// All commands of a direction, sorted by id.
    pub fn commands(&self, direction: Direction) -> &'static [Command] {
        self.directed(direction).commands
    }

    /// The command of an id.
    pub fn command(&self, direction: Direction, id: CommandId) -> Option<&'static Command> {
        first(self.directed(direction).commands, |command| {
            command.id.cmp(&id)
        })
    }

    /// The command of a name.
    pub fn command_by_name(&self, direction: Direction, name: &str) -> Option<&'static Command> {
        let Commands { commands, names } = self.directed(direction);
        first(names, |position| {
            commands
                .get(usize::from(*position))
                .map_or("", |command| command.name)
                .cmp(name)
        })
        .and_then(|position| commands.get(usize::from(*position)))
    }

    fn directed(&self, direction: Direction) -> &Commands {
        match direction {
            Direction::ToServer => &self.to_server,
            Direction::ToClient => &self.to_client,
        }
    }
}

/// The first element that compares equal, in a slice that is sorted accordingly.
fn first<T>(sorted: &[T], mut compare: impl FnMut(&T) -> std::cmp::Ordering) -> Option<&T> {
    let position = sorted.partition_point(|element| compare(element).is_lt());
    sorted
        .get(position)
        .filter(|element| compare(element).is_eq())
}
