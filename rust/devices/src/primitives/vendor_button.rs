//! Buttons that are told of by a vendor's own commands.

use serde::Deserialize;
use zigbee::zcl::Direction;
use zigbee::{ClusterId, EndpointId};

use super::Primitive;
use crate::decode::{Command, Incoming};
use crate::definition::{ClusterNumber, Data};
use crate::message::{Decoded, Memory};
use crate::number;

/// A command whose payload tells which button was pressed and how.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VendorButton {
    cluster: ClusterNumber,
    #[serde(deserialize_with = "number::hexadecimal")]
    command: u8,
    /// The device speaks as the server of the cluster.
    #[serde(default)]
    from_server: bool,
    /// Where in the payload it says what happened.
    offset: usize,
    /// What happened, by code.
    actions: Vec<(u8, String)>,
    /// Endpoints with the prefix of their actions; none: no prefix.
    #[serde(default)]
    endpoints: Vec<(u8, String)>,
    /// Values of `action` in the order in which they are exposed.
    exposed: Vec<String>,
    /// A repetition with the same transaction number is an action of its own.
    #[serde(default)]
    repeats_count: bool,
}

impl VendorButton {
    fn is_told_by(&self, command: Command<'_>) -> bool {
        let direction = if self.from_server {
            Direction::ToClient
        } else {
            Direction::ToServer
        };
        command.cluster == ClusterId::from(self.cluster)
            && command.direction == direction
            && command.id.0 == self.command
    }

    fn prefix(&self, endpoint: EndpointId) -> Option<&str> {
        self.endpoints
            .iter()
            .find(|(id, _)| *id == endpoint.0)
            .map(|(_, prefix)| prefix.as_str())
    }
}

impl Primitive for VendorButton {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        out.push(self.cluster.into());
    }

    fn actions(&self, out: &mut Vec<String>) {
        out.extend(self.exposed.iter().cloned());
    }

    fn hears(&self, command: Command<'_>) -> bool {
        self.is_told_by(command)
    }

    fn decode(&self, incoming: &Incoming<'_>, memory: &mut Memory, out: &mut Decoded) {
        let Some(command) = incoming
            .command()
            .filter(|command| self.is_told_by(*command))
        else {
            return;
        };
        let endpoint = incoming.endpoint();
        if !self.repeats_count && memory.repeated(endpoint, incoming.message.header.sequence) {
            return;
        }
        let code = command.payload.get(self.offset);
        let Some((_, action)) = self.actions.iter().find(|(known, _)| Some(known) == code) else {
            out.problem(
                "unexpected_value",
                format!("no action is known for {:02x?}", command.payload),
            );
            return;
        };
        match (self.endpoints.is_empty(), self.prefix(endpoint)) {
            (true, _) => out.put("action", action.as_str()),
            (false, Some(prefix)) => out.put("action", format!("{prefix}_{action}")),
            (false, None) => out.problem(
                "unnamed_endpoint",
                format!("an action comes from endpoint {endpoint}, which has no button"),
            ),
        }
    }
}
