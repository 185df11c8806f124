//! A knob that is turned.

use serde::Deserialize;
use serde_json::Value as Json;
use zigbee::ClusterId;

use super::Primitive;
use crate::decode::Incoming;
use crate::definition::{At, Data};
use crate::expose::{Expose, ExposeKind, STATE};
use crate::message::{Decoded, Memory};
use crate::number;

/// Set in the state while the knob is held down.
const HELD: i64 = 0x80;
const BUTTON_STATE: &str = "action_rotation_button_state";

/// Reports of a rotation: a state, and numbers beside it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotation {
    /// The attribute with the state; a report without it is none of a rotation.
    state: At,
    /// What the state means, the held bit removed.
    actions: Vec<(i64, String)>,
    /// Numbers of the same report.
    numbers: Vec<RotationNumber>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RotationNumber {
    name: String,
    at: At,
    unit: String,
    description: String,
}

impl Primitive for Rotation {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        out.push(self.state.cluster());
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        for number in &self.numbers {
            let mut expose = Expose::generic(ExposeKind::Numeric, &number.name, STATE)
                .described(number.description.as_str())
                .in_category("diagnostic");
            expose.unit = Some(number.unit.clone());
            out.push(expose);
        }
        let mut button = Expose::generic(ExposeKind::Enum, BUTTON_STATE, STATE)
            .described("Button state during rotation")
            .in_category("diagnostic");
        button.values = Some(vec![Json::from("released"), Json::from("pressed")]);
        out.push(button);
    }

    fn actions(&self, out: &mut Vec<String>) {
        out.extend(self.actions.iter().map(|(_, action)| action.clone()));
    }

    fn decode(&self, incoming: &Incoming<'_>, _memory: &mut Memory, out: &mut Decoded) {
        let Some(state) = incoming.value(self.state) else {
            return;
        };
        let Some(state) = number::integer(state) else {
            out.problem("not_a_number", "the state of a rotation is not a number");
            return;
        };
        let phase = state & !HELD;
        match self.actions.iter().find(|(known, _)| *known == phase) {
            Some((_, action)) => out.put("action", action.as_str()),
            None => out.problem(
                "unexpected_value",
                format!("no action is known for the rotation state {state}"),
            ),
        }
        out.put(
            BUTTON_STATE,
            if state & HELD == 0 {
                "released"
            } else {
                "pressed"
            },
        );
        for number in &self.numbers {
            if let Some(value) = incoming.value(number.at) {
                match number::of(value) {
                    Some(value) => out.put(&number.name, number::json(value)),
                    None => out.problem("not_a_number", format!("{} is not a number", number.name)),
                }
            }
        }
    }
}
