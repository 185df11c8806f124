//! Yes or no, from attributes, tags and the status of an IAS zone.

use serde::Deserialize;
use serde_json::Value as Json;
use zigbee::zcl::Direction;
use zigbee::{ClusterId, CommandId};

use super::Primitive;
use crate::decode::{Command, Incoming, structure_clusters};
use crate::definition::{At, Data};
use crate::expose::{Expose, ExposeKind, STATE};
use crate::message::{Decoded, Memory};
use crate::number;

const IAS_ZONE: ClusterId = ClusterId(0x0500);
const ZONE_STATUS_CHANGE_NOTIFICATION: CommandId = CommandId(0x00);

/// A boolean that the device reports.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Flag {
    /// Its name, also its property.
    name: String,
    /// Where it comes from; of several in one message the last wins.
    sources: Vec<Source>,
    /// False for values that are published without being promised.
    #[serde(default = "yes")]
    exposed: bool,
    /// The property is true when the source says no, as of a contact that opens.
    #[serde(default)]
    inverted: bool,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    category: Option<String>,
    /// What Home Assistant is told of it.
    #[serde(default)]
    homeassistant: Option<Json>,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    /// An attribute.
    #[serde(default)]
    at: Option<At>,
    /// A tag of the structure in the message.
    #[serde(default)]
    tag: Option<u8>,
    /// Bits of the number, any of which means yes; without, one means yes.
    #[serde(default)]
    mask: Option<i64>,
    /// Bits of the status in the zone status change notification (ZCL 8.2.2.4.1).
    #[serde(default)]
    zone_status: Option<u16>,
    /// Attributes of the cluster without this one mean yes.
    #[serde(default)]
    absent_is_yes: bool,
}

impl Source {
    fn says(&self, incoming: &Incoming<'_>) -> Option<bool> {
        if let Some(mask) = self.zone_status {
            let command = incoming.command().filter(|command| is_status(*command))?;
            let (status, _) = command.payload.split_first_chunk()?;
            return Some(u16::from_le_bytes(*status) & mask != 0);
        }
        let value = match (self.at, self.tag) {
            (Some(at), _) => {
                let value = incoming.value(at);
                if value.is_none()
                    && self.absent_is_yes
                    && incoming.command().is_none()
                    && incoming.message.cluster == at.cluster()
                {
                    return Some(true);
                }
                value
            }
            (None, Some(tag)) => incoming.tag(tag),
            (None, None) => None,
        };
        let value = number::integer(value?)?;
        Some(self.mask.map_or(value == 1, |mask| value & mask != 0))
    }
}

fn is_status(command: Command<'_>) -> bool {
    command.cluster == IAS_ZONE
        && command.direction == Direction::ToClient
        && command.id == ZONE_STATUS_CHANGE_NOTIFICATION
}

impl Primitive for Flag {
    fn clusters(&self, data: &Data, out: &mut Vec<ClusterId>) {
        for source in &self.sources {
            out.extend(source.at.map(At::cluster));
            if source.tag.is_some() {
                out.extend(structure_clusters(data));
            }
            if source.zone_status.is_some() {
                out.push(IAS_ZONE);
            }
        }
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        if !self.exposed {
            return;
        }
        let mut expose = Expose::generic(ExposeKind::Binary, &self.name, STATE);
        expose.value_on = Some(Json::Bool(!self.inverted));
        expose.value_off = Some(Json::Bool(self.inverted));
        expose.description.clone_from(&self.description);
        expose.category.clone_from(&self.category);
        expose.homeassistant.clone_from(&self.homeassistant);
        out.push(expose);
    }

    fn hears(&self, command: Command<'_>) -> bool {
        is_status(command)
            && self
                .sources
                .iter()
                .any(|source| source.zone_status.is_some())
    }

    fn decode(&self, incoming: &Incoming<'_>, _memory: &mut Memory, out: &mut Decoded) {
        for source in &self.sources {
            if let Some(says) = source.says(incoming) {
                out.put(&self.name, says != self.inverted);
            }
        }
    }
}
