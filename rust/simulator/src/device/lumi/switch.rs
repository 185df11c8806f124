//! The E1 wall switches QBKG40LM and QBKG41LM.

use std::time::Duration;

use zigbee::zcl::{DataType, Status};

use super::{BASIC, HEARTBEAT, LUMI_CLUSTER, MULTISTATE, ON_OFF, at, name_yourself};
use crate::device::model::{LUMI, Path};
use crate::device::node::{Io, Node, Timer};
use crate::device::rules::{Action, ActionError, RuleSet};
use crate::device::{octets, tag};

/// An E1 wall switch with one or two buttons.
#[derive(Debug)]
pub(crate) struct Switch {
    buttons: u8,
    outages: u16,
}

impl Switch {
    const HEARTBEAT: Duration = Duration::from_secs(300);

    pub(crate) fn new(node: &Node) -> Self {
        Self {
            buttons: if node.has_endpoint(2) { 2 } else { 1 },
            outages: 0,
        }
    }

    fn heartbeat(&self, node: &mut Node, io: &mut Io) {
        let mut tags = Vec::new();
        tag(
            &mut tags,
            0x03,
            DataType::INT8,
            node.number(at(1, 0x0002, 0)),
        );
        tag(
            &mut tags,
            0x05,
            DataType::UINT16,
            f64::from(self.outages) + 1.0,
        );
        tag(&mut tags, 0x08, DataType::UINT16, f64::from(0x011c));
        tag(&mut tags, 0x09, DataType::UINT16, f64::from(0x1607));
        tag(&mut tags, 0x0a, DataType::UINT16, f64::from(node.parent.0));
        tag(&mut tags, 0x0c, DataType::UINT8, 1.0);
        for (endpoint, number) in (1..=self.buttons).zip([0x64, 0x65]) {
            let on = node.number(at(endpoint, ON_OFF, 0)) > 0.0;
            tag(&mut tags, number, DataType::BOOL, f64::from(u8::from(on)));
        }
        tag(&mut tags, 0x9a, DataType::UINT8, 8.0);
        let path = at(1, LUMI_CLUSTER, 0x00f7);
        node.report_raw(path, Some(LUMI), DataType::OCTET_STRING, &octets(&tags), io);
    }
}

impl RuleSet for Switch {
    fn joined(&mut self, node: &mut Node, io: &mut Io) {
        name_yourself(node, io);
        node.later(io.now, Self::HEARTBEAT, Timer::Rules(HEARTBEAT));
    }

    fn check_write(&self, _node: &Node, path: Path, bytes: &[u8]) -> Result<(), Status> {
        let setting = path.cluster == LUMI_CLUSTER && matches!(path.attribute, 0x0009 | 0x0200);
        if setting && bytes.first().is_some_and(|value| *value > 1) {
            return Err(Status::INVALID_VALUE);
        }
        Ok(())
    }

    fn timer(&mut self, node: &mut Node, number: u32, io: &mut Io) {
        if number == HEARTBEAT {
            self.heartbeat(node, io);
            node.later(io.now, Self::HEARTBEAT, Timer::Rules(HEARTBEAT));
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
                // Endpoints 41 and 42 stand for the buttons, 51 for both at once.
                let button = match (action.text("button"), self.buttons) {
                    (None | Some("left"), _) => 41,
                    (Some("right"), 2) => 42,
                    (Some("both"), 2) => 51,
                    _ => return Some(Err(action.invalid("button"))),
                };
                let count = action.integer("count").unwrap_or(1);
                let Ok(count) = u8::try_from(count) else {
                    return Some(Err(action.invalid("count")));
                };
                let outputs: &[u8] = match button {
                    41 => &[1],
                    42 => &[2],
                    _ => &[1, 2],
                };
                for output in outputs.iter().filter(|_| count == 1) {
                    let coupled = node.number(at(*output, LUMI_CLUSTER, 0x0200)) > 0.0;
                    if coupled {
                        let on = node.number(at(*output, ON_OFF, 0)) > 0.0;
                        node.set(at(*output, ON_OFF, 0), &[u8::from(!on)], io);
                    }
                }
                // Presses are reported in event mode only.
                if node.number(at(1, LUMI_CLUSTER, 0x0009)) > 0.0 {
                    let path = at(button, MULTISTATE, 0x0055);
                    node.report_raw(path, None, DataType::UINT16, &[count, 0], io);
                }
            }
            "heartbeat" => self.heartbeat(node, io),
            _ => return None,
        }
        Some(Ok(()))
    }

    fn powered(&mut self, node: &mut Node, io: &mut Io) {
        self.outages = self.outages.saturating_add(1);
        if node.number(at(1, LUMI_CLUSTER, 0x0201)) == 0.0 {
            for endpoint in 1..=self.buttons {
                node.set(at(endpoint, ON_OFF, 0), &[0], io);
            }
        }
        // The report by which an E1 switch says that it was reset.
        let reset = octets(&[0xaa, 0x10, 0x05, 0x41, 0x87, 0x01, 0x10, 0x00]);
        let path = at(1, BASIC, 0xfff0);
        node.report_raw(path, Some(LUMI), DataType::OCTET_STRING, &reset, io);
        node.later(io.now, Self::HEARTBEAT, Timer::Rules(HEARTBEAT));
    }
}
