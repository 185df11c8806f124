//! Actions of covers: somebody moves one by hand.

use serde::Deserialize;
use serde_json::Value as Json;
use zigbee::zcl::Direction;
use zigbee::{AttributeId, ClusterId};

use super::{DOWN_CLOSE, STOP, UP_OPEN, WINDOW_COVERING};
use crate::decode::{Command, Incoming};
use crate::definition::Data;
use crate::expose::{Expose, ExposeKind, STATE};
use crate::message::{Decoded, Memory};
use crate::number;
use crate::primitives::Primitive;

const IDENTIFY: ClusterId = ClusterId(0x0003);
/// Where the cover is asked to go by its own buttons, in per cent closed (Legrand, Tuya).
const MOVING: AttributeId = AttributeId(0xf000);

/// Actions from what a cover does.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CoverActions {
    /// Its buttons send the commands of a remote: `open`, `close`, `stop`.
    #[serde(default)]
    commands: bool,
    /// Its buttons tell where it goes: `OPEN`, `CLOSE`, `STOP`.
    #[serde(default)]
    moving: bool,
    /// It tells that it identifies itself: `identify`.
    #[serde(default)]
    identify: bool,
    /// Values of `action`, shown where the capability stands.
    #[serde(default)]
    shown: Vec<String>,
}

impl CoverActions {
    fn action(&self, incoming: &Incoming<'_>) -> Option<&'static str> {
        if let Some(command) = incoming.command() {
            return if self.hears(command) {
                match command.id {
                    UP_OPEN => Some("open"),
                    DOWN_CLOSE => Some("close"),
                    _ => Some("stop"),
                }
            } else {
                None
            };
        }
        if self.identify && incoming.message.cluster == IDENTIFY {
            return Some("identify");
        }
        if !self.moving {
            return None;
        }
        let aim = number::integer(incoming.attribute(WINDOW_COVERING, MOVING)?)?;
        match aim {
            0 => Some("OPEN"),
            100 => Some("CLOSE"),
            1..100 => Some("STOP"),
            _ => None,
        }
    }
}

impl Primitive for CoverActions {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        if self.commands || self.moving {
            out.push(WINDOW_COVERING);
        }
        if self.identify {
            out.push(IDENTIFY);
        }
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        if self.shown.is_empty() {
            return;
        }
        let mut expose = Expose::generic(ExposeKind::Enum, "action", STATE)
            .described("Triggered action (e.g. a button click)")
            .in_category("diagnostic");
        expose.values = Some(
            self.shown
                .iter()
                .map(|action| Json::from(action.as_str()))
                .collect(),
        );
        out.push(expose);
    }

    fn hears(&self, command: Command<'_>) -> bool {
        self.commands
            && command.cluster == WINDOW_COVERING
            && command.direction == Direction::ToServer
            && matches!(command.id, UP_OPEN | DOWN_CLOSE | STOP)
    }

    fn decode(&self, incoming: &Incoming<'_>, memory: &mut Memory, out: &mut Decoded) {
        let Some(action) = self.action(incoming) else {
            return;
        };
        // Saying that it identifies itself, a device does not repeat itself.
        let repeats = action != "identify";
        if repeats && memory.repeated(incoming.endpoint(), incoming.message.header.sequence) {
            return;
        }
        out.put("action", action);
        if let Some(group) = incoming.message.group
            && repeats
        {
            out.put("action_group", group.0);
        }
    }
}
