//! A number in a command that a device sends.

use serde::Deserialize;
use zigbee::ClusterId;
use zigbee::library;
use zigbee::zcl::Direction;

use super::Primitive;
use crate::decode::{Command, Incoming};
use crate::definition::{ClusterNumber, Data};
use crate::expose::{Expose, ExposeKind, STATE};
use crate::message::{Decoded, Memory};
use crate::number;

/// A number that a field of a command carries.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommandNumber {
    /// Its name, also its property.
    name: String,
    cluster: ClusterNumber,
    /// The command and its field, by the names of the cluster library.
    command: String,
    field: String,
    #[serde(default)]
    multiply: Option<f64>,
    #[serde(default)]
    divide: Option<f64>,
    /// Decimals that are kept; all of them where nothing is said.
    #[serde(default)]
    digits: Option<u8>,
    #[serde(default)]
    unit: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    category: Option<String>,
    /// The least and the greatest value, as shown.
    #[serde(default)]
    range: Option<(i64, i64)>,
}

impl CommandNumber {
    fn known(&self, command: Command<'_>) -> Option<&'static library::Command> {
        if command.cluster != ClusterId::from(self.cluster)
            || command.direction != Direction::ToServer
        {
            return None;
        }
        library::cluster(command.cluster)?
            .command(command.direction, command.id)
            .filter(|known| known.name == self.command)
    }
}

impl Primitive for CommandNumber {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        out.push(self.cluster.into());
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        let mut expose = Expose::generic(ExposeKind::Numeric, &self.name, STATE);
        expose.unit.clone_from(&self.unit);
        expose.description.clone_from(&self.description);
        expose.category.clone_from(&self.category);
        if let Some((least, greatest)) = self.range {
            expose.value_min = Some(least.into());
            expose.value_max = Some(greatest.into());
        }
        out.push(expose);
    }

    fn hears(&self, command: Command<'_>) -> bool {
        self.known(command).is_some()
    }

    fn decode(&self, incoming: &Incoming<'_>, _memory: &mut Memory, out: &mut Decoded) {
        let Some(command) = incoming.command() else {
            return;
        };
        let Some(known) = self.known(command) else {
            return;
        };
        let decoded = known.decode(command.payload);
        let Some(value) = decoded.value(&self.field).and_then(number::of) else {
            out.problem(
                "malformed_command",
                format!("the command {} has no {}", self.command, self.field),
            );
            return;
        };
        let value = value * self.multiply.unwrap_or(1.0) / self.divide.unwrap_or(1.0);
        let value = self
            .digits
            .map_or(value, |digits| number::round_to(value, digits));
        out.put(&self.name, number::json(value));
    }
}
