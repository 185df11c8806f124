//! Actions (button clicks) from a multistate input.

use serde::Deserialize;
use zigbee::ClusterId;

use super::Primitive;
use crate::decode::Incoming;
use crate::definition::{At, Data};
use crate::message::{Decoded, Memory};
use crate::number;

/// How many transaction numbers are remembered per endpoint to recognise repeats.
const REMEMBERED: usize = 5;

/// Values of an attribute that mean actions.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Action {
    at: At,
    /// What the attribute's values mean; nothing where the text is empty.
    values: Vec<(i64, String)>,
    /// Endpoints and the suffix that their actions get; none: every endpoint, no suffix.
    #[serde(default)]
    endpoints: Vec<(u8, String)>,
    /// Values of `action` in the order in which they are exposed.
    exposed: Vec<String>,
    /// The device repeats a message with the same transaction number.
    #[serde(default)]
    repeats: bool,
    /// A value without a meaning has the state published, as it always has for this device.
    #[serde(default)]
    unknown_repeats_state: bool,
}

impl Primitive for Action {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        out.push(self.at.cluster());
    }

    fn actions(&self, out: &mut Vec<String>) {
        out.extend(self.exposed.iter().cloned());
    }

    fn decode(&self, incoming: &Incoming<'_>, memory: &mut Memory, out: &mut Decoded) {
        let Some(value) = incoming.value(self.at) else {
            return;
        };
        if self.repeats && incoming.is_repeated(memory) {
            return;
        }
        let meant = number::integer(value)
            .and_then(|value| self.values.iter().find(|(known, _)| *known == value));
        if meant.is_some_and(|(_, action)| action.is_empty()) {
            return;
        }
        let endpoint = incoming.endpoint();
        let suffix = if self.endpoints.is_empty() {
            None
        } else {
            let named = self.endpoints.iter().find(|(id, _)| *id == endpoint.0);
            let Some((_, name)) = named else {
                out.problem(
                    "unnamed_endpoint",
                    format!("an action comes from endpoint {endpoint}, which has no button"),
                );
                return;
            };
            Some(name)
        };
        let Some((_, action)) = meant else {
            out.repeats_state |= self.unknown_repeats_state;
            out.problem(
                "unexpected_value",
                format!("no action is known for {value:?}"),
            );
            return;
        };
        match suffix {
            Some(suffix) => out.put("action", format!("{action}_{suffix}")),
            None => out.put("action", action.as_str()),
        }
    }
}

impl Memory {
    /// True when a transaction number is among the last of its endpoint; remembers it if not.
    pub(crate) fn repeated(&mut self, endpoint: zigbee::EndpointId, sequence: u8) -> bool {
        let recent = self.recent_actions.entry(endpoint).or_default();
        if recent.contains(&sequence) {
            return true;
        }
        if recent.len() == REMEMBERED {
            recent.pop_front();
        }
        recent.push_back(sequence);
        false
    }
}
