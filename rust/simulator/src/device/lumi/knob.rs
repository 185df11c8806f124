//! The H1 knob ZNXNKG02LM.

use zigbee::zcl::{DataType, Status};

use super::{LUMI_CLUSTER, MULTISTATE, at, name_yourself};
use crate::device::model::{LUMI, Path};
use crate::device::node::{Io, Node};
use crate::device::rules::{Action, ActionError, RuleSet};
use crate::device::{octets, tag};

/// The H1 knob.
#[derive(Debug)]
pub(crate) struct Knob;

impl Knob {
    fn rotate(node: &mut Node, state: u8, degrees: f64, milliseconds: f64, io: &mut Io) {
        let pressed = state & 0x80 != 0;
        // The knob counts a full turn in twelve steps of 30 degrees per second at medium sensitivity.
        let seconds = (milliseconds / 1000.0).max(0.001);
        let percent = degrees / 3.6;
        let mut payload = Vec::new();
        let mut add = |attribute: u16, data_type: DataType, number: f64| {
            if let Some(bytes) = crate::device::value::from_number(data_type, number) {
                payload.extend(attribute.to_le_bytes());
                payload.push(data_type.0);
                payload.extend(bytes);
            }
        };
        add(0x022e, DataType::SINGLE, degrees);
        add(0x0230, DataType::SINGLE, degrees / seconds);
        add(0x0231, DataType::UINT32, milliseconds);
        add(0x0232, DataType::SINGLE, percent);
        add(0x0233, DataType::SINGLE, percent / seconds);
        add(0x023a, DataType::UINT8, f64::from(state));
        let endpoint = if pressed { 72 } else { 71 };
        node.send_report(endpoint, LUMI_CLUSTER, Some(LUMI), &payload, io);
    }
}

impl RuleSet for Knob {
    fn joined(&mut self, node: &mut Node, io: &mut Io) {
        name_yourself(node, io);
    }

    fn check_write(&self, _node: &Node, path: Path, bytes: &[u8]) -> Result<(), Status> {
        let valid = match (path.cluster, path.attribute) {
            (LUMI_CLUSTER, 0x0009) => matches!(bytes, [0 | 1]),
            (LUMI_CLUSTER, 0x0234) => {
                matches!(bytes, [low, high] if matches!(u16::from_le_bytes([*low, *high]), 180 | 360 | 720))
            }
            _ => true,
        };
        if valid {
            Ok(())
        } else {
            Err(Status::INVALID_VALUE)
        }
    }

    fn act(
        &mut self,
        node: &mut Node,
        action: &Action<'_>,
        io: &mut Io,
    ) -> Option<Result<(), ActionError>> {
        match action.name {
            "press" => {
                let value: u16 = match (action.text("kind"), action.integer("count")) {
                    (Some("hold"), _) => 0,
                    (Some("release"), _) => 255,
                    (_, None | Some(1)) => 1,
                    (_, Some(2)) => 2,
                    _ => return Some(Err(action.invalid("count"))),
                };
                let path = at(1, MULTISTATE, 0x0055);
                node.report_raw(path, None, DataType::UINT16, &value.to_le_bytes(), io);
            }
            "turn" => {
                let Some(degrees) = action.number("degrees") else {
                    return Some(Err(action.invalid("degrees")));
                };
                let held = if action.number("pressed").is_some_and(|set| set > 0.0) {
                    0x80
                } else {
                    0
                };
                let time = action.number("milliseconds").unwrap_or(200.0);
                // Start, rotation, stop.
                Self::rotate(node, held | 1, degrees / 4.0, time / 4.0, io);
                Self::rotate(node, held | 2, degrees, time, io);
                Self::rotate(node, held | 3, degrees, time, io);
            }
            "heartbeat" => {
                let millivolts = action.number("millivolts").unwrap_or(2950.0);
                let mut tags = Vec::new();
                tag(&mut tags, 0x01, DataType::UINT16, millivolts);
                tag(&mut tags, 0x03, DataType::INT8, 25.0);
                tag(&mut tags, 0x04, DataType::UINT16, f64::from(0x43a8));
                tag(&mut tags, 0x05, DataType::UINT16, 22.0);
                tag(&mut tags, 0x08, DataType::UINT16, f64::from(0x0114));
                tag(&mut tags, 0x0a, DataType::UINT16, f64::from(node.parent.0));
                tag(&mut tags, 0x0c, DataType::UINT8, 1.0);
                tag(&mut tags, 0x64, DataType::BOOL, 0.0);
                let path = at(1, LUMI_CLUSTER, 0x00f7);
                node.report_raw(path, Some(LUMI), DataType::OCTET_STRING, &octets(&tags), io);
            }
            _ => return None,
        }
        Some(Ok(()))
    }
}
