//! A device of any model, as far as a test of automations needs it: it does what the cluster library
//! says where that is known here, and agrees to everything else.

use zigbee::wire::Reader;
use zigbee::zcl::{Direction, Status};

use super::clusters::{self, IAS_ZONE};
use super::model::Path;
use super::node::{Io, Node};
use super::rules::{Answer, Command, RuleSet};

const DOOR_LOCK: u16 = 0x0101;
const WINDOW_COVERING: u16 = 0x0102;

#[derive(Debug)]
pub(crate) struct Obliging;

impl RuleSet for Obliging {
    fn command(&mut self, node: &mut Node, command: &Command<'_>, io: &mut Io) -> Option<Answer> {
        let own = |attribute| Path {
            endpoint: command.endpoint,
            cluster: command.cluster,
            attribute,
        };
        if let Some(answer) = clusters::command(node, command, io) {
            return Some(answer);
        }
        match (command.cluster, command.id) {
            (DOOR_LOCK, id @ (0x00 | 0x01)) => {
                // Lock states: 1 locked, 2 unlocked (ZCL 7.3.2.2.1).
                node.set(own(0x0000), &[1 + id], io);
                return Some(Answer::Cluster(id, vec![0]));
            }
            (WINDOW_COVERING, id @ (0x00 | 0x01)) => {
                node.set_number(own(0x0008), f64::from(id) * 100.0, io);
            }
            (WINDOW_COVERING, id @ (0x05 | 0x08)) => {
                if let Ok(percent) = Reader::new(command.payload).u8() {
                    let attribute = if id == 0x05 { 0x0008 } else { 0x0009 };
                    node.set(own(attribute), &[percent], io);
                }
            }
            _ => {}
        }
        Some(Answer::Status(Status::SUCCESS))
    }

    fn written(&mut self, node: &mut Node, path: Path, io: &mut Io) {
        // Once it knows whom to ask, a zone asks to be enrolled.
        if path.cluster == IAS_ZONE && path.attribute == 0x0010 {
            let kind = Path {
                attribute: 0x0001,
                ..path
            };
            let mut payload = node.get(kind).map(<[u8]>::to_vec).unwrap_or_default();
            payload.extend(node.model.manufacturer_code.to_le_bytes());
            let to = Direction::ToClient;
            node.send_command(path.endpoint, IAS_ZONE, to, 0x01, &payload, io);
        }
    }
}
