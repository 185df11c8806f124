//! A cube that is shaken, flipped, pushed and turned.

use serde::Deserialize;
use zigbee::{AttributeId, ClusterId};

use super::Primitive;
use crate::decode::Incoming;
use crate::definition::Data;
use crate::expose::{Expose, ExposeKind, STATE};
use crate::message::{Decoded, Memory};
use crate::number;

const MULTISTATE: ClusterId = ClusterId(0x0012);
const ANALOG: ClusterId = ClusterId(0x000c);
const PRESENT_VALUE: AttributeId = AttributeId(0x0055);
const SIDES: [&str; 4] = ["action_from_side", "action_side", "action_to_side", "side"];
const ACTIONS: [&str; 10] = [
    "shake",
    "throw",
    "wakeup",
    "fall",
    "tap",
    "slide",
    "flip180",
    "flip90",
    "rotate_left",
    "rotate_right",
];

/// What happens to a cube: a part.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cube {
    /// Which exposes are shown here.
    shows: Shows,
    /// False for a part that only shows.
    #[serde(default = "yes")]
    hears: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Shows {
    /// `action_angle`.
    Angle,
    /// The sides.
    Sides,
}

fn yes() -> bool {
    true
}

impl Primitive for Cube {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        if self.hears {
            out.extend([MULTISTATE, ANALOG]);
        }
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        if self.shows == Shows::Angle {
            let mut angle = Expose::generic(ExposeKind::Numeric, "action_angle", STATE);
            angle.unit = Some("°".to_owned());
            angle.value_min = Some((-360).into());
            angle.value_max = Some(360.into());
            out.push(angle);
            return;
        }
        for name in SIDES {
            let mut side =
                Expose::generic(ExposeKind::Numeric, name, STATE).described("Side of the cube");
            side.value_min = Some(0.into());
            side.value_max = Some(6.into());
            side.value_step = Some(1.into());
            out.push(side);
        }
    }

    fn actions(&self, out: &mut Vec<String>) {
        out.extend(ACTIONS.map(str::to_owned));
    }

    fn decode(&self, incoming: &Incoming<'_>, memory: &mut Memory, out: &mut Decoded) {
        if let Some(value) = incoming.attribute(MULTISTATE, PRESENT_VALUE) {
            let sequence = incoming.message.header.sequence;
            if !memory.repeated(incoming.endpoint(), sequence) {
                movement(number::integer(value), out);
            }
        }
        if let Some(value) = incoming.attribute(ANALOG, PRESENT_VALUE) {
            match number::of(value).filter(|angle| angle.is_finite()) {
                Some(angle) => turn(angle, out),
                None => out.problem("not_a_number", "the angle is not a number"),
            }
        }
    }
}

/// The coding is from public descriptions of the device: numbers for what happens to the whole, else
/// the side on top plus a power of two.
fn movement(value: Option<i64>, out: &mut Decoded) {
    let mut on_side = |action: &str, side: i64| {
        out.put("action", action);
        out.put("side", side);
    };
    match value {
        Some(0) => out.put("action", "shake"),
        Some(1) => out.put("action", "throw"),
        Some(2) => out.put("action", "wakeup"),
        Some(3) => out.put("action", "fall"),
        Some(value @ 512..) => on_side("tap", value - 512),
        Some(value @ 256..512) => on_side("slide", value - 256),
        Some(value @ 128..256) => on_side("flip180", value - 128),
        Some(value @ 64..128) => {
            let (from, to) = ((value - 64) / 8, value % 8);
            on_side("flip90", to);
            for (property, side) in [
                ("action_from_side", from),
                ("action_to_side", to),
                ("action_side", to),
                ("from_side", from),
                ("to_side", to),
            ] {
                out.put(property, side);
            }
        }
        _ => {}
    }
}

fn turn(angle: f64, out: &mut Decoded) {
    let rounded = number::json((angle * 100.0).floor() / 100.0);
    let action = if angle < 0.0 {
        "rotate_left"
    } else {
        "rotate_right"
    };
    out.put("action", action);
    out.put("angle", rounded.clone());
    out.put("action_angle", rounded);
}
