//! The door lock ZNMS11LM.

use zigbee::zcl::DataType;

use super::{DOOR_LOCK, at, name_yourself};
use crate::device::model::LUMI;
use crate::device::node::{Io, Node};
use crate::device::rules::{Action, ActionError, RuleSet};
use crate::device::{octets, tag};

/// The door lock: events in attributes 0xFF10, 0xFF11, 0xFF01 and 0xFFF6 of closuresDoorLock.
#[derive(Debug)]
pub(crate) struct Lock;

impl Lock {
    fn event(node: &mut Node, attribute: u16, number: u32, io: &mut Io) {
        let path = at(1, DOOR_LOCK, attribute);
        node.report_raw(
            path,
            Some(LUMI),
            DataType::UINT32,
            &number.to_le_bytes(),
            io,
        );
    }
}

impl RuleSet for Lock {
    fn joined(&mut self, node: &mut Node, io: &mut Io) {
        name_yourself(node, io);
    }

    fn act(
        &mut self,
        node: &mut Node,
        action: &Action<'_>,
        io: &mut Io,
    ) -> Option<Result<(), ActionError>> {
        let user = action.integer("user").unwrap_or(1);
        let Ok(user) = u16::try_from(user).map(u32::from) else {
            return Some(Err(action.invalid("user")));
        };
        let repeat = action.integer("repeat").unwrap_or(1);
        let Ok(repeat) = u8::try_from(repeat).map(u32::from) else {
            return Some(Err(action.invalid("repeat")));
        };
        let kind: u32 = if action.text("by") == Some("admin") {
            1
        } else {
            2
        };
        match action.name {
            "finger_open" => Self::event(node, 0xff10, 0x0100_0000 | kind << 20 | user, io),
            "password_open" => Self::event(node, 0xff10, 0x0200_0000 | kind << 20 | user, io),
            "finger_not_match" => Self::event(node, 0xff11, repeat << 24 | 0x40, io),
            "password_not_match" => Self::event(node, 0xff11, repeat << 24 | 0x02, io),
            "ring_bell" => Self::event(node, 0xff11, repeat << 24, io),
            "finger_add" | "finger_delete" | "password_add" | "password_delete" => {
                let command: u32 = match action.name {
                    "finger_add" => 1,
                    "finger_delete" => 2,
                    "password_add" => 3,
                    _ => 4,
                };
                let mut tags = Vec::new();
                tag(
                    &mut tags,
                    0x01,
                    DataType::UINT32,
                    f64::from(command << 24 | user),
                );
                let path = at(1, DOOR_LOCK, 0xff01);
                node.report_raw(path, Some(LUMI), DataType::CHAR_STRING, &octets(&tags), io);
            }
            "state" => {
                // The code of bytes 4 and 5, such as 0111 for `locked`.
                let Some(code) = action.text("code").and_then(crate::hex::decode) else {
                    return Some(Err(action.invalid("code")));
                };
                let mut bytes = vec![0x08, 0x01, 0x02];
                bytes.extend(code);
                bytes.extend([0x05, 0x06]);
                let path = at(1, DOOR_LOCK, 0xfff6);
                node.report_raw(
                    path,
                    Some(LUMI),
                    DataType::OCTET_STRING,
                    &octets(&bytes),
                    io,
                );
            }
            _ => return None,
        }
        Some(Ok(()))
    }
}
