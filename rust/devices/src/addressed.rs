//! Clusters, attributes and commands that are named in JSON: by number, by number as text, or by the
//! name that the cluster library has for them.

use serde::Deserialize;
use serde_json::Value as Json;
use zigbee::library::{self, Cluster, Command};
use zigbee::zcl::{Attribute, DataType, Direction};
use zigbee::{AttributeId, ClusterId, CommandId, ManufacturerCode, json};

use crate::JsonMap;
use crate::definition::TypeName;

/// A cluster with the library's entry for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addressed {
    pub(crate) id: ClusterId,
    pub(crate) known: Option<&'static Cluster>,
    pub(crate) manufacturer: Option<ManufacturerCode>,
}

/// An attribute with the library's entry for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named {
    pub(crate) id: AttributeId,
    pub(crate) known: Option<&'static library::Attribute>,
}

/// A command with the library's entry for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Called {
    pub(crate) id: CommandId,
    pub(crate) known: Option<&'static Command>,
}

/// A number, also as text, there also in base 16.
pub(crate) fn number(json: &Json) -> Option<u16> {
    let number = match json {
        Json::String(text) => match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok()?,
            None => text.parse().ok()?,
        },
        other => other.as_u64()?,
    };
    u16::try_from(number).ok()
}

/// A data type by its number, or by its name in the catalogue.
pub(crate) fn data_type(given: &Json) -> Option<DataType> {
    match number(given) {
        Some(number) => u8::try_from(number).ok().map(DataType),
        None => TypeName::deserialize(given).ok().map(TypeName::data_type),
    }
}

impl Addressed {
    pub(crate) fn of(given: &Json, manufacturer: Option<ManufacturerCode>) -> Result<Self, String> {
        let number = number(given);
        let known = match number {
            Some(id) => match manufacturer {
                Some(code) => library::cluster_of(ClusterId(id), code),
                None => library::cluster(ClusterId(id)),
            },
            None => given.as_str().and_then(library::cluster_by_name),
        };
        let id = number
            .map(ClusterId)
            .or_else(|| known.map(|cluster| cluster.id))
            .ok_or_else(|| format!("Cluster {given} does not exist"))?;
        Ok(Self {
            id,
            known,
            manufacturer: manufacturer.or_else(|| known?.manufacturer),
        })
    }

    pub(crate) fn attribute(&self, given: &Json) -> Result<Named, String> {
        let known = match number(given) {
            Some(id) => {
                let id = AttributeId(id);
                let known = self
                    .known
                    .and_then(|cluster| cluster.attribute(id, self.manufacturer));
                return Ok(Named { id, known });
            }
            None => given
                .as_str()
                .and_then(|name| self.known?.attribute_by_name(name)),
        };
        known
            .map(|attribute| Named {
                id: attribute.id,
                known: Some(attribute),
            })
            .ok_or_else(|| format!("Attribute {given} does not exist"))
    }

    /// Attributes with their values, and the manufacturer's code that they call for. The value of one
    /// that the library does not know is `{"value": ..., "type": ...}`.
    pub(crate) fn values(
        &self,
        given: &JsonMap,
    ) -> Result<(Vec<Attribute>, Option<ManufacturerCode>), String> {
        let mut manufacturer = self.manufacturer;
        let mut attributes = Vec::new();
        for (name, value) in given {
            let named = self.attribute(&Json::from(name.as_str()))?;
            let (data_type, given) = match (value.get("type"), named.known) {
                (Some(given), _) => (data_type(given), value.get("value").unwrap_or(&Json::Null)),
                (None, known) => (known.map(|known| known.data_type), value),
            };
            let data_type = data_type.ok_or_else(|| {
                format!(
                    "Attribute {name} is not known, give its value as {{\"value\": ..., \"type\": ...}}"
                )
            })?;
            let value = json::to_value(data_type, given)
                .ok_or_else(|| format!("Value {given} does not fit the attribute {name}"))?;
            manufacturer = manufacturer.or_else(|| named.known?.manufacturer);
            attributes.push(Attribute {
                id: named.id,
                data_type,
                value,
            });
        }
        Ok((attributes, manufacturer))
    }

    /// A command to the cluster's server.
    pub(crate) fn command(&self, given: &Json) -> Result<Called, String> {
        let by_number = number(given)
            .and_then(|id| u8::try_from(id).ok())
            .map(CommandId);
        let known = match (by_number, self.known) {
            (Some(id), Some(cluster)) => cluster.command(Direction::ToServer, id),
            (None, Some(cluster)) => given
                .as_str()
                .and_then(|name| cluster.command_by_name(Direction::ToServer, name)),
            (_, None) => None,
        };
        let id = by_number
            .or_else(|| known.map(|command| command.id))
            .ok_or_else(|| format!("Command {given} does not exist"))?;
        Ok(Called { id, known })
    }
}

impl Called {
    /// The payload of named fields.
    pub(crate) fn payload(&self, given: &Json, fields: &JsonMap) -> Result<Vec<u8>, String> {
        match self.known {
            Some(known) => {
                let arguments = fields
                    .iter()
                    .map(|(name, value)| Ok((name.as_str(), argument(known, name, value)?)))
                    .collect::<Result<Vec<_>, String>>()?;
                known.encode(&arguments).map_err(|why| why.to_string())
            }
            None if fields.is_empty() => Ok(Vec::new()),
            None => Err(format!(
                "Command {given} is not known, so that its payload cannot be written"
            )),
        }
    }
}

fn argument(command: &Command, name: &str, value: &Json) -> Result<library::Argument, String> {
    let parameter = command
        .parameters
        .iter()
        .find(|parameter| parameter.name == name)
        .ok_or_else(|| format!("Command {} has no parameter '{name}'", command.name))?;
    json::to_argument(parameter, value)
        .ok_or_else(|| format!("Value {value} does not fit the parameter '{name}'"))
}
